### Rahmen, Ablehnungen, Bestätigungen.

layout-to-the-content = Zum Inhalt
layout-main = Hauptmenü
layout-my-phones = Meine Telefone
layout-set-up = Einrichten
layout-signed-in-as = Angemeldet als { $user }
layout-dark = Dunkel

error-code-http = Code <code>{ $code }</code>, HTTP { $status }
error-to-the-dashboard = Zur Übersicht

confirm-self-what-you-asked-for-touches-secrets = Was Sie vorhaben, betrifft Geheimes oder Personen. Weisen Sie sich noch einmal aus; danach werden Sie fünf Minuten lang nicht wieder gefragt.
confirm-self-confirm = Bestätigen

adding-the-switchboard-gave-an-answer-that = die Vermittlung gab eine Antwort, die nicht zur Frage passt; das ist ein Fehler, bitte melden Sie ihn

error-something-failed-inside-nightbell-and-nothing = in Nightbell schlug etwas fehl, und nichts wurde geändert; das Protokoll nennt Einzelheiten (`journalctl -u nightbell`)
error-not-found = Nicht gefunden
error-not-now = Gerade nicht
error-refused = Abgelehnt
error-something-failed = Etwas schlug fehl
error-that-did-not-work = Das ging nicht
error-this-page-could-not-be-shown = Diese Seite konnte nicht angezeigt werden; das Protokoll nennt Einzelheiten.

form-the-form-did-not-arrive-whole = das Formular kam nicht vollständig an ({ $error }); schicken Sie es noch einmal

headers-this-address-exists-but-not-for = diese Adresse gibt es, aber nicht für diese Methode
headers-what-was-sent-is-larger-than = was geschickt wurde, ist größer als alles, was hier gebraucht wird
headers-the-request-needs-the-header-content = die Anfrage braucht den Header Content-Type: application/json
headers-this-request-came-from-another-web = diese Anfrage kam von einer anderen Website und wurde abgelehnt; öffnen Sie die Seite hier und versuchen Sie es noch einmal. Reichen Sie hinter einem Proxy den Host-Header unverändert durch
headers-this-took-too-long-and-was = das dauerte zu lange und wurde aufgegeben; versuchen Sie es noch einmal
headers-sign-in-first = melden Sie sich zuerst an
headers-there-is-nothing-at-this-address = unter dieser Adresse gibt es nichts
headers-too-many-at-once-close-another = zu viele auf einmal; schließen Sie einen anderen Tab oder versuchen Sie es gleich noch einmal
headers-the-request-cannot-be-understood-look = die Anfrage ist nicht zu verstehen; sehen Sie in das Formular oder in API.md
headers-something-failed-inside-nightbell-the-log = in Nightbell schlug etwas fehl; das Protokoll nennt Einzelheiten

layout-forgotten-a-phone-that-still-has = Vergessen. Ein Telefon, das sein Konto noch hat, kommt mit seiner nächsten Registrierung zurück.
layout-all-phones-are-off-they-are = Alle Telefone sind aus: Sie klingeln nicht, rufen nicht an und behalten Konto und Push-Token.
layout-the-phones-are-on-each-comes = Die Telefone sind ein. Ein schlafendes klingelt beim nächsten Anruf; niemand braucht einen neuen Code.
layout-saved-the-change-is-in-force = Gespeichert. Die Änderung ist jetzt in Kraft.
layout-removed = Entfernt.
layout-the-backup-is-in-the-list = Die Sicherung steht in der Liste. Spielen Sie sie zurück, wenn Sie so weit sind.
layout-push-is-on = Push ist ein.
layout-push-is-off-sleeping-phones-will = Push ist aus. Schlafende Telefone werden nicht geweckt.
layout-the-device-was-forgotten-it-may = Das Gerät wurde vergessen. Es kann sich wieder registrieren, wenn es sein Konto noch hat.
layout-it-rings-whoever-answers-hears-themselves = Es klingelt. Wer annimmt, hört sich selbst; der Anruf endet nach einer Minute von selbst.
layout-a-test-notice-is-on-its = Eine Testnachricht ist zu jedem Telefon unterwegs, das Push hat. Das Ergebnis erscheint unten.
layout-added-it-works-now-register-a = Hinzugefügt. Es funktioniert jetzt: Registrieren Sie ein Telefon, oder nehmen Sie „Telefon hinzufügen“.
layout-checked-the-result-stands-beside-the = Geprüft. Das Ergebnis steht beim Push-Zugang.
layout-the-link-was-revoked-and-no = Der Link wurde widerrufen und gilt nicht mehr.
layout-you-are-signed-out = Sie sind abgemeldet.
layout-the-password-was-changed-sign-in = Das Passwort wurde geändert. Melden Sie sich mit dem neuen an.
layout-your-account-is-ready-sign-in = Ihr Konto ist bereit. Melden Sie sich an.
layout-unblocked-the-next-request-from-there = Entsperrt. Die nächste Anfrage von dort wird beantwortet.
layout-signed-out-there-whoever-sits-there = Dort abgemeldet. Wer dort sitzt, muss sich wieder anmelden.
layout-that-took-too-long-or-there = Das dauerte zu lange, oder es waren zu viele falsche Codes. Melden Sie sich noch einmal an.
layout-thank-you-for-the-next-five = Danke. In den nächsten fünf Minuten werden Sie nicht wieder gefragt.
layout-the-phone-is-told-its-other = Das Telefon erfährt bei seinem nächsten Abruf seine andere Adresse; bis dahin gilt die, die es hat.
layout-for-ten-minutes-this-one-phone = Zehn Minuten lang darf dieses eine Telefon ohne seine geheime Adresse kommen. Schalten Sie es jetzt ein.
layout-the-pairing-window-is-closed = Das Kopplungsfenster ist geschlossen.
layout-the-certificate-is-in-force-new = Das Zertifikat ist in Kraft. Neue Verbindungen bekommen es ab jetzt.
layout-the-setup-is-done-everything-in = Die Einrichtung ist abgeschlossen. Alles darin lässt sich jederzeit ändern.
layout-the-call-was-ended = Der Anruf wurde beendet.
layout-nothing-was-selected-tick-the-phones = Nichts war ausgewählt. Haken Sie zuerst die Telefone an.
layout-the-tokens-were-forgotten-an-app = Die Tokens wurden vergessen. Eine App, die ihr Konto noch hat, schickt ihr Token, wenn sie geöffnet wird.
layout-marked-each-phone-shows-the-mark = Vorgemerkt. Jedes Telefon zeigt den Vermerk, bis es seine Einstellungen geholt hat.
layout-the-test-pushes-are-on-their = Die Test-Pushes sind unterwegs. Was aus ihnen wurde, steht bei jedem Telefon.

confirm-self-or-the-code-your-app-shows = Oder der Code, den Ihre App zeigt
confirm-self-your-password = Ihr Passwort
confirm-self-too-many-wrong-attempts-wait-a = zu viele falsche Versuche; warten Sie eine Minute und versuchen Sie es noch einmal
confirm-self-this-code-is-wrong-or-was = dieser Code ist falsch oder wurde schon benutzt

route-an-owner-wants-a-second-factor = ein Inhaber verlangt für Ihre Rolle einen zweiten Faktor; richten Sie ihn unter Konto ein, dann geht es weiter
route-your-role-or-this-api-tokens = Ihre Rolle oder die Rechte dieses API-Tokens reichen nicht so weit; bitten Sie einen Inhaber um mehr
route-your-account-belongs-to-no-extension = Ihr Konto gehört zu keiner Nebenstelle; ein Inhaber kann ihm auf der Seite Benutzer eine geben
route-prove-once-more-that-it-is = weisen Sie noch einmal nach, dass Sie es sind: Nichts wurde geändert. Bestätigen Sie in einem anderen Tab, kommen Sie hierher zurück und senden Sie noch einmal

routes-there-is-nothing-at-this-address = unter dieser Adresse gibt es nichts; vielleicht wurde es entfernt

session-sign-in-first-or-send-an = melden Sie sich zuerst an, oder schicken Sie ein API-Token als `Authorization: Bearer nbt_…`

layout-light = Hell
layout-light-colours = Helle Farben
layout-dark-colours = Dunkle Farben
layout-copied = Kopiert

layout-acme = Das Zertifikat wird bestellt. Wie weit es ist, steht unten.

layout-asked = Das Telefon wurde gebeten, seine Einstellungen noch einmal zu holen; was es sagte, steht bei seinem letzten Abruf.
layout-all-asked = Die Telefone werden nacheinander gebeten, ihre Einstellungen noch einmal zu holen.
layout-phone-options = Gespeichert und in Kraft.
layout-template-saved = Die Vorlage ist gespeichert; die Telefone, für die sie gilt, werden gebeten, ihre Einstellungen zu holen.
layout-template-removed = Die Vorlage ist entfernt; ihre Telefone werden gebeten, Nightbells eigene Einstellungen zu holen.

sheet-there-is-nothing-to-import-the = es gibt nichts zu importieren; die erste Zeile muss „{ $columns }“ sein
sheet-an-import-has-at-most-split = ein Import hat höchstens { $most } { $things }; teilen Sie die Datei hier
sheet-there-is-no-below-the-first = unter der ersten Zeile steht nichts ({ $things })
sheet-is-not-a-known-column-the = „{ $given }“ ist keine bekannte Spalte; die erste Zeile nennt die Spalten: { $columns }
sheet-the-column-is-missing-in-the = in der ersten Zeile fehlt die Spalte „{ $column }“

desk-phone-import-there-is-no-extension-add-it = es gibt keine Nebenstelle { $number }; fügen Sie sie zuerst hinzu
desk-phone-import-the-phone-stands-in-line-already = das Telefon { $mac } steht schon in Zeile { $first }; behalten Sie eine von beiden
desk-phone-import-the-maker-cannot-be-told-from = der Hersteller ist aus dieser MAC-Adresse nicht zu erkennen; geben Sie ihn in der Spalte „vendor“ an
layout-passkey = Der Passkey meldet Sie ab jetzt an. Ihr Passwort gilt weiter.
