### Nebenstellen und ihre Telefone.

extension-call-it = Anrufen
extension-push-is-on-sleeping-phones-of = Push ist <b>ein</b>: Schlafende Telefone dieser Nebenstelle werden für Anrufe geweckt.
extension-send-a-test-push = Test-Push senden
extension-push-is-off-only-registered-phones = Push ist <b>aus</b>: Nur registrierte Telefone klingeln.
extension-add-a-phone-shows-a-qr = „Telefon hinzufügen“ zeigt einen QR-Code für eine Telefon-App.<br>Für ein Tischtelefon erzeugen Sie unten ein SIP-Kennwort und tippen es ein.
extension-show-a-qr-code-for-this = QR-Code für dieses Telefon anzeigen
extension-live-binding = Live-Registrierung
extension-where-it-is-now = wo es jetzt ist
extension-it-did-not-answer-when-it = Auf die letzte Anfrage hat es nicht geantwortet; ein Anruf löst sofort auch einen Push aus.
extension-reached-over = Erreichbar über
extension-and-more-in-case-this-one = und { $spare-flows } weitere, falls diese ausfällt
extension-contact = Kontakt
extension-would-end = Würde enden
extension-software = Software
extension-none-since-nightbell-started-last-registered = Keine, seit Nightbell läuft. Zuletzt registriert: { $last-seen }.
extension-wake-target = Weckziel
extension-how-it-is-woken = wie es geweckt wird
extension-see-all-apps = { $obstacle } <a href="/push/apps">Alle Apps ansehen</a>
extension-woken-by = Geweckt von
extension-environment = Umgebung
extension-call-token = Anruf-Token
extension-fingerprint = Fingerabdruck
extension-notice-token = Hinweis-Token
extension-known-since = Bekannt seit
extension-push-policy = Push-Regel
extension-only-while-it-is-registered-signing = nur solange es registriert ist; Abmelden beendet es
extension-until-it-is-logged-out-signing = bis es ausgeloggt wird; Abmelden heißt Schlafengehen
extension-test-push-to-this-phone = Test-Push an dieses Telefon
extension-switch-push-off-for-this-phone = Push für dieses Telefon ausschalten
extension-switch-push-on-for-this-phone = Push für dieses Telefon einschalten
extension-push-also-when-it-has-signed = Push auch, wenn es sich abgemeldet hat
extension-push-only-while-it-is-registered = Push nur, solange es registriert ist
extension-none-this-phone-has-sent-no = Keines: Dieses Telefon hat kein Push-Token geschickt und klingelt deshalb nur, solange es registriert ist. Bei Tischtelefonen ist das normal.
extension-the-app-says-heard-from = <b>Die App meldet:</b> { $phone }, { $version }, { $activity }; zuletzt gehört: { $seen }.
extension-it-has-the-current-settings = Sie hat die aktuellen Einstellungen.
extension-it-has-old-settings-and-learns = <b>Sie hat alte Einstellungen</b> und erfährt die aktuellen beim nächsten Abruf.
extension-last-wake = <b>Letzter Weckruf:</b> { $kind }, { $at } –
extension-not-accepted = nicht angenommen:
extension-it-registered-after = Es registrierte sich nach <b>{ $woke-after }</b>.
extension-known-as-first-seen-last-registered = Bekannt als <code>{ $key }</code>, zuerst gesehen { $first-seen }, zuletzt registriert { $last-seen }
extension-owner = Eigentümer
extension-accounts-and-links = Konten und Links
extension-ends = endet { $expires }
extension-lost-phone-sign-out-new-code = Telefon verloren: abmelden, neuer Code
extension-switch-phones-on-again = Telefone wieder einschalten
extension-phones-switched-off = Telefone vom Administrator ausgeschaltet { $since }: Sie klingeln nicht, rufen nicht an und behalten Einstellungen und Push-Token.
extensions-phones-switched-off = Ausgeschaltet
extension-switch-all-phones-off = Alle Telefone ausschalten
extension-new-secret-for-a-desk-phone = Neues SIP-Kennwort für ein Tischtelefon
extension-remove-the-extension = Nebenstelle entfernen

extensions-add-many = Viele hinzufügen
extensions-add-an-extension = Nebenstelle hinzufügen
extensions-add-the-extension = Nebenstelle hinzufügen
extensions-no-extensions-yet = Noch keine Nebenstellen
extensions-add-one-for-each-person-above = Fügen Sie oben für jede Person eine hinzu, oder fügen Sie eine ganze Liste ein.
extensions-no-number-and-no-name-contains = Keine Nummer und kein Name enthält „{ $search }“.
extensions-mark = { $number } markieren
extensions-on = ein
extensions-off = aus
extensions-switch-their-phones-off = Ihre Telefone ausschalten
extensions-switch-their-phones-on = Ihre Telefone einschalten

import-add-many-extensions = Viele Nebenstellen hinzufügen
import-column = Spalte
import-mail-address = Mailadresse
import-will-be-made = wird erzeugt
import-given = angegeben
import-add-all = Alle { $count } hinzufügen
import-the-list = Die Liste
import-or-change-the-list = Oder ändern Sie die Liste
import-choose-a-csv-file = CSV-Datei auswählen
import-check-the-list = Liste prüfen
import-checking-adds-nothing-then-all-lines = Das Prüfen fügt nichts hinzu. Danach werden alle Zeilen hinzugefügt oder keine.

imported-the-secrets-are-shown-only-now = Die SIP-Kennwörter werden nur jetzt gezeigt, für Tischtelefone, die von Hand eingerichtet werden (Realm <code>{ $realm }</code>). Telefon-Apps brauchen keines davon: Öffnen Sie eine Nebenstelle und wählen Sie „Telefon hinzufügen“.
imported-to-the-extensions = Zu den Nebenstellen

secret-phone-app-use-a-qr-code = Telefon-App? Nehmen Sie einen QR-Code
secret-the-app-gets-an-account-of = Die App bekommt ein eigenes Konto; niemand muss ein Passwort eintippen.
secret-desk-phone-type-this-into-it = Tischtelefon? Tippen Sie das hier ein
secret-the-secret-is-shown-only-now = Das SIP-Kennwort wird nur jetzt gezeigt. Nightbell behält keine Kopie, die noch einmal gezeigt werden könnte; Sie können jederzeit ein neues erzeugen.
secret-server = Server
secret-as-you-gave-it = wie Sie es angegeben haben
secret-most-phones-find-it-by-themselves = (die meisten Telefone finden ihn von selbst)

me-push-is-switched-off-for-this = Push ist für diese Nebenstelle ausgeschaltet: Nur verbundene Telefone klingeln. Ein Administrator kann es einschalten.
me-add-a-phone-shows-a-qr = „Telefon hinzufügen“ zeigt einen QR-Code für eine Telefon-App.
me-now = Jetzt
me-last-registered = Zuletzt registriert: { $seen }
me-asleep = Im Schlaf
me-last-push = Letzter Push: { $last-wake }
me-qr-codes-and-links = QR-Codes und Links
me-none-is-open-and-no-phone = Keiner ist offen, und über keinen wurde ein Telefon hinzugefügt.
me-no-calls-yet = Noch keine Anrufe.

pairing-the-link-ends = Der Link endet { $expires }.
pairing-a-phone-has-taken-this-link = Ein Telefon hat diesen Link genommen und hat jetzt sein eigenes Konto.
pairing-see-it = Ansehen
pairing-for-the-phone-that-is-set = Für das Telefon, das schon eingerichtet ist: Es behält Nummer und Konto und bekommt seine Einstellungen noch einmal. Nichts ändert sich, bevor es den Code gescannt hat. Nimmt ein anderes Telefon den Link, bekommt es das Konto an seiner Stelle.
pairing-open-the-phone-app-and-choose = Öffnen Sie die Telefon-App und wählen Sie „QR-Code scannen“, oder scannen Sie ihn mit der Kamera des Telefons.
pairing-confirm-on-the-phone-the-app = Bestätigen Sie am Telefon. Die App registriert sich von selbst.
pairing-this-page-says-so-as-soon = Diese Seite sagt Bescheid, sobald es geschafft ist.
pairing-it-sets-up-one-phone-once = Er richtet genau ein Telefon ein, einmal. Er wird nur jetzt gezeigt; ein offener Link stört kein Telefon, das schon gekoppelt ist.
pairing-revoke-the-link = Link widerrufen
pairing-the-qr-code-was-shown-when = Der QR-Code wurde bei seiner Erzeugung gezeigt und kann nicht noch einmal gezeigt werden. Erzeugen Sie einen neuen, falls er nicht benutzt wurde.

import-problems = Nichts wurde hinzugefügt: { $count ->
    [one] { $count } Problem ist
   *[other] { $count } Probleme sind
 } zu beheben
import-ready = { $count ->
    [one] { $count } Nebenstelle ist
   *[other] { $count } Nebenstellen sind
 } bereit zum Hinzufügen
import-more = und { $count } weitere

import-this-line-cannot-be-read-look = diese Zeile ist nicht lesbar; suchen Sie ein Anführungszeichen ohne sein Gegenstück
import-the-column-occurs-twice-keep-one = die Spalte „{ $column }“ kommt zweimal vor; behalten Sie eine
import-extension-stands-in-line-already-keep = Nebenstelle { $number } steht schon in Zeile { $first }; behalten Sie eine von beiden

bulk-forget-this-phone = Dieses Telefon vergessen?
bulk-forget-phones = { $phones } Telefone vergessen?
bulk-mark-the-extensions-first-that-are = markieren Sie zuerst die Nebenstellen, die geändert werden sollen
bulk-is-nothing-that-can-be-done = „{ $other }“ ist nichts, was man mit Nebenstellen tun kann; wählen Sie aus der Liste

extension-it-needs-its-settings-again = es braucht seine Einstellungen noch einmal: { $text }; { $fix }
extension-on = { $model } auf { $platform } { $os-version }
extension-in-front-of-its-user = vor ihrem Benutzer
extension-in-the-background = im Hintergrund
extension-has-not-said = hat nichts gesagt
extension-waits-for-a-phone = Wartet auf ein Telefon
extension-paired = Gekoppelt
extension-expired = Abgelaufen
extension-revoked = Widerrufen
extension-there-is-no-such-extension = diese Nebenstelle gibt es nicht
extension-extension = Nebenstelle { $number }
extension-shown-on-the-phones-that-are = Wird auf den angerufenen Telefonen angezeigt.
extension-mail-address-optional = Mailadresse (freiwillig)
extension-make-a-new-secret-for = Neues SIP-Kennwort für { $number } erzeugen?
extension-a-desk-phone-that-was-set = Ein Tischtelefon, das von Hand als { $number } eingerichtet wurde, verliert seine Registrierung, bis es das neue SIP-Kennwort bekommt.
extension-phones-that-were-added-by-qr = Telefone, die über einen QR-Code hinzugefügt wurden, haben eigene Konten und bleiben unberührt.
extension-make-a-new-secret = Neues SIP-Kennwort erzeugen
extension-new-secret-for = Neues SIP-Kennwort für { $number }
extension-no-phone-is-attached-to-it = Kein Telefon hängt daran.
extension-the-phone-attached-to-it-is = Das Telefon daran wird abgemeldet und muss neu hinzugefügt werden.
extension-the-phones-attached-to-it-are = Die { $more } Telefone daran werden abgemeldet und müssen neu hinzugefügt werden.
extension-remove-extension = Nebenstelle { $number } entfernen?
extension-its-calls-end-now-the-call = Ihre Anrufe enden jetzt. Die Anrufliste bleibt.
extension-this-cannot-be-undone = Das lässt sich nicht rückgängig machen.

extensions-2-to-15-digits-for-example = 2 bis 15 Ziffern, zum Beispiel 101.
extensions-sip-secret-optional = SIP-Kennwort (freiwillig)
extensions-leave-it-empty-a-strong-one = Lassen Sie es leer: Ein starkes wird erzeugt. Über QR-Code hinzugefügte Telefone brauchen es nie.
extensions-extension-is-ready = Nebenstelle { $number } ist bereit

import-the-first-line-names-the-columns = Die erste Zeile nennt die Spalten: number,name,email,secret. Nur number ist nötig. Getrennt durch Kommas, Semikolons oder Tabulatoren.
import-paste-the-list = Liste einfügen
import-extensions-added = { $count } Nebenstellen hinzugefügt

me-it-is-connected-over-and-rings = Es ist über { $transport } verbunden und klingelt sofort.
me-it-is-not-connected-at-this = Es ist in diesem Moment nicht verbunden.
me-when-it-sleeps-wakes-it-for = Wenn es schläft, weckt { $provider } es für Anrufe.
me-push-is-switched-off-for-it = Push ist für es ausgeschaltet: Es klingelt nur, solange es verbunden ist.
me-it-cannot-be-woken-it-rings = Es kann nicht geweckt werden: Es klingelt nur, solange es verbunden ist. Bei Tischtelefonen ist das normal.

pairing-add-a-phone-to = Telefon zu { $number } hinzufügen
pairing-settings-for-of = Einstellungen für { $name } von { $number }
pairing-another-phone-for = Ein anderes Telefon für { $number }
pairing-a-phone-for = Ein Telefon für { $number }
pairing-the-phone-that-was-added-with = Das Telefon, das mit diesem Link hinzugefügt wurde, verliert sein Konto: Es wird abgemeldet und kann sich weder registrieren noch geweckt werden.
pairing-the-link-and-its-qr-code = Der Link und sein QR-Code gelten nicht mehr. Schon gekoppelte Telefone bleiben unberührt.
pairing-sign-this-phone-out = Dieses Telefon abmelden?
pairing-revoke-this-link = Diesen Link widerrufen?
pairing-sign-the-phone-out = Telefon abmelden
