-- web-admin: passkeys (WebAuthn), and which sessions began with one.

-- One key of one person. The private key is in their device; what is here is public.
CREATE TABLE admin_passkey (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id       BIGINT NOT NULL REFERENCES admin_user (id) ON DELETE CASCADE,
    name          TEXT   NOT NULL,
    -- In base64url.
    credential_id TEXT   NOT NULL UNIQUE,
    -- The public name it is bound to: it works there and nowhere else.
    rp_id         TEXT   NOT NULL,
    -- Public key and counter, as JSON.
    credential    TEXT   NOT NULL,
    created_at    BIGINT NOT NULL,
    last_used_at  BIGINT
);
CREATE INDEX admin_passkey_user ON admin_passkey (user_id);

-- How devices name a person: random, so that it says nothing (WebAuthn level 2, section 14.6.1).
CREATE TABLE admin_passkey_handle (
    user_id BIGINT NOT NULL PRIMARY KEY REFERENCES admin_user (id) ON DELETE CASCADE,
    handle  TEXT   NOT NULL UNIQUE
);

-- A passkey is both factors, so such a session needs no code.
ALTER TABLE admin_session ADD COLUMN by_passkey BOOLEAN NOT NULL DEFAULT FALSE;
