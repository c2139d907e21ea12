### Einrichtung und Anmeldung.

welcome-go-on = Weiter: { $title }
welcome-of-steps-are-done-each-can = { $done } von { $len } Schritten sind erledigt. Jeder kann jetzt übersprungen und später nachgeholt werden; nichts geht verloren, wenn Sie diese Seite verlassen.
welcome-steps = Schritte
welcome-skip = Überspringen
welcome-open = Öffnen
welcome-done-to-the-dashboard = Fertig: zur Übersicht
welcome-i-know-my-way-to-the = Ich kenne mich aus: zur Übersicht
welcome-certificate-certificate-in-force = Gültiges Zertifikat
welcome-certificate-nightbell-made-this-certificate-itself-browsers = Nightbell hat dieses Zertifikat selbst erzeugt. Browser warnen vor jeder Seite, die meisten Telefon-Apps registrieren sich damit nicht über TLS, und QR-Codes öffnen sich nicht in Apps, die es prüfen. Tischtelefone über UDP und TCP funktionieren.
welcome-certificate-a-certificate-authority = einer Zertifizierungsstelle
welcome-certificate-use-your-own-certificate = Eigenes Zertifikat benutzen
welcome-certificate-from-your-authority-or-from-a = Von Ihrer Zertifizierungsstelle oder aus einem Werkzeug wie certbot. Es wird zuerst geprüft und ist dann sofort in Kraft, für diese Seiten und für SIP über TLS, ohne Neustart.
welcome-certificate-certificate-file = Zertifikatsdatei
welcome-certificate-key-file = Schlüsseldatei
welcome-certificate-check-and-use = Prüfen und benutzen
welcome-choose-no-extension-yet = Noch keine Nebenstelle
welcome-choose-a-phone-rings-for-a-number = Ein Telefon klingelt für eine Nummer. Fügen Sie zuerst Personen hinzu.
welcome-choose-add-people = Personen hinzufügen
welcome-choose-whose-phone-is-it = Wessen Telefon ist es?
welcome-choose-show-the-qr-code = QR-Code anzeigen
welcome-extensions-nothing-was-added-yet = Noch wurde nichts hinzugefügt
welcome-extensions-ready-to-be-added = Bereit zum Hinzufügen: { $len }
welcome-extensions-add-them = Hinzufügen
welcome-extensions-or-choose-a-csv-file = Oder wählen Sie eine CSV-Datei
welcome-extensions-look-at-the-list-first = Liste zuerst ansehen
welcome-phone-progress = Fortschritt
welcome-phone-the-phone-is-here = Das Telefon ist da.
welcome-phone-the-phone-was-here-and-sleeps = Das Telefon war da und schläft jetzt.
welcome-phone-waiting-for-the-phone = Wartet auf das Telefon …
welcome-phone-it-has-registered-as = Es hat sich als { $number } registriert.
welcome-phone-scan-the-code-below-with-the = Scannen Sie den Code unten mit der Telefon-App. Diese Zeile wird von selbst grün.
welcome-phone-it-rang = Es hat geklingelt.
welcome-phone-ringing = Es klingelt …
welcome-phone-let-it-ring = Lassen Sie es klingeln
welcome-phone-see-the-call-millisecond-by-millisecond = Den Anruf ansehen, Millisekunde für Millisekunde
welcome-phone-answer-it-you-hear-yourself = Nehmen Sie ab: Sie hören sich selbst.
welcome-phone-nightbell-calls-the-phone-answer-and = Nightbell ruft das Telefon an. Nehmen Sie ab, und Sie hören sich selbst.
welcome-phone-call-me = Rufen Sie mich an
welcome-phone-it-was-woken-in = Es wurde in { $woke-after } geweckt.
welcome-phone-close-the-app-we-ring-you = Schließen Sie die App, wir rufen Sie an
welcome-phone-sleeping-is-no-reason-to-miss = Schlafen ist kein Grund, einen Anruf zu verpassen.
welcome-phone-put-the-app-away-and-lock = Legen Sie die App weg und sperren Sie das Telefon. Der Anruf weckt es.
welcome-phone-a-push-wakes-it-for-the = Ein Push weckt es für den Anruf.
welcome-phone-this-phone-has-sent-no-push = Dieses Telefon hat kein Push-Token geschickt und klingelt deshalb nur, solange es registriert ist. Bei Tischtelefonen ist das normal.
welcome-phone-ring-me = Rufen Sie mich an
welcome-phone-the-app-is-closed-ring-me = Die App ist zu: rufen Sie mich an
welcome-phone-open-the-phone-app-and-choose = Öffnen Sie die Telefon-App und wählen Sie „QR-Code scannen“, oder scannen Sie ihn mit der Kamera des Telefons, und bestätigen Sie am Telefon.
welcome-phone-it-sets-up-one-phone-once = Er richtet genau ein Telefon ein, einmal, und wird nur jetzt gezeigt.
welcome-phone-i-have-scanned-it-is-the = Ich habe ihn gescannt: Ist das Telefon da?
welcome-place-times-are-shown-like-this = Zeiten werden so geschrieben: { $now }
welcome-push-which-app-do-your-people-use = Welche App benutzen Ihre Leute?
welcome-push-the-key-that-wakes-an-app = Der Schlüssel, der eine App weckt, gehört ihrem Herausgeber. Wählen Sie, was passt; später können Sie unter Push weitere hinzufügen.
welcome-push-nothing-to-do = Nichts zu tun

sign-in-nobody-has-an-account-yet-open = Noch hat niemand ein Konto. Öffnen Sie den Einrichtungslink, den Nightbell beim Start ausgegeben hat, oder erzeugen Sie auf dem Rechner einen neuen mit <code>nightbell setup-link</code>.
sign-in-code-one-more-step = Noch ein Schritt
sign-in-code-phone-and-recovery-codes-lost-an = Telefon und Wiederherstellungscodes verloren? Ein Inhaber kann Ihnen einen neuen Link erzeugen oder auf dem Rechner <code>nightbell user reset-password NAME --second-factor</code> ausführen.

setup-give-the-user-name-of-an = Geben Sie den Benutzernamen eines vorhandenen Kontos an, um sein Passwort neu zu setzen, oder einen neuen Namen, um einen Administrator hinzuzufügen. Wer unter diesem Namen angemeldet ist, wird abgemeldet.
setup-make-the-owners-account-there-is = Legen Sie das Konto des Inhabers an. Es gibt kein anderes und kein Standardpasswort.
setup-make-my-account = Mein Konto anlegen
setup-void-it-was-used-already-it-ran = Er wurde schon benutzt, er ist abgelaufen, oder ein neuerer wurde erzeugt.
setup-void-ask-an-owner-for-a-new = Bitten Sie einen Inhaber um einen neuen (Benutzer), oder erzeugen Sie einen auf dem Rechner, auf dem Nightbell läuft:
setup-void-sign-in-instead = Stattdessen anmelden

invitation-you-sign-in-as-choose-your = Sie melden sich als <b>{ $name }</b> an. Wählen Sie Ihr Passwort; niemand sonst kennt es.

welcome-extensions-there = { $count ->
    [one] { $count } Nebenstelle ist
   *[other] { $count } Nebenstellen sind
 } schon da. <a href="/extensions">Ansehen</a>

place-language = Sprache
place-language-of-browser = Wie der jeweilige Browser es verlangt
place-language-hint = Für Seiten vor der Anmeldung, für Mails und für alle, die unter Konto keine andere gewählt haben.

invitation-set-a-new-password = Neues Passwort setzen
invitation-welcome-to-nightbell = Willkommen bei Nightbell
invitation-password = Passwort
invitation-the-password-again = Das Passwort noch einmal

setup-this-link-does-not-work = Dieser Link funktioniert nicht
setup-at-least-characters-four-unrelated-words = Mindestens { $min-chars } Zeichen. Vier beliebige Wörter sind leicht zu merken und schwer zu raten.
setup-user-name-or-mail-address = Benutzername oder Mailadresse
setup-the-same-password-again = Dasselbe Passwort noch einmal

sign-in-too-many-failed-attempts-from-here = Zu viele fehlgeschlagene Versuche von hier. Warten Sie { $seconds } s und versuchen Sie es noch einmal.
sign-in-user-name-or-password-is-wrong = Benutzername oder Passwort ist falsch. Ist das Passwort verloren, bitten Sie einen Inhaber um einen neuen Link, oder führen Sie auf dem Rechner `nightbell user reset-password NAME` aus.
sign-in-the-code-your-app-shows-or = Der Code, den Ihre App zeigt, oder ein Wiederherstellungscode
sign-in-too-many-wrong-codes-wait-s = Zu viele falsche Codes. Warten Sie { $wait } s und versuchen Sie es noch einmal.
sign-in-this-code-is-wrong-or-was = dieser Code ist falsch oder wurde schon benutzt; warten Sie auf den nächsten

welcome-done = Erledigt
welcome-skipped = Übersprungen
welcome-set-up-nightbell = Nightbell einrichten
welcome-there-is-no-step-in-the = in der Einrichtung gibt es keinen Schritt „{ $step }“
welcome-choose-a-country = Wählen Sie ein Land
welcome-country = Land
welcome-leave-it-empty-for-that-of = Lassen Sie sie leer für die Ihres Landes. Sonst ein Kontinent und eine Stadt, zum Beispiel Europe/Berlin.
welcome-an-app-for-iphones-with-a = Eine App für iPhones mit eigenem Herausgeber
welcome-the-apns-key-p8-of-the = Den APNs-Schlüssel (.p8) des Herausgebers, mit Schlüssel-ID, Team-ID und Bundle-ID.
welcome-add-the-apns-key = APNs-Schlüssel hinzufügen
welcome-an-app-for-android-with-a = Eine App für Android mit eigenem Herausgeber
welcome-the-firebase-service-account-json-of = Das Firebase-Dienstkonto (JSON) des Herausgebers.
welcome-add-the-firebase-account = Firebase-Konto hinzufügen
welcome-groundwire-or-another-app-of-acrobits = Groundwire oder eine andere App von Acrobits
welcome-nothing-but-your-word-the-keys = Nichts als Ihr Wort: Die Schlüssel bleiben bei Acrobits, dessen Dienst gebeten wird, das Telefon zu wecken.
welcome-switch-acrobits-on = Acrobits einschalten
welcome-an-app-whose-publisher-keeps-the = Eine App, deren Herausgeber die Schlüssel für sich behält
welcome-the-address-and-the-secret-of = Adresse und Signaturschlüssel seines Push-Relays. Er kann eines für Sie betreiben.
welcome-add-the-push-relay = Push-Relay hinzufügen
welcome-a-browser-or-an-app-with = Ein Browser oder eine App mit UnifiedPush
welcome-a-key-that-nightbell-makes-itself = Einen Schlüssel, den Nightbell selbst erzeugt.
welcome-desk-phones-only = Nur Tischtelefone
welcome-nothing-they-stay-registered-and-ring = Nichts: Sie bleiben registriert und klingeln sofort.
welcome-certificate-does-not-lead-here = Führt nicht hierher
welcome-certificate-the-public-name-is-which-leads = Der öffentliche Name ist { $host }, was jedes Telefon zu sich selbst führt.
welcome-certificate-set-public-host-in-config-toml = Setzen Sie public_host in config.toml (oder --public-host) auf den Namen dieses Rechners und starten Sie Nightbell neu.
welcome-certificate-an-address = Eine Adresse
welcome-certificate-the-public-name-is-the-address = Der öffentliche Name ist die Adresse { $host }.
welcome-certificate-that-works-inside-your-network-public = Das funktioniert in Ihrem Netz. Öffentliche Zertifizierungsstellen unterschreiben Namen: Geben Sie diesem Rechner einen, für Telefone draußen.
welcome-certificate-the-name-service-does-not-know = Der Namensdienst kennt { $host } nicht.
welcome-certificate-add-an-a-record-and-aaaa = Tragen Sie dort, wo Ihre Domain verwaltet wird, einen A-Eintrag (und AAAA, falls Sie IPv6 haben) mit Ihrer öffentlichen Adresse dafür ein.
welcome-certificate-leads-to-which-is-this-machine = { $host } führt zu { $written }, das ist dieser Rechner.
welcome-certificate-leads-here = Führt hierher
welcome-certificate-look-at-it = Bitte ansehen
welcome-certificate-leads-to-this-machine-calls-itself = { $host } führt zu { $written }; dieser Rechner nennt sich { $written2 }.
welcome-certificate-that-is-right-behind-a-router = Hinter einem Router, der zu diesem Rechner weiterleitet, ist das richtig. Sonst berichtigen Sie den Eintrag des Namens.
welcome-certificate-this-nightbell-answers-at-port-with = Dieses Nightbell antwortet unter { $host }, Port { $port }, mit dem gültigen Zertifikat.
welcome-certificate-somebody-else = Jemand anderes
welcome-certificate-at-port-another-server-answers-with = Unter { $host }, Port { $port }, antwortet ein anderer Server, mit einem Zertifikat für { $names }.
welcome-certificate-correct-the-record-of-the-name = Berichtigen Sie den Eintrag des Namens oder die Weiterleitung dieses Ports im Router.
welcome-certificate-no-answer = Keine Antwort
welcome-certificate-from-here-nobody-answers-at-port = Von hier aus antwortet unter { $host }, Port { $port }, niemand ({ $why }).
welcome-certificate-some-routers-cannot-be-reached-from = Manche Router sind von innen unter ihrem eigenen Namen nicht erreichbar. Probieren Sie diese Adresse von einem Telefon ohne WLAN; geht es auch dort nicht, leiten Sie den Port zu diesem Rechner weiter.
welcome-certificate-or-paste-the-certificate = Oder das Zertifikat einfügen
welcome-certificate-pem-the-certificate-first-then-its = PEM: zuerst das Zertifikat, dann seine Kette (fullchain.pem).
welcome-certificate-or-paste-the-private-key = Oder den privaten Schlüssel einfügen
welcome-certificate-pem-privkey-pem-it-is-stored = PEM (privkey.pem). Er wird nur für diesen Rechner gespeichert und nie wieder gezeigt.
welcome-certificate-choose-the-file-or-paste-its = wählen Sie die Datei oder fügen Sie ihren Text ein
welcome-extensions-one-person-on-each-line = Eine Person je Zeile
welcome-extensions-anna-berg-gets-the-next-free = „Anna Berg“ bekommt die nächste freie Nummer, „120 Ben Carter“ genau diese. Eine Mailadresse darf folgen. Eine Liste aus einer Tabellenkalkulation kann mit ihren Überschriften (number, name, email) eingefügt werden.
welcome-phone-first-phone = Erstes Telefon

place-is-no-country-give-its-two = „{ $country }“ ist kein Land; geben Sie seine zwei Buchstaben an (ISO 3166), zum Beispiel DE
place-there-is-more-than-one-time = { $name } hat mehr als eine Zeitzone; wählen Sie Ihre aus der Liste
place-choose-a-country-or-a-time = wählen Sie ein Land oder eine Zeitzone
place-is-no-time-zone-choose-one = „{ $wanted }“ ist keine Zeitzone; wählen Sie eine aus der Liste, zum Beispiel Europe/Berlin

files-it-is-no-pem = es ist kein PEM ({ $why })
files-it-holds-no-private-key-in = es enthält keinen privaten Schlüssel in PEM ({ $why })
files-it-holds-no-certificate-put-the = es enthält kein Zertifikat; stellen Sie das Zertifikat voran, dann seine Kette
files-the-first-certificate-cannot-be-read = das erste Zertifikat ist nicht lesbar
files-it-does-not-belong-to-the = er gehört nicht zum ersten Zertifikat in cert.pem ({ $why })
files-it-is-larger-than-any-certificate = es ist größer als jedes Zertifikat

reach-no-answer-within-s = keine Antwort innerhalb von { $within } s
reach-it-is-no-name = es ist kein Name
reach-it-shows-no-certificate = es zeigt kein Zertifikat

welcome-a-second-factor-for-you = Ein zweiter Faktor für Sie
welcome-where-you-are = Wo Sie sind
welcome-public-name-and-certificate = Öffentlicher Name und Zertifikat
welcome-the-way-to-the-push-services = Der Weg zu den Push-Diensten
welcome-people-and-numbers = Personen und Nummern
welcome-waking-phone-apps = Telefon-Apps wecken
welcome-the-first-phone = Das erste Telefon
welcome-whoever-learns-the-owners-password-can = Wer das Passwort des Inhabers erfährt, kann alles abhören, was hier eingerichtet ist. Ein Code von Ihrem Telefon verhindert das.
welcome-times-on-every-page-are-written = Zeiten auf jeder Seite werden in Ihrer Zeitzone geschrieben.
welcome-phones-and-browsers-trust-this-machine = Telefone und Browser vertrauen diesem Rechner wegen seines Zertifikats. Die meisten Telefon-Apps lehnen ein selbst erzeugtes ab.
welcome-a-sleeping-phone-is-woken-through = Ein schlafendes Telefon wird über Apple oder Google geweckt, also muss dieser Rechner sie erreichen.
welcome-everybody-who-is-to-be-called = Wer angerufen werden soll, braucht eine Nummer.
welcome-a-phone-app-that-sleeps-cannot = Eine schlafende Telefon-App kann keinen Anruf hören; sie wird mit dem Schlüssel ihres Herausgebers geweckt.
welcome-people-get-the-qr-code-for = Die Leute bekommen den QR-Code für ihr Telefon per Mail. Ohne Mail zeigen Sie ihnen den Code selbst.
welcome-a-qr-code-a-phone-a = Ein QR-Code, ein Telefon, ein Anruf: Dann wissen Sie, dass es funktioniert.

welcome-certificate-let-nightbell-get-one-by-itself = Nightbell selbst eines besorgen lassen
welcome-certificate-from-lets-encrypt-which-costs-nothing = Von Let's Encrypt, das nichts kostet, oder von einer anderen Zertifizierungsstelle, die ACME spricht. Es wird auch rechtzeitig erneuert.
welcome-certificate-get-a-certificate = Zertifikat besorgen
sign-in-not-the-number-of-an-extension = Nicht die Nummer einer Nebenstelle.
