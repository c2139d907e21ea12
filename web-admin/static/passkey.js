// Asks the browser for passkeys (WebAuthn): to add one, and to sign in with one. The words stand in the page.
"use strict";

(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");

  // The server's refusal, in its own words.
  class Refused extends Error {}

  const ask = async (path, body) => {
    const answer = await fetch(`/api/v1${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!answer.ok) {
      const problem = await answer.json().catch(() => ({}));
      if (problem.code === "confirm_needed") location.reload();
      throw new Refused(problem.detail || answer.statusText);
    }
    return answer.status === 204 ? null : answer.json();
  };

  const descriptors = (list) => (list || []).map((one) => ({ ...one, id: bytes(one.id) }));

  const add = async (form) => {
    const { id, options } = await ask("/account/passkeys/challenge", { name: form.elements.name.value });
    const wanted = options.publicKey;
    const made = await navigator.credentials.create({
      publicKey: {
        ...wanted,
        challenge: bytes(wanted.challenge),
        user: { ...wanted.user, id: bytes(wanted.user.id) },
        excludeCredentials: descriptors(wanted.excludeCredentials),
      },
    });
    const response = {
      attestationObject: text(made.response.attestationObject),
      clientDataJSON: text(made.response.clientDataJSON),
    };
    const credential = { id: made.id, rawId: text(made.rawId), type: made.type, response };
    await ask("/account/passkeys", { id, credential });
  };

  const signIn = async () => {
    const { id, options } = await ask("/passkey/challenge");
    const wanted = options.publicKey;
    const shown = await navigator.credentials.get({
      publicKey: {
        ...wanted,
        challenge: bytes(wanted.challenge),
        allowCredentials: descriptors(wanted.allowCredentials),
      },
    });
    const response = {
      authenticatorData: text(shown.response.authenticatorData),
      clientDataJSON: text(shown.response.clientDataJSON),
      signature: text(shown.response.signature),
      userHandle: shown.response.userHandle ? text(shown.response.userHandle) : null,
    };
    const credential = { id: shown.id, rawId: text(shown.rawId), type: shown.type, response };
    await ask("/passkey", { id, credential });
  };

  const wire = (form) => {
    const problem = form.querySelector("[role=alert]");
    const button = form.querySelector("button");
    const say = (words) => {
      problem.textContent = words;
      problem.hidden = !words;
    };
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      say("");
      if (!window.PublicKeyCredential) {
        say(form.dataset.unable);
        return;
      }
      button.disabled = true;
      try {
        await (form.dataset.passkey === "add" ? add(form) : signIn());
        location.assign(form.dataset.next);
      } catch (error) {
        if (error instanceof Refused) say(error.message);
        else if (error.name === "InvalidStateError") say(form.dataset.known || form.dataset.cancelled);
        else if (error.name === "SecurityError" || error.name === "NotSupportedError") say(form.dataset.unable);
        else say(form.dataset.cancelled);
        button.disabled = false;
      }
    });
  };

  document.querySelectorAll("form[data-passkey]").forEach(wire);
})();
