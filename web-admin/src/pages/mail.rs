//! `/settings/mail`: the account at a mail server. `/mails`: welcome mails, and whether each was sent or not.

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use pbx_core::model::{EmailAddress, ExtensionNumber, Redacted};
use provisioning::mail::{Mail, MailAccount, MailSecurity, MailState, NewMailAccount};
use serde::Deserialize;

use super::confirm::Confirm;
use super::{Page, go};
use crate::api::mail::{batch, mail_id};
use crate::clock;
use crate::error::{Refusal, render};
use crate::form::{Errors, Input};
use crate::layout::{Frame, Layout, Menu};
use crate::state::AdminState;
use crate::words::{self, Badge, When};
use crate::{say, t};

/// Mails on the page: an order of 200 and what was before it.
const ON_A_PAGE: u32 = 300;

#[derive(Debug, Default, Deserialize)]
pub(crate) struct AccountForm {
    #[serde(default)]
    host: String,
    #[serde(default)]
    port: String,
    #[serde(default)]
    security: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: Redacted<String>,
    #[serde(default)]
    from_address: String,
    #[serde(default)]
    from_name: String,
    #[serde(default)]
    authority: String,
}

impl AccountForm {
    fn of(account: MailAccount) -> Self {
        Self {
            host: account.host,
            port: account.port.to_string(),
            security: account.security.as_str().to_owned(),
            username: account.username,
            password: Redacted::default(),
            from_address: account.from_address.as_str().to_owned(),
            from_name: account.from_name,
            authority: account.authority,
        }
    }

    fn parsed(self, errors: &mut Errors) -> NewMailAccount {
        let port = match self.port.trim() {
            "" => None,
            text => match text.parse() {
                Ok(port) => Some(port),
                Err(_) => {
                    errors.put("port", t("mail-give-a-number-between-1-and"));
                    None
                }
            },
        };
        NewMailAccount {
            host: self.host,
            port,
            security: MailSecurity::from_name(&self.security).unwrap_or(MailSecurity::StartTls),
            username: self.username,
            password: Some(self.password).filter(|password| !password.reveal().is_empty()),
            from_address: self.from_address,
            from_name: self.from_name,
            authority: self.authority,
        }
    }
}

#[derive(Template)]
#[template(path = "mail_settings.html")]
struct AccountPage {
    layout: Layout,
    saved: Option<When>,
    problem: String,
    inputs: Vec<Input>,
    authority: Input,
    test_to: Input,
    /// What the mail server said to the test mail.
    answer: String,
}

fn account_page(
    layout: Layout,
    account: Option<&MailAccount>,
    (form, errors): (&AccountForm, &Errors),
    (test_to, answer): (&str, &str),
) -> AccountPage {
    let has_password = account.is_some_and(|account| account.has_password);
    let text = |name, label, value: &str, hint: &str| Input::new(name, label, value, errors).hint(hint);
    let plain = "autocomplete=off autocapitalize=none spellcheck=false";
    AccountPage {
        layout,
        saved: account.map(|account| When::exact(account.changed_at)),
        problem: errors.of(""),
        inputs: vec![
            text("host", t("common-mail-server"), &form.host, t("mail-for-example-smtp-example-com")).more(plain),
            text("security", t("mail-encryption"), &form.security, t("mail-without-encryption-only-to-a-server"))
                .choices(&[("starttls", "STARTTLS (587)"), ("tls", "TLS (465)"), ("none", t("mail-none-25"))]),
            text("port", t("mail-port"), &form.port, t("mail-empty-for-the-usual-one"))
                .more("inputmode=numeric autocomplete=off"),
            text("username", t("common-user-name"), &form.username, t("mail-empty-for-a-server-that-wants"))
                .more(plain),
            text(
                "password",
                t("invitation-password"),
                "",
                if has_password {
                    t("mail-one-is-stored-empty-keeps-it")
                } else {
                    t("mail-stored-encrypted-and-never-shown-again")
                },
            )
            .kind("password")
            .more("autocomplete=new-password"),
            text(
                "from_address",
                t("mail-mails-come-from"),
                &form.from_address,
                t("mail-for-example-telephone-example-com"),
            )
            .kind("email")
            .more("autocomplete=off"),
            text(
                "from_name",
                t("mail-name-beside-it-optional"),
                &form.from_name,
                t("mail-for-example-the-name-of-the"),
            )
            .more("autocomplete=off maxlength=64"),
        ],
        authority: text(
            "authority",
            t("event-webhooks-certificate-authority-optional"),
            &form.authority,
            t("mail-pem-text-only-for-a-mail"),
        )
        .rows(4)
        .more("spellcheck=false"),
        test_to: Input::new("to", t("mail-send-a-test-mail-to"), test_to, errors)
            .kind("email")
            .more("autocomplete=off required"),
        answer: answer.to_owned(),
    }
}

pub(crate) async fn account(State(state): State<AdminState>, frame: Frame) -> Page {
    let account = state.mailer.account().await?;
    let form = account.clone().map(AccountForm::of).unwrap_or_default();
    let layout = frame.layout(t("common-mail"), Menu::Settings);
    Ok(render(&account_page(layout, account.as_ref(), (&form, &Errors::default()), ("", ""))))
}

pub(crate) async fn save_account(State(state): State<AdminState>, frame: Frame, Form(form): Form<AccountForm>) -> Page {
    let mut errors = Errors::default();
    let shown = AccountForm { password: Redacted::default(), ..clone_of(&form) };
    let new = form.parsed(&mut errors);
    if errors.is_empty() {
        match state.mailer.set_account(new).await {
            Ok(_) => return go("/settings/mail?done=saved"),
            Err(refused) => errors.take(refused.into())?,
        }
    }
    let account = state.mailer.account().await?;
    let layout = frame.layout(t("common-mail"), Menu::Settings);
    let page = account_page(layout, account.as_ref(), (&shown, &errors), ("", ""));
    Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)).into_response())
}

fn clone_of(form: &AccountForm) -> AccountForm {
    AccountForm {
        host: form.host.clone(),
        port: form.port.clone(),
        security: form.security.clone(),
        username: form.username.clone(),
        password: Redacted::default(),
        from_address: form.from_address.clone(),
        from_name: form.from_name.clone(),
        authority: form.authority.clone(),
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct TestForm {
    #[serde(default)]
    to: String,
}

pub(crate) async fn test(State(state): State<AdminState>, frame: Frame, Form(form): Form<TestForm>) -> Page {
    let mut errors = Errors::default();
    let mut answer = String::new();
    match form.to.parse::<EmailAddress>() {
        Err(wrong) => errors.put("to", wrong.to_string()),
        Ok(to) => match state.mailer.send_test(&to).await {
            Ok(words) => answer = words,
            Err(refused) => {
                let refusal = Refusal::from(refused);
                errors.put("to", refusal.detail);
            }
        },
    }
    let account = state.mailer.account().await?;
    let shown = account.clone().map(AccountForm::of).unwrap_or_default();
    let layout = frame.layout(t("common-mail"), Menu::Settings);
    let status = if errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
    let page = account_page(layout, account.as_ref(), (&shown, &errors), (&form.to, &answer));
    Ok((status, render(&page)).into_response())
}

pub(crate) async fn confirm_remove(State(_): State<AdminState>, frame: Frame) -> Page {
    let confirm = Confirm {
        layout: frame.layout(t("mail-forget-the-mail-server"), Menu::Settings),
        lines: vec![t("mail-its-password-is-deleted-mails-that").into()],
        action: "/settings/mail/remove".into(),
        fields: Vec::new(),
        button: t("mail-settings-forget-the-mail-server"),
        back: "/settings/mail".into(),
    };
    Ok(confirm.page())
}

pub(crate) async fn remove(State(state): State<AdminState>) -> Page {
    state.mailer.remove_account().await?;
    go("/settings/mail?done=removed")
}

#[derive(Template)]
#[template(path = "mails.html")]
struct MailsPage {
    layout: Layout,
    ready: bool,
    problem: String,
    extensions: Input,
    batch: String,
    total: u32,
    sent: u32,
    failed: u32,
    running: bool,
    skipped: Vec<provisioning::mail::Skipped>,
    lines: Vec<MailLine>,
}

struct MailLine {
    id: String,
    extension: ExtensionNumber,
    address: String,
    state: Badge,
    detail: String,
    at: When,
    again: Option<When>,
    resendable: bool,
}

fn mail_line(mail: Mail) -> MailLine {
    let now = clock::now();
    let waits = mail.state == MailState::Queued;
    MailLine {
        id: mail.id.to_string(),
        extension: mail.extension,
        address: mail.address.as_str().to_owned(),
        state: match mail.state {
            MailState::Queued if mail.attempts > 0 => Badge::new("push", "◐", t("event-webhooks-tried-again")),
            MailState::Queued => Badge::new("push", "◐", t("event-webhooks-waits")),
            MailState::Sent => Badge::new("ok", "✓", t("mail-sent")),
            MailState::Failed => Badge::new("bad", "✕", t("mail-not-sent")),
        },
        detail: words::sentence(&mail.detail),
        at: When::relative(mail.ended_at.unwrap_or(mail.created_at), now),
        again: Some(When::relative(mail.next_at, now)).filter(|_| waits && mail.attempts > 0),
        resendable: !waits,
    }
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct MailsQuery {
    #[serde(default)]
    batch: String,
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame, Query(query): Query<MailsQuery>) -> Page {
    shown(&state, &frame, &query.batch, ("", &Errors::default(), Vec::new())).await
}

async fn shown(
    state: &AdminState,
    frame: &Frame,
    order: &str,
    (typed, errors, skipped): (&str, &Errors, Vec<provisioning::mail::Skipped>),
) -> Page {
    let batch = Some(order).filter(|text| !text.is_empty()).map(batch).transpose()?;
    let progress = match batch {
        Some(batch) => state.mailer.progress(batch).await?,
        None => provisioning::mail::Progress::default(),
    };
    let mails = state.mailer.list(batch, None, ON_A_PAGE).await?;
    let running = progress.sent + progress.failed < progress.total;
    let moving = running && mails.iter().any(|mail| mail.state == MailState::Queued && mail.attempts == 0);
    let page = MailsPage {
        layout: frame.layout(t("common-welcome-mails"), Menu::Extensions),
        ready: state.mailer.account().await?.is_some(),
        problem: errors.of(""),
        extensions: Input::new("extensions", t("common-extensions"), typed, errors)
            .hint(t("mail-numbers-with-a-comma-between-them"))
            .more("autocomplete=off inputmode=text"),
        batch: batch.map(|batch| batch.to_string()).unwrap_or_default(),
        total: progress.total,
        sent: progress.sent,
        failed: progress.failed,
        running,
        skipped,
        lines: mails.into_iter().map(mail_line).collect(),
    };
    let mut response = render(&page);
    if moving {
        // Without a script the page looks again by itself.
        response.headers_mut().insert(header::REFRESH, HeaderValue::from_static("2"));
    }
    Ok(response)
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct OrderForm {
    #[serde(default)]
    extensions: String,
}

pub(crate) async fn order(State(state): State<AdminState>, frame: Frame, Form(form): Form<OrderForm>) -> Page {
    let mut errors = Errors::default();
    let separators = |c: char| c.is_whitespace() || c == ',' || c == ';';
    let mut numbers: Vec<ExtensionNumber> = Vec::new();
    for text in form.extensions.split(separators).filter(|text| !text.is_empty()) {
        match text.parse() {
            Ok(number) => numbers.push(number),
            Err(_) => errors.put("extensions", say("mail-is-no-extension-number").with("text", &text).text()),
        }
    }
    if errors.is_empty() {
        let ordered = match form.extensions.trim() {
            "" => state.mailer.welcome_all(None).await,
            _ => state.mailer.welcome(&numbers, None).await,
        };
        match ordered {
            Ok(ordered) if ordered.skipped.is_empty() => return go(&format!("/mails?batch={}", ordered.batch)),
            Ok(ordered) => {
                let order = ordered.batch.to_string();
                return shown(&state, &frame, &order, ("", &errors, ordered.skipped)).await;
            }
            Err(refused) => errors.take(refused.into())?,
        }
    }
    let page = shown(&state, &frame, "", (&form.extensions, &errors, Vec::new())).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

pub(crate) async fn resend(State(state): State<AdminState>, Path(id): Path<String>) -> Page {
    let ordered = state.mailer.resend(mail_id(&id)?).await?;
    go(&format!("/mails?batch={}", ordered.batch))
}

/// The button on an extension's page.
pub(crate) async fn order_one(State(state): State<AdminState>, Path(text): Path<String>) -> Page {
    let ordered = state.mailer.welcome(&[super::extension::in_path(&text)?], None).await?;
    match ordered.skipped.into_iter().next() {
        None => go(&format!("/mails?batch={}", ordered.batch)),
        Some(skipped) => Err(Refusal::new(StatusCode::CONFLICT, "no_mail_address", skipped.why).into()),
    }
}
