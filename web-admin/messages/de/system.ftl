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


system-certificate-ways = <a href="/system/certificate">Lassen Sie Nightbell selbst eines besorgen und erneuern</a>, <a href="/welcome/certificate">laden Sie ein anderes hoch</a>, oder legen Sie <code>cert.pem</code> (mit seiner Kette) und <code>key.pem</code> in den Ordner <code>tls</code> des Datenverzeichnisses. Es ist nach wenigen Sekunden in Kraft.

certificate-certificate = Zertifikat
certificate-order-one-now = Jetzt eines bestellen
certificate-phones-and-browsers-trust-by-it = Durch das Zertifikat vertrauen Telefone und Browser { $host }. Es gilt für diese Seiten und für SIP über TLS, und ein anderes ist sofort in Kraft, ohne Neustart und ohne einen Anruf zu beenden.
certificate-this-page-looks-again-by-itself = { $phase }. Diese Seite sieht von selbst wieder nach.
certificate-no-certificate-was-got = Es kam kein Zertifikat, { $at }. { $cause }
certificate-the-certificate-in-force-stays-meanwhile = Das gültige Zertifikat bleibt einstweilen. Nächster Versuch: { $next }.
certificate-in-force = In Kraft
certificate-renewed = Erneuert
certificate-as-the-authority-suggests = , wie die Zertifizierungsstelle empfiehlt
certificate-use-a-certificate-of-your-own = <a href="/welcome/certificate">Eigenes Zertifikat benutzen</a>; dann wird keines mehr von selbst besorgt.
certificate-got-by-itself = Von selbst besorgt
certificate-gives-the-certificate-and-it-is = { $authority } gibt das Zertifikat, und es wird von selbst erneuert.
certificate-a-certificate-authority-gives-a-certificate = Eine Zertifizierungsstelle gibt ein Zertifikat, sobald sie gesehen hat, dass { $host } zu diesem Rechner führt. Let's Encrypt tut das kostenlos.
certificate-more-for-other-authorities = Mehr, für andere Zertifizierungsstellen
certificate-those-of-lets-encrypt = Die von Let's Encrypt:
certificate-save-and-get-a-certificate = Speichern und Zertifikat besorgen
certificate-stop = Beenden

certificate-give-a-number-between-1-and = geben Sie eine Zahl von 1 bis 65535 an, oder lassen Sie es leer
certificate-authority-address-of-its-acme-directory = Zertifizierungsstelle (Adresse ihres ACME-Verzeichnisses)
certificate-lets-encrypt-unless-you-have-another = Let's Encrypt, wenn Sie keine andere haben.
certificate-your-mail-address-optional = Ihre Mailadresse (freiwillig)
certificate-the-authority-may-write-to-it = Die Zertifizierungsstelle kann dorthin schreiben, wenn etwas nicht stimmt.
certificate-how-the-authority-makes-sure-that = Wie die Zertifizierungsstelle prüft, dass der Name hierher führt
certificate-it-asks-at-port-80-http = Sie fragt an Port 80 (http-01)
certificate-it-asks-at-port-443-tls = Sie fragt an Port 443 (tls-alpn-01)
certificate-it-asks-from-the-internet-so = Sie fragt aus dem Internet, dieser Port muss also zu diesem Rechner führen.
certificate-port-of-this-machine-where-the = Port dieses Rechners, an dem die Frage ankommt
certificate-empty-80-or-443-enter-another = Leer: 80 oder 443. Geben Sie einen anderen an, wenn Ihr Router dorthin weiterleitet.
certificate-one-is-stored-empty-keeps-it = Einer ist gespeichert. Leer behält ihn, solange Zertifizierungsstelle und Konto dieselben bleiben.
certificate-hmac-key-in-base64-stored-encrypted = HMAC-Schlüssel in Base64. Wird verschlüsselt gespeichert und nie wieder gezeigt.
certificate-profile = Profil
certificate-a-kind-of-certificate-from-the = Eine Art von Zertifikat aus der Liste der Zertifizierungsstelle, zum Beispiel shortlived. Leer: die übliche.
certificate-external-account-key-id = Externes Konto (Schlüssel-ID)
certificate-only-for-authorities-that-want-one = Nur für Zertifizierungsstellen, die eines verlangen, wie ZeroSSL oder Google.
certificate-key-of-the-external-account = Schlüssel des externen Kontos
certificate-root-certificate-of-an-authority-of = Stammzertifikat einer eigenen Zertifizierungsstelle
certificate-pem-empty-for-public-authorities = PEM. Leer für öffentliche Zertifizierungsstellen.
certificate-i-agree-to-the-terms-of = Ich stimme den Bedingungen der Zertifizierungsstelle zu
certificate-stop-getting-certificates = Keine Zertifikate mehr besorgen?
certificate-the-certificate-of-the-authority-its = Das Zertifikat der Zertifizierungsstelle, sein Schlüssel und unser Konto dort werden sofort gelöscht.
certificate-the-certificate-in-the-folder-tls = Das Zertifikat im Ordner tls ist wieder in Kraft. Ohne ein eigenes dort ist das eines, das Nightbell selbst erzeugt hat und das die meisten Telefon-Apps ablehnen.
certificate-stop-and-delete = Beenden und löschen

acme-the-public-name-is-looked-up = Der öffentliche Name wird nachgeschlagen
acme-the-certificate-authority-is-told-who = Die Zertifizierungsstelle erfährt, wer fragt
acme-the-certificate-is-ordered = Das Zertifikat wird bestellt
acme-the-authority-asks-whether-the-name = Die Zertifizierungsstelle fragt, ob der Name zu diesem Rechner führt
acme-the-certificate-is-signed-and-fetched = Das Zertifikat wird unterschrieben und geholt

advice-open-network-check = Netzprüfung öffnen
system-update-address = Adresse, die die neueste Version nennt
system-update-address-hint = https://…, zum Beispiel die Versionen des Repositorys; leer wird niemand gefragt.
call-sip-messages = SIP-Nachrichten
call-sip-messages-explained = Eine Spalte für jeden Weg; → kam vom Telefon, ← ging zu ihm. Geheimes ist verborgen. Im Speicher bleiben die letzten 500 Anrufe seit diesem Start.
call-sip-messages-left-out = { $count ->
    [one] Eine Nachricht in der Mitte wurde nicht aufbewahrt.
   *[other] { $count } Nachrichten in der Mitte wurden nicht aufbewahrt.
    }
call-sip-message-from = von { $leg }:
call-sip-message-to = an { $leg }:
system-updates = Neue Versionen
system-updates-nobody = Niemand wird gefragt, ob es eine neuere Version gibt.
system-updates-asked = Gefragt { $at }:
system-updates-newest = Die neueste Version ist { $newest }, diese ist { $own }.
system-updates-soon = In den nächsten zehn Minuten wird gefragt, danach einmal am Tag.
system-updates-explained = Eine einfache Anfrage ohne Version, Kennung und Cookie; wer die Adresse betreibt, sieht die Adresse dieses Netzes und sonst nichts. Nichts wird geladen oder eingespielt. Verstanden werden reiner Text mit einer Version und das JSON einer Veröffentlichung.
system-updates-ask-now = Jetzt fragen
network-check-from-where = Von wo
network-check-result = Ergebnis
network-check = Netzprüfung
network-check-from-inside = Von innen
network-check-from-outside = Von außen
network-check-looking = Geprüft wird: { $part } ({ $done } von { $total } fertig). Diese Seite zeigt jeden Teil, sobald er da ist.
network-check-checked = Geprüft { $at }.
network-check-checked-from = Geprüft { $at } von { $from }.
network-check-not-yet = Noch nicht geprüft.
network-check-inside-explained = Was diese Maschine selbst sehen kann: Namen, öffentliche Adresse (zwanzigmal gefragt, über STUN und HTTPS), Zertifikate, wie sie gezeigt werden, Uhr, den Weg über den öffentlichen Namen zurück, Push-Anbieter, Platte. Niemand wird gefragt, bevor Sie klicken; wer nach der Adresse gefragt wird, steht unten.
network-check-parts = Fertige Teile
network-check-checking = Wird geprüft …
network-check-now = Jetzt prüfen
network-check-asking = Eine Maschine von außen fragt gerade.
network-check-code-out = Ein Code ist ausgegeben; er läuft { $until } ab. Diese Seite zeigt das Ergebnis, sobald es da ist.
network-check-outside-explained = Ob ein Router die richtigen Ports weiterleitet, ob Ton durchkommt und ob unterwegs etwas SIP verändert, ist nur von außen zu sehen. Nightbell hat dafür keinen Dienst im Netz: Das tut ein zweites Nightbell, dasselbe Programm auf irgendeiner Maschine außerhalb, zum Beispiel einem Notebook im Mobilfunk. Machen Sie hier einen Code und geben Sie ihn dort <code>nightbell probe</code>. Die Ports antworten nur, solange diese Prüfung läuft, und nur auf deren Fragen.
network-check-make-code = Code machen
network-check-last = Die letzten Prüfungen
network-check-look = Ansehen
network-check-who-is-asked = Wer nach der öffentlichen Adresse gefragt wird
network-check-code-once = Der Code wird nur jetzt gezeigt, gilt für eine Prüfung und läuft { $expires } ab.
network-check-run-there = Auf einer Maschine außerhalb dieses Netzes, auf der Nightbell installiert ist (ohne Einrichtung):
network-check-give-code = Geben Sie diesen Code ein, wenn danach gefragt wird:
network-check-takes = Das dauert eine halbe Minute. Das Ergebnis erscheint dort und auf der Seite der Netzprüfung.
network-check-back = Zur Netzprüfung
network-check-seen = Was zu sehen war
network-check-compared = Verglichen mit der Prüfung vom { $at }.
network-check-gone = Kein Problem mehr
network-check-stun = STUN-Server
network-check-stun-hint = Einer je Zeile: Name oder Name:Port. Leer wird keiner gefragt.
network-check-echo = HTTPS-Adressen, die mit Ihrer Adresse antworten
network-check-echo-hint = Eine je Zeile, https://…; leer wird keine gefragt.
network-check-new = In der Prüfung davor nicht so.
