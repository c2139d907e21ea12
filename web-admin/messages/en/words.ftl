### States in words.

clock-d-h = { $days } d { $hours } h
clock-h-min = { $hours } h { $minutes } min
clock-min-s = { $minutes } min { $seconds } s
clock-in = in { $span }
clock-ago = { $span } ago

role-admin = Admin
role-read-only = Read only
role-user = User

words-live-just-registered = Live, just registered
words-live-renewed = Live, renewed
words-ran-out = Ran out
words-signed-off-by-the-phone = Signed off by the phone
words-connection-lost = Connection lost
words-resting-the-phone-is-registered = Resting: the phone is registered
words-armed-the-next-call-wakes-it = Armed: the next call wakes it
words-suspect-still-tried = Suspect: still tried
words-gone-at-the-provider = Gone at the provider
words-displaced = Not woken: another phone took its place
words-phones-off = Switched off by the admin
words-moved-to-another-extension = Moved to another extension
words-failing = Failing
words-answered = Answered
words-caller-gave-up = Caller gave up
words-busy = Busy
words-declined = Declined
words-no-such-number = No such number
words-no-sound = No sound
words-cut-by-a-restart = Cut by a restart
words-too-many-wrong-secrets = Too many wrong secrets
words-guessed-at-many-accounts = Guessed at many accounts
words-calls-itself-a-scanner = Calls itself a scanner
words-sent-too-much-that-is-not = Sent too much that is not SIP
words-the-call-came-in = The call came in
words-wake-ordered = Wake ordered
words-push-sent = Push sent
words-push-accepted-by-the-provider = Push accepted by the provider
words-push-failed = Push failed
words-the-app-got-the-push = The app got the push
words-the-phone-woke-and-registered = The phone woke and registered
words-call-handed-to-the-phone = Call handed to the phone
words-the-phone-rings = The phone rings
words-this-phone-is-out = This phone is out
words-the-call-ended = The call ended
words-call = Call
words-missed-call = Missed call
words-answered-elsewhere = Answered elsewhere
words-test = Test
words-renewal = Renewal
words-the-certificate = the certificate
words-its-root-certificate = its root certificate
words-push-relay = Push relay
words-browser-unifiedpush = Browser, UnifiedPush
words-by-an-admin-for-this-device = by an admin, for this device
words-for-the-whole-extension = for the whole extension
words-by-the-phone-itself = by the phone itself
words-by-the-end-of-its-registration = by the end of its registration
words-phone = Phone { $id }

role-owner = Owner

words-none = None

words-production = production
words-any = any
words-everything = everything
words-none-fingerprint = none
words-registered-count = registered
words-longer = longer
