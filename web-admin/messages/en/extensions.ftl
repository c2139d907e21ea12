### Extensions and their phones.

extension-call-it = Call it
extension-push-is-on-sleeping-phones-of = Push is <b>on</b>: sleeping phones of this extension are woken for calls.
extension-send-a-test-push = Send a test push
extension-push-is-off-only-registered-phones = Push is <b>off</b>: only registered phones ring.
extension-add-a-phone-shows-a-qr = “Add a phone” shows a QR code for a phone app.<br>For a desk phone, make a secret below and type it in.
extension-show-a-qr-code-for-this = Show a QR code for this phone
extension-live-binding = Live binding
extension-where-it-is-now = where it is now
extension-it-did-not-answer-when-it = It did not answer when it was last asked; a call pushes at once as well.
extension-reached-over = Reached over
extension-and-more-in-case-this-one = and { $spare-flows } more, in case this one dies
extension-contact = Contact
extension-would-end = Would end
extension-software = Software
extension-none-since-nightbell-started-last-registered = None since Nightbell started. Last registered { $last-seen }.
extension-wake-target = Wake target
extension-how-it-is-woken = how it is woken
extension-see-all-apps = { $obstacle } <a href="/push/apps">See all apps</a>
extension-woken-by = Woken by
extension-environment = Environment
extension-call-token = Call token
extension-fingerprint = fingerprint
extension-notice-token = Notice token
extension-known-since = Known since
extension-push-policy = Push policy
extension-only-while-it-is-registered-signing = only while it is registered; signing off ends it
extension-until-it-is-logged-out-signing = until it is logged out; signing off is going to sleep
extension-test-push-to-this-phone = Test push to this phone
extension-switch-push-off-for-this-phone = Switch push off for this phone
extension-switch-push-on-for-this-phone = Switch push on for this phone
extension-push-also-when-it-has-signed = Push also when it has signed off
extension-push-only-while-it-is-registered = Push only while it is registered
extension-none-this-phone-has-sent-no = None: this phone has sent no push token, so it rings only while it is registered. That is normal for desk phones.
extension-the-app-says-heard-from = <b>The app says:</b> { $phone }, { $version }, { $activity }; heard from { $seen }.
extension-it-has-the-current-settings = It has the current settings.
extension-it-has-old-settings-and-learns = <b>It has old settings</b> and learns the current ones with its next fetch.
extension-last-wake = <b>Last wake:</b> { $kind }, { $at } –
extension-not-accepted = not accepted:
extension-it-registered-after = It registered after <b>{ $woke-after }</b>.
extension-known-as-first-seen-last-registered = Known as <code>{ $key }</code>, first seen { $first-seen }, last registered { $last-seen }
extension-owner = Owner
extension-accounts-and-links = Accounts and links
extension-ends = ends { $expires }
extension-lost-phone-sign-out-new-code = Lost phone: sign out, new code
extension-switch-phones-on-again = Switch the phones on again
extension-phones-switched-off = Phones switched off by the admin { $since }: they neither ring nor call, and keep their settings and push tokens.
extensions-phones-switched-off = Switched off
extension-switch-all-phones-off = Switch all phones off
extension-new-secret-for-a-desk-phone = New secret for a desk phone
extension-remove-the-extension = Remove the extension

extensions-add-many = Add many
extensions-add-an-extension = Add an extension
extensions-add-the-extension = Add the extension
extensions-no-extensions-yet = No extensions yet
extensions-add-one-for-each-person-above = Add one for each person above, or paste a whole list.
extensions-no-number-and-no-name-contains = No number and no name contains “{ $search }”.
extensions-mark = Mark { $number }
extensions-on = on
extensions-off = off
extensions-switch-their-phones-off = Switch their phones off
extensions-switch-their-phones-on = Switch their phones on

import-add-many-extensions = Add many extensions
import-column = Column
import-mail-address = Mail address
import-will-be-made = will be made
import-given = given
import-add-all = Add all { $count }
import-the-list = The list
import-or-change-the-list = Or change the list
import-choose-a-csv-file = Choose a CSV file
import-check-the-list = Check the list
import-checking-adds-nothing-then-all-lines = Checking adds nothing. Then all lines are added, or none.

imported-the-secrets-are-shown-only-now = The secrets are shown only now, for desk phones that are set up by hand (realm <code>{ $realm }</code>). Phone apps need none of them: open an extension and use “Add a phone”.
imported-to-the-extensions = To the extensions

secret-phone-app-use-a-qr-code = Phone app? Use a QR code
secret-the-app-gets-an-account-of = The app gets an account of its own; nobody has to type a password.
secret-desk-phone-type-this-into-it = Desk phone? Type this into it
secret-the-secret-is-shown-only-now = The secret is shown only now. Nightbell keeps no copy that could be shown again; you can always make a new one.
secret-server = Server
secret-as-you-gave-it = as you gave it
secret-most-phones-find-it-by-themselves = (most phones find it by themselves)

me-push-is-switched-off-for-this = Push is switched off for this extension: only connected phones ring. An admin can switch it on.
me-add-a-phone-shows-a-qr = “Add a phone” shows a QR code for a phone app.
me-now = Now
me-last-registered = Last registered { $seen }
me-asleep = Asleep
me-last-push = Last push: { $last-wake }
me-qr-codes-and-links = QR codes and links
me-none-is-open-and-no-phone = None is open and no phone was added by one.
me-no-calls-yet = No calls yet.

pairing-the-link-ends = The link ends { $expires }.
pairing-a-phone-has-taken-this-link = A phone has taken this link and has its own account now.
pairing-see-it = See it
pairing-for-the-phone-that-is-set = For the phone that is set up already: it keeps its number and account and gets its settings again. Nothing changes before it has scanned the code. Another phone that takes the link gets the account in its place.
pairing-open-the-phone-app-and-choose = Open the phone app and choose “scan QR code”, or scan it with the phone's camera.
pairing-confirm-on-the-phone-the-app = Confirm on the phone. The app registers by itself.
pairing-this-page-says-so-as-soon = This page says so as soon as it is done.
pairing-it-sets-up-one-phone-once = It sets up one phone, once. It is shown only now; a pending link disturbs no phone that is paired already.
pairing-revoke-the-link = Revoke the link
pairing-the-qr-code-was-shown-when = The QR code was shown when it was made and cannot be shown again. Make a new one if it was not used.

import-problems = Nothing was added: { $count ->
    [one] { $count } problem
   *[other] { $count } problems
 } to correct
import-ready = { $count ->
    [one] { $count } extension
   *[other] { $count } extensions
 } ready to be added
import-more = and { $count } more

import-this-line-cannot-be-read-look = this line cannot be read; look for a quotation mark without its partner
import-the-column-occurs-twice-keep-one = the column “{ $column }” occurs twice; keep one
import-extension-stands-in-line-already-keep = extension { $number } stands in line { $first } already; keep one of the two

bulk-forget-this-phone = Forget this phone?
bulk-forget-phones = Forget { $phones } phones?
bulk-mark-the-extensions-first-that-are = mark the extensions first that are to be changed
bulk-is-nothing-that-can-be-done = “{ $other }” is nothing that can be done with extensions; choose from the list

extension-it-needs-its-settings-again = it needs its settings again: { $text }; { $fix }
extension-on = { $model } on { $platform } { $os-version }
extension-in-front-of-its-user = in front of its user
extension-in-the-background = in the background
extension-has-not-said = has not said
extension-waits-for-a-phone = Waits for a phone
extension-paired = Paired
extension-expired = Expired
extension-revoked = Revoked
extension-there-is-no-such-extension = there is no such extension
extension-extension = Extension { $number }
extension-shown-on-the-phones-that-are = Shown on the phones that are called.
extension-mail-address-optional = Mail address (optional)
extension-make-a-new-secret-for = Make a new secret for { $number }?
extension-a-desk-phone-that-was-set = A desk phone that was set up by hand as { $number } loses its registration until it gets the new secret.
extension-phones-that-were-added-by-qr = Phones that were added by QR code have accounts of their own and are not touched.
extension-make-a-new-secret = Make a new secret
extension-new-secret-for = New secret for { $number }
extension-no-phone-is-attached-to-it = No phone is attached to it.
extension-the-phone-attached-to-it-is = The phone attached to it is signed out and must be added anew.
extension-the-phones-attached-to-it-are = The { $more } phones attached to it are signed out and must be added anew.
extension-remove-extension = Remove extension { $number }?
extension-its-calls-end-now-the-call = Its calls end now. The call log stays.
extension-this-cannot-be-undone = This cannot be undone.

extensions-2-to-15-digits-for-example = 2 to 15 digits, for example 101.
extensions-sip-secret-optional = SIP secret (optional)
extensions-leave-it-empty-a-strong-one = Leave it empty: a strong one is made. Phones added by QR code never need it.
extensions-extension-is-ready = Extension { $number } is ready

import-the-first-line-names-the-columns = The first line names the columns: number,name,email,secret. Only number is needed. Separated by commas, semicolons or tabs.
import-paste-the-list = Paste the list
import-extensions-added = { $count } extensions added

me-it-is-connected-over-and-rings = It is connected over { $transport } and rings at once.
me-it-is-not-connected-at-this = It is not connected at this moment.
me-when-it-sleeps-wakes-it-for = When it sleeps, { $provider } wakes it for calls.
me-push-is-switched-off-for-it = Push is switched off for it: it rings only while it is connected.
me-it-cannot-be-woken-it-rings = It cannot be woken: it rings only while it is connected. That is normal for desk phones.

pairing-add-a-phone-to = Add a phone to { $number }
pairing-settings-for-of = Settings for { $name } of { $number }
pairing-another-phone-for = Another phone for { $number }
pairing-a-phone-for = A phone for { $number }
pairing-the-phone-that-was-added-with = The phone that was added with this link loses its account: it is signed out and cannot register or be woken.
pairing-the-link-and-its-qr-code = The link and its QR code stop working. Phones that are paired already are not touched.
pairing-sign-this-phone-out = Sign this phone out?
pairing-revoke-this-link = Revoke this link?
pairing-sign-the-phone-out = Sign the phone out
