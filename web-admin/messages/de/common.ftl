### Wörter vieler Seiten.
###
### Glossar: ein Wort für eine Sache, in jeder deutschen Datei. Anrede: Sie.
###
### extension            Nebenstelle
### phone, desk phone    Telefon, Tischtelefon
### device               Gerät (nur wo Telefon zu eng ist)
### register             sich registrieren; sign off: sich abmelden
### live binding         Live-Registrierung
### wake target          Weckziel; armed: scharf; resting: ruhend
### wake                 Weckruf, wecken
### parked call          wartender Anruf
### delivery             Zustellung
### push provider        Push-Dienst
### push credential      Push-Zugang
### push token           Push-Token (das)
### push relay           Push-Relay (das)
### notice               Hinweis; test notice: Testnachricht
### enrolment            Einrichtung; enrolment link: Einrichtungslink; to pair: koppeln
### call, caller         Anruf, Anrufer; to ring: klingeln; to answer: annehmen
### trunk                Amtsleitung
### SIP secret           SIP-Kennwort; password: Passwort; secret of a webhook or relay: Signaturschlüssel
### owner, admin, read only, user (roles)   Inhaber, Administrator, Nur Lesen, Benutzer
### owner of an extension   Eigentümer
### sign in, session     sich anmelden, Sitzung; second factor: zweiter Faktor
### blocked              gesperrt
### backup, to put back  Sicherung, zurückspielen
### log, audit log       Protokoll, Prüfprotokoll
### event webhook        Ereignis-Webhook
### certificate authority   Zertifizierungsstelle
### machine              Rechner; installation: Installation

common-dashboard = Übersicht
common-extensions = Nebenstellen
common-phones = Telefone
common-desk-phones = Tischtelefone
common-calls = Anrufe
common-push = Push
common-security = Sicherheit
common-users = Benutzer
common-settings = Einstellungen
common-system = System
common-account = Konto
common-sign-out = Abmelden
common-confirm-that-it-is-you = Bestätigen, dass Sie es sind
common-cancel = Abbrechen
common-nothing-needs-your-attention = Es ist nichts zu tun.
common-calls-now = Anrufe jetzt
common-from = Von
common-to = An
common-state = Zustand
common-since = Seit
common-timeline = Zeitverlauf
common-time = Zeit
common-outcome = Ergebnis
common-talked = Gespräch
common-to-2 = an
common-search-by-number-or-name = Nach Nummer oder Name suchen
common-number-or-name = Nummer oder Name
common-show = Anzeigen
common-nothing-found = Nichts gefunden
common-show-all = Alle anzeigen
common-newest = Neueste
common-older = Ältere
common-add-a-phone = Telefon hinzufügen
common-mail-a-qr-code = QR-Code mailen
common-switch-push-off = Push ausschalten
common-switch-push-on = Push einschalten
common-no-phone-yet = Noch kein Telefon
common-forget = Vergessen
common-mail-it = Mailen
common-ends = Endet
common-app = App
common-save = Speichern
common-qr-link = QR-Link
common-revoke = Widerrufen
common-welcome-mails = Willkommensmails
common-export = Exportieren
common-search = Suchen
common-mark = Markieren
common-number = Nummer
common-name = Name
common-presence = Erreichbarkeit
common-none = keine
common-with-the-marked-ones = Mit den markierten
common-do-it = Ausführen
common-first-page = Erste Seite
common-next-page = Nächste Seite
common-line = Zeile
common-problem = Problem
common-secret = SIP-Kennwort
common-mail = Mail
common-user-name = Benutzername
common-copy = Kopieren
common-done = Fertig
common-send-a-test = Test senden
common-no-camera-open-this-link-on = Keine Kamera? Öffnen Sie diesen Link auf dem Telefon:
common-copy-the-link = Link kopieren
common-make-a-new-qr-code = Neuen QR-Code erzeugen
common-back = Zurück
common-forget-them = Vergessen
common-none-2 = Keine
common-extension = Nebenstelle
common-phone = Telefon
common-last-registered = Zuletzt registriert
common-act = Aktion
common-compare = Vergleichen
common-what = Was
common-last-seen = Zuletzt gesehen
common-never = nie
common-remove = Entfernen
common-check-now = Jetzt prüfen
common-last-accepted = Zuletzt angenommen
common-last-failure = Letzter Fehler
common-success = Erfolg
common-provider = Push-Dienst
common-why = Warum
common-credentials = Push-Zugänge
common-attempts = Versuche
common-all = alle
common-apps = Apps
common-add-a-user = Benutzer hinzufügen
common-role = Rolle
common-not-signed-in = nicht angemeldet
common-access = Zugang
common-api-tokens = API-Tokens
common-made-by = Erzeugt von
common-audit-log = Prüfprotokoll
common-second-factor = Zweiter Faktor
common-address = Adresse
common-mail-server = Mailserver
common-web-proxy = Web-Proxy
common-event-webhooks = Ereignis-Webhooks
common-when = Wann
common-what-is-wrong = Was stimmt nicht?
common-backups = Sicherungen
common-log = Protokoll
common-nightbell-itself = Nightbell selbst
common-for = Für
common-setup = Einrichtung
common-sign-in = Anmelden
common-set-the-password = Passwort setzen
common-this-link-works-once-looking-at = Dieser Link funktioniert einmal. Ihn anzusehen verbraucht nichts.

common-mac = MAC
