### Ratschläge und was nicht stimmt.

advice-good = In Ordnung
advice-to-do = Zu tun
advice-open-extensions = Nebenstellen öffnen
advice-open-push = Push öffnen
advice-see-all-apps = Alle Apps ansehen
advice-see-the-tokens = Tokens ansehen
advice-add-the-key = Schlüssel hinzufügen
advice-add-the-account = Konto hinzufügen
advice-open-system = System öffnen
advice-open-backups = Sicherungen öffnen
advice-open-event-webhooks = Ereignis-Webhooks öffnen
advice-the-event-webhook-was-switched-off = Der Ereignis-Webhook „{ $name }“ wurde ausgeschaltet: { $disabled-why }.
advice-mend-the-receiver-then-switch-the = Bringen Sie den Empfänger in Ordnung und schalten Sie den Ereignis-Webhook dann wieder ein.
advice-the-event-webhook-has-taken-nothing = Der Ereignis-Webhook „{ $name }“ hat seit { $span } nichts angenommen.
advice-look-at-its-last-events-and = Sehen Sie sich seine letzten Ereignisse an und senden Sie einen Test.
advice-nightbell-is-stopping-and-takes-no = Nightbell hält an und nimmt keine neuen Anrufe mehr an.
advice-wait-for-the-restart-if-nobody = Warten Sie auf den Neustart; startet niemand neu, starten Sie den Dienst wieder.
advice-there-is-no-extension-yet-so = Es gibt noch keine Nebenstelle, also kann niemand jemanden anrufen.
advice-add-one-for-each-person-or = Fügen Sie für jede Person eine hinzu, oder fügen Sie eine Liste ein.
advice-no-phone-has-registered-yet = Noch hat sich kein Telefon registriert.
advice-open-an-extension-and-use-add = Öffnen Sie eine Nebenstelle und zeigen Sie mit „Telefon hinzufügen“ einen QR-Code an.
advice-there-is-no-push-credential-so = Es gibt keinen Push-Zugang, deshalb können schlafende Telefon-Apps nicht geweckt werden. Tischtelefone funktionieren ohne.
advice-add-the-apns-key-the-firebase = Fügen Sie den APNs-Schlüssel, das Firebase-Dienstkonto oder das Push-Relay der Telefon-App hinzu, die Sie benutzen.
advice-the-push-credential-has-not-been = Der Push-Zugang „{ $label }“ wurde noch nicht ausprobiert.
advice-check-it-now-that-reaches-no = Prüfen Sie ihn jetzt; das erreicht kein Telefon.
advice-phones-and-obstacle = { $phones } { $text }.
advice-lost-its-push-token-the-app = { $phones }: Push-Token verloren; die App wurde dort entfernt oder zurückgesetzt.
advice-open-the-app-on-the-phone = Öffnen Sie die App einmal auf dem Telefon, oder vergessen Sie das Gerät, wenn das Telefon weg ist.
advice-sent-a-push-token-that-its = { $phones }: Das geschickte Push-Token nimmt sein Push-Dienst für diese App nicht an.
advice-look-at-the-device-for-the = Sehen Sie beim Gerät nach, welchen Grund der Push-Dienst nennt; meistens benutzt eine Testversion der App die andere Umgebung.
advice-show-each-a-new-qr-code = Zeigen Sie jedem einen neuen QR-Code, oder mailen Sie dem Eigentümer einen; Apps mit der Geräte-API holen sie von selbst.
advice-gave-no-sign-for-days-though = { $phones }: seit { $unseen-days } Tagen kein Lebenszeichen, obwohl die Push-Tokens noch funktionieren könnten.
advice-send-them-a-test-push-and = Senden Sie ihnen einen Test-Push, und vergessen Sie die, deren Telefone weg sind.
advice-use-a-push-token-that-another = { $phones }: Das Push-Token hat auch eine andere Nebenstelle, und es ist nicht erwiesen, dass es dasselbe Telefon ist.
advice-if-the-phone-was-handed-on = Wurde das Telefon weitergegeben, vergessen Sie das Token bei der Nebenstelle, die es verlassen hat.
advice-the-last-backup-failed = Die letzte Sicherung schlug fehl: { $sentence }
advice-remove-the-cause-then-make-a = Beseitigen Sie die Ursache und erstellen Sie dann von Hand eine Sicherung; es wird auch jede Stunde wieder versucht.
advice-the-nightly-backup-was-missed = Die nächtliche Sicherung wurde verpasst.
advice-make-one-by-hand-now-and = Erstellen Sie jetzt eine von Hand, und prüfen Sie, ob dieser Rechner zu dieser Stunde läuft.
advice-there-is-no-backup-of-this = Es gibt keine Sicherung dieser Installation.
advice-choose-a-passphrase-then-one-is = Wählen Sie eine Passphrase; dann wird jede Nacht eine erstellt.
advice-the-tls-certificate-has-ended-phones = Das TLS-Zertifikat ist abgelaufen: Telefone verbinden sich nicht mehr, und Browser warnen.
advice-put-a-valid-cert-pem-and = Legen Sie gültige Dateien cert.pem und key.pem in den Ordner tls des Datenverzeichnisses; sie sind nach wenigen Sekunden in Kraft.
advice-the-tls-certificate-ends = Das TLS-Zertifikat endet { $left }.
advice-put-a-new-cert-pem-and = Legen Sie neue Dateien cert.pem und key.pem in den Ordner tls des Datenverzeichnisses; sie sind nach wenigen Sekunden in Kraft.
advice-the-tls-certificate-was-made-by = Das TLS-Zertifikat hat Nightbell selbst erzeugt: Browser warnen, und die meisten Telefon-Apps lehnen es ab.
advice-links-and-qr-codes-point-to = Links und QR-Codes zeigen auf { $public-url }, was kein Telefon erreicht.
advice-set-the-public-name-public-host = Setzen Sie den öffentlichen Namen (`public_host` in der Konfiguration oder --public-host) und starten Sie neu.

diagnosis-no-sleeping-phone-rings = Kein schlafendes Telefon klingelt
diagnosis-only-iphones-do-not-ring = Nur iPhones klingeln nicht
diagnosis-only-android-phones-do-not-ring = Nur Android-Telefone klingeln nicht
diagnosis-only-one-phone-does-not-ring = Nur ein Telefon klingelt nicht
diagnosis-of-phones-lost-their-push-token = { $app-id }: { $token-gone } von { $devices } Telefonen haben ihr Push-Token verloren.
diagnosis-open-the-app-on-those-phones = Öffnen Sie die App einmal auf diesen Telefonen; wurde sie entfernt, vergessen Sie das Gerät.
diagnosis-whether-this-machine-reaches-its-push = Ob dieser Rechner seine Push-Dienste erreicht, wurde noch nicht geprüft.
diagnosis-check-it-now-that-takes-half = Prüfen Sie es jetzt; das dauert höchstens eine halbe Minute.
diagnosis-this-phone-has-sent-no-push = Dieses Telefon hat kein Push-Token geschickt und klingelt deshalb nur, solange es registriert ist.
diagnosis-use-an-app-with-push-allow = Benutzen Sie eine App mit Push, erlauben Sie ihr Mitteilungen und öffnen Sie sie einmal; bei einem Tischtelefon ist das normal.
diagnosis-phones-off = Die Telefone der Nebenstelle { $number } wurden vom Administrator ausgeschaltet: Sie melden sich nicht an, klingeln nicht und rufen nicht an.
diagnosis-phones-off-fix = Schalten Sie sie auf der Seite der Nebenstelle wieder ein; jedes klingelt beim nächsten Anruf, und niemand braucht einen neuen Code.
diagnosis-displaced = Ein anderes Telefon der Nebenstelle ist an seine Stelle getreten, weil nicht mehr zugleich erreichbar sein dürfen; deshalb wird dieses nicht geweckt.
diagnosis-displaced-fix = Öffnen Sie die App dieses Telefons, um es zu benutzen, oder erlauben Sie unter Einstellungen mehr Telefone je Nebenstelle.
diagnosis-push-is-switched-off = Push ist ausgeschaltet: { $switched-off }.
diagnosis-switch-it-on-at-the-phones = Schalten Sie es bei der Nebenstelle des Telefons ein.
diagnosis-its-phone-signed-in-as-extension = Sein Telefon hat sich als Nebenstelle { $to } angemeldet und wird nur für diese gepusht.
diagnosis-sign-in-again-in-the-app = Melden Sie sich in der App noch einmal an, wenn es für beide klingeln soll.
diagnosis-open-the-app-on-the-phone = Öffnen Sie die App einmal auf dem Telefon; sie schickt ein neues Token. Eine Testversion braucht einen Schlüssel für die Sandbox.
diagnosis-the-provider-accepted-the-last-push = Der Push-Dienst nahm den letzten Push an, aber das Telefon registrierte sich danach nicht.
diagnosis-it-is-off-without-a-network = Es ist aus, ohne Netz, oder etwas auf dem Telefon oder in seinem WLAN hält den Push zurück: Gehen Sie die Liste unten durch.
diagnosis-the-last-push-was-not-accepted = Der letzte Push wurde nicht angenommen: { $sentence }
diagnosis-correct-the-cause-then-send-a = Beseitigen Sie die Ursache und senden Sie dann einen Test-Push.
diagnosis-did-it-work-before-then-look = Ging es schon einmal? Dann sehen Sie nach, was sich geändert hat: Firewall, Proxy, Uhr, ein widerrufener Schlüssel.
diagnosis-is-the-clock-right-run-timedatectl = Geht die Uhr richtig? Führen Sie timedatectl aus; Apple und Google lehnen Pushes ab, wenn sie um Minuten falsch geht.
diagnosis-do-the-phones-ring-over-the = Klingeln die Telefone im Mobilfunknetz, aber nicht im Büro? Dann sperrt das WLAN die Push-Dienste: Geben Sie die Liste unter Netz dem, der es betreibt.
diagnosis-in-the-offices-wi-fi-only = Nur im WLAN des Büros? TCP 5223 nach 17.0.0.0/8 muss für die Telefone offen sein; probieren Sie eines mit ausgeschaltetem WLAN.
diagnosis-was-the-app-installed-from-xcode = Wurde die App aus Xcode installiert? Dann benutzt sie Apples Sandbox, und der Schlüssel muss dafür gelten.
diagnosis-is-a-focus-do-not-disturb = Ist ein Fokus („Nicht stören“) an? Erlauben Sie darin Anrufe der App.
diagnosis-did-the-app-crash-after-earlier = Ist die App nach früheren Pushes abgestürzt? iOS weckt eine App nicht mehr, die den Anruf nicht anzeigt; installieren Sie sie neu.
diagnosis-is-battery-saving-on-for-the = Ist für die App Energiesparen an? Stellen Sie es in den Einstellungen des Telefons auf „Nicht eingeschränkt“; mehrere Hersteller schalten es von selbst ein.
diagnosis-in-the-offices-wi-fi-only-2 = Nur im WLAN des Büros? TCP 5228 bis 5230 zu Google muss offen sein, und die Firewall muss ruhende Verbindungen 30 Minuten halten.
diagnosis-was-the-app-stopped-by-force = Wurde die App mit „Beenden erzwingen“ gestoppt? Android weckt sie erst wieder, nachdem sie einmal geöffnet wurde.
diagnosis-does-the-phone-have-google-play = Hat das Telefon Google-Play-Dienste? Ohne sie erreicht FCM es nicht.
diagnosis-is-the-phone-on-with-a = Ist das Telefon an, mit Netz und nicht im Flugmodus?
diagnosis-are-notifications-allowed-for-the-app = Sind Mitteilungen für die App erlaubt, und steht kein Fokus und kein Energiesparen im Weg?
diagnosis-compare-with-another-phone-that-has = Vergleichen Sie mit einem anderen Telefon, das dieselbe App hat: Klingelt jenes, sehen Sie sich dieses Telefon an; wenn nicht, wählen Sie „Nur iPhones“ oder „Nur Android-Telefone“.
diagnosis-sign-out-in-the-app-scan = Melden Sie sich in der App ab, scannen Sie einen neuen QR-Code und senden Sie von der Seite der Nebenstelle einen Test-Push.

trouble-a-phone-cannot-sign-in = Ein Telefon kann sich nicht anmelden
trouble-nobody-hears-anything = Niemand hört etwas
trouble-only-one-of-both-is-heard = Nur einer von beiden ist zu hören
trouble-calls-end-by-themselves = Anrufe enden von selbst
trouble-a-sleeping-phone-does-not-ring = Ein schlafendes Telefon klingelt nicht
trouble-for-account = {" "}für Konto { $account }
trouble-is-blocked-too-many-wrong-secrets = { $address } ist gesperrt{ $whom }: zu viele falsche SIP-Kennwörter, oder es benahm sich wie ein Scanner.
trouble-correct-the-secret-in-the-phone = Berichtigen Sie zuerst das SIP-Kennwort im Telefon, dann heben Sie die Sperre auf.
trouble-no-phone-of-this-extension-has = Kein Telefon dieser Nebenstelle hat sich je angemeldet, also stimmt der Name, das SIP-Kennwort oder der Weg zu diesem Rechner nicht.
trouble-show-a-qr-code-under-add = Zeigen Sie unter „Telefon hinzufügen“ einen QR-Code, oder setzen Sie ein neues SIP-Kennwort und tippen Sie es noch einmal ein; der Benutzername steht auf der Seite der Nebenstelle.
trouble-phones-of-this-extension-signed-in = Telefone dieser Nebenstelle waren schon angemeldet und sind weg; geändert hat sich seitdem das Telefon, sein Netz oder sein SIP-Kennwort.
trouble-look-at-the-reason-beside-each = Sehen Sie sich den Grund bei jedem Telefon an.
trouble-the-certificate-is-made-by-nightbell = Das Zertifikat hat Nightbell selbst erzeugt; die meisten Telefone lehnen es für TLS ab und sagen nur, der Server sei nicht erreichbar.
trouble-use-a-certificate-of-a-public = Benutzen Sie ein Zertifikat einer öffentlichen Zertifizierungsstelle, oder wählen Sie im Telefon UDP oder TCP.
trouble-only-sha-256-is-taken-as = Als Nachweis wird nur SHA-256 angenommen, und viele Tischtelefone können nur MD5.
trouble-allow-md5-for-such-phones = Erlauben Sie MD5 für solche Telefone.
trouble-no-call-of-more-than-three = In letzter Zeit wurde kein Anruf von mehr als drei Sekunden angenommen, also gibt es nichts anzusehen.
trouble-make-a-call-talk-for-ten = Rufen Sie jemanden an, sprechen Sie zehn Sekunden, legen Sie auf und sehen Sie hier noch einmal nach.
trouble-in-of-the-last-calls-no = In { $mute } der letzten { $calls } Anrufe kam hier von keiner Seite Sprache an.
trouble-open-udp-to-towards-this-machine = Öffnen Sie UDP { $first } bis { $last } zu diesem Rechner und leiten Sie sie vom Router weiter; auch eine Weiterleitung auf andere Ports verliert die Sprache.
trouble-sound-arrived-from-at-least-one = In jedem der letzten { $calls } Anrufe kam von mindestens einer Seite Sprache an, also sind die Ports für Sprache offen.
trouble-look-at-only-one-of-both = Sehen Sie unter „Nur einer von beiden ist zu hören“ nach.
trouble-no-sound-of-arrived-here-in = In { $count } Anrufen, in denen die andere Seite zu hören war, kam hier keine Sprache von { $who } an, und in keinem kam sie an.
trouble-it-is-the-network-of-that = Es liegt am Netz dieses Telefons: Seine Firewall lässt kein UDP hinaus, oder sein Router hat SIP-ALG an; schalten Sie ALG aus, oder benutzen Sie im Telefon TLS. Darf die App das Mikrofon benutzen?
trouble-no-sound-of-arrived-here-in-2 = In { $count } Anrufen kam hier keine Sprache von { $who } an, in { $heard } aber doch.
trouble-it-depends-on-where-the-phone = Es hängt davon ab, wo das Telefon ist: Vergleichen Sie WLAN und Mobilfunknetz.
trouble-sound-arrived-from-both-sides-in = In den letzten { $calls } Anrufen, die dauerten, kam von beiden Seiten Sprache an.
trouble-what-arrives-here-is-sent-on = Was hier ankommt, wird weitergeschickt; sehen Sie sich den Weg von hier zu dem Telefon an, das nichts hört.
trouble-calls-ended-after-32-seconds-because = { $unconfirmed } Anrufe endeten nach 32 Sekunden, weil die Annahme nie bestätigt wurde (kein ACK).
trouble-the-router-of-that-phone-changes = Der Router dieses Telefons verändert SIP: Schalten Sie dort SIP-ALG aus, oder benutzen Sie im Telefon TLS.
trouble-calls-were-ended-by-nightbell-because = { $silence } Anrufe beendete Nightbell, weil { $seconds } Sekunden lang von keiner Seite Sprache kam.
trouble-look-at-nobody-hears-anything-the = Sehen Sie unter „Niemand hört etwas“ nach; die Ports für Sprache sind irgendwo zu.
trouble-of-calls-were-hung-up-by = { $half-minute } von { $calls } Anrufen legte ein Telefon nach 30 bis 60 Sekunden auf.
trouble-a-router-forgets-the-way-to = Ein Router vergisst den Weg zum Telefon, oder der Sitzungstimer des Telefons versagt: Benutzen Sie im Telefon TCP oder TLS, oder eine kürzere Registrierung.
trouble-none-of-the-last-calls-ended = Keiner der letzten { $calls } Anrufe endete von selbst; jeder wurde von einem der beiden aufgelegt.
trouble-does-the-phone-show-the-name = Zeigt das Telefon als Benutzernamen den Namen von der Seite der Nebenstelle und als Server den Hostnamen dieser Installation?
trouble-does-it-work-over-the-mobile = Geht es im Mobilfunknetz, aber nicht im Büro? Dann hat der Router des Büros keinen Weg zurück zu seiner eigenen öffentlichen Adresse (Hairpin): Geben Sie den Telefonen einen Namen, der zur inneren Adresse führt.
trouble-is-the-clock-of-the-phone = Geht die Uhr des Telefons richtig? TLS scheitert, wenn sie um Tage falsch geht.
trouble-is-the-microphone-allowed-for-the = Darf die App das Mikrofon benutzen, und ist niemand stummgeschaltet?
trouble-does-it-work-between-two-phones = Geht es zwischen zwei Telefonen im Büro, aber nicht mit einem draußen? Dann fehlt die Weiterleitung der Ports für Sprache oder ist falsch.
trouble-is-sip-alg-sip-helper-or = Ist in einem der Router „SIP ALG“, „SIP Helper“ oder „VoIP-Assistent“ an? Schalten Sie es aus; es zerstört mehr, als es repariert.
trouble-after-how-many-seconds-32-is = Nach wie vielen Sekunden? 32 ist eine nicht bestätigte Annahme; 60 meistens ein Router; 900 oder 1800 ein Sitzungstimer.
trouble-is-sip-alg-on-in-one = Ist in einem der Router „SIP ALG“ an? Schalten Sie es aus.
trouble-does-the-phone-change-from-wi = Wechselt das Telefon in diesem Augenblick vom WLAN ins Mobilfunknetz? Seine App muss sich neu registrieren; die meisten tun es.

advice-phones-off = { $count ->
    [one] Die Telefone einer Nebenstelle sind
   *[other] Die Telefone von { $count } Nebenstellen sind
 } ausgeschaltet ({ $which }): Sie klingeln nicht und rufen nicht an.
advice-phones-off-fix = Schalten Sie sie unter Nebenstellen wieder ein, wenn sie klingeln sollen; niemand braucht einen neuen Code.
advice-settings-again = { $count ->
    [one] Ein Telefon braucht seine
   *[other] { $count } Telefone brauchen ihre
 } Einstellungen noch einmal: Push wurde eingerichtet oder geändert, nachdem sie geholt wurden.
advice-phones = { $count ->
    [one] Ein Telefon
   *[other] { $count } Telefone
 }

advice-open-certificate = Zertifikat öffnen
advice-let-nightbell-get-one = Lassen Sie Nightbell selbst eines von Let's Encrypt besorgen, oder legen Sie eines für Ihren öffentlichen Namen in den Ordner tls des Datenverzeichnisses.
advice-certificate-not-got = Das TLS-Zertifikat war nicht zu bekommen
advice-certificate-not-renewed = Das TLS-Zertifikat, das { $left } endet, ließ sich nicht erneuern

advice-database-takes-nothing = Die Datenbank nimmt keine Änderungen an ({ $why }). Anrufe gehen weiter, aber ein Neustart nähme jetzt { $behind ->
    [one] eine Änderung
   *[other] { $behind } Änderungen
 } zurück.
advice-free-space = Schaffen Sie Platz auf dem Datenträger, oder beenden Sie, was die Datenbank festhält; dann wird alles von selbst gespeichert. Starten Sie vorher nicht neu.
advice-changes-lost = { $lost } Änderungen konnten seit dem Start nicht gespeichert werden und fehlen nach einem Neustart.
advice-changes-lost-fix = Sehen Sie im Protokoll nach, welche es waren (Code not_saved), und nehmen Sie sie noch einmal vor; Telefone kommen von selbst zurück.

advice-apps-more = {" "}und { $more } weitere
advice-apps-open = öffnen Sie die App auf dem Telefon
advice-apps-may-miss = { $phones } ({ $extensions }{ $more }): Anrufe können verloren gehen, denn { $problem }.
trouble-nobody-has-looked-from-outside = Von außen hat noch niemand geprüft: Ports, Ton und SIP ALG sind nur von dort zu sehen.
trouble-make-a-code-and-run-probe = Erzeugen Sie unter Netzprüfung einen Code, und starten Sie nightbell probe auf einem Rechner anderswo.
trouble-this-machine-has-not-looked = Diese Maschine hat ihr eigenes Netz noch nicht geprüft.
trouble-check-it-now-nobody-is-asked = Prüfen Sie es jetzt; vor Ihrem Klick wird niemand gefragt.
trouble-a-phone-gave-no-answer = In { $calls } der letzten { $all } Anrufe antwortete ein Telefon nicht auf das, was ihm im Anruf geschickt wurde ({ $what }, { $times } Mal geschickt).
trouble-the-router-has-forgotten-the-way = Der Router dieses Telefons hat den Weg zu ihm vergessen oder verändert die Adressen in SIP: benutzen Sie im Telefon TLS oder TCP, schalten Sie dort SIP ALG aus. Die Seite des Anrufs zeigt die Nachrichten.
advice-update-is-there = Nightbell { $version } ist da; hier läuft { $own }.
advice-update-make-a-backup = Machen Sie eine Sicherung, und installieren Sie es dann. { $page }
