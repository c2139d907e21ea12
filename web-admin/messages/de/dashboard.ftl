### Übersicht und Anrufe.

dashboard-extensions = Nebenstellen
dashboard-phones-registered = Telefone registriert
dashboard-phones-reachable-by-push = Telefone über Push erreichbar
dashboard-phones-unreachable = Telefone nicht erreichbar
dashboard-calls-now = Anrufe jetzt
dashboard-waiting-for-a-phone-to-wake = , davon { $parked } bis ein Telefon aufwacht
dashboard-everything-is-in-order = Alles ist in Ordnung
dashboard-what-to-do-next = Was als Nächstes zu tun ist
dashboard-actions = Aktionen
dashboard-recent-calls = Letzte Anrufe
dashboard-no-call-has-been-made-yet = Es wurde noch kein Anruf geführt.

call-end-the-call = Anruf beenden
call-what-happened = Was geschehen ist
call-nothing-was-written-down-for-this = Zu diesem Anruf wurde nichts aufgezeichnet.
call-facts = Fakten
call-began = Beginn
call-caller = Anrufer
call-dialled = Gewählt
call-rang-for = Klingelzeit
call-talked-for = Gesprächsdauer
call-answered-by = Angenommen von
call-sound-packets = Sprachpakete
call-from-the-caller-from-the-called = { $packets-from-caller } vom Anrufer, { $packets-from-callee } vom angerufenen Telefon
call-call-id = Anruf-ID
call-for-support = Für den Support
call-the-same-without-numbers-names-and = Dasselbe ohne Nummern, Namen und Adressen: A rief B an.
call-copy-for-support = Für den Support kopieren

calls-every-outcome = Jedes Ergebnis
calls-no-calls-yet = Noch keine Anrufe
calls-every-call-appears-here-with-its = Jeder Anruf erscheint hier mit seinem Zeitverlauf: wann er kam, wann ein Push hinausging, wann das Telefon aufwachte und wann es klingelte.
calls-no-call-fits = Kein Anruf passt.

dashboard-open-steps = { $count ->
    [one] Ein Schritt der Einrichtung ist
   *[other] { $count } Schritte der Einrichtung sind
 } offen. <a href="/welcome">Weiter mit der Einrichtung</a>

calls-test-call = Testanruf
calls-a-day-is-written-as-2026 = Ein Tag wird als 2026-11-30 geschrieben; ohne einen werden die Anrufe aller Tage gezeigt.
calls-phone = Telefon { $device }
calls-call-to = Anruf von { $caller } an { $callee }
calls-no-sound-arrived-from-either-phone = Von keinem der beiden Telefone kam Sprache an. Meistens sperrt eine Firewall die UDP-Ports für Sprache; öffnen Sie den Bereich, der unter Einstellungen steht.
calls-no-sound-arrived-from-the-caller = Vom Anrufer kam keine Sprache an. Sehen Sie sich die Firewall und das Netz des anrufenden Telefons an.
calls-no-sound-arrived-from-the-called = Vom angerufenen Telefon kam keine Sprache an. Sehen Sie sich die Firewall und das Netz dieses Telefons an.
calls-phone-gone = Telefon { $id } (nicht mehr da)
calls-end-this-call = Diesen Anruf beenden?
calls-the-call-from-to-ends-at = Der Anruf von { $caller } an { $callee } endet sofort für beide Seiten.

dashboard-talking = Im Gespräch
dashboard-waking-a-phone = Weckt ein Telefon
dashboard-ringing = Klingelt

calls-searched = { $many } Anrufe durchsucht, zurück bis { $at }; ältere wurden noch nicht durchsucht.
calls-search-older = Ältere Anrufe durchsuchen
