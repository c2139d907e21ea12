### Öffentliche Seiten der Links, und Mails. Das Glossar steht in web-admin/messages/de/common.ftl.

landing-title = Telefon für Nebenstelle { $extension } einrichten
landing-once = Dieser Link richtet genau ein Telefon ein, einmal. Er gilt noch { $left }. Das Öffnen dieser Seite hat ihn nicht verbraucht.
landing-on-this = Auf diesem Gerät ({ $platform })
landing-install = Installieren Sie Linphone <a href="{ $store }" rel="noreferrer">aus dem Store</a>, falls es noch nicht da ist.
landing-install-plain = Installieren Sie Linphone, falls es noch nicht da ist.
landing-open = In Linphone öffnen
landing-scan = Scannen Sie das mit dem Telefon
landing-scan-how = Öffnen Sie Linphone auf dem Telefon, wählen Sie das Scannen eines QR-Codes und halten Sie es hierher. Linphone ist auf diesem Computer?
landing-old = Kann Linphone die Einstellungen nicht laden, ist es wahrscheinlich eine alte Version, die nicht sagt, wer sie ist: Aktualisieren Sie die App, oder drücken Sie unten „Linphone 5.1 oder älter“. Der Link wurde dadurch nicht verbraucht.
landing-other-app = Mit einer anderen App
landing-linphone-old = Linphone 5.1 oder älter
landing-show-code = QR-Code anzeigen
landing-by-hand = Von Hand, für ein Tischtelefon oder jede andere App
landing-by-hand-how = Sie können das Konto ansehen und eintippen. Das Passwort wird nur einmal gezeigt; tun Sie das also, wenn das Telefon vor Ihnen liegt.
landing-show-account = Konto anzeigen und Link verbrauchen
landing-show-bria = Angaben für Bria anzeigen und Link verbrauchen
landing-code-of-link = QR-Code dieses Links
landing-hours = { $count } Stunden
landing-minutes = { $count } Minuten

platform-ios = iPhone oder iPad
platform-android = Android-Telefon
platform-desktop = Computer

details-title = Konto der Nebenstelle { $extension }
details-now = <strong>Schreiben Sie es jetzt auf.</strong> Das Passwort wird nur dieses eine Mal gezeigt, und der Link ist verbraucht. Er gilt für ein Telefon; bitten Sie für ein anderes Telefon um einen anderen Link.
details-server = Server
details-port = Port
details-transport = Transport
details-domain = Domain
details-user = Benutzername
details-authentication = Name für die Authentifizierung
details-password = Passwort
details-display = Anzeigename
details-realm = Realm, falls das Telefon danach fragt
details-otherwise = Falls sich das Telefon so nicht verbinden kann:
details-other = { $host }, Port { $port }, { $transport }

handover-title = In { $app } öffnen
handover-how = Die App holt ihr Konto von der Adresse unten. Das geht einmal und zehn Minuten lang; danach öffnen Sie Ihren Link noch einmal.
handover-on-phone = Sie sind am Telefon?
handover-scan = Sonst scannen Sie dies mit { $app }:
handover-code = QR-Code für { $app }

message-for-linphone = Diese Adresse ist für die App Linphone
message-for-linphone-how = Scannen Sie den QR-Code in Linphone, oder öffnen Sie den Link ohne „/linphone.xml“, um zu sehen, wie es geht. Der Link wurde nicht verbraucht.
message-wait = Bitte warten
message-wait-why = Von Ihrer Adresse kamen zu viele falsche Links. Warten Sie zehn Minuten und versuchen Sie es noch einmal.
message-gone = Dieser Link gilt nicht mehr
message-gone-why = Ein Link richtet genau ein Telefon ein, einmal und nur für begrenzte Zeit. Ist Ihr Telefon noch nicht eingerichtet, bitten Sie den Absender des Links um einen neuen.
message-switched-off = Die Telefone dieser Nebenstelle sind ausgeschaltet
message-switched-off-how = Ihr Administrator hat sie ausgeschaltet. Der Link wurde nicht verbraucht: Öffnen Sie ihn noch einmal, sobald sie eingeschaltet sind.
message-busy = Die Telefonanlage ist ausgelastet
message-busy-why = Ihr Telefon konnte gerade nicht eingerichtet werden. Der Link wurde nicht verbraucht: Versuchen Sie es in einer Minute noch einmal.

mail-subject = Ihr Telefon für Nebenstelle { $extension }
mail-hello = Guten Tag,
mail-hello-name = Guten Tag { $name },
mail-number = Ihre Telefonnummer in der Firma ist <strong>{ $extension }</strong>. So bekommen Sie sie auf Ihr Telefon:
mail-number-plain = Ihre Telefonnummer in der Firma ist { $extension }. So bekommen Sie sie auf Ihr Telefon:
mail-on-phone = Sie lesen das auf dem Telefon?
mail-set-up = Dieses Telefon einrichten
mail-scan = Sonst scannen Sie diesen Code mit dem Telefon:
mail-code = QR-Code mit dem Link darunter
mail-once = Der Link richtet genau ein Telefon ein, einmal, und gilt { $life }. Ihn zu öffnen verbraucht nichts.
mail-keep = Wer den Link hat, kann in Ihrem Namen ein Telefon einrichten: Geben Sie ihn nicht weiter.
mail-again = Gilt er nicht mehr, bitten Sie um einen neuen.
mail-open-there = Öffnen Sie diesen Link auf dem Telefon selbst und folgen Sie ihm:
mail-or-scan = Oder öffnen Sie den Link an einem Computer und scannen Sie den Code, den er zeigt, mit dem Telefon.
mail-hours = { $count } Stunden
mail-days = { $count } Tage
mail-test-subject = Testmail von Nightbell
mail-test = Das ist die gewünschte Testmail. Nightbell kann Willkommensmails mit QR-Codes senden.
