//! Every stable code of a refusal, in one table: API.md, the OpenAPI document and the API page are written from it.

use axum::http::StatusCode;

/// One code.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Code {
    /// Stable; programs decide by it.
    pub(crate) code: &'static str,
    /// The statuses it comes with.
    pub(crate) status: &'static [u16],
    /// What it means, in a few words.
    pub(crate) means: &'static str,
}

const fn code(status: &'static [u16], code: &'static str, means: &'static str) -> Code {
    Code { code, status, means }
}

/// All of them, by status.
pub(crate) const CODES: &[Code] = &[
    code(&[400], "malformed", "not readable: no JSON, a wrong type, a value out of range, a field too many"),
    code(&[400], "unknown_field", "a field that does not exist; it would have changed nothing"),
    code(&[400], "number_malformed", "no extension number"),
    code(&[400], "owner_malformed", "a name or mail address that is none"),
    code(&[400], "secret_malformed", "a secret that phones cannot use"),
    code(&[400], "label_malformed", "a label of more than one line"),
    code(&[400], "lifetime_out_of_range", "a link would live too short or too long"),
    code(&[400], "extension_needed", "a user needs an extension"),
    code(&[400], "idempotency_key_malformed", "an Idempotency-Key that is none"),
    code(&[400], "mac_malformed", "no MAC address of a phone"),
    code(&[400], "vendor_unknown", "a maker whose phones are not known here"),
    code(&[400], "model_malformed", "no model name"),
    code(&[400], "mac_of_other_vendor", "the MAC belongs to another maker's phones"),
    code(&[400], "template_empty", "the template has no setting"),
    code(&[400], "family_unknown", "no format of desk phones has this word"),
    code(&[401], "sign_in_needed", "neither signed in nor a good API token"),
    code(&[401], "signed_out", "the credential of an app is wrong, or its account is gone"),
    code(&[401], "wrong_secret", "no such account, or not its secret"),
    code(&[401, 409], "passkey_expired", "the challenge was answered already, or took too long"),
    code(&[401, 422], "passkey_refused", "the answer of the device does not prove what it should"),
    code(&[403], "cross_site", "the request came from another web site"),
    code(&[403], "role_needed", "the role, or the scopes of the API token, do not reach this far"),
    code(&[403, 404], "no_extension", "the account belongs to no extension"),
    code(&[403], "confirm_needed", "the browser has to prove once more who it is"),
    code(&[403, 409], "second_factor_needed", "an owner wants a second factor for this role"),
    code(
        &[403],
        "phones_off",
        "an admin switched the phones of the extension off; an app keeps its account and asks again later",
    ),
    code(&[404], "no_such_session", "no session of one's own has this id"),
    code(&[404], "no_such_passkey", "no passkey of one's own has this id"),
    code(&[404], "no_such_user", "nobody has this id"),
    code(&[404], "no_such_event_webhook", "no event webhook has this id"),
    code(&[404], "no_such_mail", "no mail has this id"),
    code(&[404], "no_such_extension", "no extension has this number"),
    code(&[404], "no_such_device", "no device has this id"),
    code(&[404], "no_such_account", "no SIP account has this name"),
    code(&[404], "no_such_call", "no call has this id"),
    code(&[404], "no_such_credential", "no push credential has this id"),
    code(&[404], "no_such_enrolment", "no link has this id"),
    code(&[404], "no_such_link", "the link was used, has expired, was revoked or never was"),
    code(&[404], "no_such_token", "no API token has this id"),
    code(&[404], "no_such_check", "the code or the check was used, has run out, or never was"),
    code(&[404], "no_such_backup", "no backup has this name"),
    code(&[404], "no_such_desk_phone", "no desk phone has this MAC"),
    code(&[404], "no_such_template", "there is no template for these phones"),
    code(&[404], "no_such_route", "nothing is at this address"),
    code(&[404], "not_blocked", "the address is not blocked"),
    code(&[405], "method_not_allowed", "the address exists, but not for this method"),
    code(&[409], "update_notice_off", "no address is set that could be asked for updates"),
    code(&[409], "check_under_way", "too many network checks are under way"),
    code(&[409], "number_taken", "the extension exists already"),
    code(&[409], "number_twice", "the same number twice in one request"),
    code(&[409], "desk_phone_exists", "the desk phone is there already"),
    code(&[409], "template_of_other_phones", "the template is not for the phone that was to be shown"),
    code(&[409], "not_fetched_yet", "the desk phone has no address of its own yet"),
    code(&[409], "username_taken", "the account exists already"),
    code(&[409], "realm_in_use", "accounts exist, and their digests contain the realm"),
    code(&[409], "backup_busy", "another backup or restore is at work, or waits for the restart"),
    code(&[409], "acme_not_chosen", "no certificate authority is chosen"),
    code(&[409], "passkey_needs_name", "passkeys need a public name that is no address"),
    code(&[409], "no_passphrase", "no passphrase for backups is set"),
    code(&[409], "backup_name_taken", "a backup of this name is there already"),
    code(&[409], "restore_by_command", "tables on a PostgreSQL server are restored by `nightbell backup restore`"),
    code(&[409], "nothing_to_push", "no phone of it can be pushed"),
    code(&[409], "nobody_to_ring", "no phone of it is registered or can be woken"),
    code(&[409], "test_call_under_way", "it is being tested at this moment"),
    code(&[409], "name_taken", "somebody has this name already"),
    code(&[409], "user_disabled", "they may not sign in"),
    code(&[409], "last_owner", "nobody else could change everything"),
    code(&[409], "no_mail_server", "no account at a mail server is set"),
    code(&[409], "mail_queued", "the mail is still on its way"),
    code(&[409], "no_mail_address", "nobody to write to: the extension has no mail address"),
    code(&[409], "other_installation", "the credential belongs to another installation"),
    code(&[409], "full", "as many as there may be"),
    code(&[409], "duplicate", "the same credential is there already"),
    code(&[409, 422], "too_many", "as many as there may be, or as one order may name"),
    code(&[409], "too_many_links", "as many open links as there may be"),
    code(&[409], "link_used", "a phone has claimed the link"),
    code(&[409], "link_expired", "the link has ended"),
    code(&[409], "link_revoked", "the link was taken back"),
    code(&[409], "no_sip_port", "no SIP port is open for phones"),
    code(&[409], "link_too_long", "the link does not fit into a QR code"),
    code(&[409], "idempotency_key_in_use", "the first request with this key is still being answered"),
    code(&[413, 422], "too_large", "larger than anything needed here"),
    code(&[415], "not_json", "the body is not JSON, or does not say so"),
    code(&[422], "log_level", "no filter for the log, or no number of minutes"),
    code(&[422], "passphrase_unfit", "a passphrase that is too short or too long"),
    code(&[422], "passphrase_wrong", "the passphrase does not open the backup"),
    code(&[422], "keep_out_of_range", "too few or too many backups to keep"),
    code(&[422], "backup_name_malformed", "no name for a backup"),
    code(&[422], "no_backup", "the file is no backup of Nightbell"),
    code(&[422], "backup_damaged", "the backup was cut short or changed"),
    code(&[422], "backup_newer", "a newer version made the backup"),
    code(&[422], "passkey_name", "no name for a passkey"),
    code(&[422], "push_malformed", "a push token or app id that is none"),
    code(&[422], "seq_malformed", "the number of a report is not above 0"),
    code(&[422], "setup_has_errors", "nothing was changed; `fields` names what is wrong"),
    code(&[422], "import_has_errors", "nothing was imported; `errors` names the lines"),
    code(&[422], "template_has_errors", "nothing was saved; `errors` names the lines"),
    code(&[422], "mail_setting_malformed", "a mail server cannot be used like this"),
    code(&[422], "event_webhook_malformed", "an event webhook cannot be used like this"),
    code(&[422], "acme_malformed", "a certificate authority cannot be used like this"),
    code(&[422], "web_proxy_malformed", "a web proxy cannot be used like this"),
    code(&[422], "nobody", "the order is for nobody"),
    code(&[422], "setting_out_of_range", "a setting Nightbell cannot work with"),
    code(&[422], "idempotency_key_reused", "the key was used with another request"),
    code(&[422], "not_a_key", "no private key"),
    code(&[422], "damaged_key", "a private key that is cut or changed"),
    code(&[422], "is_certificate", "a certificate in place of the key"),
    code(&[422], "is_public_key", "a public key in place of the private one"),
    code(&[422], "wrong_curve", "a key on another curve than P-256"),
    code(&[422], "is_rsa_key", "an RSA key in place of an EC key"),
    code(&[422], "other_key_kind", "a key of another kind"),
    code(&[422], "encrypted_key", "a key with a password"),
    code(&[422], "is_firebase_file", "Google's file in place of Apple's key"),
    code(&[422], "bad_key_id", "no key id"),
    code(&[422], "bad_team_id", "no team id"),
    code(&[422], "bad_bundle_id", "no bundle id"),
    code(&[422], "not_a_service_account", "no service account file"),
    code(&[422], "other_credential_type", "another kind of Google file"),
    code(&[422], "is_google_services_json", "the app's own google-services.json"),
    code(&[422], "is_google_service_info_plist", "the app's own GoogleService-Info.plist"),
    code(&[422], "is_oauth_client", "an OAuth client file"),
    code(&[422], "legacy_server_key", "a server key of the interface that Google shut down"),
    code(&[422], "bad_service_account_field", "a field of the service account file is missing or wrong"),
    code(&[422], "bad_sender_id", "no sender id"),
    code(&[422], "bad_hms_app_id", "no app id of AppGallery Connect"),
    code(&[422], "bad_hms_secret", "no client secret of AppGallery Connect"),
    code(&[422], "is_agconnect_services_json", "the app's own agconnect-services.json"),
    code(&[422], "is_issuer_id", "an issuer id in place of the team id"),
    code(&[422], "bad_app_id", "no app id"),
    code(&[422], "bad_secret", "no `whsec_` secret"),
    code(&[422], "bad_contact", "no contact for push services"),
    code(&[422], "bad_allowed_host", "no host name"),
    code(&[422], "vapid_key", "the Web Push key could not be made"),
    code(&[422], "bad_url", "an address that is not asked"),
    code(&[422], "bad_ca", "no root certificate in PEM"),
    code(&[422], "bad_label", "no name for pages"),
    code(&[422], "not_a_certificate", "no certificate"),
    code(&[422], "damaged_certificate", "a certificate file that is cut or changed"),
    code(&[422], "bad_certificate_password", "the password does not open the file"),
    code(&[422], "unknown_certificate_cipher", "a file that is protected in an unknown way"),
    code(&[422], "certificate_too_costly", "a file that would take for ever to open"),
    code(&[422], "several_certificates", "several certificates with keys in one file"),
    code(&[422], "certificate_without_key", "the private key is missing"),
    code(&[422], "key_without_certificate", "the certificate is missing"),
    code(&[422], "is_certificate_request", "a request in place of the certificate"),
    code(&[422], "encrypted_certificate_key", "the certificate's key has a password"),
    code(&[422], "certificate_key_mismatch", "certificate and key do not belong together"),
    code(&[422], "certificate_not_for_push", "a certificate for something else"),
    code(&[422], "update_notice_malformed", "an address for update notices that cannot be asked"),
    code(&[422], "network_check_malformed", "a server of the network check that cannot be asked"),
    code(&[422], "certificate_ended", "the certificate has ended"),
    code(&[422], "not_found", "gone in the meantime"),
    code(&[429], "busy", "too many at once; wait as Retry-After says"),
    code(&[500], "internal", "a failure of ours; the log has the details"),
    code(&[500], "unreadable", "sealed with another master key"),
    code(&[500], "no_randomness", "the operating system gave no random bytes"),
    code(&[500], "bug", "an answer that cannot be"),
    code(&[502], "mail_login_refused", "the mail server refused the sign-in"),
    code(&[502], "mail_refused", "the mail server refused the mail"),
    code(&[502], "mail_deferred", "the mail server wants to be asked again later"),
    code(&[502], "mail_tls", "the connection to the mail server could not be protected"),
    code(&[502], "mail_timeout", "the mail server did not answer in time"),
    code(&[502], "mail_unfit", "the mail server does not offer what is set"),
    code(&[502], "mail_unreachable", "the mail server cannot be reached"),
    code(&[502], "mail_unwritable", "the mail could not be written"),
    code(&[503], "busy", "too much at once; nothing was changed, try again"),
    code(&[503], "stopping", "Nightbell stops"),
    code(&[503], "not_saved", "in force, but the database has not taken it yet"),
    code(&[503], "database_unavailable", "the database takes nothing now; nothing was changed"),
    code(&[503], "no_echo", "test calls have no sound since this start"),
    code(&[503], "draining", "Nightbell takes no new calls"),
    code(&[504], "timeout", "took too long and was given up"),
    code(&[507], "backup_file", "a file of a backup cannot be read or written; the disk may be full"),
];

/// The codes that come with a status.
pub(crate) fn of(status: u16) -> impl Iterator<Item = &'static Code> {
    CODES.iter().filter(move |one| one.status.contains(&status))
}

/// Whether the table has this code for this status.
pub(crate) fn known(status: StatusCode, code: &str) -> bool {
    of(status.as_u16()).any(|one| one.code == code)
}

/// The table as Markdown, for API.md and the document.
pub(crate) fn table() -> String {
    let statuses: std::collections::BTreeSet<u16> = CODES.iter().flat_map(|one| one.status).copied().collect();
    let mut text = String::from("| status | code | meaning |\n|---|---|---|\n");
    for status in statuses {
        for one in of(status) {
            text.push_str(&format!("| {status} | `{}` | {} |\n", one.code, one.means));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_the_written_api_is_this_one() {
        let written = include_str!("../../API.md");
        let (_, rest) = written.split_once("<!-- codes -->\n").expect("API.md has the mark");
        let (there, _) = rest.split_once("<!-- end of codes -->").expect("API.md has the end mark");
        assert_eq!(there.trim(), table().trim(), "copy the right side into web-admin/API.md");
    }

    /// Refusals that other crates name; what they say about the inside of Nightbell is `internal` here.
    #[test]
    fn every_code_that_another_crate_gives_is_in_the_table() {
        let sources = [
            include_str!("../../../pbx-core/src/switchboard/command.rs"),
            include_str!("../../../push-module/src/credential/error.rs"),
            include_str!("../../../provisioning/src/mail.rs"),
            include_str!("../../../provisioning/src/desk_phones/error.rs"),
            include_str!("../../../provisioning/src/enrolments/error.rs"),
        ];
        for source in sources {
            let (_, function) =
                source.split_once("pub const fn code(&self) -> &'static str {").expect("it names codes");
            let (function, _) = function.split_once("\n    }\n").expect("a function ends");
            let codes: Vec<_> =
                function.lines().filter_map(|line| line.rsplit_once("=> \"")?.1.split('"').next()).collect();
            assert!(!codes.is_empty(), "{function}");
            for code in codes.iter().filter(|code| !["store", "does_not_open"].contains(code)) {
                assert!(CODES.iter().any(|one| one.code == *code), "{code} is in no table");
            }
        }
    }

    #[test]
    fn no_code_stands_twice_for_one_status() {
        let mut seen = std::collections::BTreeSet::new();
        for one in CODES {
            for status in one.status {
                assert!(seen.insert((status, one.code)), "{} {}", status, one.code);
            }
        }
    }
}
