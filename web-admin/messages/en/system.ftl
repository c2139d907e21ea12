### System.

system-this-nightbell = This Nightbell
system-version = Version
system-started = Started
system-public-address = Public address
system-time-zone = Time zone
system-registered-reachable-by-push = { $registered } registered, { $armed } reachable by push
system-of-them-waiting-for-a-phone = { $calls }, { $parked } of them waiting for a phone to wake
system-tls-certificate = TLS certificate
system-for-these-pages-and-for-sip = For these pages and for SIP over TLS.
system-you-or-a-certificate-authority = you, or a certificate authority
system-doctor = Doctor

log-the-last-lines-since-the-start = The last lines since the start. Written is <b class="mono">{ $filter }</b>
log-the-boot-settings-say = ; the boot settings say
log-which-comes-back-by-itself = , which comes back by itself
log-lines-that-hold = Lines that hold
log-look-again-every-two-seconds = Look again every two seconds
log-no-line = No line
log-nothing-was-written-yet = Nothing was written yet.
log-no-line-holds-this-text = No line holds this text.
log-lines-of-the-log = Lines of the log
log-write-more-for-some-time = Write more, for some time
log-put-in-force = Put in force

backups-make-a-backup-now = Make a backup now
backups-one-encrypted-file-holds-everything-of = One encrypted file holds everything of this installation: extensions, phones with their push tokens, credentials, calls, settings, keys and the certificate.
backups-the-backup-was-not-put-back = The backup was not put back, and nothing was changed. { $restore-problem }
backups-rows = { $what }: { $rows } rows.
backups-sign-in-again-when-the-page = Sign in again when the page comes back; all sessions have ended.
backups-this-page-looks-again-by-itself = This page looks again by itself.
backups-the-last-backup-was-made = The last backup was made { $at }.
backups-the-last-backup-failed = The last backup, { $at }, failed. { $wrong }
backups-no-backup-yet = No backup yet
backups-the-first-one-is-made-within = The first one is made within a minute.
backups-choose-a-passphrase-below-then-the = Choose a passphrase below; then the first one is made by itself.
backups-backup = Backup
backups-made = Made
backups-size = Size
backups-download = Download
backups-put-back = Put back
backups-when-backups-are-made = When backups are made
backups-bring-a-backup = Bring a backup
backups-put-it-into-the-list = Put it into the list

backup-restore-takes-the-place-of-everything-that = takes the place of everything that is here now: extensions, phones, credentials, calls, settings and accounts.
backup-restore-it-is-read-and-checked-first = It is read and checked first; if anything is wrong with it, nothing is changed. Then Nightbell restarts, and calls in progress end. Everybody has to sign in again, and links that were not used yet are void. What is here now is kept in the folder <code>before-restore</code> of the data directory.
backup-restore-put-it-back-and-restart = Put it back and restart

api-how-to-ask = How to ask
api-make-a-token-under-api-tokens = Make a token under <a href="/tokens">API tokens</a> and send it with every request. JSON in and out; instants are Unix milliseconds; fields that do not exist are refused.
api-on-this-machine-the-same-routes = On this machine the same routes are at the Unix socket <code>admin.sock</code> in the data directory, without a token.
api-parameters = Parameters
api-where = Where
api-needed = needed
api-takes-for-example = Takes, for example
api-gives-for-example = Gives, for example
api-answers = Answers
api-status = Status
api-codes-of-refusals = Codes of refusals
api-code = Code
api-meaning = Meaning

trouble-back-to-system = Back to System
trouble-what-do-people-say = What do people say?
trouble-leave-empty-for-all = (leave empty for all)
trouble-look = Look
trouble-what-nightbell-has-seen = What Nightbell has seen
trouble-from-the-last-calls-the-registrations = From the last { $calls } calls, the registrations and the blocks.
trouble-nothing-that-explains-it-go-through = Nothing that explains it. Go through the list below.
trouble-what-to-look-at-yourself = What to look at yourself
trouble-nightbell-cannot-see-these-from-here = Nightbell cannot see these from here.

backups-is-no-time-of-day-write = is no time of day; write it as hours and minutes, for example 03:15
backups-x = “{ $text }” { $wrong }
backups-write-a-number-for-example-14 = write a number, for example 14
backups-one-is-stored-empty-keeps-it = One is stored. Empty keeps it; backups made before still open with the one they were made with.
backups-at-least-12-characters-whoever-restores = At least 12 characters. Whoever restores a backup on another machine has to know it, so keep it outside of this one.
backups-every-day-at = Every day at
backups-in-the-time-zone-empty-only = In the time zone { $zone-name }. Empty: only by hand.
backups-how-many-to-keep = How many to keep
backups-the-oldest-are-removed-after-a = The oldest are removed after a newer one is whole.
backups-passphrase = Passphrase
backups-a-backup-is-being-made = A backup is being made
backups-the-backup-is-being-read-and = The backup is being read and checked
backups-the-backup-is-whole-nightbell-restarts = The backup is whole. Nightbell restarts with it
backups-a-file-from-elsewhere = A file from elsewhere
backups-it-is-put-into-the-list = It is put into the list; nothing is restored yet. Its name must end in .nightbell.
backups-the-file-did-not-arrive-whole-2 = the file did not arrive whole ({ $error }); send it again
backups-choose-a-file-first = choose a file first
backups-remove-this-backup = Remove this backup?
backups-is-deleted-from-this-machine-copies = { $name } is deleted from this machine. Copies that were downloaded are not touched.
backups-remove-the-backup = Remove the backup
backups-put-this-backup-back = Put this backup back?
backups-passphrase-of-the-backup = Passphrase of the backup
backups-empty-the-one-that-is-stored = Empty: the one that is stored here.

log-write = Write
log-error-warn-info-debug-trace-or = error, warn, info, debug, trace, or parts such as pbx_core=debug,info.
log-for-how-many-minutes = For how many minutes
log-write-a-number-for-example-10 = write a number, for example 10


system-certificate-ways = <a href="/system/certificate">Let Nightbell get and renew one by itself</a>, <a href="/welcome/certificate">upload another one</a>, or put <code>cert.pem</code> (with its chain) and <code>key.pem</code> into the folder <code>tls</code> of the data directory. It is in force within seconds.

certificate-certificate = Certificate
certificate-order-one-now = Order one now
certificate-phones-and-browsers-trust-by-it = Phones and browsers trust { $host } by it. It is for these pages and for SIP over TLS, and another one is in force at once, without a restart and without ending a call.
certificate-this-page-looks-again-by-itself = { $phase }. This page looks again by itself.
certificate-no-certificate-was-got = No certificate was got, { $at }. { $cause }
certificate-the-certificate-in-force-stays-meanwhile = The certificate in force stays meanwhile. Next attempt: { $next }.
certificate-in-force = In force
certificate-renewed = Renewed
certificate-as-the-authority-suggests = , as the authority suggests
certificate-use-a-certificate-of-your-own = <a href="/welcome/certificate">Use a certificate of your own</a>; then none is got by itself any more.
certificate-got-by-itself = Got by itself
certificate-gives-the-certificate-and-it-is = { $authority } gives the certificate, and it is renewed by itself.
certificate-a-certificate-authority-gives-a-certificate = A certificate authority gives a certificate once it has seen that { $host } leads to this machine. Let's Encrypt does so for nothing.
certificate-more-for-other-authorities = More, for other authorities
certificate-those-of-lets-encrypt = Those of Let's Encrypt:
certificate-save-and-get-a-certificate = Save and get a certificate
certificate-stop = Stop

certificate-give-a-number-between-1-and = give a number between 1 and 65535, or leave it empty
certificate-authority-address-of-its-acme-directory = Authority (address of its ACME directory)
certificate-lets-encrypt-unless-you-have-another = Let's Encrypt unless you have another one.
certificate-your-mail-address-optional = Your mail address (optional)
certificate-the-authority-may-write-to-it = The authority may write to it when something is wrong.
certificate-how-the-authority-makes-sure-that = How the authority makes sure that the name leads here
certificate-it-asks-at-port-80-http = It asks at port 80 (http-01)
certificate-it-asks-at-port-443-tls = It asks at port 443 (tls-alpn-01)
certificate-it-asks-from-the-internet-so = It asks from the internet, so that port must lead to this machine.
certificate-port-of-this-machine-where-the = Port of this machine where the question arrives
certificate-empty-80-or-443-enter-another = Empty: 80 or 443. Enter another one if your router forwards it there.
certificate-one-is-stored-empty-keeps-it = One is stored. Empty keeps it, as long as authority and account stay the same.
certificate-hmac-key-in-base64-stored-encrypted = HMAC key in base64. Stored encrypted and never shown again.
certificate-profile = Profile
certificate-a-kind-of-certificate-from-the = A kind of certificate from the authority's list, such as shortlived. Empty: the usual one.
certificate-external-account-key-id = External account (key id)
certificate-only-for-authorities-that-want-one = Only for authorities that want one, such as ZeroSSL or Google.
certificate-key-of-the-external-account = Key of the external account
certificate-root-certificate-of-an-authority-of = Root certificate of an authority of your own
certificate-pem-empty-for-public-authorities = PEM. Empty for public authorities.
certificate-i-agree-to-the-terms-of = I agree to the terms of the authority
certificate-stop-getting-certificates = Stop getting certificates?
certificate-the-certificate-of-the-authority-its = The certificate of the authority, its key and our account there are deleted at once.
certificate-the-certificate-in-the-folder-tls = The certificate in the folder tls is in force again. Without one of your own there, that is one Nightbell made itself, which most phone apps refuse.
certificate-stop-and-delete = Stop and delete

acme-the-public-name-is-looked-up = The public name is looked up
acme-the-certificate-authority-is-told-who = The certificate authority is told who asks
acme-the-certificate-is-ordered = The certificate is ordered
acme-the-authority-asks-whether-the-name = The authority asks whether the name leads to this machine
acme-the-certificate-is-signed-and-fetched = The certificate is signed and fetched

advice-open-network-check = Open Network check
system-update-address = Address that names the newest version
system-update-address-hint = https://…, for example the releases of the repository; empty asks nobody.
call-sip-messages = SIP messages
call-sip-messages-explained = A column for each way; → came from the phone, ← went to it. Secrets are hidden. Kept in memory for the last 500 calls of this start.
call-sip-messages-left-out = { $count ->
    [one] One message in the middle was not kept.
   *[other] { $count } messages in the middle were not kept.
    }
call-sip-message-from = from { $leg }:
call-sip-message-to = to { $leg }:
system-updates = Updates
system-updates-nobody = Nobody is asked whether there is a newer version.
system-updates-asked = Asked { $at }:
system-updates-newest = The newest version is { $newest }, this is { $own }.
system-updates-soon = It is asked within ten minutes, then once a day.
system-updates-explained = A plain request without version, id or cookie; whoever runs that address sees this network's address and nothing else. Nothing is downloaded or installed. Plain text with a version, or the JSON of a release, is understood.
system-updates-ask-now = Ask now
network-check-from-where = From where
network-check-result = Result
network-check = Network check
network-check-from-inside = From inside
network-check-from-outside = From outside
network-check-looking = Looking at: { $part } ({ $done } of { $total } done). This page shows each part as it comes.
network-check-checked = Checked { $at }.
network-check-checked-from = Checked { $at } from { $from }.
network-check-not-yet = Not checked yet.
network-check-inside-explained = What this machine can see by itself: names, public address (asked twenty times, by STUN and by HTTPS), certificates as they are shown, clock, the way back in by the public name, push providers, disk. Nobody is asked before you click; the servers that are asked for the address stand below.
network-check-parts = Parts that are done
network-check-checking = Checking…
network-check-now = Check now
network-check-asking = A machine outside is asking.
network-check-code-out = A code is out; it runs out { $until }. This page shows the result as soon as it is there.
network-check-outside-explained = Whether a router forwards the right ports, whether sound gets through, and whether something on the way changes SIP can be seen from outside only. Nightbell has no service elsewhere that could look: a second Nightbell does, the same program on any machine outside, for example a notebook on the mobile network. Make a code here and give it to <code>nightbell probe</code> there. Ports answer only as long as that check runs, and only its own questions.
network-check-make-code = Make a code
network-check-last = The last checks
network-check-look = Look
network-check-who-is-asked = Who is asked for the public address
network-check-code-once = The code is shown only now, is good for one check, and runs out { $expires }.
network-check-run-there = On a machine outside this network, with Nightbell installed (no configuration is needed), run:
network-check-give-code = Type or paste this code when it asks:
network-check-takes = It takes half a minute. The result appears there and on the page of the network check.
network-check-back = To the network check
network-check-seen = What was seen
network-check-compared = Compared with the check of { $at }.
network-check-gone = No longer a problem
network-check-stun = STUN servers
network-check-stun-hint = One a line: name, or name:port. Empty asks none.
network-check-echo = HTTPS addresses that answer with your address
network-check-echo-hint = One a line, https://…; empty asks none.
network-check-new = Not so in the check before.
