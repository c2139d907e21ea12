### System.

system-this-nightbell = Dieses Nightbell
system-version = Version
system-started = Gestartet
system-public-address = Öffentliche Adresse
system-time-zone = Zeitzone
system-registered-reachable-by-push = { $registered } registriert, { $armed } über Push erreichbar
system-of-them-waiting-for-a-phone = { $calls }, davon { $parked } bis ein Telefon aufwacht
system-tls-certificate = TLS-Zertifikat
system-for-these-pages-and-for-sip = Für diese Seiten und für SIP über TLS.
system-you-or-a-certificate-authority = Ihnen oder einer Zertifizierungsstelle
system-upload-another-one-or-put-cert = <a href="/welcome/certificate">Laden Sie ein anderes hoch</a>, oder legen Sie <code>cert.pem</code> (mit seiner Kette) und <code>key.pem</code> in den Ordner <code>tls</code> des Datenverzeichnisses. Es ist nach wenigen Sekunden in Kraft.
system-doctor = Diagnose

log-the-last-lines-since-the-start = Die letzten Zeilen seit dem Start. Geschrieben wird <b class="mono">{ $filter }</b>
log-the-boot-settings-say = ; die Starteinstellungen sagen
log-which-comes-back-by-itself = , das kommt von selbst zurück
log-lines-that-hold = Zeilen, die enthalten
log-look-again-every-two-seconds = Alle zwei Sekunden wieder nachsehen
log-no-line = Keine Zeile
log-nothing-was-written-yet = Noch wurde nichts geschrieben.
log-no-line-holds-this-text = Keine Zeile enthält diesen Text.
log-lines-of-the-log = Zeilen des Protokolls
log-write-more-for-some-time = Für einige Zeit mehr schreiben
log-put-in-force = In Kraft setzen

backups-make-a-backup-now = Jetzt eine Sicherung erstellen
backups-one-encrypted-file-holds-everything-of = Eine verschlüsselte Datei enthält alles dieser Installation: Nebenstellen, Telefone mit ihren Push-Tokens, Push-Zugänge, Anrufe, Einstellungen, Schlüssel und das Zertifikat.
backups-the-backup-was-not-put-back = Die Sicherung wurde nicht zurückgespielt, und nichts wurde geändert. { $restore-problem }
backups-rows = { $what }: { $rows } Zeilen.
backups-sign-in-again-when-the-page = Melden Sie sich wieder an, wenn die Seite zurückkommt; alle Sitzungen sind beendet.
backups-this-page-looks-again-by-itself = Diese Seite sieht von selbst wieder nach.
backups-the-last-backup-was-made = Die letzte Sicherung wurde { $at } erstellt.
backups-the-last-backup-failed = Die letzte Sicherung, { $at }, schlug fehl. { $wrong }
backups-no-backup-yet = Noch keine Sicherung
backups-the-first-one-is-made-within = Die erste wird innerhalb einer Minute erstellt.
backups-choose-a-passphrase-below-then-the = Wählen Sie unten eine Passphrase; dann wird die erste von selbst erstellt.
backups-backup = Sicherung
backups-made = Erstellt
backups-size = Größe
backups-download = Herunterladen
backups-put-back = Zurückspielen
backups-when-backups-are-made = Wann Sicherungen erstellt werden
backups-bring-a-backup = Eine Sicherung mitbringen
backups-put-it-into-the-list = In die Liste aufnehmen

backup-restore-takes-the-place-of-everything-that = tritt an die Stelle von allem, was jetzt hier ist: Nebenstellen, Telefone, Push-Zugänge, Anrufe, Einstellungen und Konten.
backup-restore-it-is-read-and-checked-first = Sie wird zuerst gelesen und geprüft; stimmt etwas nicht, wird nichts geändert. Dann startet Nightbell neu, und laufende Anrufe enden. Alle müssen sich wieder anmelden, und noch nicht benutzte Links sind ungültig. Was jetzt hier ist, bleibt im Ordner <code>before-restore</code> des Datenverzeichnisses erhalten.
backup-restore-put-it-back-and-restart = Zurückspielen und neu starten

api-how-to-ask = Wie man fragt
api-make-a-token-under-api-tokens = Erzeugen Sie ein Token unter <a href="/tokens">API-Tokens</a> und schicken Sie es mit jeder Anfrage. JSON hinein und heraus; Zeitpunkte sind Unix-Millisekunden; Felder, die es nicht gibt, werden abgelehnt.
api-on-this-machine-the-same-routes = Auf diesem Rechner gibt es dieselben Adressen am Unix-Socket <code>admin.sock</code> im Datenverzeichnis, ohne Token.
api-parameters = Parameter
api-where = Wo
api-needed = nötig
api-takes-for-example = Nimmt zum Beispiel
api-gives-for-example = Gibt zum Beispiel
api-answers = Antworten
api-status = Status
api-codes-of-refusals = Codes der Ablehnungen
api-code = Code
api-meaning = Bedeutung

trouble-back-to-system = Zurück zu System
trouble-what-do-people-say = Was sagen die Leute?
trouble-leave-empty-for-all = (leer lassen für alle)
trouble-look = Nachsehen
trouble-what-nightbell-has-seen = Was Nightbell gesehen hat
trouble-from-the-last-calls-the-registrations = Aus den letzten { $calls } Anrufen, den Registrierungen und den Sperren.
trouble-nothing-that-explains-it-go-through = Nichts, was es erklärt. Gehen Sie die Liste unten durch.
trouble-what-to-look-at-yourself = Worauf Sie selbst sehen sollten
trouble-nightbell-cannot-see-these-from-here = Das kann Nightbell von hier aus nicht sehen.

backups-is-no-time-of-day-write = ist keine Uhrzeit; schreiben Sie Stunden und Minuten, zum Beispiel 03:15
backups-x = „{ $text }“ { $wrong }
backups-write-a-number-for-example-14 = geben Sie eine Zahl an, zum Beispiel 14
backups-one-is-stored-empty-keeps-it = Eine ist gespeichert. Leer behält sie; frühere Sicherungen öffnen sich weiter mit der, mit der sie erstellt wurden.
backups-at-least-12-characters-whoever-restores = Mindestens 12 Zeichen. Wer eine Sicherung auf einem anderen Rechner zurückspielt, muss sie kennen; bewahren Sie sie also außerhalb von diesem auf.
backups-every-day-at = Jeden Tag um
backups-in-the-time-zone-empty-only = In der Zeitzone { $zone-name }. Leer: nur von Hand.
backups-how-many-to-keep = Wie viele behalten
backups-the-oldest-are-removed-after-a = Die ältesten werden entfernt, nachdem eine neuere vollständig ist.
backups-passphrase = Passphrase
backups-a-backup-is-being-made = Eine Sicherung wird erstellt
backups-the-backup-is-being-read-and = Die Sicherung wird gelesen und geprüft
backups-the-backup-is-whole-nightbell-restarts = Die Sicherung ist vollständig. Nightbell startet damit neu
backups-a-file-from-elsewhere = Eine Datei von anderswo
backups-it-is-put-into-the-list = Sie wird in die Liste aufgenommen; zurückgespielt wird noch nichts. Ihr Name muss auf .nightbell enden.
backups-the-file-did-not-arrive-whole-2 = die Datei kam nicht vollständig an ({ $error }); schicken Sie sie noch einmal
backups-choose-a-file-first = wählen Sie zuerst eine Datei
backups-remove-this-backup = Diese Sicherung entfernen?
backups-is-deleted-from-this-machine-copies = { $name } wird von diesem Rechner gelöscht. Heruntergeladene Kopien bleiben unberührt.
backups-remove-the-backup = Sicherung entfernen
backups-put-this-backup-back = Diese Sicherung zurückspielen?
backups-passphrase-of-the-backup = Passphrase der Sicherung
backups-empty-the-one-that-is-stored = Leer: die hier gespeicherte.

log-write = Schreiben
log-error-warn-info-debug-trace-or = error, warn, info, debug, trace, oder Teile wie pbx_core=debug,info.
log-for-how-many-minutes = Für wie viele Minuten
log-write-a-number-for-example-10 = geben Sie eine Zahl an, zum Beispiel 10

