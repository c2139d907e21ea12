### Phones and desk phones.

forget-phones-where-they-are-now-and-how = Where they are now and how they are woken is forgotten. A phone that still has its account comes back with its next registration.

unseen-phones-not-seen = Phones not seen
unseen-phones-that-have-not-registered-for = Phones that have not registered for { $days } days. An app that sleeps and was not called looks the same as one that was removed from its phone.
unseen-days = Days
unseen-every-phone-has-registered-within-days = Every phone has registered within { $days } days.
unseen-can-be-woken = can be woken
unseen-no = no

compare-compare-two-phones = Compare two phones
compare-for-a-phone-that-does-not = For a phone that does not ring while another one does. The numbers of phones stand on the pages of their extensions.
compare-this-phone = This phone
compare-and-this-one = and this one
compare-phone = Phone { $a }
compare-phone-2 = Phone { $b }
compare-same-or-not = Same or not
compare-same = same
compare-differs = differs

phone-list-not-seen = Not seen
phone-list-a-phone-appears-here-with-its = A phone appears here with its first registration. Open an extension and choose “Add a phone”.
phone-list-search-by-number-owner-or-app = Search by number, owner or app
phone-list-number-owner-or-app = Number, owner or app
phone-list-every-presence = Every presence
phone-list-sort-by = Sort by
phone-list-none-of-the-phones-fits = None of the { $total } phones fits.
phone-list-mobile = Mobile
phone-list-mark-of = Mark { $name } of { $extension }
phone-list-mail-their-owners-a-new-qr = Mail their owners a new QR code

test-push-extension = Extension { $extension }
test-push-test-push = Test push
test-push-what-the-provider-says = What the provider says
test-push-the-test-notice-is-on-its = The test notice is on its way.
test-push-look-again = Look again
test-push-a-test-is-an-ordinary-notice = A test is an ordinary notice, never a call: phones that are awake show it too.
test-push-did-the-phone-show-it = Did the phone show it?
test-push-you-said-yes-push-to-this = You said: <b>yes</b>. Push to this phone works.
test-push-you-said-no = You said: <b>no</b>.
test-push-see-what-may-be-wrong = See what may be wrong
test-push-acceptance-by-the-provider-is-no = Acceptance by the provider is no delivery. Only you can see the screen.
test-push-yes-it-did = Yes, it did
test-push-no = No
test-push-send-it-again = Send it again

desk-phones-no-desk-phones = No desk phones
desk-phones-add-one-below-it-fetches-its = Add one below: it fetches its configuration by itself, and nobody sees a SIP password.
desk-phones-last-fetch = Last fetch
desk-phones-registered = Registered
desk-phones-pairing-window-ends = pairing window, ends { $until }
desk-phones-was-told = { $at }: was told { $told }
desk-phones-from = { $file } from { $from }
desk-phones-new-address = New address
desk-phones-for = for { $mac }
desk-phones-rotate = Rotate
desk-phones-close-window = Close window
desk-phones-of = of { $mac }
desk-phones-pairing-window = Pairing window
desk-phones-add-a-desk-phone = Add a desk phone
desk-phones-add-the-phone = Add the phone
desk-phones-a-mac-address-is-printed-on = A MAC address is printed on the box and opens nothing. A phone that cannot be given its secret address may come to <code>{ $plain-url }</code> while you hold its pairing window open: ten minutes, this one phone.
desk-phone-address-it-is-shown-only-now-and = It is shown only now, and opens the configuration of <code>{ $mac }</code> and of no other phone. It works until { $ends }, or until the phone has moved to an address of its own.
desk-phone-address-where-to-put-it = Where to put it
desk-phone-address-settings-auto-provision-server-url-dhcp = Settings › Auto Provision › Server URL. DHCP: option 66, 43 or a custom one.
desk-phone-address-advanced-update-setting-url-write-mac = Advanced › Update › Setting URL; write <code>{"{"}mac{"}"}.xml</code> behind it. DHCP: option 66, with the file name in 67.
desk-phone-address-maintenance-upgrade-and-provisioning-https-and = Maintenance › Upgrade and Provisioning: HTTPS, and the address without <code>https://</code>. DHCP: option 66 or 43.
desk-phone-address-system-auto-provision-static-provisioning-server = System › Auto Provision › Static Provisioning Server; file name <code>$mac.cfg</code>, protocol HTTPS. DHCP: option 66.
desk-phone-address-settings-provisioning-server-type-https-and = Settings › Provisioning Server: type HTTPS, and the address. DHCP: option 160, else 66.
desk-phone-address-a-dhcp-option-is-read-by = A DHCP option is read by everybody on that network: use it only where you trust it, and for one phone at a time; the vendor's redirect service is the safer place.
desk-phone-address-this-installation-uses-a-self-made = This installation uses a self-made certificate. A new phone does not trust it: switch certificate checking off in the phone for its first fetch (it is switched on again by what it fetches), or put a certificate of a public authority into the data directory.

phone-list-found = { $found } of { $total ->
    [one] { $total } phone
   *[other] { $total } phones
 }.

desk-phones-waits-for-the-phone = waits for the phone
desk-phones-was-told-its-address = was told its address
desk-phones-has-its-own-address = has its own address
desk-phones-gets-another-address = gets another address
desk-phones-the-first-address-ran-out = the first address ran out
desk-phones-mac-address = MAC address
desk-phones-twelve-hex-digits-on-the-back = Twelve hex digits on the back of the phone.
desk-phones-vendor = Vendor
desk-phones-model = Model
desk-phones-as-on-the-phone-t46s-d785 = As on the phone: T46S, D785, GRP2614, X4, VVX411.
desk-phones-where-it-stands = Where it stands
desk-phones-the-address-for-this-phone = The address for this phone
desk-phones-remove-the-desk-phone = Remove the desk phone { $mac }?
desk-phones-it-loses-its-account-of-extension = It loses its account of extension { $extension } at once and cannot make or take calls any more.
desk-phones-its-addresses-stop-working-the-phone = Its addresses stop working. The phone itself keeps its settings until somebody resets it.
desk-phones-remove-the-phone = Remove the phone

device-not-accepted = Not accepted
device-forget-this-device = Forget this device?
device-of-extension-both-its-records-are = { $device-name } of extension { $extension }: both its records are deleted, its live binding and its wake target.
device-if-it-still-has-its-account = If it still has its account, it registers again by itself. To keep it out, revoke its QR link or make a new secret.
device-forget-the-device = Forget the device

phone-list-last-seen-the-longest-ago-first = Last seen, the longest ago first
phone-list-app-and-version = App and version
phone-list-reachable-by-push = Reachable by push
phone-list-unreachable = Unreachable
phone-list-token-known-since = { $provider }, token first seen { $relative }
phone-list-woke-in = woke in { $span } { $relative }
phone-list-last-push = last push { $relative }: { $outcome }
phone-list-mark-the-phones-first-that-are = Mark the phones first that are to be changed.
phone-list-is-nothing-that-can-be-done = “{ $other }” is nothing that can be done with phones; choose from the list

compare-field-extension = extension
compare-field-software = software
compare-field-presence = presence
compare-field-reason = reason
compare-field-transport = transport
compare-field-address = address
compare-field-spare-connections = spare connections
compare-field-push-provider = push provider
compare-field-app-id = app id
compare-field-environment = environment
compare-field-call-token = call token
compare-field-notice-token = notice token
compare-field-provider-s-complaint = provider's complaint
compare-field-push-switched-off = push switched off
compare-field-push-policy = push policy
compare-field-last-wake = last wake
compare-field-phone = phone
compare-field-system = system
compare-field-app-version = app version
compare-field-problems = problems
compare-field-has-current-settings = has current settings

desk-phones-without-password = { $count ->
    [one] { $count } phone has
   *[other] { $count } phones have
 } not fetched theirs yet.

desk-phone-import-ready = { $count ->
    [one] { $count } desk phone
   *[other] { $count } desk phones
 } ready to be added
desk-phone-templates-wrong = Nothing was saved: { $count ->
    [one] { $count } line
   *[other] { $count } lines
 } to correct

desk-phones-all-fetch-again = All fetch again
desk-phones-templates = Templates
desk-phones-asked-to-fetch-again = Asked to fetch again { $at }: { $said }
desk-phones-fetch-again = Fetch again
desk-phones-what-it-is-told = What it is told
desk-phones-addresses-for-a-redirect-service = Addresses for a redirect service
desk-phones-makes-a-new-first-address-for = Makes a new first address for every phone of a vendor that has not moved to its own yet, and gives them as a CSV list (MAC, address) for RPS, SRAPS, GDMS, FDPS or ZTP. Addresses that were shown before for these phones stop working.
desk-phones-for-all-desk-phones = For all desk phones
desk-phones-answer-phones-that-look-for-their = Answer phones that look for their configuration on the local network (PnP)
desk-phones-only-while-the-phones-pairing-window = Only while the phone's pairing window is open, or where factory certificates of its maker count; and only from addresses of local networks.
desk-phones-nobody-is-heard-another-program-on = Nobody is heard: { $pnp-problem }. Another program on this machine may listen there; stop it, or switch this off.
desk-phones-phones-give-a-password-as-well = Phones give a password as well when they fetch
desk-phones-each-phone-is-told-one-of = Each phone is told one of its own with its next configuration, and nobody needs to type it.
desk-phone-import-add-many-desk-phones = Add many desk phones
desk-phone-import-place = Place
desk-phone-preview-the-file-as-the-phone-gets = The file <code>{ $name }</code> as the phone gets it; its secrets are left out.
desk-phone-templates-templates-of-desk-phones = Templates of desk phones
desk-phone-templates-no-templates = No templates
desk-phone-templates-every-phone-has-nightbells-own-settings = Every phone has Nightbell's own settings. A template puts yours over them, for all phones of a format or for some models.
desk-phone-templates-format = Format
desk-phone-templates-models = Models
desk-phone-templates-changed = Changed
desk-phone-templates-change = Change
desk-phone-templates-take-away = Take away
desk-phone-templates-the-template-can-be-saved-nothing = The template can be saved. Nothing has been saved yet.
desk-phone-templates-with-this-template = { $name } with this template
desk-phone-templates-a-template = A template
desk-phone-templates-check-it = Check it
desk-phone-templates-save-and-ask-the-phones = Save and ask the phones
desk-phone-templates-the-account-certificates-passwords-and-where = The account, certificates, passwords and where a phone fetches from are Nightbell's: a line that names them is refused. Of two templates that fit a phone, the one for the longer beginning counts.
desk-phones-imported-the-addresses-are-shown-only-now = The addresses are shown only now. Each opens the configuration of its phone and of no other, for 30 days or until the phone has moved to an address of its own. Put each into its phone, or give them to the vendor's redirect service.
desk-phones-imported-to-the-desk-phones = To the desk phones

desk-phone-import-the-first-line-names-the-columns = The first line names the columns: mac,vendor,model,extension,label. The vendor is told from the MAC if it is left out; a label is not needed. Separated by commas, semicolons or tabs.
desk-phone-import-desk-phones-added = { $count } desk phones added
desk-phone-templates-models-that-begin-with = Models that begin with
desk-phone-templates-empty-for-all-models-t4-means = Empty for all models: T4 means T40P to T49G.
desk-phone-templates-one-a-line-as-key-value = One a line, as key = value. {"{"}extension{"}"}, {"{"}name{"}"}, {"{"}mac{"}"} and {"{"}model{"}"} are filled in; # begins a remark.
desk-phone-templates-show-the-file-of-this-phone = Show the file of this phone
desk-phone-templates-a-mac-address-if-you-want = A MAC address, if you want to see what it would be told.
desk-phone-templates-take-the-template-of-away = Take the template of { $title } { $model } away?
desk-phone-templates-phones-have-nightbells-own-settings-again = { $phones } phones have Nightbell's own settings again; they are asked to fetch them at once.
desk-phone-templates-take-the-template-away = Take the template away
desk-phone-templates-what-is-told = What { $mac } is told
me-open-its-app-once = Open its app once; it fetches them by itself.
me-ask-an-admin-for-a-code = Ask an admin for a QR code that renews it, or add it anew.
me-needs-its-settings-again = This phone needs its settings again: { $why } { $act }
desk-phones-asked-and-were-told-nothing = Asked and were told nothing
desk-phones-why = Why
desk-phones-last-time = Last time
desk-phones-add-it = Add it
desk-phones-times = { $count ->
    [one] { $count } time
   *[other] { $count } times
 }
factory-factory-certificates = Factory certificates
factory-many-phones-are-made-with-a = Many phones are made with a certificate of their own that names their MAC address. A phone of your list that shows it gets its configuration without any secret address: the same address then serves all phones, in a DHCP option or a redirect service, and it is no secret.
factory-where-phones-come = Where phones come
factory-give-phones-this-address = Give phones this address, in a DHCP option, a redirect service or the phone's menu:
factory-the-port-is-closed-choose-one = The port is closed. Choose one that your router passes on, if phones stand elsewhere.
factory-port = Port
factory-empty-closes-it-for-example-8444 = For example 8444. Empty closes it; phones that have an address of their own go on.
factory-certificates-that-have-ended-count = Certificates that have ended count as well
factory-phones-outlive-their-certificates = Phones outlive their certificates, and nobody can renew them.
factory-no-authorities = No authorities
factory-put-the-certificate-of-each-makers = Put in the certificate of each maker's authority. Until then no phone is believed.
factory-authority = Authority
factory-ends = Ends
factory-it-has-ended = It has ended.
factory-add-an-authority = Add an authority
factory-the-makers-certificate-file = The maker's certificate file (PEM or DER)
factory-or-paste-it-here = Or paste it here
factory-add-the-authority = Add the authority
factory-take-it-from-the-makers-own = Take it from the maker's own support pages: whoever has this authority's key can pass for every phone of the maker in your list.
factory-remove-the-authority = Remove the authority { $subject }?
factory-phones-of-are-no-longer-believed = Phones of { $vendor } are not believed by its certificates any more. Phones that have an address of their own go on.
factory-remove-the-authority-button = Remove the authority
desk-phone-change-it = Change it
desk-phone-it-loses-the-account-of-the = If it becomes another extension's, it loses its account at once, is asked to fetch its settings, and gets an account of the other with them. It keeps its address.
desk-phone-the-phones-own-menu = The phone's own menu
desk-phone-its-menu-has-a-password-of = The settings in the phone itself are locked with a password of its own, which Nightbell made.
desk-phone-show-the-password = Show the password
desk-phone-the-password-of-the-menu-of = The password of the menu of { $mac }
desk-phone-whoever-has-it-can-change-everything = Whoever has it can change everything in the phone itself. It is noted in the audit log that you looked at it.
desk-phone-password = Password
