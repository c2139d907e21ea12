//! `nightbell push credential`: APNs keys, Firebase service accounts, push relays, Web Push and Acrobits.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use pbx_core::model::Redacted;
use push_module::credential::{
    ApnsEnvironment, CredentialKind, Endpoint, NewAcrobits, NewApnsCertificate, NewApnsKey, NewCredential,
    NewFcmAccount, NewWebPush, NewWebhook,
};
use push_module::credential::{CheckOutcome, CredentialState, CredentialSummary};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Exit;
use super::client::Client;
use super::extension::not_understood;
use super::failure::Failure;
use super::output::{Report, Table, clean, time};

/// The longest file that is read at all; the server has tighter limits and says so by name.
const FILE_BYTES: usize = 256 * 1024;

#[derive(Debug, Subcommand)]
pub(super) enum CredentialCommand {
    /// Add one; it is checked for form now and can be checked live afterwards
    #[command(subcommand)]
    Add(AddCommand),
    /// All of them and how they are doing
    List,
    /// Ask the provider whether it accepts the credential; reaches no phone
    Check {
        /// Its id in the list
        id: i64,
    },
    /// Remove one; phones that need it are no longer woken
    Remove {
        /// Its id in the list
        id: i64,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum AddCommand {
    /// A token signing key of Apple (AuthKey_XXXXXXXXXX.p8)
    Apns(ApnsArgs),
    /// A client certificate of Apple (.p12, or PEM)
    ApnsCertificate(ApnsCertificateArgs),
    /// A service account of Firebase (JSON file)
    Fcm(FcmArgs),
    /// A relay that pushes for apps whose publisher keeps the keys (docs/webhook.md)
    Webhook(WebhookArgs),
    /// Web Push for browsers and UnifiedPush; the key is made here (docs/web-push.md)
    Webpush(WebPushArgs),
    /// Acrobits' push mediator, for Groundwire and Cloud Softphone (docs/acrobits.md)
    Acrobits(AcrobitsArgs),
}

#[derive(Debug, Args)]
pub(super) struct ApnsArgs {
    /// The .p8 file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Its key id [default: taken from the name AuthKey_XXXXXXXXXX.p8]
    #[arg(long)]
    key_id: Option<String>,
    /// The team id, as shown under Membership at Apple
    #[arg(long)]
    team_id: String,
    /// An app it may wake; repeat it for several; none means any
    #[arg(long, value_name = "ID")]
    bundle_id: Vec<String>,
    /// Only for builds run from Xcode
    #[arg(long, group = "environment")]
    sandbox: bool,
    /// Only for builds of the store and TestFlight
    #[arg(long, group = "environment")]
    production: bool,
    /// For both kinds of builds (the default)
    #[arg(long, group = "environment")]
    both: bool,
    /// A name for pages and lists
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// Ask here instead of Apple's hosts, for example https://localhost:2197
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// One more trusted root certificate (PEM), for a proxy that opens TLS
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ApnsCertificateArgs {
    /// The .p12 file, or the certificate in PEM
    #[arg(long, value_name = "FILE")]
    certificate: PathBuf,
    /// The key in PEM, when it is a file of its own
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// A file with the password of the .p12 file
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// A name for pages and lists
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// Ask here instead of Apple's hosts, for example https://localhost:2197
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// One more trusted root certificate (PEM), for a proxy that opens TLS
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct FcmArgs {
    /// The JSON file from the Firebase console: Project settings > Service accounts
    #[arg(long, value_name = "FILE")]
    service_account: PathBuf,
    /// The project number, for phones that name it instead of the project id
    #[arg(long)]
    sender_id: Option<String>,
    /// A name for pages and lists
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// Send here instead of https://fcm.googleapis.com
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// One more trusted root certificate (PEM), for a proxy that opens TLS
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct WebPushArgs {
    /// Whom push services may write to: a mail address or an https page
    #[arg(long, value_name = "ADDRESS")]
    contact: String,
    /// A push service of your own that may be in a private network, without port; repeat it for several
    #[arg(long, value_name = "HOST")]
    allow_host: Vec<String>,
    /// A name for pages and lists
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// One more trusted root certificate (PEM), for a push service of your own
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct AcrobitsArgs {
    /// An app it may wake, as phones report it; repeat it for several; none means any
    #[arg(long, value_name = "ID")]
    app_id: Vec<String>,
    /// A name for pages and lists
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// Ask here instead of https://pnm.cloudsoftphone.com/pnm2/send
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// One more trusted root certificate (PEM), for a proxy that opens TLS
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct WebhookArgs {
    /// Where the relay takes requests
    #[arg(long)]
    url: String,
    /// A file with the shared secret: whsec_ and 24 to 64 random bytes in base64
    #[arg(long, value_name = "FILE")]
    secret: PathBuf,
    /// An app it pushes; repeat it for several; none means every app without a key of its own
    #[arg(long, value_name = "ID")]
    app_id: Vec<String>,
    /// A name for pages and lists
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
    /// One more trusted root certificate (PEM)
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

pub(super) async fn run(client: &Client, command: CredentialCommand) -> Result<Report, Failure> {
    match command {
        CredentialCommand::Add(AddCommand::Apns(args)) => add(client, apns(args)?).await,
        CredentialCommand::Add(AddCommand::ApnsCertificate(args)) => add(client, apns_certificate(args)?).await,
        CredentialCommand::Add(AddCommand::Fcm(args)) => add(client, fcm(args)?).await,
        CredentialCommand::Add(AddCommand::Webhook(args)) => add(client, webhook(args)?).await,
        CredentialCommand::Add(AddCommand::Webpush(args)) => add(client, web_push(args)?).await,
        CredentialCommand::Add(AddCommand::Acrobits(args)) => add(client, acrobits(args)?).await,
        CredentialCommand::List => list(client).await,
        CredentialCommand::Check { id } => check(client, id).await,
        CredentialCommand::Remove { id } => {
            client.delete(&format!("/push/credentials/{id}")).await?;
            Ok(Report::done(format!("Push credential {id} is removed.\n"), json!({ "removed": id })))
        }
    }
}

fn apns(args: ApnsArgs) -> Result<NewCredential, Failure> {
    let key_id = args.key_id.or_else(|| key_id_of(&args.key));
    let key_id = key_id.ok_or(Failure::Missing(
        "--key-id is missing: the file's name does not tell it, so give the 10 characters that Apple shows beside the key",
    ))?;
    let environment = match (args.production, args.sandbox) {
        (true, _) => ApnsEnvironment::Production,
        (_, true) => ApnsEnvironment::Sandbox,
        (false, false) => ApnsEnvironment::Both,
    };
    let extra_ca_pem = args.ca.map(|ca| read("the root certificate", &ca)).transpose()?.map(Redacted::into_inner);
    let endpoint = Endpoint { production_url: args.base_url.clone(), sandbox_url: args.base_url, extra_ca_pem };
    Ok(NewCredential::Apns(NewApnsKey {
        label: args.name,
        key_id,
        team_id: args.team_id,
        bundle_ids: args.bundle_id,
        p8: read("the key", &args.key)?,
        environment,
        endpoint,
    }))
}

/// Apple names the file after the key.
fn key_id_of(file: &Path) -> Option<String> {
    let name = file.file_name()?.to_str()?;
    let id = name.strip_prefix("AuthKey_")?.strip_suffix(".p8")?;
    (id.len() == 10).then(|| id.to_owned())
}

fn apns_certificate(args: ApnsCertificateArgs) -> Result<NewCredential, Failure> {
    let extra_ca_pem = args.ca.map(|ca| read("the root certificate", &ca)).transpose()?.map(Redacted::into_inner);
    let password = args.password_file.map(|file| read("the password", &file)).transpose()?;
    // An editor ends the file with a line end that is no part of the password.
    let password = password.map(|it| Redacted::new(it.reveal().trim_end_matches(['\r', '\n']).to_owned()));
    Ok(NewCredential::ApnsCertificate(NewApnsCertificate {
        label: args.name,
        certificate: read("the certificate", &args.certificate)?,
        key: args.key.map(|file| read("the key", &file)).transpose()?,
        password,
        endpoint: Endpoint { production_url: args.base_url.clone(), sandbox_url: args.base_url, extra_ca_pem },
    }))
}

fn fcm(args: FcmArgs) -> Result<NewCredential, Failure> {
    let extra_ca_pem = args.ca.map(|ca| read("the root certificate", &ca)).transpose()?.map(Redacted::into_inner);
    Ok(NewCredential::Fcm(NewFcmAccount {
        label: args.name,
        service_account_json: read("the service account", &args.service_account)?,
        sender_id: args.sender_id,
        base_url: args.base_url,
        extra_ca_pem,
    }))
}

fn webhook(args: WebhookArgs) -> Result<NewCredential, Failure> {
    let extra_ca_pem = args.ca.map(|ca| read("the root certificate", &ca)).transpose()?.map(Redacted::into_inner);
    Ok(NewCredential::Webhook(NewWebhook {
        label: args.name,
        url: args.url,
        app_ids: args.app_id,
        secret: read("the shared secret", &args.secret)?,
        extra_ca_pem,
    }))
}

fn web_push(args: WebPushArgs) -> Result<NewCredential, Failure> {
    let extra_ca_pem = args.ca.map(|ca| read("the root certificate", &ca)).transpose()?.map(Redacted::into_inner);
    Ok(NewCredential::WebPush(NewWebPush {
        label: args.name,
        contact: args.contact,
        allowed_hosts: args.allow_host,
        extra_ca_pem,
    }))
}

fn acrobits(args: AcrobitsArgs) -> Result<NewCredential, Failure> {
    let extra_ca_pem = args.ca.map(|ca| read("the root certificate", &ca)).transpose()?.map(Redacted::into_inner);
    Ok(NewCredential::Acrobits(NewAcrobits { label: args.name, app_ids: args.app_id, url: args.url, extra_ca_pem }))
}

/// A file as text; what is not text (a .p12, a picture) goes to the server in base64, which takes it as a certificate or
/// says what kind of file is needed.
fn read(what: &'static str, path: &Path) -> Result<Redacted<String>, Failure> {
    let unreadable = |source| Failure::Read { what, path: path.to_owned(), source };
    let bytes = std::fs::read(path).map_err(unreadable)?;
    if bytes.len() > FILE_BYTES {
        let why =
            io::Error::new(io::ErrorKind::FileTooLarge, "it is far too large to be one, so this is the wrong file");
        return Err(unreadable(why));
    }
    let text = String::from_utf8(bytes).unwrap_or_else(|binary| STANDARD.encode(binary.as_bytes()));
    Ok(Redacted::new(text))
}

async fn add(client: &Client, new: NewCredential) -> Result<Report, Failure> {
    let body = serde_json::to_value(new).map_err(not_understood)?;
    let added = client.post::<CredentialSummary>("/push/credentials", &body).await?;
    let CredentialSummary { id, label, public_key, .. } = &added.known;
    let public_key = public_key.as_ref().map_or_else(String::new, |key| {
        format!("Apps subscribe with this public key (applicationServerKey): {}\n", clean(key))
    });
    let text = format!(
        "Push credential {id} is added: {} for {}.\n{public_key}Ask the provider whether it accepts it: nightbell push credential check {id}\n",
        clean(label),
        apps(&added.known)
    );
    Ok(Report::done(text, added.raw))
}

fn apps(credential: &CredentialSummary) -> String {
    if credential.app_ids.is_empty() { "any app".to_owned() } else { clean(&credential.app_ids.join(", ")) }
}

#[derive(Debug, Deserialize)]
struct Listed {
    credentials: Vec<CredentialSummary>,
}

async fn list(client: &Client) -> Result<Report, Failure> {
    let listed = client.get::<Listed>("/push/credentials").await?;
    let mut table = Table::new(["ID", "SERVICE", "NAME", "APPS", "BUILDS", "STATE", "LAST CHECK"]);
    for credential in &listed.known.credentials {
        let service = match credential.provider {
            CredentialKind::Apns => "APNs",
            CredentialKind::Fcm => "FCM",
            CredentialKind::Webhook => "relay",
            CredentialKind::WebPush => "Web Push",
            CredentialKind::Acrobits => "Acrobits",
        };
        let state = match &credential.state {
            CredentialState::Untried | CredentialState::Working => credential.state.as_str().to_owned(),
            CredentialState::Failing { text, .. } => format!("failing: {text}"),
        };
        let checked = credential.last_check.as_ref().map_or_else(String::new, |check| time(check.at));
        let builds = credential.environment.map_or_else(String::new, |environment| environment.as_str().to_owned());
        table.row([
            credential.id.to_string(),
            service.to_owned(),
            credential.label.clone(),
            apps(credential),
            builds,
            state,
            checked,
        ]);
    }
    let nothing = "There is no push credential, so sleeping phone apps cannot be woken. Add one: nightbell push credential add --help";
    Ok(Report::done(table.text(nothing), listed.raw))
}

async fn check(client: &Client, id: i64) -> Result<Report, Failure> {
    let checked = client.post_nothing::<CheckOutcome>(&format!("/push/credentials/{id}/check")).await?;
    let CheckOutcome { ok, text, .. } = &checked.known;
    let (word, exit) = if *ok { ("good", Exit::Ok) } else { ("refused", Exit::Failure) };
    let text = format!("{word}: {}\n", clean(text));
    Ok(Report::done(text, checked.raw as Value).ending(exit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_id_is_taken_from_apples_file_name_only() {
        assert_eq!(key_id_of(Path::new("/keys/AuthKey_ABC123DEFG.p8")).as_deref(), Some("ABC123DEFG"));
        assert_eq!(key_id_of(Path::new("AuthKey_ABC.p8")), None);
        assert_eq!(key_id_of(Path::new("key.p8")), None);
    }

    #[test]
    fn a_file_that_is_no_text_is_still_shown_to_the_server() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("cert.p12");
        std::fs::write(&file, [0x30, 0x82, 0xff]).unwrap();
        assert_eq!(read("the key", &file).unwrap().reveal(), "MIL/");
    }
}
