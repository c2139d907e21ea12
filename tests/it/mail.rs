//! A welcome mail reaches its owner through a real mail server's rules, sets up one phone, and the page says what became of it.

use std::time::Duration;

use mail_parser::{MessageParser, MimeHeaders as _, PartType};
use serde_json::{Value, json};

use crate::support::SOON;
use crate::support::server::{Local, TestServer};
use crate::support::smtp::{MailServer, PASSWORD, Taken, USER};

async fn office() -> (TestServer, MailServer, Local) {
    let server = TestServer::start().await;
    let post = MailServer::start().await;
    let api = server.local();
    (server, post, api)
}

fn account(post: &MailServer, password: &str) -> Value {
    json!({ "host": "localhost", "port": post.address.port(), "security": "starttls", "username": USER,
        "password": password, "from_address": USER, "from_name": "Müller & Söhne", "authority": post.authority })
}

async fn add(api: &Local, number: &str, name: &str, email: &str) {
    let body = json!({ "number": number, "name": name, "email": email });
    assert_eq!(api.post("/extensions", &body).await.0, 201);
}

/// The mails of an order, once each was tried.
async fn tried(api: &Local, batch: &str) -> Value {
    let look = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            let (_, list) = api.get(&format!("/mails?limit=500&batch={batch}")).await;
            let all = list["mails"].as_array().unwrap();
            if !all.is_empty() && all.iter().all(|mail| mail["attempts"] != 0 && mail["detail"] != "") {
                return list;
            }
        }
    };
    tokio::time::timeout(SOON * 3, look).await.expect("every mail is tried soon")
}

/// The link in a mail: as text, in the HTML part, and in the QR code of the inline picture, all the same.
fn link(mail: &Taken) -> String {
    let parsed = MessageParser::default().parse(mail.text.as_bytes()).unwrap();
    let text = parsed.body_text(0).unwrap().into_owned();
    let link = text.split_whitespace().find(|word| word.starts_with("https://")).unwrap().to_owned();
    let html = parsed.body_html(0).unwrap().into_owned();
    assert!(html.contains(&format!("href=\"{link}\"")) && html.contains("src=\"cid:qr@nightbell\""), "{html}");
    let picture = parsed.parts.iter().find(|part| part.content_id() == Some("qr@nightbell")).unwrap();
    let (PartType::InlineBinary(png) | PartType::Binary(png)) = &picture.body else { panic!("no picture") };
    let mut reader = png::Decoder::new(std::io::Cursor::new(png.as_ref())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    let width = usize::try_from(info.width).unwrap();
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, width, |x, y| pixels[y * width + x]);
    let grids = image.detect_grids();
    let (_, content) = grids.first().expect("the picture holds a QR code").decode().unwrap();
    assert_eq!(content, link);
    link
}

#[tokio::test]
async fn a_welcome_mail_goes_out_protected_and_its_code_sets_up_one_phone() {
    let (server, post, api) = office().await;
    add(&api, "101", "Änne <b>\"&\"", "anne@example.com").await;
    let (status, refused) = api.post("/mails", &json!({ "extensions": ["101"] })).await;
    assert_eq!((status, &refused["code"]), (409, &json!("no_mail_server")));

    let (status, saved) = api.put("/mail/account", &account(&post, PASSWORD)).await;
    assert_eq!((status, &saved["account"]["has_password"]), (200, &json!(true)));
    assert!(!saved.to_string().contains(PASSWORD));
    let (status, ordered) = api.post("/mails", &json!({ "extensions": ["101"] })).await;
    assert_eq!((status, &ordered["queued"]), (202, &json!(1)));
    let list = tried(&api, ordered["batch"].as_str().unwrap()).await;
    assert_eq!(list["mails"][0]["state"], "sent", "{list}");
    assert!(list["mails"][0]["detail"].as_str().unwrap().contains("queued as 1"), "{list}");
    assert!(post.in_the_clear().is_empty(), "{:?}", post.in_the_clear());

    let mails = post.taken();
    assert_eq!((mails.len(), mails[0].from.as_str(), mails[0].to.as_str()), (1, USER, "anne@example.com"));
    let parsed = MessageParser::default().parse(mails[0].text.as_bytes()).unwrap();
    assert_eq!(parsed.from().unwrap().first().unwrap().name(), Some("Müller & Söhne"));
    assert!(parsed.body_html(0).unwrap().contains("Änne &#60;b&#62;"), "a name is text and no HTML");
    let link = link(&mails[0]);
    assert!(!list.to_string().contains(&link), "a list of mails shows no link");
    let web = server.web();
    assert_eq!(web.get(&link).await.0, 200);
    assert_eq!(web.post_form(&link, "").await.0, 200);
    assert_eq!(web.post_form(&link, "").await.0, 404);
    server.stop().await;
}

#[tokio::test]
async fn what_became_of_a_mail_is_said_in_words_and_it_can_be_sent_again() {
    let (server, post, api) = office().await;
    add(&api, "101", "Grey", "grey@example.com").await;
    add(&api, "102", "Nobody", "nobody@example.com").await;
    let none = json!({ "number": "103", "name": "No address" });
    assert_eq!(api.post("/extensions", &none).await.0, 201);
    assert_eq!(api.put("/mail/account", &account(&post, "wrong")).await.0, 200);
    let (status, refused) = api.post("/mail/test", &json!({ "to": "boss@example.com" })).await;
    assert_eq!((status, &refused["code"]), (502, &json!("mail_login_refused")), "{refused}");
    assert_eq!(api.put("/mail/account", &account(&post, PASSWORD)).await.0, 200);
    assert_eq!(api.post("/mail/test", &json!({ "to": "boss@example.com" })).await.0, 200);

    let (status, ordered) = api.post("/mails", &json!({})).await;
    assert_eq!((status, &ordered["queued"]), (202, &json!(2)), "{ordered}");
    assert_eq!(ordered["skipped"][0]["extension"], "103");
    let list = tried(&api, ordered["batch"].as_str().unwrap()).await;
    let of = |list: &Value, number: &str| {
        let mails = list["mails"].as_array().unwrap();
        mails.iter().find(|mail| mail["extension"] == number).unwrap().clone()
    };
    assert_eq!(of(&list, "101")["state"], "queued", "a greylisted mail waits: {list}");
    assert_eq!(of(&list, "102")["state"], "failed");
    assert!(of(&list, "102")["detail"].as_str().unwrap().contains("5.1.1 no such mailbox"), "{list}");
    let (_, links) = api.get("/enrolments?extension=102").await;
    assert_eq!(links["enrolments"][0]["state"], "revoked", "nobody has the link of a mail that was not sent");

    // A changed account tries at once what waits.
    assert_eq!(api.put("/mail/account", &account(&post, PASSWORD)).await.0, 200);
    let sent = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while of(&api.get("/mails").await.1, "101")["state"] != "sent" {
            tick.tick().await;
        }
    };
    tokio::time::timeout(SOON, sent).await.expect("the greylisted mail is sent");
    let first = link(&post.taken().into_iter().find(|mail| mail.to == "grey@example.com").unwrap());
    let id = of(&list, "101")["id"].as_str().unwrap().to_owned();
    let (status, again) = api.post(&format!("/mails/{id}/resend"), &json!({})).await;
    assert_eq!(status, 202, "{again}");
    tried(&api, again["batch"].as_str().unwrap()).await;
    let second = link(post.taken().last().unwrap());
    assert_ne!(first, second);
    let web = server.web();
    assert_eq!(web.post_form(&first, "").await.0, 404, "the link of the first mail is void");
    assert_eq!(web.post_form(&second, "").await.0, 200);
    server.stop().await;
}

/// The only mail to this extension, once it is in this state.
async fn ended(api: &Local, number: &str, state: &str) -> Value {
    let look = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        loop {
            tick.tick().await;
            let (_, list) = api.get(&format!("/mails?extension={number}")).await;
            if list["mails"][0]["state"] == state {
                return list["mails"][0].clone();
            }
        }
    };
    tokio::time::timeout(SOON, look).await.expect("the mail ends soon")
}

#[tokio::test]
async fn a_mail_that_waited_is_not_sent_with_a_link_that_was_taken_back_or_used() {
    let (server, post, api) = office().await;
    add(&api, "101", "Taken back", "grey@example.com").await;
    add(&api, "102", "Replaced", "grey@example.org").await;
    add(&api, "103", "Used", "lost@example.com").await;
    assert_eq!(api.put("/mail/account", &account(&post, PASSWORD)).await.0, 200);
    let (_, ordered) = api.post("/mails", &json!({ "extensions": ["101", "102", "103"] })).await;
    let list = tried(&api, ordered["batch"].as_str().unwrap()).await;
    assert!(list["mails"].as_array().unwrap().iter().all(|mail| mail["state"] == "queued"), "{list}");

    let enrolment = async |number: &str| {
        let (_, links) = api.get(&format!("/enrolments?extension={number}")).await;
        links["enrolments"][0]["id"].as_str().unwrap().to_owned()
    };
    let (first, second) = (enrolment("101").await, enrolment("102").await);
    assert_eq!(api.delete(&format!("/enrolments/{first}")).await.0, 204);
    assert_eq!(api.post(&format!("/enrolments/{second}/replace"), &json!({})).await.0, 201);
    // The server took this one, but its word was lost on the way: the phone is set up before the second attempt.
    let arrived = post.taken();
    assert_eq!((arrived.len(), arrived[0].to.as_str()), (1, "lost@example.com"));
    assert_eq!(server.web().post_form(&link(&arrived[0]), "").await.0, 200);

    // A saved account tries at once what waits.
    assert_eq!(api.put("/mail/account", &account(&post, PASSWORD)).await.0, 200);
    for number in ["101", "102"] {
        let mail = ended(&api, number, "failed").await;
        assert!(mail["detail"].as_str().unwrap().contains("was taken back before it was sent"), "{mail}");
    }
    let used = ended(&api, "103", "sent").await;
    assert!(used["detail"].as_str().unwrap().contains("the phone was set up already"), "{used}");
    assert_eq!(post.taken().len(), 1, "nothing more went out");
    server.stop().await;
}

#[tokio::test]
async fn the_stored_password_of_the_mail_server_goes_to_no_other_server() {
    let (server, post, api) = office().await;
    let other = MailServer::start().await;
    assert_eq!(api.put("/mail/account", &account(&post, PASSWORD)).await.0, 200);
    let mut elsewhere = account(&other, "");
    elsewhere.as_object_mut().unwrap().remove("password");
    let (status, refused) = api.put("/mail/account", &elsewhere).await;
    assert_eq!((status, &refused["code"]), (422, &json!("mail_setting_malformed")), "{refused}");
    assert!(refused.to_string().contains("\"password\""), "{refused}");
    assert!(refused["detail"].as_str().unwrap().contains("give the password again"), "{refused}");
    // What was there goes on.
    assert_eq!(api.post("/mail/test", &json!({ "to": "boss@example.com" })).await.0, 200);
    assert_eq!((post.taken().len(), other.taken().len()), (1, 0));

    let mut renamed = account(&post, "");
    renamed.as_object_mut().unwrap().remove("password");
    renamed["from_name"] = json!("Telephone");
    assert_eq!(api.put("/mail/account", &renamed).await.0, 200, "the same way needs no password again");
    assert_eq!(api.post("/mail/test", &json!({ "to": "boss@example.com" })).await.0, 200);
    server.stop().await;
}

#[tokio::test]
async fn two_hundred_people_are_mailed_with_one_order_and_its_progress_is_shown() {
    let (server, post, api) = office().await;
    let mut csv = "number,name,email\n".to_owned();
    for n in 0..200 {
        csv += &format!("{},Person {n},p{n}@example.com\n", 1000 + n);
    }
    assert_eq!(api.post("/extensions/import", &json!({ "csv": csv, "dry_run": false })).await.0, 200);
    assert_eq!(api.put("/mail/account", &account(&post, PASSWORD)).await.0, 200);
    let (status, ordered) = api.post("/mails", &json!({})).await;
    assert_eq!((status, &ordered["queued"]), (202, &json!(200)));
    let batch = ordered["batch"].as_str().unwrap();
    let (_, early) = api.get(&format!("/mails?batch={batch}")).await;
    assert_eq!(early["progress"]["total"], 200);
    let list = tried(&api, batch).await;
    assert_eq!(list["progress"], json!({ "total": 200, "sent": 200, "failed": 0 }));
    let mut links: Vec<String> = post.taken().iter().map(link).collect();
    links.sort();
    links.dedup();
    assert_eq!(links.len(), 200, "everybody has a link of their own");
    let database = std::fs::read(server.data_dir().join("nightbell.db")).unwrap();
    let holds = |text: &str| database.windows(text.len()).any(|bytes| bytes == text.as_bytes());
    assert!(!holds(PASSWORD) && !holds(links[0].rsplit('/').next().unwrap()));
    server.stop().await;
}
