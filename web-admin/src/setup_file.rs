//! A setup by one document: the steps of the first run at once, for installers that script.
//!
//! Everything is read and checked first, and every problem is told at once beside its field; only then is anything changed,
//! in the order of the steps. What is there already as wanted stays, so that the same document can be given again.

mod plan;

use axum::http::StatusCode;
use pbx_core::switchboard::command::Command;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::plan::{Plan, Wish};
use crate::adding;
use crate::audit;
use crate::clock;
use crate::error::{FieldError, Refusal};
use crate::state::AdminState;
use crate::users;
use crate::welcome::{self, Step};

/// The document. What it does not name is left as it is.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = SetupDocument)]
pub(crate) struct Document {
    /// `name` and `password` of the first owner.
    #[schema(value_type = Option<Object>)]
    owner: Option<Value>,
    /// `country` (ISO 3166) and `time_zone`.
    #[schema(value_type = Option<Object>)]
    place: Option<Value>,
    /// `certificate` with its chain and `key`, in PEM.
    #[schema(value_type = Option<Object>)]
    certificate: Option<Value>,
    /// The authority that gives the certificate by itself, as at `PUT /certificate/acme`.
    #[schema(value_type = Option<Object>)]
    acme: Option<Value>,
    /// `number`, `name`, `email` and `secret` of each.
    #[schema(value_type = Vec<Object>)]
    extensions: Vec<Value>,
    /// Push credentials as at `POST /push/credentials`.
    #[schema(value_type = Vec<Object>)]
    push: Vec<Value>,
    /// The account at the mail server as at `PUT /mail/account`.
    #[schema(value_type = Option<Object>)]
    mail: Option<Value>,
    /// Steps that are not wanted.
    skip: Vec<Step>,
    /// Look at the network after all of it.
    check_network: bool,
    /// The setup is over: pages do not ask for the rest of it any more.
    close: bool,
    /// Check and change nothing.
    dry_run: bool,
}

/// What became of a document.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = SetupOutcome)]
pub(crate) struct Outcome {
    /// What was changed, or would be, in order.
    pub(crate) changed: Vec<String>,
    /// What was there already as wanted.
    pub(crate) unchanged: Vec<String>,
    pub(crate) dry_run: bool,
}

/// Checks a document and carries it out.
pub(crate) async fn carry_out(state: &AdminState, document: Document) -> Result<Outcome, Refusal> {
    let dry_run = document.dry_run;
    let Plan { wishes, unchanged, problems } = plan::of(state, document).await?;
    if !problems.is_empty() {
        return Err(refusal(problems));
    }
    let changed = wishes.iter().map(Wish::words).collect();
    if !dry_run {
        for wish in wishes {
            let words = wish.words();
            fulfil(state, wish).await.map_err(|refused| amid(&words, refused))?;
            audit::note(words);
        }
    }
    Ok(Outcome { changed, unchanged, dry_run })
}

fn refusal(problems: Vec<FieldError>) -> Refusal {
    let what = if problems.len() == 1 { "one field is".to_owned() } else { format!("{} fields are", problems.len()) };
    let detail = format!("nothing was changed: {what} wrong; correct what is named and try again");
    let mut refusal = Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, "setup_has_errors", detail);
    refusal.fields = problems;
    refusal
}

/// What was fine when it was checked failed now, such as at a full disk; giving the document again goes on from there.
fn amid(what: &str, refused: Refusal) -> Refusal {
    let detail = format!("{what}: {}; what stands before it is done, so give the same file again", refused.detail);
    Refusal { detail, ..refused }
}

async fn fulfil(state: &AdminState, wish: Wish) -> Result<(), Refusal> {
    match wish {
        Wish::Owner { name, password } => {
            let hash = state.passwords.hash(password.into_inner()).await?;
            if users::store::add_owner(&state.store, &name, &hash, clock::now()).await? {
                Ok(())
            } else {
                let detail = format!("“{name}” was added by somebody else meanwhile");
                Err(Refusal::new(StatusCode::CONFLICT, "name_taken", detail).field("owner.name"))
            }
        }
        Wish::Place(place) => Ok(state.place.save(&state.store, &place).await?),
        Wish::Certificate { chain, key, .. } => {
            let live = state.site.certificate.clone();
            let installing = tokio::task::spawn_blocking(move || live.install(chain.reveal(), key.reveal()));
            match installing.await {
                Ok(Ok(_)) => Ok(state.acme.forget().await?),
                Ok(Err(unfit)) => Err(Refusal::internal(&unfit)),
                Err(failed) => Err(Refusal::internal(&failed)),
            }
        }
        Wish::Acme(new) => Ok(state.acme.choose(*new).await?),
        Wish::Add(wanted) => adding::add_many(state, wanted).await.map(drop),
        Wish::Change { number, change } => {
            state.switchboard.ask(Command::ChangeExtension { number, change }).await?;
            Ok(())
        }
        Wish::Push { credential, .. } => Ok(state.push.add_credential(*credential).await.map(drop)?),
        Wish::Mail(account) => Ok(state.mailer.set_account(*account).await.map(drop)?),
        Wish::Keep(kept) => Ok(welcome::keep(state, &kept).await?),
        Wish::CheckNetwork => {
            state.push.start_network_check();
            Ok(())
        }
    }
}
