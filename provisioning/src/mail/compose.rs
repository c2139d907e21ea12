//! Writing a mail, in the language of the company: plain text and HTML that say the same, with the QR code inside, so that nothing is loaded from anywhere.

use askama::Template;
use lettre::Message;
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Attachment, Mailbox, MultiPart, SinglePart};
use pbx_core::model::{DisplayName, EmailAddress, ExtensionNumber};

use super::account::MailAccount;
use crate::messages::{say, t};
use crate::{IssuedLink, qr};

/// Pixels of one module of the QR code: a code of 45 modules is 300 pixels wide.
const MODULE: u32 = 6;
/// The name of the picture within the mail.
const PICTURE: &str = "qr@nightbell";

/// Whom a mail is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recipient<'a> {
    pub(super) extension: ExtensionNumber,
    pub(super) name: &'a DisplayName,
    pub(super) address: &'a EmailAddress,
    /// How long its link works, in hours.
    pub(super) hours: u32,
}

/// What could not be written; the text goes to the admin.
#[derive(Debug)]
pub(super) struct CannotWrite(pub(super) String);

#[derive(Template)]
#[template(path = "mail.html")]
struct HtmlBody<'a> {
    extension: ExtensionNumber,
    name: &'a str,
    url: &'a str,
    life: String,
    picture: &'static str,
}

#[derive(Template)]
#[template(path = "mail.txt", escape = "none")]
struct TextBody<'a> {
    extension: ExtensionNumber,
    name: &'a str,
    url: &'a str,
    life: String,
}

/// The welcome mail.
pub(super) fn welcome(account: &MailAccount, to: Recipient<'_>, link: &IssuedLink) -> Result<Message, CannotWrite> {
    let cannot = |what: &str| CannotWrite(format!("the mail could not be written: {what}"));
    let (url, life) = (link.url.reveal(), lifetime(to.hours));
    let html = HtmlBody { extension: to.extension, name: to.name.as_str(), url, life: life.clone(), picture: PICTURE };
    let text = TextBody { extension: to.extension, name: to.name.as_str(), url, life };
    let picture = qr::png(url, MODULE).ok_or_else(|| cannot("the link does not fit a QR code"))?;
    let png = ContentType::parse("image/png").map_err(|_| cannot("the picture"))?;
    let html = html.render().map_err(|_| cannot("its HTML part"))?;
    let text = text.render().map_err(|_| cannot("its text part"))?;
    let related = MultiPart::related()
        .singlepart(SinglePart::html(html))
        .singlepart(Attachment::new_inline_with_name(PICTURE.into(), "qr.png".into()).body(picture, png));
    let body = MultiPart::alternative().singlepart(SinglePart::plain(text)).multipart(related);
    let named = Some(to.name.as_str().to_owned()).filter(|name| !name.is_empty());
    begin(account)
        .map_err(|_| cannot("the address it comes from"))?
        .to(mailbox(named, to.address).ok_or_else(|| cannot("the address it goes to"))?)
        .subject(say("mail-subject").with("extension", &to.extension).text())
        .multipart(body)
        .map_err(|failure| cannot(&failure.to_string()))
}

/// A mail that only shows that mails arrive.
pub(super) fn test(account: &MailAccount, to: &EmailAddress) -> Result<Message, CannotWrite> {
    let cannot = |what: &str| CannotWrite(format!("the mail could not be written: {what}"));
    begin(account)
        .map_err(|_| cannot("the address it comes from"))?
        .to(mailbox(None, to).ok_or_else(|| cannot("the address it goes to"))?)
        .subject(t("mail-test-subject"))
        .singlepart(SinglePart::plain(format!("{}\r\n", t("mail-test"))))
        .map_err(|failure| cannot(&failure.to_string()))
}

fn begin(account: &MailAccount) -> Result<lettre::message::MessageBuilder, ()> {
    let named = Some(account.from_name.clone()).filter(|name| !name.is_empty());
    let from = mailbox(named, &account.from_address).ok_or(())?;
    // Absence notices do not answer a mail that says this (RFC 3834).
    let automatic = HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    Ok(Message::builder().from(from).message_id(None).raw_header(automatic))
}

fn mailbox(name: Option<String>, address: &EmailAddress) -> Option<Mailbox> {
    Some(Mailbox::new(name, address.as_str().parse().ok()?))
}

fn lifetime(hours: u32) -> String {
    match hours {
        0..48 => say("mail-hours").count("count", hours).text(),
        more => say("mail-days").count("count", more / 24).text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::language::{Language, in_language};
    use crate::mail::MailSecurity;

    #[test]
    fn a_mail_is_written_in_the_language_of_the_company_and_a_name_is_no_markup_in_it() {
        let account = MailAccount {
            host: "mail.example.com".into(),
            port: 587,
            security: MailSecurity::StartTls,
            username: String::new(),
            has_password: false,
            from_address: "telefon@example.com".parse().unwrap(),
            from_name: String::new(),
            authority: String::new(),
            changed_at: pbx_core::model::UnixMillis(0),
        };
        let (name, address) = ("Änne <b>".parse().unwrap(), "anne@example.com".parse().unwrap());
        let to = Recipient { extension: "101".parse().unwrap(), name: &name, address: &address, hours: 72 };
        let body = |name: &str| {
            let life = lifetime(to.hours);
            let url = "https://pbx.example.com/p/x";
            let html = HtmlBody { extension: to.extension, name, url, life: life.clone(), picture: PICTURE };
            let text = TextBody { extension: to.extension, name, url, life };
            (html.render().unwrap(), text.render().unwrap())
        };
        let (html, text) = in_language(Language::German, || body(to.name.as_str()));
        assert!(html.contains("<html lang=\"de\">") && html.contains("Guten Tag Änne &#60;b&#62;,"), "{html}");
        assert!(html.contains("ist <strong>101</strong>") && html.contains("gilt 3 Tage"), "{html}");
        assert!(text.starts_with("Guten Tag Änne <b>,\n\nIhre Telefonnummer in der Firma ist 101."), "{text}");
        let (html, text) = body("");
        assert!(html.contains("<p>Hello,</p>") && text.starts_with("Hello,\n\nyour telephone number"), "{html} {text}");
        let test = in_language(Language::German, || test(&account, &address)).unwrap();
        let sent = String::from_utf8(test.formatted()).unwrap();
        assert!(sent.contains("Subject: Testmail von Nightbell"), "{sent}");
    }
}
