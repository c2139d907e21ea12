### Advice and what is wrong.

advice-good = Good
advice-to-do = To do
advice-open-extensions = Open Extensions
advice-open-push = Open Push
advice-see-all-apps = See all apps
advice-see-the-tokens = See the tokens
advice-add-the-key = Add the key
advice-add-the-account = Add the account
advice-open-system = Open System
advice-open-backups = Open Backups
advice-open-event-webhooks = Open Event webhooks
advice-the-event-webhook-was-switched-off = The event webhook “{ $name }” was switched off: { $disabled-why }.
advice-mend-the-receiver-then-switch-the = Mend the receiver, then switch the event webhook on again.
advice-the-event-webhook-has-taken-nothing = The event webhook “{ $name }” has taken nothing for { $span }.
advice-look-at-its-last-events-and = Look at its last events and send a test.
advice-nightbell-is-stopping-and-takes-no = Nightbell is stopping and takes no new calls.
advice-wait-for-the-restart-if-nobody = Wait for the restart; if nobody restarts it, start the service again.
advice-there-is-no-extension-yet-so = There is no extension yet, so nobody can call anybody.
advice-add-one-for-each-person-or = Add one for each person, or paste a list.
advice-no-phone-has-registered-yet = No phone has registered yet.
advice-open-an-extension-and-use-add = Open an extension and use “Add a phone” to show a QR code.
advice-there-is-no-push-credential-so = There is no push credential, so sleeping phone apps cannot be woken. Desk phones work without one.
advice-add-the-apns-key-the-firebase = Add the APNs key, the Firebase service account or the push relay of the phone app you use.
advice-the-push-credential-has-not-been = The push credential “{ $label }” has not been tried yet.
advice-check-it-now-that-reaches-no = Check it now; that reaches no phone.
advice-phones-and-obstacle = { $phones } { $text }.
advice-lost-its-push-token-the-app = { $phones } lost its push token: the app was removed or reset there.
advice-open-the-app-on-the-phone = Open the app on the phone once, or forget the device if the phone is gone.
advice-sent-a-push-token-that-its = { $phones } sent a push token that its provider does not accept for that app.
advice-look-at-the-device-for-the = Look at the device for the provider's reason; most often a test build of the app uses the other environment.
advice-show-each-a-new-qr-code = Show each a new QR code, or mail one to its owner; apps that use the device API fetch them by themselves.
advice-gave-no-sign-for-days-though = { $phones } gave no sign for { $unseen-days } days, though their push tokens may still work.
advice-send-them-a-test-push-and = Send them a test push, and forget those whose phones are gone.
advice-use-a-push-token-that-another = { $phones } use a push token that another extension has as well, and it is not proved that it is one phone.
advice-if-the-phone-was-handed-on = If the phone was handed on, forget the token at the extension it left.
advice-the-last-backup-failed = The last backup failed: { $sentence }
advice-remove-the-cause-then-make-a = Remove the cause, then make a backup by hand; it is tried again every hour as well.
advice-the-nightly-backup-was-missed = The nightly backup was missed.
advice-make-one-by-hand-now-and = Make one by hand now, and see whether this machine runs at that hour.
advice-there-is-no-backup-of-this = There is no backup of this installation.
advice-choose-a-passphrase-then-one-is = Choose a passphrase; then one is made every night.
advice-the-tls-certificate-has-ended-phones = The TLS certificate has ended: phones refuse to connect and browsers warn.
advice-put-a-valid-cert-pem-and = Put a valid cert.pem and key.pem into the folder tls of the data directory; they are in force within seconds.
advice-the-tls-certificate-ends = The TLS certificate ends { $left }.
advice-put-a-new-cert-pem-and = Put a new cert.pem and key.pem into the folder tls of the data directory; they are in force within seconds.
advice-the-tls-certificate-was-made-by = The TLS certificate was made by Nightbell itself: browsers warn, and most phone apps refuse it.
advice-links-and-qr-codes-point-to = Links and QR codes point to { $public-url }, which no phone can reach.
advice-set-the-public-name-public-host = Set the public name (`public_host` in the configuration, or --public-host) and restart.

diagnosis-no-sleeping-phone-rings = No sleeping phone rings
diagnosis-only-iphones-do-not-ring = Only iPhones do not ring
diagnosis-only-android-phones-do-not-ring = Only Android phones do not ring
diagnosis-only-one-phone-does-not-ring = Only one phone does not ring
diagnosis-of-phones-lost-their-push-token = { $app-id }: { $token-gone } of { $devices } phones lost their push token.
diagnosis-open-the-app-on-those-phones = Open the app on those phones once; if it was removed, forget the device.
diagnosis-whether-this-machine-reaches-its-push = Whether this machine reaches its push providers has not been checked.
diagnosis-check-it-now-that-takes-half = Check it now; that takes half a minute at most.
diagnosis-this-phone-has-sent-no-push = This phone has sent no push token, so it rings only while it is registered.
diagnosis-use-an-app-with-push-allow = Use an app with push, allow notifications in it, and open it once; for a desk phone this is normal.
diagnosis-phones-off = The phones of extension { $number } were switched off by the admin: they neither sign in nor ring nor call.
diagnosis-phones-off-fix = Switch them on again on the page of the extension; each rings at the next call, and nobody needs a new code.
diagnosis-displaced = Another phone of the extension took its place, because no more may be reached at once, so this one is not woken.
diagnosis-displaced-fix = Open the app of this phone to use it, or allow more phones for each extension under Settings.
diagnosis-push-is-switched-off = Push is switched off { $switched-off }.
diagnosis-switch-it-on-at-the-phones = Switch it on at the phone's extension.
diagnosis-its-phone-signed-in-as-extension = Its phone signed in as extension { $to }, and is pushed for that one only.
diagnosis-sign-in-again-in-the-app = Sign in again in the app if it is to ring for both.
diagnosis-open-the-app-on-the-phone = Open the app on the phone once; it sends a new token. A test build needs a key for the sandbox.
diagnosis-the-provider-accepted-the-last-push = The provider accepted the last push, but the phone did not register after it.
diagnosis-it-is-off-without-a-network = It is off, without a network, or something on the phone or in its Wi-Fi holds the push back: go through the list below.
diagnosis-the-last-push-was-not-accepted = The last push was not accepted: { $sentence }
diagnosis-correct-the-cause-then-send-a = Correct the cause, then send a test push.
diagnosis-did-it-work-before-then-look = Did it work before? Then look at what changed: firewall, proxy, clock, a revoked key.
diagnosis-is-the-clock-right-run-timedatectl = Is the clock right? Run timedatectl; Apple and Google refuse pushes when it is minutes off.
diagnosis-do-the-phones-ring-over-the = Do the phones ring over the mobile network but not in the office? Then the Wi-Fi blocks the push services: give the list under Network to whoever runs it.
diagnosis-in-the-offices-wi-fi-only = In the office's Wi-Fi only? TCP 5223 to 17.0.0.0/8 must be open for the phones; try one with the Wi-Fi switched off.
diagnosis-was-the-app-installed-from-xcode = Was the app installed from Xcode? It uses Apple's sandbox, and the key must be for it.
diagnosis-is-a-focus-do-not-disturb = Is a Focus (Do not disturb) on? Allow calls from the app in it.
diagnosis-did-the-app-crash-after-earlier = Did the app crash after earlier pushes? iOS stops waking an app that does not show the call; install it anew.
diagnosis-is-battery-saving-on-for-the = Is battery saving on for the app? Set it to “unrestricted” in the phone's settings; several makers switch it on by themselves.
diagnosis-in-the-offices-wi-fi-only-2 = In the office's Wi-Fi only? TCP 5228 to 5230 to Google must be open, and the firewall must keep idle connections for 30 minutes.
diagnosis-was-the-app-stopped-by-force = Was the app stopped by “Force stop”? Android wakes it again only after it was opened once.
diagnosis-does-the-phone-have-google-play = Does the phone have Google Play services? Without them FCM cannot reach it.
diagnosis-is-the-phone-on-with-a = Is the phone on, with a network, and not in flight mode?
diagnosis-are-notifications-allowed-for-the-app = Are notifications allowed for the app, and is no Focus or battery saving in the way?
diagnosis-compare-with-another-phone-that-has = Compare with another phone that has the same app: if that one rings, look at this phone; if not, choose “Only iPhones” or “Only Android phones”.
diagnosis-sign-out-in-the-app-scan = Sign out in the app, scan a new QR code, and send a test push from the extension's page.

trouble-a-phone-cannot-sign-in = A phone cannot sign in
trouble-nobody-hears-anything = Nobody hears anything
trouble-only-one-of-both-is-heard = Only one of both is heard
trouble-calls-end-by-themselves = Calls end by themselves
trouble-a-sleeping-phone-does-not-ring = A sleeping phone does not ring
trouble-for-account = {" "}for account { $account }
trouble-is-blocked-too-many-wrong-secrets = { $address } is blocked{ $whom }: too many wrong secrets, or it behaved like a scanner.
trouble-correct-the-secret-in-the-phone = Correct the secret in the phone first, then lift the block.
trouble-no-phone-of-this-extension-has = No phone of this extension has ever signed in, so the name, the secret, or the way to this machine is wrong.
trouble-show-a-qr-code-under-add = Show a QR code under “Add a phone”, or set a new secret and type it again; the user name is the one on the extension's page.
trouble-phones-of-this-extension-signed-in = Phones of this extension signed in before and are gone; what changed since is the phone, its network or its secret.
trouble-look-at-the-reason-beside-each = Look at the reason beside each phone.
trouble-the-certificate-is-made-by-nightbell = The certificate is made by Nightbell itself; most phones refuse it for TLS and say only that the server cannot be reached.
trouble-use-a-certificate-of-a-public = Use a certificate of a public authority, or choose UDP or TCP in the phone.
trouble-only-sha-256-is-taken-as = Only SHA-256 is taken as proof, and many desk phones know MD5 only.
trouble-allow-md5-for-such-phones = Allow MD5 for such phones.
trouble-no-call-of-more-than-three = No call of more than three seconds was answered lately, so there is nothing to look at.
trouble-make-a-call-talk-for-ten = Make a call, talk for ten seconds, hang up, and look here again.
trouble-in-of-the-last-calls-no = In { $mute } of the last { $calls } calls no sound arrived here from either side.
trouble-open-udp-to-towards-this-machine = Open UDP { $first } to { $last } towards this machine and forward them from the router; a forward to other ports loses the sound too.
trouble-sound-arrived-from-at-least-one = Sound arrived from at least one side in each of the last { $calls } calls, so the ports for sound are open.
trouble-look-at-only-one-of-both = Look at “Only one of both is heard”.
trouble-no-sound-of-arrived-here-in = No sound of { $who } arrived here in { $count } calls in which the other side was heard, and in none it did.
trouble-it-is-the-network-of-that = It is the network of that phone: its firewall lets no UDP out, or its router has SIP ALG on; switch ALG off, or use TLS in the phone. Is its microphone allowed for the app?
trouble-no-sound-of-arrived-here-in-2 = No sound of { $who } arrived here in { $count } calls, but it did in { $heard }.
trouble-it-depends-on-where-the-phone = It depends on where the phone is: compare Wi-Fi with the mobile network.
trouble-sound-arrived-from-both-sides-in = Sound arrived from both sides in the last { $calls } calls that lasted.
trouble-what-arrives-here-is-sent-on = What arrives here is sent on; look at the way from here to the phone that hears nothing.
trouble-calls-ended-after-32-seconds-because = { $unconfirmed } calls ended after 32 seconds, because the answer was never confirmed (no ACK).
trouble-the-router-of-that-phone-changes = The router of that phone changes SIP: switch SIP ALG off there, or use TLS in the phone.
trouble-calls-were-ended-by-nightbell-because = { $silence } calls were ended by Nightbell, because no sound came from either side for { $seconds } seconds.
trouble-look-at-nobody-hears-anything-the = Look at “Nobody hears anything”; the ports for sound are closed somewhere.
trouble-of-calls-were-hung-up-by = { $half-minute } of { $calls } calls were hung up by a phone after 30 to 60 seconds.
trouble-a-router-forgets-the-way-to = A router forgets the way to the phone, or the phone's session timer fails: use TCP or TLS in the phone, or a shorter registration.
trouble-none-of-the-last-calls-ended = None of the last { $calls } calls ended by itself; each was hung up by one of both.
trouble-does-the-phone-show-the-name = Does the phone show the name on the extension's page as its user name, and this installation's host name as its server?
trouble-does-it-work-over-the-mobile = Does it work over the mobile network but not in the office? Then the office's router has no way back in to its own public address (hairpin): give the phones a name that leads to the inner address.
trouble-is-the-clock-of-the-phone = Is the clock of the phone right? TLS fails when it is days off.
trouble-is-the-microphone-allowed-for-the = Is the microphone allowed for the app, and is nobody muted?
trouble-does-it-work-between-two-phones = Does it work between two phones in the office, but not with one outside? Then the forward of the sound ports is missing or wrong.
trouble-is-sip-alg-sip-helper-or = Is “SIP ALG”, “SIP helper” or “VoIP assistant” on in one of the routers? Switch it off; it breaks more than it repairs.
trouble-after-how-many-seconds-32-is = After how many seconds? 32 is an answer that is not confirmed; 60 is usually a router; 900 or 1800 a session timer.
trouble-is-sip-alg-on-in-one = Is “SIP ALG” on in one of the routers? Switch it off.
trouble-does-the-phone-change-from-wi = Does the phone change from Wi-Fi to the mobile network at that moment? Its app must register anew; most do.

advice-phones-off = { $count ->
    [one] The phones of one extension are
   *[other] The phones of { $count } extensions are
 } switched off ({ $which }): they neither ring nor call.
advice-phones-off-fix = Switch them on again under Extensions when they are to ring; nobody needs a new code.
advice-settings-again = { $count ->
    [one] One phone needs its
   *[other] { $count } phones need their
 } settings again: push was set up or changed after they were fetched.
advice-phones = { $count ->
    [one] One phone
   *[other] { $count } phones
 }

advice-open-certificate = Open Certificate
advice-let-nightbell-get-one = Let Nightbell get one from Let's Encrypt by itself, or put one for your public name into the folder tls of the data directory.
advice-certificate-not-got = The TLS certificate could not be got
advice-certificate-not-renewed = The TLS certificate, which ends { $left }, could not be renewed

advice-database-takes-nothing = The database takes no changes ({ $why }). Calls go on, but a restart now would undo { $behind ->
    [one] one change
   *[other] { $behind } changes
 }.
advice-free-space = Free space on the disk, or end what holds the database; everything is saved by itself then. Do not restart before.
advice-changes-lost = { $lost } changes could not be saved since the start and are missing after a restart.
advice-changes-lost-fix = Look at the log for what they were (code not_saved), and make them again; phones come back by themselves.

advice-apps-more = {" "}and { $more } more
advice-apps-open = open the app on the phone
advice-apps-may-miss = { $phones } ({ $extensions }{ $more }) may miss calls: { $problem }.
trouble-nobody-has-looked-from-outside = Nobody has looked from outside yet: ports, sound and SIP ALG are seen from there only.
trouble-make-a-code-and-run-probe = Make a code under Network check and run nightbell probe on a machine elsewhere.
trouble-this-machine-has-not-looked = This machine has not looked at its own network yet.
trouble-check-it-now-nobody-is-asked = Check it now; nobody is asked before you click.
trouble-a-phone-gave-no-answer = In { $calls } of the last { $all } calls a phone gave no answer to what was sent to it within the call ({ $what }, sent { $times } times).
trouble-the-router-has-forgotten-the-way = The router of that phone has forgotten the way to it, or changes the addresses in SIP: use TLS or TCP in the phone, switch SIP ALG off there. The call's page shows the messages.
advice-update-is-there = Nightbell { $version } is there; this is { $own }.
advice-update-make-a-backup = Make a backup, then install it. { $page }
