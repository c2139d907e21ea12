### People, tokens, sessions.

users-an-owner-may-do-everything-an = An owner may do everything. An admin changes everything but people. Read only sees everything and changes nothing. A user sees their own extension: phones, QR codes and calls.

user-a-change-signs-them-out-so = A change signs them out, so that it holds at once.
user-added = Added { $made },
user-last-seen = last seen { $seen }
user-lost-the-password-a-new-link = Lost the password? A new link sets another.
user-the-link-was-lost-a-new = The link was lost? A new one ends the old one.
user-make-a-link = Make a link
user-cannot-sign-in = { $name } cannot sign in.
user-enable = Enable
user-disabling-signs-them-out-and-keeps = Disabling signs them out and keeps them from signing in.
user-disable = Disable
user-phone-and-recovery-codes-lost-without = Phone and recovery codes lost? Without a second factor the password is enough.
user-take-the-second-factor-away = Take the second factor away
user-add-add-and-make-a-link = Add and make a link
user-add-they-set-their-own-password-by = They set their own password by a link that works once, for three days.
user-link-hand-this-link-to-whoever-opens = Hand this link to { $name }. Whoever opens it sets the password, so send it to nobody else.
user-link-it-is-shown-only-now-works = It is shown only now, works once and ends { $expires }. A link made before it has stopped working.

tokens-make-a-token = Make a token
tokens-no-tokens = No tokens
tokens-a-script-needs-one-to-use = A script needs one to use the REST API over HTTPS, Prometheus to read the numbers.
tokens-may-do = May do
tokens-last-used = Last used
tokens-everywhere = everywhere
tokens-ran-out = ran out
tokens-delete = Delete
tokens-a-token-never-does-more-than = A token never does more than the person who made it, and ends with their account.

token-add-make-an-api-token = Make an API token
token-add-what-may-it-do = What may it do?
token-add-make-the-token = Make the token
token-made-it-is-shown-only-now-keep = It is shown only now. Keep it where the script finds it and nobody else.
token-made-try-it-curl-h-authorization-bearer = Try it: <code>curl -H "Authorization: Bearer …" { $public-url }/api/v1/status</code>

audit-check-the-chain = Check the chain
audit-line-does-not-fit-the-lines = Line { $seq } does not fit: { $why }. The { $lines } lines before it are as they were written.
audit-all-lines-are-as-they-were = All { $lines } lines are as they were written, and none is missing.
audit-search-by-name-act-address-or = Search by name, act, address or result
audit-name-act-address-result = Name, act, address, result
audit-nothing-yet = Nothing yet
audit-every-change-and-every-sign-in = Every change and every sign-in is written here.
audit-no-line-contains = No line contains “{ $search }”.
audit-who = Who
audit-result = Result
audit-line = line { $seq }

access-tabs-people = People

policy-whoever-has-a-role-that-is = Whoever has a role that is ticked sets up a second factor at the next sign-in, before anything else.

sessions-sign-out-everywhere-else = Sign out everywhere else
sessions-browser = Browser
sessions-signed-in = Signed in
sessions-this-one = (this one)
sessions-a-session-ends-by-itself-after = A session ends by itself after an hour without use, and after twelve hours in any case.

account-password-of = Password of { $name }
account-change-the-password = Change the password
account-every-browser-signed-in-as-is = Every browser signed in as { $name } is signed out.
account-keeping-others-out = Keeping others out
account-a-code-of-your-phone-besides = A code of your phone besides the password.
account-sessions = Sessions
account-where-you-are-signed-in-and = Where you are signed in, and ending it.

second-factor-on = On
second-factor-off = Off
second-factor-an-owner-wants-a-second-factor = An owner wants a second factor for your role. Set it up; then you can go on.
second-factor-at-sign-in-you-are-asked = At sign-in you are asked for the code of your app after the password.
second-factor-recovery-codes-are-left-each-signs = { $codes-left } recovery codes are left. Each signs you in once when the phone is lost.
second-factor-make-new-recovery-codes = Make new recovery codes
second-factor-switch-it-off = Switch it off
second-factor-an-app-on-your-phone-shows = An app on your phone shows a new code every 30 seconds. With it, a stolen password alone opens nothing.
second-factor-any-authenticator-app-will-do-for = Any authenticator app will do, for example Aegis, FreeOTP, 2FAS or the one of your password manager.
second-factor-set-it-up = Set it up
second-factor-scan-the-code-with-an-authenticator = Scan the code with an authenticator app.
second-factor-type-the-six-digits-the-app = Type the six digits the app shows.
second-factor-keep-the-recovery-codes-you-get = Keep the recovery codes you get then.
second-factor-no-camera-type-this-into-the = No camera? Type this into the app:
second-factor-switch-it-on = Switch it on

recovery-codes-recovery-codes = Recovery codes
recovery-codes-they-are-shown-only-now-print = They are shown only now. Print them or keep them in a password manager, not on the phone with the app.
recovery-codes-each-works-once-in-place-of = Each works once in place of a code. Codes made before have stopped working.

security-blocked-addresses = Blocked addresses
security-nobody-is-blocked = Nobody is blocked.
security-times = ({ $times } times)
security-unblock = Unblock
security-after-wrong-secrets-an-address-is = After { $failures } wrong secrets an address is blocked for that account. An address behind which one of your phones has registered is never blocked as a whole. A phone of yours is in the list? Correct its secret first, then unblock it.

account-language-head = Language
account-language = The pages are written in
account-language-of-company = the language of the company

store-the-line-is-missing = the line is missing
store-the-line-or-the-one-before = the line, or the one before it, was changed
store-the-lines-from-here-to-the = the lines from here to the end are missing
store-the-end-of-the-log-was = the end of the log was written by something else than Nightbell

account-password-now = Password now
account-new-password = New password
account-at-least-characters-for-example-four = At least { $min-chars } characters, for example four unrelated words.
account-the-new-password-again = The new password again
account-too-many-wrong-passwords-wait-a = too many wrong passwords; wait a minute and try again
account-this-is-not-your-password = this is not your password
account-the-two-passwords-differ-type-the = the two passwords differ; type the same one twice

second-factor-the-code-the-app-shows = The code the app shows
second-factor-too-many-wrong-codes-wait-a = too many wrong codes; wait a minute and try again
second-factor-this-is-not-the-code-of = this is not the code of this moment; wait for the next one, and check the phone's clock
second-factor-sign-in-without-codes = Sign in without codes?
second-factor-whoever-knows-the-password-can-sign = Whoever knows the password can sign in then. The recovery codes stop working.
second-factor-switch-the-second-factor-off = Switch the second factor off
second-factor-an-owner-wants-a-second-factor-2 = an owner wants a second factor for everybody of your role; it cannot be switched off

sessions-on = { $name } on { $system }
sessions-a-program-that-does-not-say = a program that does not say its name
sessions-where-you-are-signed-in = Where you are signed in

tokens-the-machines-owner = the machine's owner
tokens-90-days = 90 days
tokens-30-days = 30 days
tokens-a-year = a year
tokens-until-it-is-deleted = until it is deleted
tokens-look-at-everything-change-nothing = Look at everything, change nothing
tokens-extensions-and-qr-links = Extensions and QR links
tokens-push-credentials = Push credentials
tokens-numbers-for-prometheus-nothing-else = Numbers for Prometheus, nothing else
tokens-state-advice-and-checks = State, advice and checks
tokens-users-tokens-and-the-audit-log = Users, tokens and the audit log (owners only)
tokens-what-is-it-for = What is it for?
tokens-for-example-the-name-of-a = For example the name of a script.
tokens-from-where-may-it-be-used = From where may it be used?
tokens-addresses-or-ranges-such-as-192 = Addresses or ranges such as 192.0.2.7 or 10.0.0.0/8; empty for everywhere.
tokens-how-long-does-it-work = How long does it work?
tokens-choose-one-of-the-times = choose one of the times
tokens-the-token-for = The token for { $name }
tokens-there-is-no-api-token = there is no API token { $id }
tokens-delete-this-api-token = Delete this API token?
tokens-whatever-uses-is-refused-from-now = Whatever uses “{ $name }” is refused from now on.
tokens-delete-the-token = Delete the token

users-disabled = Disabled
users-can-sign-in = Can sign in
users-invited = Invited
users-link-ran-out = Link ran out
users-user-their-own-extension-only = User: their own extension only
users-read-only-sees-everything-changes-nothing = Read only: sees everything, changes nothing
users-admin-changes-everything-but-people = Admin: changes everything but people
users-owner-changes-everything = Owner: changes everything
users-what-may-they-do = What may they do?
users-their-extension = Their extension
users-needed-for-a-user-anybody-else = Needed for a user; anybody else with an extension gets a page for their own phones.
users-choose-one-of-the-roles = choose one of the roles
users-a-link-for = A link for { $name }
users-remove = Remove { $name }?
users-is-signed-out-everywhere-and-cannot = { $name } is signed out everywhere and cannot sign in again.
users-api-tokens-they-made-stop-working = API tokens they made stop working. Phones and extensions are not touched.
users-remove-the-user = Remove the user

tokens-name-the-token-after-what-uses = name the token after what uses it, in 1 to { $max-name } characters
tokens-choose-at-least-one-thing-the = choose at least one thing the token may do; `read` looks and changes nothing
tokens-you-may-not-do-yourself-so = you may not do `{ $beyond }` yourself, so a token of yours may not either
tokens-give-addresses-or-ranges-at-most = give { $max-addresses } addresses or ranges at most
tokens-the-token-would-have-run-out = the token would have run out already; give a time that is still to come
tokens-there-are-api-tokens-already-delete = there are { $max-api-tokens } API tokens already; delete one that is no longer used

users-give-a-name-or-a-mail = give a name or a mail address to sign in with
users-there-is-no-such-user-the = there is no such user; the list of users shows who there is
users-this-is-the-only-owner-who = this is the only owner who can sign in; make somebody else an owner first
users-a-user-sees-one-extension-and = a user sees one extension and nothing else; say which
users-can-sign-in-already-or-there = “{ $name }” can sign in already, or there are too many users; choose another name
users-is-disabled-and-could-not-use = { $name } is disabled and could not use a link; enable them first
account-a-key-of-your-device-in = A key of your device in place of password and code.
user-a-device-with-a-passkey-lost = A device with a passkey lost? Without passkeys the password signs in.
user-remove-all-passkeys = Remove all passkeys
sign-in-signing-in-with-a-passkey-needs = Signing in with a passkey needs JavaScript, which is switched off here. The password works without it.
sign-in-you-are-not-signed-in-no = You are not signed in: no device answered, or it was called off. Try again, or use your password.
sign-in-this-browser-cannot-use-passkeys-here = This browser cannot use passkeys here. Use your password.
sign-in-sign-in-with-a-passkey = Sign in with a passkey
passkeys-passkeys = Passkeys
passkeys-passkey = Passkey
passkeys-add-a-passkey = Add a passkey
passkeys-a-key-in-your-phone-your = A key in your phone, your computer or a security key signs you in without a password and without a code, after it has checked your finger, face or PIN. It cannot be typed into a wrong page, so it cannot be stolen by one.
passkeys-passkeys-are-bound-to-a-name = Passkeys are bound to a name, and the public name here is the address { $name }. Set <code>public_host</code> in <code>config.toml</code> to a name; your password works as before.
passkeys-browsers-use-passkeys-only-on-pages = Browsers use passkeys only on pages whose certificate they trust, and the one in force was made by Nightbell itself. <a href="/system/certificate">Get a certificate</a> first.
passkeys-no-passkey-yet = No passkey yet
passkeys-you-sign-in-with-your-password = You sign in with your password. Add a passkey for each device you use.
passkeys-made = Made
passkeys-last-used = Last used
passkeys-never = never
passkeys-made-for-another-name = Made for { $name }. It works under that name only; remove it and add another.
passkeys-they-are-bound-to-the-name = They are bound to the name { $name }. When this installation gets another public name, passkeys made before do not work there: sign in with your password and add them again. Password, codes and recovery codes stay as they are.
passkeys-the-browser-asks-your-device-for = The browser asks your device for a passkey only by JavaScript, which is switched off here. Allow it for this page; everything else works without.
passkeys-no-passkey-was-made-the-device = No passkey was made: the device did not answer, or it was called off. Try again.
passkeys-this-device-has-a-passkey-for = This device has a passkey for you already.
passkeys-this-browser-cannot-use-passkeys-here = This browser cannot use passkeys here. Open this page in a current browser, with a certificate that it trusts.
passkeys-ask-my-device = Ask my device
passkeys-what-you-call-it = What you call it
passkeys-so-that-you-know-it-again = So that you know it again in the list, for example “My phone”.
passkeys-remove-this-passkey = Remove this passkey?
passkeys-signs-in-no-more-it-may = “{ $name }” signs in no more. It may still be shown on the device; delete it there, too.
passkeys-your-password-goes-on-working = Your password goes on working.
passkeys-remove-the-passkey = Remove the passkey
