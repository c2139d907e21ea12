//! A user sees their own extension and nothing of any other, whatever address they ask.

use super::*;

/// 101 and 102 with a phone, a link and a call each; gives the cookie of the user of 101 and the link of 102.
async fn two_users() -> (Bench, String, String) {
    let bench = Bench::new().await;
    for (number, name, id) in [("101", "Anna Owner", 1), ("102", "Bertha Secretive", 2)] {
        bench.add(number, name).await;
        bench.give_device(sleeping(id, number, &format!("com.example.app{id}")));
    }
    let mut tx = bench.store.begin().await.unwrap();
    for number in ["101", "102"] {
        sqlx::query("INSERT INTO extension (number, name, push_enabled, created_at) VALUES ($1, '', TRUE, 0)")
            .bind(number)
            .execute(&mut *tx)
            .await
            .unwrap();
    }
    for (id, caller, callee) in [(1, "101", "103"), (2, "102", "104"), (3, "104", "102")] {
        sqlx::query(
            "INSERT INTO call (id, uuid, caller, caller_name, callee, started_at, ended_at, ending, reason,
                               packets_from_caller, packets_from_callee)
             VALUES ($1, $2, $3, '', $4, 1790000000000, 1790000009000, 'no_answer', '', 0, 0)",
        )
        .bind(id)
        .bind(uuid::Uuid::from_u128(id as u128).to_string())
        .bind(caller)
        .bind(callee)
        .execute(&mut *tx)
        .await
        .unwrap();
    }
    tx.commit().await.unwrap();
    let link = bench.api(Method::POST, "/extensions/102/enrolments", "").await.json()["id"]
        .to_string()
        .trim_matches('"')
        .to_owned();
    let cookie = bench.session_of("anna", Role::User, Some("101")).await;
    (bench, cookie, link)
}

async fn ask(bench: &Bench, cookie: &str, method: Method, path: &str) -> Answer {
    bench.send(request(method, path, cookie).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn a_user_sees_their_phones_in_plain_words_and_their_calls() {
    let (bench, cookie, _) = two_users().await;
    assert_eq!(bench.get("/", &cookie).await.header(header::LOCATION), "/me");
    let page = bench.get("/me", &cookie).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for words in ["Anna Owner", "It is not connected at this moment", "wakes it for calls", "103"] {
        assert!(page.body.contains(words), "{words}: {}", page.body);
    }
    for others in ["Bertha", "104", "href=\"/settings\"", "href=\"/users\"", CALL_TOKEN] {
        assert!(!page.body.contains(others), "{others}");
    }
    let me = ask(&bench, &cookie, Method::GET, "/api/v1/me").await.json();
    assert_eq!((&me["extension"]["number"], &me["role"]), (&"101".into(), &"user".into()));
    let calls = ask(&bench, &cookie, Method::GET, "/api/v1/me/calls").await.json();
    assert_eq!(calls["calls"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_user_adds_and_signs_out_their_own_phone() {
    let (bench, cookie, _) = two_users().await;
    let made = bench.post("/me/pair", &cookie, "label=").await;
    assert!(made.body.contains("<svg") && made.body.contains("/me/links/"), "{}", made.body);
    let links = ask(&bench, &cookie, Method::GET, "/api/v1/me/enrolments").await.json();
    let id = links["enrolments"][0]["id"].to_string().trim_matches('"').to_owned();
    assert!(bench.get(&format!("/me/links/{id}/revoke"), &cookie).await.body.contains("Revoke this link?"));
    let revoked = bench.post(&format!("/me/links/{id}/revoke"), &cookie, "").await;
    assert_eq!(revoked.header(header::LOCATION), "/me?done=link-revoked");
    assert_eq!(bench.post("/me/devices/1/test-push", &cookie, "").await.header(header::LOCATION), "/me?done=test-sent");
}

#[tokio::test]
async fn nothing_of_another_extension_is_found_by_any_address() {
    let (bench, cookie, link) = two_users().await;
    let nothing = StatusCode::NOT_FOUND;
    let own_pages = [
        (Method::GET, format!("/me/links/{link}"), nothing),
        (Method::GET, format!("/me/links/{link}/revoke"), nothing),
        (Method::POST, format!("/me/links/{link}/revoke"), nothing),
        (Method::POST, "/me/devices/2/test-push".into(), nothing),
        (Method::DELETE, format!("/api/v1/me/enrolments/{link}"), nothing),
        (Method::POST, "/api/v1/me/devices/2/test-push".into(), nothing),
        (Method::GET, "/api/v1/me/calls/2".into(), nothing),
        (Method::GET, "/api/v1/me/calls/3".into(), nothing),
    ];
    for (method, path, wanted) in own_pages {
        let theirs = ask(&bench, &cookie, method.clone(), &path).await;
        assert_eq!(theirs.status, wanted, "{method} {path}: {}", theirs.body);
        let missing = path.replace(&link, "7777").replace("/2", "/7777").replace("/3", "/7777");
        let none = ask(&bench, &cookie, method.clone(), &missing).await;
        assert_eq!(none.status, wanted, "as little there as what does not exist: {missing}");
    }
    let words = ["Bertha", "app2", "104", &link];
    let admin_addresses = [
        "/extensions",
        "/extensions/102",
        "/extensions/export",
        "/calls",
        "/calls/2",
        "/devices/2/test-push",
        "/users",
        "/audit",
        "/api/v1/extensions",
        "/api/v1/extensions/102",
        "/api/v1/registrations",
        "/api/v1/calls",
        "/api/v1/calls/2",
        "/api/v1/enrolments?extension=102",
        "/api/v1/users",
        "/api/v1/audit",
        "/api/v1/metrics",
    ];
    for path in admin_addresses {
        let answer = ask(&bench, &cookie, Method::GET, path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(!words.iter().any(|word| answer.body.contains(word)), "{path}: {}", answer.body);
        let missing = ask(&bench, &cookie, Method::GET, &path.replace("102", "7777")).await;
        assert_eq!(answer.body, missing.body, "a refusal says nothing about what exists");
    }
    for (method, path) in [
        (Method::POST, "/extensions/102/pair"),
        (Method::POST, "/extensions/102/test-push"),
        (Method::POST, "/devices/2/forget"),
        (Method::POST, "/api/v1/extensions/102/enrolments"),
        (Method::PATCH, "/api/v1/extensions/102"),
        (Method::PATCH, "/api/v1/devices/2"),
        (Method::DELETE, "/api/v1/devices/2"),
        (Method::POST, "/api/v1/devices/2/test-push"),
        // Their own, by an admin's address, is refused as well.
        (Method::PATCH, "/api/v1/extensions/101"),
        (Method::PATCH, "/api/v1/users/1"),
    ] {
        assert_eq!(ask(&bench, &cookie, method, path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    let links = bench.api(Method::GET, "/enrolments?extension=102", "").await;
    assert!(links.body.contains("issued"), "the link of 102 still works: {}", links.body);
    assert!(bench.fake.world.lock().unwrap().tests.is_empty());
}
