### Public pages of links, and mails.

landing-title = Set up a phone for extension { $extension }
landing-once = This link sets up one phone, once. It works for another { $left }. Opening this page has not used it up.
landing-on-this = On this { $platform }
landing-install = Install Linphone <a href="{ $store }" rel="noreferrer">from the store</a>, if it is not there yet.
landing-install-plain = Install Linphone, if it is not there yet.
landing-open = Open in Linphone
landing-scan = Scan this with the phone
landing-scan-how = Open Linphone on the phone, choose to scan a QR code, and point it here. Linphone is on this computer?
landing-old = If Linphone cannot load the settings, it is probably an old version that does not say who it is: update the app, or press “Linphone 5.1 or older” below. The link has not been used up by that.
landing-other-app = With another app
landing-linphone-old = Linphone 5.1 or older
landing-show-code = Show the QR code
landing-by-hand = By hand, for a desk phone or any other app
landing-by-hand-how = You can see the account and type it in. The password is shown only once, so do this when the phone is before you.
landing-show-account = Show the account and use up the link
landing-show-bria = Show the attributes for Bria and use up the link
landing-code-of-link = QR code of this link
landing-hours = { $count } hours
landing-minutes = { $count } minutes

platform-ios = iPhone or iPad
platform-android = Android phone
platform-desktop = computer

details-title = Account for extension { $extension }
details-now = <strong>Write it down now.</strong> The password is shown only this once, and the link is used up. It is for one phone; ask for another link for another phone.
details-server = Server
details-port = Port
details-transport = Transport
details-domain = Domain
details-user = User name
details-authentication = Name for authentication
details-password = Password
details-display = Display name
details-realm = Realm, if the phone asks for it
details-otherwise = If the phone cannot connect that way:
details-other = { $host }, port { $port }, { $transport }

handover-title = Open in { $app }
handover-how = The app fetches its account from the address below. That works once and for ten minutes; then open your link again.
handover-on-phone = You are on the phone?
handover-scan = Otherwise scan this with { $app }:
handover-code = QR code for { $app }

message-for-linphone = This address is for the Linphone app
message-for-linphone-how = Scan the QR code from inside Linphone, or open the link without “/linphone.xml” to see how. The link has not been used up.
message-wait = Please wait
message-wait-why = Too many wrong links came from your address. Wait ten minutes and try again.
message-gone = This link does not work any more
message-gone-why = A link sets up one phone, once, and only for a limited time. If your phone is not set up yet, ask whoever sent you the link for a new one.
message-switched-off = The phones of this extension are switched off
message-switched-off-how = Your administrator has switched them off. The link has not been used up: open it again once they are switched on.
message-busy = The telephone system is busy
message-busy-why = Your phone could not be set up just now. The link has not been used up: try again in a minute.

mail-subject = Your phone for extension { $extension }
mail-hello = Hello,
mail-hello-name = Hello { $name },
mail-number = your telephone number in the company is <strong>{ $extension }</strong>. To have it on your phone:
mail-number-plain = your telephone number in the company is { $extension }. To have it on your phone:
mail-on-phone = You read this on the phone?
mail-set-up = Set up this phone
mail-scan = Otherwise scan this code with the phone:
mail-code = QR code with the link below
mail-once = The link sets up one phone, once, and works for { $life }. Opening it uses nothing up.
mail-keep = Whoever has the link can set up a phone in your name: do not pass it on.
mail-again = If it does not work any more, ask for a new one.
mail-open-there = Open this link on the phone itself and follow it:
mail-or-scan = Or open the link on a computer and scan the code it shows with the phone.
mail-hours = { $count } hours
mail-days = { $count } days
mail-test-subject = Test mail from Nightbell
mail-test = This is the test mail you asked for. Nightbell can send welcome mails with QR codes.
