### Personen, Tokens, Sitzungen.

users-an-owner-may-do-everything-an = Ein Inhaber darf alles. Ein Administrator ändert alles außer Personen. „Nur Lesen“ sieht alles und ändert nichts. Ein Benutzer sieht seine eigene Nebenstelle: Telefone, QR-Codes und Anrufe.

user-a-change-signs-them-out-so = Eine Änderung meldet die Person ab, damit sie sofort gilt.
user-added = Hinzugefügt { $made },
user-last-seen = zuletzt gesehen { $seen }
user-lost-the-password-a-new-link = Passwort verloren? Ein neuer Link setzt ein anderes.
user-the-link-was-lost-a-new = Link verloren? Ein neuer beendet den alten.
user-make-a-link = Link erzeugen
user-cannot-sign-in = { $name } kann sich nicht anmelden.
user-enable = Freigeben
user-disabling-signs-them-out-and-keeps = Sperren meldet die Person ab und lässt sie sich nicht mehr anmelden.
user-disable = Sperren
user-phone-and-recovery-codes-lost-without = Telefon und Wiederherstellungscodes verloren? Ohne zweiten Faktor genügt das Passwort.
user-take-the-second-factor-away = Zweiten Faktor entfernen
user-add-add-and-make-a-link = Hinzufügen und Link erzeugen
user-add-they-set-their-own-password-by = Die Person setzt ihr Passwort selbst über einen Link, der einmal funktioniert, drei Tage lang.
user-link-hand-this-link-to-whoever-opens = Geben Sie diesen Link { $name }. Wer ihn öffnet, setzt das Passwort; schicken Sie ihn also niemand anderem.
user-link-it-is-shown-only-now-works = Er wird nur jetzt gezeigt, funktioniert einmal und endet { $expires }. Ein früher erzeugter Link gilt nicht mehr.

tokens-make-a-token = Token erzeugen
tokens-no-tokens = Keine Tokens
tokens-a-script-needs-one-to-use = Ein Skript braucht eines für die REST-API über HTTPS, Prometheus zum Lesen der Zahlen.
tokens-may-do = Darf
tokens-last-used = Zuletzt benutzt
tokens-everywhere = überall
tokens-ran-out = abgelaufen
tokens-delete = Löschen
tokens-a-token-never-does-more-than = Ein Token darf nie mehr als die Person, die es erzeugt hat, und endet mit deren Konto.

token-add-make-an-api-token = API-Token erzeugen
token-add-what-may-it-do = Was darf es?
token-add-make-the-token = Token erzeugen
token-made-it-is-shown-only-now-keep = Es wird nur jetzt gezeigt. Bewahren Sie es dort auf, wo das Skript es findet und sonst niemand.
token-made-try-it-curl-h-authorization-bearer = Probieren Sie es aus: <code>curl -H "Authorization: Bearer …" { $public-url }/api/v1/status</code>

audit-check-the-chain = Kette prüfen
audit-line-does-not-fit-the-lines = Zeile { $seq } passt nicht: { $why }. Die { $lines } Zeilen davor sind so, wie sie geschrieben wurden.
audit-all-lines-are-as-they-were = Alle { $lines } Zeilen sind so, wie sie geschrieben wurden, und keine fehlt.
audit-search-by-name-act-address-or = Nach Name, Handlung, Adresse oder Ergebnis suchen
audit-name-act-address-result = Name, Handlung, Adresse, Ergebnis
audit-nothing-yet = Noch nichts
audit-every-change-and-every-sign-in = Hier wird jede Änderung und jede Anmeldung festgehalten.
audit-no-line-contains = Keine Zeile enthält „{ $search }“.
audit-who = Wer
audit-result = Ergebnis
audit-line = Zeile { $seq }

access-tabs-people = Personen

policy-whoever-has-a-role-that-is = Wer eine angehakte Rolle hat, richtet bei der nächsten Anmeldung zuallererst einen zweiten Faktor ein.

sessions-sign-out-everywhere-else = Überall sonst abmelden
sessions-browser = Browser
sessions-signed-in = Angemeldet
sessions-this-one = (dieser)
sessions-a-session-ends-by-itself-after = Eine Sitzung endet von selbst nach einer Stunde ohne Benutzung und in jedem Fall nach zwölf Stunden.

account-password-of = Passwort von { $name }
account-change-the-password = Passwort ändern
account-every-browser-signed-in-as-is = Jeder Browser, der als { $name } angemeldet ist, wird abgemeldet.
account-keeping-others-out = Andere fernhalten
account-a-code-of-your-phone-besides = Ein Code Ihres Telefons zusätzlich zum Passwort.
account-sessions = Sitzungen
account-where-you-are-signed-in-and = Wo Sie angemeldet sind, und wie Sie das beenden.

second-factor-on = Ein
second-factor-off = Aus
second-factor-an-owner-wants-a-second-factor = Ein Inhaber verlangt für Ihre Rolle einen zweiten Faktor. Richten Sie ihn ein; dann geht es weiter.
second-factor-at-sign-in-you-are-asked = Bei der Anmeldung werden Sie nach dem Passwort nach dem Code Ihrer App gefragt.
second-factor-recovery-codes-are-left-each-signs = { $codes-left } Wiederherstellungscodes sind übrig. Jeder meldet Sie einmal an, wenn das Telefon verloren ist.
second-factor-make-new-recovery-codes = Neue Wiederherstellungscodes erzeugen
second-factor-switch-it-off = Ausschalten
second-factor-an-app-on-your-phone-shows = Eine App auf Ihrem Telefon zeigt alle 30 Sekunden einen neuen Code. Damit öffnet ein gestohlenes Passwort allein nichts.
second-factor-any-authenticator-app-will-do-for = Jede Authenticator-App ist recht, zum Beispiel Aegis, FreeOTP, 2FAS oder die Ihres Passwortmanagers.
second-factor-set-it-up = Einrichten
second-factor-scan-the-code-with-an-authenticator = Scannen Sie den Code mit einer Authenticator-App.
second-factor-type-the-six-digits-the-app = Tippen Sie die sechs Ziffern ein, die die App zeigt.
second-factor-keep-the-recovery-codes-you-get = Bewahren Sie die Wiederherstellungscodes auf, die Sie dann bekommen.
second-factor-no-camera-type-this-into-the = Keine Kamera? Tippen Sie dies in die App:
second-factor-switch-it-on = Einschalten

recovery-codes-recovery-codes = Wiederherstellungscodes
recovery-codes-they-are-shown-only-now-print = Sie werden nur jetzt gezeigt. Drucken Sie sie aus oder bewahren Sie sie in einem Passwortmanager auf, nicht auf dem Telefon mit der App.
recovery-codes-each-works-once-in-place-of = Jeder gilt einmal anstelle eines Codes. Früher erzeugte Codes gelten nicht mehr.

security-blocked-addresses = Gesperrte Adressen
security-nobody-is-blocked = Niemand ist gesperrt.
security-times = ({ $times } Mal)
security-unblock = Entsperren
security-after-wrong-secrets-an-address-is = Nach { $failures } falschen SIP-Kennwörtern wird eine Adresse für dieses Konto gesperrt. Eine Adresse, hinter der sich eines Ihrer Telefone registriert hat, wird nie ganz gesperrt. Steht eines Ihrer Telefone in der Liste? Berichtigen Sie zuerst sein SIP-Kennwort und entsperren Sie es dann.

account-language-head = Sprache
account-language = Die Seiten erscheinen auf
account-language-of-company = in der Sprache der Firma

store-the-line-is-missing = die Zeile fehlt
store-the-line-or-the-one-before = die Zeile oder die vor ihr wurde geändert
store-the-lines-from-here-to-the = die Zeilen von hier bis zum Ende fehlen
store-the-end-of-the-log-was = das Ende des Protokolls wurde von etwas anderem als Nightbell geschrieben

account-password-now = Bisheriges Passwort
account-new-password = Neues Passwort
account-at-least-characters-for-example-four = Mindestens { $min-chars } Zeichen, zum Beispiel vier beliebige Wörter.
account-the-new-password-again = Das neue Passwort noch einmal
account-too-many-wrong-passwords-wait-a = zu viele falsche Passwörter; warten Sie eine Minute und versuchen Sie es noch einmal
account-this-is-not-your-password = das ist nicht Ihr Passwort
account-the-two-passwords-differ-type-the = die beiden Passwörter sind verschieden; tippen Sie zweimal dasselbe

second-factor-the-code-the-app-shows = Der Code, den die App zeigt
second-factor-too-many-wrong-codes-wait-a = zu viele falsche Codes; warten Sie eine Minute und versuchen Sie es noch einmal
second-factor-this-is-not-the-code-of = das ist nicht der Code dieses Augenblicks; warten Sie auf den nächsten, und prüfen Sie die Uhr des Telefons
second-factor-sign-in-without-codes = Ohne Codes anmelden?
second-factor-whoever-knows-the-password-can-sign = Wer das Passwort kennt, kann sich dann anmelden. Die Wiederherstellungscodes gelten nicht mehr.
second-factor-switch-the-second-factor-off = Zweiten Faktor ausschalten
second-factor-an-owner-wants-a-second-factor-2 = ein Inhaber verlangt für alle Ihrer Rolle einen zweiten Faktor; er lässt sich nicht ausschalten

sessions-on = { $name } auf { $system }
sessions-a-program-that-does-not-say = ein Programm, das seinen Namen nicht sagt
sessions-where-you-are-signed-in = Wo Sie angemeldet sind

tokens-the-machines-owner = der Eigentümer des Rechners
tokens-90-days = 90 Tage
tokens-30-days = 30 Tage
tokens-a-year = ein Jahr
tokens-until-it-is-deleted = bis es gelöscht wird
tokens-look-at-everything-change-nothing = Alles ansehen, nichts ändern
tokens-extensions-and-qr-links = Nebenstellen und QR-Links
tokens-push-credentials = Push-Zugänge
tokens-numbers-for-prometheus-nothing-else = Zahlen für Prometheus, sonst nichts
tokens-state-advice-and-checks = Zustand, Ratschläge und Prüfungen
tokens-users-tokens-and-the-audit-log = Benutzer, Tokens und das Prüfprotokoll (nur Inhaber)
tokens-what-is-it-for = Wofür ist es?
tokens-for-example-the-name-of-a = Zum Beispiel der Name eines Skripts.
tokens-from-where-may-it-be-used = Von wo darf es benutzt werden?
tokens-addresses-or-ranges-such-as-192 = Adressen oder Bereiche wie 192.0.2.7 oder 10.0.0.0/8; leer für überall.
tokens-how-long-does-it-work = Wie lange gilt es?
tokens-choose-one-of-the-times = wählen Sie eine der Zeiten
tokens-the-token-for = Das Token für { $name }
tokens-there-is-no-api-token = es gibt kein API-Token { $id }
tokens-delete-this-api-token = Dieses API-Token löschen?
tokens-whatever-uses-is-refused-from-now = Wer „{ $name }“ benutzt, wird ab jetzt abgelehnt.
tokens-delete-the-token = Token löschen

users-disabled = Gesperrt
users-can-sign-in = Kann sich anmelden
users-invited = Eingeladen
users-link-ran-out = Link abgelaufen
users-user-their-own-extension-only = Benutzer: nur die eigene Nebenstelle
users-read-only-sees-everything-changes-nothing = Nur Lesen: sieht alles, ändert nichts
users-admin-changes-everything-but-people = Administrator: ändert alles außer Personen
users-owner-changes-everything = Inhaber: ändert alles
users-what-may-they-do = Was darf die Person?
users-their-extension = Ihre Nebenstelle
users-needed-for-a-user-anybody-else = Nötig für einen Benutzer; wer sonst eine Nebenstelle hat, bekommt eine Seite für die eigenen Telefone.
users-choose-one-of-the-roles = wählen Sie eine der Rollen
users-a-link-for = Ein Link für { $name }
users-remove = { $name } entfernen?
users-is-signed-out-everywhere-and-cannot = { $name } wird überall abgemeldet und kann sich nicht wieder anmelden.
users-api-tokens-they-made-stop-working = Von dieser Person erzeugte API-Tokens gelten nicht mehr. Telefone und Nebenstellen bleiben unberührt.
users-remove-the-user = Benutzer entfernen

tokens-name-the-token-after-what-uses = benennen Sie das Token nach dem, was es benutzt, in 1 bis { $max-name } Zeichen
tokens-choose-at-least-one-thing-the = wählen Sie mindestens eines, was das Token darf; `read` sieht und ändert nichts
tokens-you-may-not-do-yourself-so = Sie dürfen `{ $beyond }` selbst nicht, also darf es auch kein Token von Ihnen
tokens-give-addresses-or-ranges-at-most = geben Sie höchstens { $max-addresses } Adressen oder Bereiche an
tokens-the-token-would-have-run-out = das Token wäre schon abgelaufen; geben Sie eine Zeit an, die noch kommt
tokens-there-are-api-tokens-already-delete = es gibt schon { $max-api-tokens } API-Tokens; löschen Sie eines, das nicht mehr gebraucht wird

users-give-a-name-or-a-mail = geben Sie einen Namen oder eine Mailadresse zum Anmelden an
users-there-is-no-such-user-the = diesen Benutzer gibt es nicht; die Liste der Benutzer zeigt, wen es gibt
users-this-is-the-only-owner-who = das ist der einzige Inhaber, der sich anmelden kann; machen Sie zuerst jemand anderen zum Inhaber
users-a-user-sees-one-extension-and = ein Benutzer sieht eine Nebenstelle und sonst nichts; sagen Sie, welche
users-can-sign-in-already-or-there = „{ $name }“ kann sich schon anmelden, oder es gibt zu viele Benutzer; wählen Sie einen anderen Namen
users-is-disabled-and-could-not-use = { $name } ist gesperrt und könnte keinen Link benutzen; geben Sie den Benutzer zuerst frei
account-a-key-of-your-device-in = Ein Schlüssel Ihres Geräts anstelle von Passwort und Code.
user-a-device-with-a-passkey-lost = Ein Gerät mit einem Passkey verloren? Ohne Passkeys gilt das Passwort.
user-remove-all-passkeys = Alle Passkeys entfernen
sign-in-signing-in-with-a-passkey-needs = Die Anmeldung mit einem Passkey braucht JavaScript, das hier abgeschaltet ist. Das Passwort geht ohne.
sign-in-you-are-not-signed-in-no = Sie sind nicht angemeldet: Kein Gerät hat geantwortet, oder es wurde abgebrochen. Versuchen Sie es noch einmal, oder nehmen Sie Ihr Passwort.
sign-in-this-browser-cannot-use-passkeys-here = Dieser Browser kann hier keine Passkeys benutzen. Nehmen Sie Ihr Passwort.
sign-in-sign-in-with-a-passkey = Mit einem Passkey anmelden
passkeys-passkeys = Passkeys
passkeys-passkey = Passkey
passkeys-add-a-passkey = Passkey hinzufügen
passkeys-a-key-in-your-phone-your = Ein Schlüssel in Ihrem Handy, Ihrem Rechner oder einem Sicherheitsschlüssel meldet Sie ohne Passwort und ohne Code an, nachdem er Finger, Gesicht oder PIN geprüft hat. Er lässt sich in keine falsche Seite eintippen, also kann ihn keine stehlen.
passkeys-passkeys-are-bound-to-a-name = Passkeys sind an einen Namen gebunden, und der öffentliche Name hier ist die Adresse { $name }. Setzen Sie <code>public_host</code> in <code>config.toml</code> auf einen Namen; Ihr Passwort gilt wie bisher.
passkeys-browsers-use-passkeys-only-on-pages = Browser benutzen Passkeys nur auf Seiten, deren Zertifikat sie vertrauen, und das gültige hat Nightbell selbst gemacht. <a href="/system/certificate">Besorgen Sie zuerst ein Zertifikat</a>.
passkeys-no-passkey-yet = Noch kein Passkey
passkeys-you-sign-in-with-your-password = Sie melden sich mit Ihrem Passwort an. Fügen Sie für jedes Gerät, das Sie benutzen, einen Passkey hinzu.
passkeys-made = Angelegt
passkeys-last-used = Zuletzt benutzt
passkeys-never = nie
passkeys-made-for-another-name = Für { $name } angelegt. Er gilt nur unter diesem Namen; entfernen Sie ihn, und fügen Sie einen anderen hinzu.
passkeys-they-are-bound-to-the-name = Sie sind an den Namen { $name } gebunden. Bekommt diese Installation einen anderen öffentlichen Namen, so gelten die Passkeys von vorher dort nicht: Melden Sie sich mit Ihrem Passwort an, und fügen Sie sie neu hinzu. Passwort, Codes und Wiederherstellungscodes bleiben, wie sie sind.
passkeys-the-browser-asks-your-device-for = Der Browser fragt Ihr Gerät nur mit JavaScript nach einem Passkey, und das ist hier abgeschaltet. Erlauben Sie es für diese Seite; alles andere geht ohne.
passkeys-no-passkey-was-made-the-device = Es wurde kein Passkey angelegt: Das Gerät hat nicht geantwortet, oder es wurde abgebrochen. Versuchen Sie es noch einmal.
passkeys-this-device-has-a-passkey-for = Dieses Gerät hat schon einen Passkey für Sie.
passkeys-this-browser-cannot-use-passkeys-here = Dieser Browser kann hier keine Passkeys benutzen. Öffnen Sie diese Seite in einem aktuellen Browser, mit einem Zertifikat, dem er vertraut.
passkeys-ask-my-device = Mein Gerät fragen
passkeys-what-you-call-it = Wie Sie ihn nennen
passkeys-so-that-you-know-it-again = Damit Sie ihn in der Liste wiedererkennen, zum Beispiel „Mein Handy“.
passkeys-remove-this-passkey = Diesen Passkey entfernen?
passkeys-signs-in-no-more-it-may = „{ $name }“ meldet niemanden mehr an. Das Gerät zeigt ihn vielleicht noch; löschen Sie ihn auch dort.
passkeys-your-password-goes-on-working = Ihr Passwort gilt weiter.
passkeys-remove-the-passkey = Passkey entfernen
