### The frame, refusals and confirmations.

layout-to-the-content = To the content
layout-main = Main
layout-my-phones = My phones
layout-set-up = Set up
layout-signed-in-as = Signed in as { $user }
layout-dark = Dark

error-code-http = Code <code>{ $code }</code>, HTTP { $status }
error-to-the-dashboard = To the dashboard

confirm-self-what-you-asked-for-touches-secrets = What you asked for touches secrets or people. Prove once more who you are; then you are not asked again for five minutes.
confirm-self-confirm = Confirm

adding-the-switchboard-gave-an-answer-that = the switchboard gave an answer that does not fit the question; this is a bug, please report it

error-something-failed-inside-nightbell-and-nothing = something failed inside Nightbell and nothing was changed; the log has the details (`journalctl -u nightbell`)
error-not-found = Not found
error-not-now = Not now
error-refused = Refused
error-something-failed = Something failed
error-that-did-not-work = That did not work
error-this-page-could-not-be-shown = This page could not be shown; the log has the details.

form-the-form-did-not-arrive-whole = the form did not arrive whole ({ $error }); send it again

headers-this-address-exists-but-not-for = this address exists, but not for this method
headers-what-was-sent-is-larger-than = what was sent is larger than anything needed here
headers-the-request-needs-the-header-content = the request needs the header Content-Type: application/json
headers-this-request-came-from-another-web = this request came from another web site and was refused; open the page here and try again. Behind a proxy, pass the Host header on unchanged
headers-this-took-too-long-and-was = this took too long and was given up; try again
headers-sign-in-first = sign in first
headers-there-is-nothing-at-this-address = there is nothing at this address
headers-too-many-at-once-close-another = too many at once; close another tab or try again in a moment
headers-the-request-cannot-be-understood-look = the request cannot be understood; look at the form or at API.md
headers-something-failed-inside-nightbell-the-log = something failed inside Nightbell; the log has the details

layout-forgotten-a-phone-that-still-has = Forgotten. A phone that still has its account comes back with its next registration.
layout-all-phones-are-off-they-are = All phones are off: they neither ring nor call, and keep their accounts and push tokens.
layout-the-phones-are-on-each-comes = The phones are on. A sleeping one rings at the next call; nobody needs a new code.
layout-saved-the-change-is-in-force = Saved. The change is in force now.
layout-removed = Removed.
layout-the-backup-is-in-the-list = The backup is in the list. Put it back when you are ready.
layout-push-is-on = Push is on.
layout-push-is-off-sleeping-phones-will = Push is off. Sleeping phones will not be woken.
layout-the-device-was-forgotten-it-may = The device was forgotten. It may register again if it still has its account.
layout-it-rings-whoever-answers-hears-themselves = It rings. Whoever answers hears themselves; the call ends by itself after a minute.
layout-a-test-notice-is-on-its = A test notice is on its way to every phone that can be pushed. The outcome appears below.
layout-added-it-works-now-register-a = Added. It works now: register a phone, or use “Add a phone”.
layout-checked-the-result-stands-beside-the = Checked. The result stands beside the credential.
layout-the-link-was-revoked-and-no = The link was revoked and no longer works.
layout-you-are-signed-out = You are signed out.
layout-the-password-was-changed-sign-in = The password was changed. Sign in with the new one.
layout-your-account-is-ready-sign-in = Your account is ready. Sign in.
layout-unblocked-the-next-request-from-there = Unblocked. The next request from there is answered.
layout-signed-out-there-whoever-sits-there = Signed out there. Whoever sits there has to sign in again.
layout-that-took-too-long-or-there = That took too long, or there were too many wrong codes. Sign in again.
layout-thank-you-for-the-next-five = Thank you. For the next five minutes you are not asked again.
layout-the-phone-is-told-its-other = The phone is told its other address at its next fetch; the one it has works until then.
layout-for-ten-minutes-this-one-phone = For ten minutes this one phone may come without its secret address. Switch it on now.
layout-the-pairing-window-is-closed = The pairing window is closed.
layout-the-certificate-is-in-force-new = The certificate is in force. New connections get it from now on.
layout-the-setup-is-done-everything-in = The setup is done. Everything in it can be changed at any time.
layout-the-call-was-ended = The call was ended.
layout-nothing-was-selected-tick-the-phones = Nothing was selected. Tick the phones first.
layout-the-tokens-were-forgotten-an-app = The tokens were forgotten. An app that still has its account sends its token when it is opened.
layout-marked-each-phone-shows-the-mark = Marked. Each phone shows the mark until it has fetched its settings.
layout-the-test-pushes-are-on-their = The test pushes are on their way. What became of them appears beside each phone.

confirm-self-or-the-code-your-app-shows = Or the code your app shows
confirm-self-your-password = Your password
confirm-self-too-many-wrong-attempts-wait-a = too many wrong attempts; wait a minute and try again
confirm-self-this-code-is-wrong-or-was = this code is wrong, or was used already

route-an-owner-wants-a-second-factor = an owner wants a second factor for your role; set it up under Account, then go on
route-your-role-or-this-api-tokens = your role, or this API token's scopes, do not reach this far; ask an owner for more
route-your-account-belongs-to-no-extension = your account belongs to no extension; an owner can give it one on the Users page
route-prove-once-more-that-it-is = prove once more that it is you: nothing was changed. Confirm in another tab, come back here and send it again

routes-there-is-nothing-at-this-address = there is nothing at this address; it may have been removed

session-sign-in-first-or-send-an = sign in first, or send an API token as `Authorization: Bearer nbt_…`

layout-light = Light
layout-light-colours = Light colours
layout-dark-colours = Dark colours
layout-copied = Copied

layout-acme = The certificate is being ordered. How far it is stands below.

layout-asked = The phone was asked to fetch its settings again; what it said stands beside its last fetch.
layout-all-asked = The phones are being asked to fetch their settings again, one after the other.
layout-phone-options = Saved and in force.
layout-template-saved = The template is saved; the phones it is for are being asked to fetch their settings.
layout-template-removed = The template is gone; its phones are being asked to fetch Nightbell's own settings.

sheet-there-is-nothing-to-import-the = there is nothing to import; the first line must be “{ $columns }”
sheet-an-import-has-at-most-split = an import has at most { $most } { $things }; split the file here
sheet-there-is-no-below-the-first = there is no { $things } below the first line
sheet-is-not-a-known-column-the = “{ $given }” is not a known column; the first line names the columns: { $columns }
sheet-the-column-is-missing-in-the = the column “{ $column }” is missing in the first line

desk-phone-import-there-is-no-extension-add-it = there is no extension { $number }; add it first
desk-phone-import-the-phone-stands-in-line-already = the phone { $mac } stands in line { $first } already; keep one of the two
desk-phone-import-the-maker-cannot-be-told-from = the maker cannot be told from this MAC address; give it in the column “vendor”
layout-passkey = The passkey signs you in from now on. Your password goes on working.
