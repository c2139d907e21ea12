//! Who may pass: every route is closed but the open list, and no trick opens one.

use super::*;
use crate::routes;

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// A path with every parameter filled in.
fn filled(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "101" } else { part }).collect::<Vec<_>>().join("/")
}

fn closed_pages() -> Vec<String> {
    routes::pages().into_iter().map(|route| filled(route.path)).collect()
}

fn closed_api() -> Vec<String> {
    routes::api().into_iter().map(|route| format!("/api/v1{}", filled(route.path))).collect()
}

fn refused(answer: &Answer, path: &str) {
    let to_sign_in = answer.status == StatusCode::SEE_OTHER && answer.header(header::LOCATION).starts_with("/sign-in");
    assert!(to_sign_in || answer.status == StatusCode::UNAUTHORIZED, "{path}: {} {}", answer.status, answer.body);
}

#[tokio::test]
async fn only_the_open_list_works_without_signing_in() {
    let open: Vec<_> = routes::open().into_iter().map(|route| route.path).collect();
    let expected = [
        "/healthz",
        "/readyz",
        "/static/{name}",
        "/setup/{token}",
        "/sign-in",
        "/sign-in/code",
        "/invite/{token}",
        "/api/v1/calls/{id}/ringing",
        "/api/v1/acrobits/push-token",
        "/api/v1/acrobits/logged-out",
        "/api/v1/device/pair",
        "/api/v1/device",
        "/api/v1/device/profile",
        "/api/v1/device/state",
        "/api/v1/device/push-ack",
        "/api/v1/device/calls/{id}",
        "/api/v1/port-check/plan",
        "/api/v1/port-check/report",
        "/api/v1/passkey/challenge",
        "/api/v1/passkey",
    ];
    assert_eq!(open, expected);
}

#[tokio::test]
async fn every_other_route_is_closed_for_every_method() {
    let bench = Bench::new().await;
    let unknown = ["/nothing".to_owned(), "/api/v1/nothing".to_owned(), "/api/v2/x".to_owned(), "/api".to_owned()];
    for path in closed_pages().into_iter().chain(closed_api()).chain(unknown) {
        for method in METHODS {
            let answer = bench.send(request(method, &path, "").body(Body::empty()).unwrap()).await;
            refused(&answer, &path);
        }
    }
}

#[tokio::test]
async fn no_header_cookie_or_odd_path_opens_a_closed_route() {
    let bench = Bench::new().await;
    let headers = [
        ("authorization", "Basic YWRtaW46YWRtaW4="),
        ("authorization", "Bearer nbt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("authorization", "Bearer "),
        ("cookie", "__Host-nightbell=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("cookie", "__Host-nightbell="),
        ("x-forwarded-user", "anna"),
        ("x-original-url", "/sign-in"),
        ("x-rewrite-url", "/healthz"),
        ("x-forwarded-for", "127.0.0.1"),
    ];
    for path in ["/", "/extensions", "/api/v1/extensions", "/api/v1/settings", "/events"] {
        for (name, value) in headers {
            let request = request(Method::GET, path, "").header(name, value).body(Body::empty()).unwrap();
            refused(&bench.send(request).await, path);
        }
    }
    for path in
        ["//", "//extensions", "/extensions/", "/%65xtensions", "/static/..%2fextensions", "/sign-in/../extensions"]
    {
        let answer = bench.get(path, "").await;
        let nothing = answer.status == StatusCode::NOT_FOUND;
        assert!(nothing || answer.status == StatusCode::SEE_OTHER, "{path}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_redirect_to_the_sign_in_page_remembers_the_way() {
    let bench = Bench::new().await;
    let answer = bench.get("/extensions?search=a&after=1", "").await;
    assert_eq!(answer.header(header::LOCATION), "/sign-in?next=/extensions%3Fsearch%3Da%26after%3D1");
}

#[tokio::test]
async fn requests_from_other_sites_are_refused() {
    let (bench, cookie) = Bench::signed_in().await;
    for (name, value) in
        [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "https://evil.example")]
    {
        for path in ["/extensions", "/api/v1/extensions", "/sign-out"] {
            let request = request(Method::POST, path, &cookie).header(name, value).body(Body::empty()).unwrap();
            let answer = bench.send(request).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}: {value}");
            assert!(answer.body.contains("cross_site"), "{}", answer.body);
        }
    }
    assert_eq!(bench.get("/", &cookie).await.status, StatusCode::OK, "the session is still there");
    let own = request(Method::POST, "/sign-out", &cookie).header("origin", BASE).body(Body::empty()).unwrap();
    assert_eq!(bench.send(own).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn every_answer_carries_the_security_headers() {
    let (bench, cookie) = Bench::signed_in().await;
    for path in ["/", "/sign-in", "/healthz", "/nothing", "/api/v1/status", "/setup/x", "/static/nothing"] {
        let answer = bench.get(path, &cookie).await;
        let policy = answer.header(header::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("default-src 'self'") && !policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header(header::X_FRAME_OPTIONS), "DENY", "{path}");
        assert_eq!(answer.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(answer.header(header::REFERRER_POLICY), "no-referrer", "{path}");
        assert!(!answer.header("x-request-id").is_empty(), "{path}");
        assert_eq!(answer.header(header::STRICT_TRANSPORT_SECURITY), "", "not with a self-made certificate");
    }
    assert_eq!(bench.get("/", &cookie).await.header(header::CACHE_CONTROL), "no-store");
}

#[tokio::test]
async fn pages_have_no_inline_script_or_style() {
    let (bench, cookie) = Bench::signed_in().await;
    bench.add("101", "Anna").await;
    bench.give_device(sleeping(1, "101", "com.example.app"));
    let pages = ["/", "/extensions", "/extensions/101", "/extensions/import", "/push", "/push/apns", "/push/fcm"];
    let more = ["/calls", "/settings", "/system", "/account", "/devices/1/forget", "/extensions/101/remove"];
    for path in pages.into_iter().chain(more) {
        let answer = bench.get(path, &cookie).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        let html = answer.body.to_lowercase();
        for inline in [" style=", "<style", " onclick=", " onload=", "javascript:", "http://", "//cdn"] {
            assert!(!html.contains(inline), "{path} has {inline}");
        }
        assert_eq!(html.matches("<script").count(), 1, "{path}");
    }
}

#[tokio::test]
async fn static_files_have_hashed_names_and_are_kept() {
    let bench = Bench::new().await;
    let page = bench.get("/sign-in", "").await.body;
    for (asset, kind) in [(crate::assets::css(), "text/css"), (crate::assets::script(), "text/javascript")] {
        assert!(page.contains(&asset.url));
        let answer = bench.get(&asset.url, "").await;
        assert!(answer.header(header::CONTENT_TYPE).starts_with(kind));
        assert!(answer.header(header::CACHE_CONTROL).contains("immutable"));
    }
    assert_eq!(bench.get("/static/app.css", "").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_setup_link_is_made_at_the_unix_socket_only() {
    let (bench, cookie) = Bench::signed_in().await;
    let answer = bench.post("/api/v1/setup-link", &cookie, "").await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (StatusCode::NOT_FOUND, Some("no_such_route")));
    let made = bench.api(Method::POST, "/setup-link", "").await;
    assert_eq!(made.status, StatusCode::CREATED);
    assert!(made.json()["url"].as_str().unwrap().starts_with("https://pbx.example.com/setup/"));
}

#[tokio::test]
async fn the_unix_socket_serves_no_pages() {
    let bench = Bench::new().await;
    let answer = bench.local.clone().oneshot(request(Method::GET, "/", "").body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_session_holds_six_event_streams() {
    let (bench, cookie) = Bench::signed_in().await;
    let mut open = Vec::new();
    for _ in 0..6 {
        let request = request(Method::GET, "/events", &cookie).body(Body::empty()).unwrap();
        let response = bench.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        open.push(response);
    }
    assert_eq!(bench.get("/events", &cookie).await.status, StatusCode::TOO_MANY_REQUESTS);
    drop(open);
    let request = request(Method::GET, "/events", &cookie).body(Body::empty()).unwrap();
    assert_eq!(bench.router.clone().oneshot(request).await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn the_event_stream_says_what_changed() {
    use futures_util::StreamExt as _;
    let (bench, cookie) = Bench::signed_in().await;
    let request = request(Method::GET, "/events", &cookie).body(Body::empty()).unwrap();
    let response = bench.router.clone().oneshot(request).await.unwrap();
    let mut stream = response.into_body().into_data_stream();
    bench.add("101", "Anna").await;
    let first = stream.next().await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&first), "event: extension\ndata: 101\n\n");
}
