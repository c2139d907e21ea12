### First run and signing in.

welcome-go-on = Go on: { $title }
welcome-of-steps-are-done-each-can = { $done } of { $len } steps are done. Each can be skipped now and done later; nothing is lost when you leave this page.
welcome-steps = Steps
welcome-skip = Skip
welcome-open = Open
welcome-done-to-the-dashboard = Done: to the dashboard
welcome-i-know-my-way-to-the = I know my way: to the dashboard
welcome-certificate-certificate-in-force = Certificate in force
welcome-certificate-nightbell-made-this-certificate-itself-browsers = Nightbell made this certificate itself. Browsers warn before every page, most phone apps refuse to register over TLS, and QR codes do not open in apps that check it. Desk phones over UDP and TCP work.
welcome-certificate-a-certificate-authority = a certificate authority
welcome-certificate-use-your-own-certificate = Use your own certificate
welcome-certificate-from-your-authority-or-from-a = From your authority, or from a tool such as certbot. It is checked first and is then in force at once, for these pages and for SIP over TLS, without a restart.
welcome-certificate-certificate-file = Certificate file
welcome-certificate-key-file = Key file
welcome-certificate-check-and-use = Check and use
welcome-choose-no-extension-yet = No extension yet
welcome-choose-a-phone-rings-for-a-number = A phone rings for a number. Add people first.
welcome-choose-add-people = Add people
welcome-choose-whose-phone-is-it = Whose phone is it?
welcome-choose-show-the-qr-code = Show the QR code
welcome-extensions-nothing-was-added-yet = Nothing was added yet
welcome-extensions-ready-to-be-added = Ready to be added: { $len }
welcome-extensions-add-them = Add them
welcome-extensions-or-choose-a-csv-file = Or choose a CSV file
welcome-extensions-look-at-the-list-first = Look at the list first
welcome-phone-progress = Progress
welcome-phone-the-phone-is-here = The phone is here.
welcome-phone-the-phone-was-here-and-sleeps = The phone was here and sleeps now.
welcome-phone-waiting-for-the-phone = Waiting for the phone…
welcome-phone-it-has-registered-as = It has registered as { $number }.
welcome-phone-scan-the-code-below-with-the = Scan the code below with the phone app. This line turns green by itself.
welcome-phone-it-rang = It rang.
welcome-phone-ringing = Ringing…
welcome-phone-let-it-ring = Let it ring
welcome-phone-see-the-call-millisecond-by-millisecond = See the call, millisecond by millisecond
welcome-phone-answer-it-you-hear-yourself = Answer it: you hear yourself.
welcome-phone-nightbell-calls-the-phone-answer-and = Nightbell calls the phone. Answer, and you hear yourself.
welcome-phone-call-me = Call me
welcome-phone-it-was-woken-in = It was woken in { $woke-after }.
welcome-phone-close-the-app-we-ring-you = Close the app, we ring you
welcome-phone-sleeping-is-no-reason-to-miss = Sleeping is no reason to miss a call.
welcome-phone-put-the-app-away-and-lock = Put the app away and lock the phone. The call wakes it.
welcome-phone-a-push-wakes-it-for-the = A push wakes it for the call.
welcome-phone-this-phone-has-sent-no-push = This phone has sent no push token, so it rings only while it is registered. That is normal for desk phones.
welcome-phone-ring-me = Ring me
welcome-phone-the-app-is-closed-ring-me = The app is closed: ring me
welcome-phone-open-the-phone-app-and-choose = Open the phone app and choose “scan QR code”, or scan it with the phone's camera, and confirm on the phone.
welcome-phone-it-sets-up-one-phone-once = It sets up one phone, once, and is shown only now.
welcome-phone-i-have-scanned-it-is-the = I have scanned it: is the phone here?
welcome-place-times-are-shown-like-this = Times are shown like this: { $now }
welcome-push-which-app-do-your-people-use = Which app do your people use?
welcome-push-the-key-that-wakes-an-app = The key that wakes an app belongs to whoever publishes it. Choose what fits; you can add more later under Push.
welcome-push-nothing-to-do = Nothing to do

sign-in-nobody-has-an-account-yet-open = Nobody has an account yet. Open the setup link that Nightbell printed when it started, or make a new one on the machine with <code>nightbell setup-link</code>.
sign-in-code-one-more-step = One more step
sign-in-code-phone-and-recovery-codes-lost-an = Phone and recovery codes lost? An owner can make a new link for you, or run <code>nightbell user reset-password NAME --second-factor</code> on the machine.

setup-give-the-user-name-of-an = Give the user name of an existing account to set its password anew, or a new name to add an admin. Whoever is signed in under that name is signed out.
setup-make-the-owners-account-there-is = Make the owner's account. There is no other one, and no default password.
setup-make-my-account = Make my account
setup-void-it-was-used-already-it-ran = It was used already, it ran out, or a newer one was made.
setup-void-ask-an-owner-for-a-new = Ask an owner for a new one (Users), or make one on the machine that runs Nightbell:
setup-void-sign-in-instead = Sign in instead

invitation-you-sign-in-as-choose-your = You sign in as <b>{ $name }</b>. Choose your password; nobody else knows it.

welcome-extensions-there = { $count ->
    [one] { $count } extension is
   *[other] { $count } extensions are
 } there already. <a href="/extensions">See them</a>

place-language = Language
place-language-of-browser = As each browser asks
place-language-hint = For pages before signing in, for mails, and for everybody who has not chosen another one under Account.

invitation-set-a-new-password = Set a new password
invitation-welcome-to-nightbell = Welcome to Nightbell
invitation-password = Password
invitation-the-password-again = The password again

setup-this-link-does-not-work = This link does not work
setup-at-least-characters-four-unrelated-words = At least { $min-chars } characters. Four unrelated words are easy to remember and hard to guess.
setup-user-name-or-mail-address = User name or mail address
setup-the-same-password-again = The same password again

sign-in-too-many-failed-attempts-from-here = Too many failed attempts from here. Wait { $seconds } s and try again.
sign-in-user-name-or-password-is-wrong = User name or password is wrong. If the password is lost, ask an owner for a new link, or run `nightbell user reset-password NAME` on the machine.
sign-in-the-code-your-app-shows-or = The code your app shows, or a recovery code
sign-in-too-many-wrong-codes-wait-s = Too many wrong codes. Wait { $wait } s and try again.
sign-in-this-code-is-wrong-or-was = this code is wrong, or was used already; wait for the next one

welcome-done = Done
welcome-skipped = Skipped
welcome-set-up-nightbell = Set up Nightbell
welcome-there-is-no-step-in-the = there is no step “{ $step }” in the setup
welcome-choose-a-country = Choose a country
welcome-country = Country
welcome-leave-it-empty-for-that-of = Leave it empty for that of your country. Otherwise a continent and a city, for example Europe/Berlin.
welcome-an-app-for-iphones-with-a = An app for iPhones with a publisher of its own
welcome-the-apns-key-p8-of-the = The APNs key (.p8) of the publisher, with key id, team id and bundle id.
welcome-add-the-apns-key = Add the APNs key
welcome-an-app-for-android-with-a = An app for Android with a publisher of its own
welcome-the-firebase-service-account-json-of = The Firebase service account (JSON) of the publisher.
welcome-add-the-firebase-account = Add the Firebase account
welcome-groundwire-or-another-app-of-acrobits = Groundwire or another app of Acrobits
welcome-nothing-but-your-word-the-keys = Nothing but your word: the keys stay with Acrobits, whose service is asked to wake the phone.
welcome-switch-acrobits-on = Switch Acrobits on
welcome-an-app-whose-publisher-keeps-the = An app whose publisher keeps the keys to himself
welcome-the-address-and-the-secret-of = The address and the secret of his push relay. He can run one for you.
welcome-add-the-push-relay = Add the push relay
welcome-a-browser-or-an-app-with = A browser, or an app with UnifiedPush
welcome-a-key-that-nightbell-makes-itself = A key that Nightbell makes itself.
welcome-desk-phones-only = Desk phones only
welcome-nothing-they-stay-registered-and-ring = Nothing: they stay registered and ring at once.
welcome-certificate-does-not-lead-here = Does not lead here
welcome-certificate-the-public-name-is-which-leads = The public name is { $host }, which leads every phone to itself.
welcome-certificate-set-public-host-in-config-toml = Set public_host in config.toml (or --public-host) to the name of this machine and start Nightbell again.
welcome-certificate-an-address = An address
welcome-certificate-the-public-name-is-the-address = The public name is the address { $host }.
welcome-certificate-that-works-inside-your-network-public = That works inside your network. Public authorities sign names: for phones outside, give this machine one.
welcome-certificate-the-name-service-does-not-know = The name service does not know { $host }.
welcome-certificate-add-an-a-record-and-aaaa = Add an A record (and AAAA, if you have IPv6) for it where your domain is kept, with your public address.
welcome-certificate-leads-to-which-is-this-machine = { $host } leads to { $written }, which is this machine.
welcome-certificate-leads-here = Leads here
welcome-certificate-look-at-it = Look at it
welcome-certificate-leads-to-this-machine-calls-itself = { $host } leads to { $written }; this machine calls itself { $written2 }.
welcome-certificate-that-is-right-behind-a-router = That is right behind a router which forwards to this machine. Otherwise correct the record of the name.
welcome-certificate-this-nightbell-answers-at-port-with = This Nightbell answers at { $host }, port { $port }, with the certificate in force.
welcome-certificate-somebody-else = Somebody else
welcome-certificate-at-port-another-server-answers-with = At { $host }, port { $port }, another server answers, with a certificate for { $names }.
welcome-certificate-correct-the-record-of-the-name = Correct the record of the name, or the forwarding of that port in the router.
welcome-certificate-no-answer = No answer
welcome-certificate-from-here-nobody-answers-at-port = From here nobody answers at { $host }, port { $port } ({ $why }).
welcome-certificate-some-routers-cannot-be-reached-from = Some routers cannot be reached from inside under their own name. Try that address from a phone without Wi-Fi; if it fails there, too, forward the port to this machine.
welcome-certificate-or-paste-the-certificate = Or paste the certificate
welcome-certificate-pem-the-certificate-first-then-its = PEM: the certificate first, then its chain (fullchain.pem).
welcome-certificate-or-paste-the-private-key = Or paste the private key
welcome-certificate-pem-privkey-pem-it-is-stored = PEM (privkey.pem). It is stored for this machine alone and never shown again.
welcome-certificate-choose-the-file-or-paste-its = choose the file or paste its text
welcome-extensions-one-person-on-each-line = One person on each line
welcome-extensions-anna-berg-gets-the-next-free = “Anna Berg” gets the next free number, “120 Ben Carter” that one. A mail address may follow. A list from a spreadsheet can be pasted with its headings (number, name, email).
welcome-phone-first-phone = First phone

place-is-no-country-give-its-two = “{ $country }” is no country; give its two letters (ISO 3166), such as DE
place-there-is-more-than-one-time = there is more than one time zone in { $name }; choose yours from the list
place-choose-a-country-or-a-time = choose a country or a time zone
place-is-no-time-zone-choose-one = “{ $wanted }” is no time zone; choose one from the list, such as Europe/Berlin

files-it-is-no-pem = it is no PEM ({ $why })
files-it-holds-no-private-key-in = it holds no private key in PEM ({ $why })
files-it-holds-no-certificate-put-the = it holds no certificate; put the certificate first, then its chain
files-the-first-certificate-cannot-be-read = the first certificate cannot be read
files-it-does-not-belong-to-the = it does not belong to the first certificate in cert.pem ({ $why })
files-it-is-larger-than-any-certificate = it is larger than any certificate

reach-no-answer-within-s = no answer within { $within } s
reach-it-is-no-name = it is no name
reach-it-shows-no-certificate = it shows no certificate

welcome-a-second-factor-for-you = A second factor for you
welcome-where-you-are = Where you are
welcome-public-name-and-certificate = Public name and certificate
welcome-the-way-to-the-push-services = The way to the push services
welcome-people-and-numbers = People and numbers
welcome-waking-phone-apps = Waking phone apps
welcome-the-first-phone = The first phone
welcome-whoever-learns-the-owners-password-can = Whoever learns the owner's password can listen to everything set up here. A code from your phone stops that.
welcome-times-on-every-page-are-written = Times on every page are written in your time zone.
welcome-phones-and-browsers-trust-this-machine = Phones and browsers trust this machine by its certificate. Most phone apps refuse a self-made one.
welcome-a-sleeping-phone-is-woken-through = A sleeping phone is woken through Apple or Google, so this machine must reach them.
welcome-everybody-who-is-to-be-called = Everybody who is to be called needs a number.
welcome-a-phone-app-that-sleeps-cannot = A phone app that sleeps cannot hear a call; it is woken with the key of its publisher.
welcome-people-get-the-qr-code-for = People get the QR code for their phone by mail. Without it you show them the code yourself.
welcome-a-qr-code-a-phone-a = A QR code, a phone, a call: then you know that it works.

welcome-certificate-let-nightbell-get-one-by-itself = Let Nightbell get one by itself
welcome-certificate-from-lets-encrypt-which-costs-nothing = From Let's Encrypt, which costs nothing, or from another authority that speaks ACME. It is renewed in time, too.
welcome-certificate-get-a-certificate = Get a certificate
sign-in-not-the-number-of-an-extension = Not the number of an extension.
