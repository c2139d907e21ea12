### Zustände in Worten.

clock-d-h = { $days } Tg. { $hours } Std.
clock-h-min = { $hours } Std. { $minutes } Min.
clock-min-s = { $minutes } Min. { $seconds } s
clock-in = in { $span }
clock-ago = vor { $span }

role-admin = Administrator
role-read-only = Nur Lesen
role-user = Benutzer

words-live-just-registered = Live, gerade registriert
words-live-renewed = Live, erneuert
words-ran-out = Abgelaufen
words-signed-off-by-the-phone = Vom Telefon abgemeldet
words-connection-lost = Verbindung verloren
words-resting-the-phone-is-registered = Ruhend: Das Telefon ist registriert
words-armed-the-next-call-wakes-it = Scharf: Der nächste Anruf weckt es
words-suspect-still-tried = Verdächtig: wird weiter versucht
words-gone-at-the-provider = Beim Push-Dienst erloschen
words-displaced = Wird nicht geweckt: Ein anderes Telefon ist an seiner Stelle
words-phones-off = Vom Administrator ausgeschaltet
words-moved-to-another-extension = Zu einer anderen Nebenstelle umgezogen
words-failing = Fehlerhaft
words-answered = Angenommen
words-caller-gave-up = Anrufer legte auf
words-busy = Besetzt
words-declined = Abgewiesen
words-no-such-number = Nummer gibt es nicht
words-no-sound = Keine Sprache
words-cut-by-a-restart = Durch Neustart getrennt
words-too-many-wrong-secrets = Zu viele falsche SIP-Kennwörter
words-guessed-at-many-accounts = Riet bei vielen Konten
words-calls-itself-a-scanner = Nennt sich selbst Scanner
words-sent-too-much-that-is-not = Sandte zu viel, was kein SIP ist
words-the-call-came-in = Der Anruf kam herein
words-wake-ordered = Weckruf beauftragt
words-push-sent = Push gesendet
words-push-accepted-by-the-provider = Push vom Push-Dienst angenommen
words-push-failed = Push fehlgeschlagen
words-the-app-got-the-push = Die App bekam den Push
words-the-phone-woke-and-registered = Das Telefon wachte auf und registrierte sich
words-call-handed-to-the-phone = Anruf an das Telefon übergeben
words-the-phone-rings = Das Telefon klingelt
words-this-phone-is-out = Dieses Telefon ist aus dem Rennen
words-the-call-ended = Der Anruf endete
words-call = Anruf
words-missed-call = Verpasster Anruf
words-answered-elsewhere = Anderswo angenommen
words-test = Test
words-renewal = Erneuerung
words-the-certificate = das Zertifikat
words-its-root-certificate = sein Stammzertifikat
words-push-relay = Push-Relay
words-browser-unifiedpush = Browser, UnifiedPush
words-by-an-admin-for-this-device = von einem Administrator, für dieses Gerät
words-for-the-whole-extension = für die ganze Nebenstelle
words-by-the-phone-itself = vom Telefon selbst
words-by-the-end-of-its-registration = durch das Ende seiner Registrierung
words-phone = Telefon { $id }

role-owner = Inhaber

words-none = Keines

words-production = Produktion
words-any = jede
words-everything = alles
words-none-fingerprint = keines
words-registered-count = registriert
words-longer = länger
