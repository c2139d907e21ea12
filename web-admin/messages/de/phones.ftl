### Telefone und Tischtelefone.

forget-phones-where-they-are-now-and-how = Wo sie jetzt sind und wie sie geweckt werden, wird vergessen. Ein Telefon, das sein Konto noch hat, kommt mit seiner nächsten Registrierung zurück.

unseen-phones-not-seen = Lange nicht gesehene Telefone
unseen-phones-that-have-not-registered-for = Telefone, die sich seit { $days } Tagen nicht registriert haben. Eine App, die schläft und nicht angerufen wurde, sieht genauso aus wie eine, die vom Telefon entfernt wurde.
unseen-days = Tage
unseen-every-phone-has-registered-within-days = Jedes Telefon hat sich innerhalb von { $days } Tagen registriert.
unseen-can-be-woken = kann geweckt werden
unseen-no = nein

compare-compare-two-phones = Zwei Telefone vergleichen
compare-for-a-phone-that-does-not = Für ein Telefon, das nicht klingelt, während ein anderes es tut. Die Nummern der Telefone stehen auf den Seiten ihrer Nebenstellen.
compare-this-phone = Dieses Telefon
compare-and-this-one = und dieses
compare-phone = Telefon { $a }
compare-phone-2 = Telefon { $b }
compare-same-or-not = Gleich oder nicht
compare-same = gleich
compare-differs = verschieden

phone-list-not-seen = Nicht gesehen
phone-list-a-phone-appears-here-with-its = Ein Telefon erscheint hier mit seiner ersten Registrierung. Öffnen Sie eine Nebenstelle und wählen Sie „Telefon hinzufügen“.
phone-list-search-by-number-owner-or-app = Nach Nummer, Eigentümer oder App suchen
phone-list-number-owner-or-app = Nummer, Eigentümer oder App
phone-list-every-presence = Jede Erreichbarkeit
phone-list-sort-by = Sortieren nach
phone-list-none-of-the-phones-fits = Keines der { $total } Telefone passt.
phone-list-mobile = Mobil
phone-list-mark-of = { $name } von { $extension } markieren
phone-list-mail-their-owners-a-new-qr = Ihren Eigentümern einen neuen QR-Code mailen

test-push-extension = Nebenstelle { $extension }
test-push-test-push = Test-Push
test-push-what-the-provider-says = Was der Push-Dienst sagt
test-push-the-test-notice-is-on-its = Die Testnachricht ist unterwegs.
test-push-look-again = Noch einmal nachsehen
test-push-a-test-is-an-ordinary-notice = Ein Test ist eine gewöhnliche Nachricht, nie ein Anruf: Auch wache Telefone zeigen sie.
test-push-did-the-phone-show-it = Hat das Telefon sie angezeigt?
test-push-you-said-yes-push-to-this = Sie sagten: <b>ja</b>. Push zu diesem Telefon funktioniert.
test-push-you-said-no = Sie sagten: <b>nein</b>.
test-push-see-what-may-be-wrong = Nachsehen, woran es liegen kann
test-push-acceptance-by-the-provider-is-no = Die Annahme durch den Push-Dienst ist keine Zustellung. Nur Sie können den Bildschirm sehen.
test-push-yes-it-did = Ja
test-push-no = Nein
test-push-send-it-again = Noch einmal senden

desk-phones-no-desk-phones = Keine Tischtelefone
desk-phones-add-one-below-it-fetches-its = Fügen Sie unten eines hinzu: Es holt seine Konfiguration selbst, und niemand sieht ein SIP-Kennwort.
desk-phones-last-fetch = Letzter Abruf
desk-phones-registered = Registriert
desk-phones-pairing-window-ends = Kopplungsfenster, endet { $until }
desk-phones-was-told = { $at }: erhielt { $told }
desk-phones-from = { $file } von { $from }
desk-phones-new-address = Neue Adresse
desk-phones-for = für { $mac }
desk-phones-rotate = Erneuern
desk-phones-close-window = Fenster schließen
desk-phones-of = von { $mac }
desk-phones-pairing-window = Kopplungsfenster
desk-phones-add-a-desk-phone = Tischtelefon hinzufügen
desk-phones-add-the-phone = Telefon hinzufügen
desk-phones-a-mac-address-is-printed-on = Eine MAC-Adresse steht auf dem Karton und öffnet nichts. Ein Telefon, dem man seine geheime Adresse nicht geben kann, darf zu <code>{ $plain-url }</code> kommen, solange Sie sein Kopplungsfenster offen halten: zehn Minuten, dieses eine Telefon.
desk-phone-address-it-is-shown-only-now-and = Sie wird nur jetzt gezeigt und öffnet die Konfiguration von <code>{ $mac }</code> und von keinem anderen Telefon. Sie gilt bis { $ends }, oder bis das Telefon auf eine eigene Adresse umgezogen ist.
desk-phone-address-where-to-put-it = Wo sie einzutragen ist
desk-phone-address-settings-auto-provision-server-url-dhcp = Einstellungen › Auto Provision › Server-URL. DHCP: Option 66, 43 oder eine eigene.
desk-phone-address-advanced-update-setting-url-write-mac = Erweitert › Update › Setting URL; hängen Sie <code>{"{"}mac{"}"}.xml</code> an. DHCP: Option 66, mit dem Dateinamen in 67.
desk-phone-address-maintenance-upgrade-and-provisioning-https-and = Wartung › Upgrade und Provisioning: HTTPS, und die Adresse ohne <code>https://</code>. DHCP: Option 66 oder 43.
desk-phone-address-system-auto-provision-static-provisioning-server = System › Auto Provision › Static Provisioning Server; Dateiname <code>$mac.cfg</code>, Protokoll HTTPS. DHCP: Option 66.
desk-phone-address-settings-provisioning-server-type-https-and = Einstellungen › Provisioning-Server: Typ HTTPS, und die Adresse. DHCP: Option 160, sonst 66.
desk-phone-address-a-dhcp-option-is-read-by = Eine DHCP-Option liest jeder in diesem Netz: Benutzen Sie sie nur, wo Sie ihm vertrauen, und für ein Telefon nach dem anderen; der Redirect-Dienst des Herstellers ist der sicherere Ort.
desk-phone-address-this-installation-uses-a-self-made = Diese Installation benutzt ein selbst erzeugtes Zertifikat. Ein neues Telefon vertraut ihm nicht: Schalten Sie im Telefon die Zertifikatsprüfung für den ersten Abruf aus (was es dabei holt, schaltet sie wieder ein), oder legen Sie ein Zertifikat einer öffentlichen Zertifizierungsstelle in das Datenverzeichnis.

phone-list-found = { $found } von { $total ->
    [one] { $total } Telefon
   *[other] { $total } Telefonen
 }.

desk-phones-waits-for-the-phone = wartet auf das Telefon
desk-phones-was-told-its-address = hat seine Adresse erfahren
desk-phones-has-its-own-address = hat seine eigene Adresse
desk-phones-gets-another-address = bekommt eine andere Adresse
desk-phones-the-first-address-ran-out = die erste Adresse ist abgelaufen
desk-phones-mac-address = MAC-Adresse
desk-phones-twelve-hex-digits-on-the-back = Zwölf Hexadezimalziffern auf der Rückseite des Telefons.
desk-phones-vendor = Hersteller
desk-phones-model = Modell
desk-phones-as-on-the-phone-t46s-d785 = Wie auf dem Telefon: T46S, D785, GRP2614, X4, VVX411.
desk-phones-where-it-stands = Wo es steht
desk-phones-the-address-for-this-phone = Die Adresse für dieses Telefon
desk-phones-remove-the-desk-phone = Tischtelefon { $mac } entfernen?
desk-phones-it-loses-its-account-of-extension = Es verliert sein Konto der Nebenstelle { $extension } sofort und kann nicht mehr telefonieren.
desk-phones-its-addresses-stop-working-the-phone = Seine Adressen gelten nicht mehr. Das Telefon selbst behält seine Einstellungen, bis es jemand zurücksetzt.
desk-phones-remove-the-phone = Telefon entfernen

device-not-accepted = Nicht angenommen
device-forget-this-device = Dieses Gerät vergessen?
device-of-extension-both-its-records-are = { $device-name } von Nebenstelle { $extension }: Beides wird gelöscht, seine Live-Registrierung und sein Weckziel.
device-if-it-still-has-its-account = Hat es sein Konto noch, registriert es sich von selbst wieder. Um es fernzuhalten, widerrufen Sie seinen QR-Link oder erzeugen Sie ein neues SIP-Kennwort.
device-forget-the-device = Gerät vergessen

phone-list-last-seen-the-longest-ago-first = Zuletzt gesehen, längste Zeit zuerst
phone-list-app-and-version = App und Version
phone-list-reachable-by-push = Über Push erreichbar
phone-list-unreachable = Nicht erreichbar
phone-list-token-known-since = { $provider }, Token zuerst gesehen { $relative }
phone-list-woke-in = aufgewacht in { $span } { $relative }
phone-list-last-push = letzter Push { $relative }: { $outcome }
phone-list-mark-the-phones-first-that-are = Markieren Sie zuerst die Telefone, die geändert werden sollen.
phone-list-is-nothing-that-can-be-done = „{ $other }“ ist nichts, was man mit Telefonen tun kann; wählen Sie aus der Liste

compare-field-extension = Nebenstelle
compare-field-software = Software
compare-field-presence = Erreichbarkeit
compare-field-reason = Grund
compare-field-transport = Transport
compare-field-address = Adresse
compare-field-spare-connections = weitere Verbindungen
compare-field-push-provider = Push-Dienst
compare-field-app-id = App-ID
compare-field-environment = Umgebung
compare-field-call-token = Anruf-Token
compare-field-notice-token = Hinweis-Token
compare-field-provider-s-complaint = Beschwerde des Push-Dienstes
compare-field-push-switched-off = Push ausgeschaltet
compare-field-push-policy = Push-Regel
compare-field-last-wake = letzter Weckruf
compare-field-phone = Telefon
compare-field-system = System
compare-field-app-version = App-Version
compare-field-problems = Probleme
compare-field-has-current-settings = hat aktuelle Einstellungen

desk-phones-without-password = { $count ->
    [one] { $count } Telefon hat
   *[other] { $count } Telefone haben
 } seines noch nicht geholt.

desk-phone-import-ready = { $count ->
    [one] { $count } Tischtelefon ist
   *[other] { $count } Tischtelefone sind
 } bereit zum Hinzufügen
desk-phone-templates-wrong = Nichts wurde gespeichert: { $count ->
    [one] { $count } Zeile ist
   *[other] { $count } Zeilen sind
 } zu berichtigen

desk-phones-all-fetch-again = Alle noch einmal holen lassen
desk-phones-templates = Vorlagen
desk-phones-asked-to-fetch-again = Um Abruf gebeten { $at }: { $said }
desk-phones-fetch-again = Noch einmal holen
desk-phones-what-it-is-told = Was es erfährt
desk-phones-addresses-for-a-redirect-service = Adressen für einen Redirect-Dienst
desk-phones-makes-a-new-first-address-for = Erzeugt eine neue erste Adresse für jedes Telefon eines Herstellers, das noch nicht auf seine eigene umgezogen ist, und gibt sie als CSV-Liste (MAC, Adresse) für RPS, SRAPS, GDMS, FDPS oder ZTP. Früher gezeigte Adressen dieser Telefone gelten nicht mehr.
desk-phones-for-all-desk-phones = Für alle Tischtelefone
desk-phones-answer-phones-that-look-for-their = Telefonen antworten, die ihre Konfiguration im lokalen Netz suchen (PnP)
desk-phones-only-while-the-phones-pairing-window = Nur solange das Kopplungsfenster des Telefons offen ist oder Werkszertifikate seines Herstellers gelten, und nur aus lokalen Netzen.
desk-phones-nobody-is-heard-another-program-on = Niemand wird gehört: { $pnp-problem }. Vielleicht hört dort ein anderes Programm auf diesem Rechner; beenden Sie es, oder schalten Sie dies aus.
desk-phones-phones-give-a-password-as-well = Telefone geben beim Abruf auch ein Passwort an
desk-phones-each-phone-is-told-one-of = Jedes Telefon erfährt mit seiner nächsten Konfiguration ein eigenes, und niemand muss es eintippen.
desk-phone-import-add-many-desk-phones = Viele Tischtelefone hinzufügen
desk-phone-import-place = Ort
desk-phone-preview-the-file-as-the-phone-gets = Die Datei <code>{ $name }</code>, wie das Telefon sie bekommt; ihre Geheimnisse sind ausgelassen.
desk-phone-templates-templates-of-desk-phones = Vorlagen für Tischtelefone
desk-phone-templates-no-templates = Keine Vorlagen
desk-phone-templates-every-phone-has-nightbells-own-settings = Jedes Telefon hat Nightbells eigene Einstellungen. Eine Vorlage legt Ihre darüber, für alle Telefone eines Formats oder für einige Modelle.
desk-phone-templates-format = Format
desk-phone-templates-models = Modelle
desk-phone-templates-changed = Geändert
desk-phone-templates-change = Ändern
desk-phone-templates-take-away = Entfernen
desk-phone-templates-the-template-can-be-saved-nothing = Die Vorlage kann gespeichert werden. Noch wurde nichts gespeichert.
desk-phone-templates-with-this-template = { $name } mit dieser Vorlage
desk-phone-templates-a-template = Eine Vorlage
desk-phone-templates-check-it = Prüfen
desk-phone-templates-save-and-ask-the-phones = Speichern und die Telefone bitten
desk-phone-templates-the-account-certificates-passwords-and-where = Konto, Zertifikate, Passwörter und woher ein Telefon abruft, gehören Nightbell: Eine Zeile, die sie nennt, wird abgelehnt. Von zwei Vorlagen, die zu einem Telefon passen, gilt die mit dem längeren Anfang.
desk-phones-imported-the-addresses-are-shown-only-now = Die Adressen werden nur jetzt gezeigt. Jede öffnet die Konfiguration ihres Telefons und keines anderen, 30 Tage lang oder bis das Telefon auf eine eigene Adresse umgezogen ist. Tragen Sie jede in ihr Telefon ein, oder geben Sie sie dem Redirect-Dienst des Herstellers.
desk-phones-imported-to-the-desk-phones = Zu den Tischtelefonen

desk-phone-import-the-first-line-names-the-columns = Die erste Zeile nennt die Spalten: mac,vendor,model,extension,label. Fehlt der Hersteller, sagt ihn die MAC-Adresse; eine Bezeichnung ist nicht nötig. Getrennt durch Kommas, Semikolons oder Tabulatoren.
desk-phone-import-desk-phones-added = { $count } Tischtelefone hinzugefügt
desk-phone-templates-models-that-begin-with = Modelle, die beginnen mit
desk-phone-templates-empty-for-all-models-t4-means = Leer für alle Modelle: T4 heißt T40P bis T49G.
desk-phone-templates-one-a-line-as-key-value = Eine je Zeile, als key = value. {"{"}extension{"}"}, {"{"}name{"}"}, {"{"}mac{"}"} und {"{"}model{"}"} werden eingesetzt; # beginnt eine Anmerkung.
desk-phone-templates-show-the-file-of-this-phone = Datei dieses Telefons zeigen
desk-phone-templates-a-mac-address-if-you-want = Eine MAC-Adresse, wenn Sie sehen wollen, was es erfahren würde.
desk-phone-templates-take-the-template-of-away = Vorlage von { $title } { $model } entfernen?
desk-phone-templates-phones-have-nightbells-own-settings-again = { $phones } Telefone haben wieder Nightbells eigene Einstellungen; sie werden gebeten, sie sofort zu holen.
desk-phone-templates-take-the-template-away = Vorlage entfernen
desk-phone-templates-what-is-told = Was { $mac } erfährt
me-open-its-app-once = Öffnen Sie seine App einmal; sie holt sie von selbst.
me-ask-an-admin-for-a-code = Lassen Sie sich vom Administrator einen QR-Code geben, der es erneuert, oder fügen Sie es neu hinzu.
me-needs-its-settings-again = Dieses Telefon braucht seine Einstellungen neu: { $why } { $act }
desk-phones-asked-and-were-told-nothing = Haben gefragt und nichts erfahren
desk-phones-why = Warum
desk-phones-last-time = Zuletzt
desk-phones-add-it = Hinzufügen
desk-phones-times = { $count ->
    [one] { $count }-mal
   *[other] { $count }-mal
 }
factory-factory-certificates = Werkszertifikate
factory-many-phones-are-made-with-a = Viele Telefone bringen ab Werk ein eigenes Zertifikat mit, das ihre MAC-Adresse nennt. Ein Telefon aus Ihrer Liste, das es zeigt, bekommt seine Konfiguration ohne geheime Adresse: Dann genügt allen Telefonen dieselbe Adresse, in einer DHCP-Option oder einem Weiterleitungsdienst, und sie ist kein Geheimnis.
factory-where-phones-come = Wohin Telefone kommen
factory-give-phones-this-address = Geben Sie Telefonen diese Adresse, in einer DHCP-Option, einem Weiterleitungsdienst oder im Menü des Telefons:
factory-the-port-is-closed-choose-one = Der Port ist geschlossen. Wählen Sie einen, den Ihr Router weiterleitet, falls Telefone anderswo stehen.
factory-port = Port
factory-empty-closes-it-for-example-8444 = Zum Beispiel 8444. Leer schließt ihn; Telefone mit eigener Adresse laufen weiter.
factory-certificates-that-have-ended-count = Abgelaufene Zertifikate gelten auch
factory-phones-outlive-their-certificates = Telefone leben länger als ihre Zertifikate, und niemand kann sie erneuern.
factory-no-authorities = Keine Aussteller
factory-put-the-certificate-of-each-makers = Fügen Sie das Zertifikat des Ausstellers jedes Herstellers hinzu. Bis dahin wird keinem Telefon geglaubt.
factory-authority = Aussteller
factory-ends = Läuft ab
factory-it-has-ended = Es ist abgelaufen.
factory-add-an-authority = Aussteller hinzufügen
factory-the-makers-certificate-file = Zertifikatsdatei des Herstellers (PEM oder DER)
factory-or-paste-it-here = Oder hier einfügen
factory-add-the-authority = Aussteller hinzufügen
factory-take-it-from-the-makers-own = Nehmen Sie es von den Support-Seiten des Herstellers: Wer den Schlüssel dieses Ausstellers hat, kann sich als jedes Telefon des Herstellers in Ihrer Liste ausgeben.
factory-remove-the-authority = Den Aussteller { $subject } entfernen?
factory-phones-of-are-no-longer-believed = Telefonen von { $vendor } wird anhand seiner Zertifikate nicht mehr geglaubt. Telefone mit eigener Adresse laufen weiter.
factory-remove-the-authority-button = Aussteller entfernen
desk-phone-change-it = Ändern
desk-phone-it-loses-the-account-of-the = Bekommt es eine andere Nebenstelle, verliert es sein Konto sofort, wird gebeten, seine Einstellungen zu holen, und bekommt damit ein Konto der anderen. Seine Adresse behält es.
desk-phone-the-phones-own-menu = Das Menü des Telefons
desk-phone-its-menu-has-a-password-of = Die Einstellungen im Telefon selbst sind mit einem eigenen Passwort gesperrt, das Nightbell erzeugt hat.
desk-phone-show-the-password = Passwort zeigen
desk-phone-the-password-of-the-menu-of = Das Passwort des Menüs von { $mac }
desk-phone-whoever-has-it-can-change-everything = Wer es hat, kann im Telefon selbst alles ändern. Im Protokoll steht, dass Sie es angesehen haben.
desk-phone-password = Passwort
