//! Every route, every role, every door, in one table.

use super::*;
use crate::role::{Need, Scope};
use crate::routes;
use crate::tokens::store::NewToken;
use pbx_core::store::sql::query;

/// How a request came out, as far as access is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The handler was reached.
    Reached,
    /// The role or the scopes do not reach, or there is no extension.
    Denied,
    /// A recent proof is missing.
    Stale,
    /// Nobody is signed in.
    SignedOut,
    /// The address does not exist behind this door.
    Nowhere,
}

async fn outcome(router: &Router, request: Request<Body>) -> Outcome {
    let response = router.clone().oneshot(request).await.unwrap();
    let to = response.headers().get(header::LOCATION).map_or("", |to| to.to_str().unwrap()).to_owned();
    match response.status() {
        StatusCode::UNAUTHORIZED => Outcome::SignedOut,
        StatusCode::SEE_OTHER if to.starts_with("/sign-in") && !to.contains("done=signed-out") => Outcome::SignedOut,
        StatusCode::SEE_OTHER if to.starts_with("/account/confirm?") => Outcome::Stale,
        StatusCode::SEE_OTHER if to == "/me" => Outcome::Denied,
        StatusCode::FORBIDDEN => {
            let body = Answer::of(response).await.body;
            assert!(!body.contains("cross_site"), "{body}");
            if body.contains("confirm_needed") { Outcome::Stale } else { Outcome::Denied }
        }
        StatusCode::NOT_FOUND => {
            let body = Answer::of(response).await.body;
            if body.contains("no_such_route") { Outcome::Nowhere } else { Outcome::Reached }
        }
        _ => Outcome::Reached,
    }
}

/// A path with every parameter filled in, so that nothing there exists.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "777" } else { part }).collect::<Vec<_>>().join("/")
}

/// Every method of every route that is not open: whole path, method, need, and whether it belongs to the API.
fn table() -> Vec<(String, Method, Need, bool)> {
    let whole = |route: crate::route::Route, api: bool| {
        let path = if api { format!("/api/v1{}", filled(route.path)) } else { filled(route.path) };
        route.needs().iter().map(|(method, need)| (path.clone(), method.clone(), *need, api)).collect::<Vec<_>>()
    };
    let pages = routes::pages().into_iter().flat_map(|route| whole(route, false));
    let api = routes::api().into_iter().flat_map(|route| whole(route, true));
    pages.chain(api).collect()
}

/// What each role may do, written down a second time on purpose: the rule itself is in `role.rs`.
fn expected(role: Role, extension: bool, need: Need) -> Outcome {
    let reached = match need {
        Need::Own | Need::OwnFresh => true,
        Need::OwnExtension => extension,
        Need::See(_) => role != Role::User,
        Need::Change(_) | Need::Secret(_) => matches!(role, Role::Owner | Role::Admin),
        Need::Owner(_) => role == Role::Owner,
        Need::Socket | Need::Nothing => panic!("{need:?} is not for sessions"),
    };
    if reached { Outcome::Reached } else { Outcome::Denied }
}

fn bearer(token: &str, method: &Method, path: &str) -> Request<Body> {
    request(method.clone(), path, "").header("authorization", format!("Bearer {token}")).body(Body::empty()).unwrap()
}

fn plain(cookie: &str, method: &Method, path: &str) -> Request<Body> {
    request(method.clone(), path, cookie).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn every_route_obeys_the_role_behind_every_door() {
    let bench = Bench::new().await;
    let table = table();
    assert!(table.len() > 90, "the walk sees the whole router: {}", table.len());
    for role in Role::ALL {
        for extension in [None, Some("101")] {
            for (path, method, need, api) in &table {
                // A session of its own each time: some routes end it.
                let name = format!("{role} {extension:?} {method} {path}");
                let cookie = bench.session_of(&name, role, extension).await;
                let got = outcome(&bench.router, plain(&cookie, method, path)).await;
                assert_eq!(got, expected(role, extension.is_some(), *need), "{name} ({need:?}, api {api})");
            }
        }
    }
}

#[tokio::test]
async fn what_touches_secrets_or_people_needs_a_recent_proof() {
    let bench = Bench::new().await;
    for (path, method, need, _) in table() {
        let name = format!("{method} {path}");
        let cookie = bench.session_of(&name, Role::Owner, Some("101")).await;
        let mut tx = bench.store.begin().await.unwrap();
        let old = (crate::clock::now() - crate::role::FRESH).0 - 1;
        query("UPDATE admin_session SET confirmed_at = $1").bind(old).execute(&mut tx).await.unwrap();
        tx.commit().await.unwrap();
        let fresh_needed = matches!(need, Need::Secret(_) | Need::Owner(_) | Need::OwnFresh);
        let wanted = if fresh_needed { Outcome::Stale } else { Outcome::Reached };
        assert_eq!(outcome(&bench.router, plain(&cookie, &method, &path)).await, wanted, "{name}");
    }
}

#[tokio::test]
async fn the_unix_socket_is_the_owner_and_has_no_pages() {
    let bench = Bench::new().await;
    for (path, method, need, api) in table() {
        let got = outcome(&bench.local, plain("", &method, &path)).await;
        let wanted = match (api, need) {
            (false, _) => Outcome::Nowhere,
            (true, Need::Own | Need::OwnFresh | Need::OwnExtension) => Outcome::Denied,
            (true, _) => Outcome::Reached,
        };
        assert_eq!(got, wanted, "{method} {path}");
    }
    for route in routes::local_api() {
        for (method, _) in route.needs() {
            let path = format!("/api/v1{}", filled(route.path));
            assert_eq!(outcome(&bench.local, plain("", method, &path)).await, Outcome::Reached, "{path}");
            let cookie = bench.session_of(&path, Role::Owner, None).await;
            assert_eq!(outcome(&bench.router, plain(&cookie, method, &path)).await, Outcome::Nowhere, "{path}");
        }
    }
}

/// What proxies, frameworks and attackers send to be somebody else or somewhere else.
const TRICKS: &[(&str, &str)] = &[
    ("x-forwarded-for", "127.0.0.1"),
    ("x-forwarded-host", "localhost"),
    ("x-forwarded-user", "anna"),
    ("x-remote-user", "anna"),
    ("x-real-ip", "127.0.0.1"),
    ("forwarded", "for=127.0.0.1;proto=https"),
    ("x-original-url", "/sign-in"),
    ("x-rewrite-url", "/healthz"),
    ("x-http-method-override", "GET"),
    ("x-method-override", "GET"),
    ("authorization", "Basic YW5uYTphbm5h"),
    ("authorization", "Bearer nbt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ("cookie", "__Host-nightbell=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ("cookie", "nightbell=1; session=owner; role=owner"),
];

#[tokio::test]
async fn without_a_session_every_route_refuses_whatever_headers_are_sent() {
    let bench = Bench::new().await;
    for (path, method, _, _) in table() {
        assert_eq!(outcome(&bench.router, plain("", &method, &path)).await, Outcome::SignedOut, "{method} {path}");
        for (name, value) in TRICKS {
            let request = request(method.clone(), &path, "").header(*name, *value).body(Body::empty()).unwrap();
            let got = outcome(&bench.router, request).await;
            assert_eq!(got, Outcome::SignedOut, "{method} {path} with {name}: {value}");
        }
    }
}

#[tokio::test]
async fn an_api_token_with_every_scope_reaches_the_api_and_no_page() {
    let bench = Bench::new().await;
    let token = crate::token::mint("nbt_").unwrap();
    for (path, method, need, api) in table() {
        // The walk deletes tokens too, so this one is made anew each time.
        let all = Scope::ALL;
        let new = NewToken { name: "all", scopes: &all, addresses: &[], expires_at: None, user: None };
        let _ = crate::tokens::store::put(&bench.store, new, &token.hash, crate::clock::now()).await;
        let got = outcome(&bench.router, bearer(&token.text, &method, &path)).await;
        let wanted = match (api, need) {
            (false, _) => Outcome::SignedOut,
            (true, Need::Own | Need::OwnFresh | Need::OwnExtension) => Outcome::Denied,
            (true, _) => Outcome::Reached,
        };
        assert_eq!(got, wanted, "{method} {path}");
    }
}

#[test]
fn every_scope_is_asked_for_somewhere() {
    let asked: Vec<Scope> = table()
        .into_iter()
        .filter_map(|(_, _, need, _)| match need {
            Need::See(scope) | Need::Change(scope) | Need::Secret(scope) | Need::Owner(scope) => Some(scope),
            Need::Nothing | Need::Own | Need::OwnFresh | Need::OwnExtension | Need::Socket => None,
        })
        .collect();
    for scope in Scope::ALL.into_iter().filter(|scope| *scope != Scope::Read) {
        assert!(asked.contains(&scope), "{scope:?}");
    }
}

#[tokio::test]
async fn every_route_carries_the_headers_and_refuses_other_sites() {
    let bench = Bench::new().await;
    let open = routes::open().into_iter().flat_map(|route| {
        let path = filled(route.path);
        route.needs().iter().map(|(method, need)| (path.clone(), method.clone(), *need, false)).collect::<Vec<_>>()
    });
    for (path, method, _, _) in table().into_iter().chain(open) {
        let name = format!("headers {method} {path}");
        let cookie = bench.session_of(&name, Role::Owner, Some("101")).await;
        let response = bench.router.clone().oneshot(plain(&cookie, &method, &path)).await.unwrap();
        let header = |name: &str| response.headers().get(name).map_or("", |value| value.to_str().unwrap());
        let policy = header("content-security-policy");
        for part in [
            "default-src 'self'",
            "object-src 'none'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
            "form-action 'self'",
        ] {
            assert!(policy.contains(part) && !policy.contains("unsafe"), "{name}: {policy}");
        }
        for (header_name, wanted) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("access-control-allow-origin", ""),
        ] {
            assert_eq!(header(header_name), wanted, "{name}");
        }
        if !path.starts_with("/static/") {
            assert_eq!(header("cache-control"), "no-store", "{name}");
        }
        for cookie in response.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.starts_with("__Host-"), "{name}: {cookie}");
            for flag in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
                assert!(cookie.contains(flag), "{name}: {cookie}");
            }
        }
        if method == Method::GET {
            continue;
        }
        for (header, value) in
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
        {
            let cookie = bench.session_of(&format!("{name} {header} {value}"), Role::Owner, Some("101")).await;
            let request = request(method.clone(), &path, &cookie).header(header, value).body(Body::empty()).unwrap();
            let answer = bench.send(request).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name} with {header}: {value}");
            assert!(answer.body.contains("cross_site"), "{name} with {header}: {value}: {}", answer.body);
        }
    }
}
