### Dashboard and calls.

dashboard-extensions = extensions
dashboard-phones-registered = phones registered
dashboard-phones-reachable-by-push = phones reachable by push
dashboard-phones-unreachable = phones unreachable
dashboard-calls-now = calls now
dashboard-waiting-for-a-phone-to-wake = , { $parked } waiting for a phone to wake
dashboard-everything-is-in-order = Everything is in order
dashboard-what-to-do-next = What to do next
dashboard-actions = Actions
dashboard-recent-calls = Recent calls
dashboard-no-call-has-been-made-yet = No call has been made yet.

call-end-the-call = End the call
call-what-happened = What happened
call-nothing-was-written-down-for-this = Nothing was written down for this call.
call-facts = Facts
call-began = Began
call-caller = Caller
call-dialled = Dialled
call-rang-for = Rang for
call-talked-for = Talked for
call-answered-by = Answered by
call-sound-packets = Sound packets
call-from-the-caller-from-the-called = { $packets-from-caller } from the caller, { $packets-from-callee } from the called phone
call-call-id = Call id
call-for-support = For support
call-the-same-without-numbers-names-and = The same without numbers, names and addresses: A called B.
call-copy-for-support = Copy for support

calls-every-outcome = Every outcome
calls-no-calls-yet = No calls yet
calls-every-call-appears-here-with-its = Every call appears here with its timeline: when it came in, when a push went out, when the phone woke, when it rang.
calls-no-call-fits = No call fits.

dashboard-open-steps = { $count ->
    [one] One step of the setup is
   *[other] { $count } steps of the setup are
 } open. <a href="/welcome">Go on with the setup</a>

calls-test-call = test call
calls-a-day-is-written-as-2026 = A day is written as 2026-11-30; without one, calls of every day are shown.
calls-phone = Phone { $device }
calls-call-to = Call { $caller } to { $callee }
calls-no-sound-arrived-from-either-phone = No sound arrived from either phone. Most often a firewall blocks the UDP ports for sound; open the range named under Settings.
calls-no-sound-arrived-from-the-caller = No sound arrived from the caller. Look at the firewall and at the network of the caller's phone.
calls-no-sound-arrived-from-the-called = No sound arrived from the called phone. Look at the firewall and at the network of that phone.
calls-phone-gone = Phone { $id } (gone)
calls-end-this-call = End this call?
calls-the-call-from-to-ends-at = The call from { $caller } to { $callee } ends at once for both sides.

dashboard-talking = Talking
dashboard-waking-a-phone = Waking a phone
dashboard-ringing = Ringing

calls-searched = Looked through { $many } calls, back to { $at }; older ones were not searched yet.
calls-search-older = Search older calls
