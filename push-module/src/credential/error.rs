//! Why a credential was not taken, in words that lead to the right file.

use pbx_core::model::UnixMillis;
use pbx_core::store::StoreError;
use thiserror::Error;

use super::CredentialId;

/// Why a credential was refused, or what went wrong with a stored one.
#[derive(Debug, Error)]
pub enum CredentialError {
    /// No key in it at all.
    #[error(
        "the key: this is not a key file; upload the file AuthKey_XXXXXXXXXX.p8 from Apple's developer pages (Keys), it begins with -----BEGIN PRIVATE KEY-----"
    )]
    NotAKey,
    /// The PEM frame is there but the inside is damaged.
    #[error(
        "the key: the file is damaged or was cut when copied; upload the .p8 file itself instead of pasting its text"
    )]
    DamagedKey,
    /// A certificate (also PKCS#12).
    #[error(
        "the key: this is a certificate, not a key; add it as an APNs certificate, or make a token signing key under Certificates, Identifiers & Profiles > Keys with Apple Push Notifications service enabled, and upload its .p8 file"
    )]
    Certificate,
    /// No certificate at all.
    #[error(
        "the certificate: this is not a certificate file; upload the .p12 file that the keychain exported, or certificate and key in PEM"
    )]
    NotACertificate,
    /// The file is damaged.
    #[error("the certificate: the file is damaged or was cut when copied; export it again and upload it unchanged")]
    DamagedCertificate,
    /// The password does not open it.
    #[error(
        "the password: it does not open this .p12 file; give the one that was chosen when the certificate was exported"
    )]
    CertificatePassword,
    /// A cipher nobody uses.
    #[error(
        "the certificate: this .p12 file is protected in a way that Nightbell does not know; export it again, or convert it: openssl pkcs12 -in it.p12 -nodes -out it.pem"
    )]
    CertificateCipher,
    /// Somebody made it so that opening it takes for ever.
    #[error(
        "the certificate: opening this .p12 file would take far longer than is usual; export it again with the usual protection, or convert it: openssl pkcs12 -in it.p12 -nodes -out it.pem"
    )]
    CertificateCostly,
    /// More than one key.
    #[error(
        "the certificate: several certificates with keys are in this file; export only the one named “Apple Push Services: …” or “VoIP Services: …”"
    )]
    SeveralCertificates,
    /// As Apple lets one download it.
    #[error(
        "the certificate: the private key is missing; the .cer file from Apple is only half of it, so open it in the keychain of the Mac that made the request and export certificate and key together as .p12"
    )]
    CertificateWithoutKey,
    /// A key alone.
    #[error(
        "the certificate: only a private key is in this file; add the certificate in PEM, or, if it is AuthKey_….p8, upload it as an APNs key instead"
    )]
    KeyWithoutCertificate,
    /// The request instead of the answer.
    #[error(
        "the certificate: this is a certificate signing request; give it to Apple, and upload the certificate that Apple makes of it, together with the key"
    )]
    CertificateRequest,
    /// The PEM key has a password.
    #[error(
        "the key: it is encrypted with a password; upload the .p12 file with its password, or the key without one (openssl pkey -in key.pem -out plain.pem)"
    )]
    CertificateKeyEncrypted,
    /// They do not belong together.
    #[error(
        "the key: it does not belong to this certificate; export both together from the keychain that made the request"
    )]
    CertificateKeyMismatch,
    /// Another kind of certificate.
    #[error(
        "the certificate: “{found}” is not for push; make one at developer.apple.com under Certificates, Identifiers & Profiles > Certificates, of the kind “Apple Push Notification service SSL” or “VoIP Services Certificate”"
    )]
    NotForPush {
        /// Whose it is, by its own words.
        found: String,
    },
    /// Too late.
    #[error(
        "the certificate: it has ended already; make a new one at Apple under Certificates, Identifiers & Profiles > Certificates"
    )]
    CertificateEnded {
        /// When.
        at: UnixMillis,
    },
    /// A public key.
    #[error(
        "the key: this is a public key; the private one is needed, in the .p8 file that Apple lets you download once"
    )]
    PublicKey,
    /// Elliptic curve, but not P-256.
    #[error(
        "the key: this elliptic curve key is not on the curve P-256; it was not made by Apple for push, so upload the AuthKey_….p8 file"
    )]
    WrongCurve,
    /// RSA where P-256 is needed.
    #[error(
        "the key: this is an RSA key; Apple's push keys are elliptic curve keys, so upload the AuthKey_….p8 file (a Firebase key belongs under FCM, as the whole JSON file)"
    )]
    Rsa,
    /// Neither RSA nor elliptic curve.
    #[error("the key: this kind of private key cannot be used for push; upload the AuthKey_….p8 file from Apple")]
    OtherKeyKind,
    /// Protected by a password.
    #[error(
        "the key: this private key is encrypted with a password; upload it without one (Apple's .p8 file has none), Nightbell seals it itself"
    )]
    Encrypted,
    /// Google's file in Apple's form.
    #[error("the key: this is a Firebase file; add it under FCM instead of APNs")]
    FirebaseFile,
    /// Larger than any real one.
    #[error("the {what} is {bytes} bytes long; a real one is below {limit}, so this is the wrong file")]
    TooLarge {
        /// Which field.
        what: &'static str,
        /// How large.
        bytes: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// Not ten capital letters and digits.
    #[error(
        "the key id must be 10 capital letters and digits, as in the file name AuthKey_XXXXXXXXXX.p8; “{given}” is not"
    )]
    KeyId {
        /// What was given.
        given: String,
    },
    /// Not ten capital letters and digits.
    #[error("the team id must be 10 capital letters and digits, as shown under Membership at Apple; “{given}” is not")]
    TeamId {
        /// What was given.
        given: String,
    },
    /// What belongs to the App Store Connect API.
    #[error(
        "the team id: this is an issuer id of the App Store Connect API, whose keys cannot push; make a key under Certificates, Identifiers & Profiles > Keys with Apple Push Notifications service, and give the 10 characters shown under Membership"
    )]
    IssuerId,
    /// Not a bundle id.
    #[error("the bundle id “{given}” is not one; it looks like com.example.app, without “.voip” at its end")]
    BundleId {
        /// What was given.
        given: String,
    },
    /// No service account in it.
    #[error(
        "the service account: this is not a JSON file of a service account; in the Firebase console open Project settings > Service accounts > Generate new private key, and upload that file ({why})"
    )]
    NotAServiceAccount {
        /// What the reader stumbled over.
        why: String,
    },
    /// A Google credential of another type.
    #[error(
        "the service account: this JSON file is a credential of type “{found}”; a “service_account” is needed, from the Firebase console under Project settings > Service accounts > Generate new private key"
    )]
    OtherCredentialType {
        /// The `type` of the file.
        found: String,
    },
    /// The app's file.
    #[error(
        "the service account: this is google-services.json, the file for building the app; the server needs the service account, from the Firebase console under Project settings > Service accounts > Generate new private key"
    )]
    GoogleServicesJson,
    /// The iOS app's file.
    #[error(
        "the service account: this is GoogleService-Info.plist, the file for building the app; the server needs the service account, from the Firebase console under Project settings > Service accounts > Generate new private key"
    )]
    GoogleServiceInfoPlist,
    /// An OAuth client.
    #[error(
        "the service account: this is an OAuth client for people who sign in; the server needs the service account, from the Firebase console under Project settings > Service accounts > Generate new private key"
    )]
    OauthClient,
    /// A legacy key.
    #[error(
        "the service account: this is a server key (or API key) of the old FCM interface, which Google shut down in 2024; it was replaced by service accounts, so make one in the Firebase console under Project settings > Service accounts > Generate new private key"
    )]
    LegacyServerKey,
    /// A field is missing or unusable.
    #[error("the service account: the field “{field}” {problem}; download the file again and upload it unchanged")]
    ServiceAccountField {
        /// Which.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// Not a project number.
    #[error(
        "the sender id “{given}” is not a project number; it has only digits and stands in the Firebase console under Project settings > Cloud Messaging"
    )]
    SenderId {
        /// What was given.
        given: String,
    },
    /// Not an app id of Huawei.
    #[error(
        "the app id “{given}” is not one of Huawei's; it has only digits and stands in AppGallery Connect under Project settings"
    )]
    HmsAppId {
        /// What was given.
        given: String,
    },
    /// Not a secret of Huawei.
    #[error(
        "the app secret: it is too short or has blanks in it; copy it from AppGallery Connect, Project settings, beside the app id"
    )]
    HmsSecret,
    /// The app's file.
    #[error(
        "the app secret: this is agconnect-services.json, the file for building the app; give the app secret itself, from AppGallery Connect under Project settings, beside the app id"
    )]
    HmsFile,
    /// Not an app's id.
    #[error(
        "the app id “{given}” is not one; it is a bundle id such as com.example.app (without “.voip”), a Firebase project or a sender id"
    )]
    AppId {
        /// What was given.
        given: String,
    },
    /// Not a secret of the Standard Webhooks form.
    #[error(
        "the secret: it must be whsec_ and 24 to 64 random bytes in base64, the same as at the relay; make one with: echo whsec_$(openssl rand -base64 32)"
    )]
    WebhookSecret,
    /// Not a contact for push services.
    #[error(
        "the contact “{given}” cannot be used; give a mail address such as admin@example.com or an https page, because push services write there before they block an installation"
    )]
    Contact {
        /// What was given.
        given: String,
    },
    /// Not a host.
    #[error(
        "the allowed host “{given}” is not one; give up to 16 names such as push.example.lan or addresses, without https:// and without a port"
    )]
    AllowedHost {
        /// What was given.
        given: String,
    },
    /// The key for Web Push could not be made or read.
    #[error("the key for Web Push could not be made: the operating system gave no random bytes; try again")]
    VapidKey,
    /// Not a usable address.
    #[error("{field}: “{given}” cannot be used: {problem}")]
    Url {
        /// Which field.
        field: &'static str,
        /// What was given.
        given: String,
        /// What is wrong with it, with the fix.
        problem: &'static str,
    },
    /// Not a certificate in PEM.
    #[error(
        "the additional root certificate cannot be read: {problem}; give it in PEM, beginning with -----BEGIN CERTIFICATE-----"
    )]
    BadCa {
        /// What is wrong with it.
        problem: String,
    },
    /// Longer than a page can show.
    #[error("the name is {chars} characters long; at most {limit} are shown")]
    Label {
        /// How long.
        chars: usize,
        /// The limit.
        limit: usize,
    },
    /// Already there.
    #[error("this key is already here as “{label}”; remove that one first if you want to change it")]
    Duplicate {
        /// The one that is there.
        label: String,
    },
    /// Too many.
    #[error("there are already {limit} push credentials; remove one that is no longer used")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// No such row.
    #[error("there is no push credential {0}; it may have been removed meanwhile")]
    NotFound(CredentialId),
    /// The stored secret does not open.
    #[error("the push credential “{label}” cannot be opened with this installation's master key; upload it again")]
    Unreadable {
        /// Which.
        label: String,
    },
    /// The push side has ended.
    #[error("Nightbell is stopping; try again when it runs")]
    Stopping,
    /// Reading or writing it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CredentialError {
    /// A stable code for the API, `doctor` and pages.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotAKey => "not_a_key",
            Self::DamagedKey => "damaged_key",
            Self::Certificate => "is_certificate",
            Self::PublicKey => "is_public_key",
            Self::NotACertificate => "not_a_certificate",
            Self::DamagedCertificate => "damaged_certificate",
            Self::CertificatePassword => "bad_certificate_password",
            Self::CertificateCipher => "unknown_certificate_cipher",
            Self::CertificateCostly => "certificate_too_costly",
            Self::SeveralCertificates => "several_certificates",
            Self::CertificateWithoutKey => "certificate_without_key",
            Self::KeyWithoutCertificate => "key_without_certificate",
            Self::CertificateRequest => "is_certificate_request",
            Self::CertificateKeyEncrypted => "encrypted_certificate_key",
            Self::CertificateKeyMismatch => "certificate_key_mismatch",
            Self::NotForPush { .. } => "certificate_not_for_push",
            Self::CertificateEnded { .. } => "certificate_ended",
            Self::WrongCurve => "wrong_curve",
            Self::Rsa => "is_rsa_key",
            Self::OtherKeyKind => "other_key_kind",
            Self::Encrypted => "encrypted_key",
            Self::FirebaseFile => "is_firebase_file",
            Self::TooLarge { .. } => "too_large",
            Self::KeyId { .. } => "bad_key_id",
            Self::TeamId { .. } => "bad_team_id",
            Self::IssuerId => "is_issuer_id",
            Self::BundleId { .. } => "bad_bundle_id",
            Self::NotAServiceAccount { .. } => "not_a_service_account",
            Self::OtherCredentialType { .. } => "other_credential_type",
            Self::GoogleServicesJson => "is_google_services_json",
            Self::GoogleServiceInfoPlist => "is_google_service_info_plist",
            Self::OauthClient => "is_oauth_client",
            Self::LegacyServerKey => "legacy_server_key",
            Self::ServiceAccountField { .. } => "bad_service_account_field",
            Self::SenderId { .. } => "bad_sender_id",
            Self::HmsAppId { .. } => "bad_hms_app_id",
            Self::HmsSecret => "bad_hms_secret",
            Self::HmsFile => "is_agconnect_services_json",
            Self::AppId { .. } => "bad_app_id",
            Self::WebhookSecret => "bad_secret",
            Self::Contact { .. } => "bad_contact",
            Self::AllowedHost { .. } => "bad_allowed_host",
            Self::VapidKey => "vapid_key",
            Self::Url { .. } => "bad_url",
            Self::BadCa { .. } => "bad_ca",
            Self::Label { .. } => "bad_label",
            Self::Duplicate { .. } => "duplicate",
            Self::TooMany { .. } => "too_many",
            Self::NotFound(_) => "not_found",
            Self::Unreadable { .. } => "unreadable",
            Self::Stopping => "stopping",
            Self::Store(_) => "store",
        }
    }

    /// The form field the error belongs to, `None` when it is not about a field.
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::NotAKey
            | Self::DamagedKey
            | Self::Certificate
            | Self::PublicKey
            | Self::WrongCurve
            | Self::Rsa
            | Self::OtherKeyKind
            | Self::Encrypted
            | Self::FirebaseFile => Some("p8"),
            Self::NotACertificate
            | Self::DamagedCertificate
            | Self::CertificateCipher
            | Self::CertificateCostly
            | Self::SeveralCertificates
            | Self::CertificateWithoutKey
            | Self::KeyWithoutCertificate
            | Self::CertificateRequest
            | Self::CertificateKeyEncrypted
            | Self::CertificateKeyMismatch
            | Self::NotForPush { .. }
            | Self::CertificateEnded { .. } => Some("certificate"),
            Self::CertificatePassword => Some("password"),
            Self::KeyId { .. } => Some("key_id"),
            Self::TeamId { .. } | Self::IssuerId => Some("team_id"),
            Self::BundleId { .. } => Some("bundle_ids"),
            Self::NotAServiceAccount { .. }
            | Self::OtherCredentialType { .. }
            | Self::GoogleServicesJson
            | Self::GoogleServiceInfoPlist
            | Self::OauthClient
            | Self::LegacyServerKey
            | Self::ServiceAccountField { .. } => Some("service_account_json"),
            Self::SenderId { .. } => Some("sender_id"),
            Self::HmsAppId { .. } => Some("app_id"),
            Self::HmsSecret | Self::HmsFile => Some("app_secret"),
            Self::AppId { .. } => Some("app_ids"),
            Self::WebhookSecret => Some("secret"),
            Self::Contact { .. } => Some("contact"),
            Self::AllowedHost { .. } => Some("allowed_hosts"),
            Self::TooLarge { what, .. } => Some(what),
            Self::Url { field, .. } => Some(field),
            Self::BadCa { .. } => Some("extra_ca_pem"),
            Self::Label { .. } => Some("label"),
            Self::VapidKey
            | Self::Duplicate { .. }
            | Self::TooMany { .. }
            | Self::NotFound(_)
            | Self::Unreadable { .. }
            | Self::Stopping
            | Self::Store(_) => None,
        }
    }
}
