//! The OpenAPI document is complete and true: every route has its operation, and every answer these tests see is one that the
//! document promises.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Value, json};

use super::*;
use crate::openapi::document;
use crate::routes::{self, API};

/// The document as programs read it.
static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(document()).unwrap());

/// One promised answer: by path, method, status.
type Promise = (String, String, String);

/// Its content types and shape; no shape for an empty answer.
type Promised = (Vec<String>, Option<Validator>);

static PROMISES: LazyLock<BTreeMap<Promise, Promised>> = LazyLock::new(|| {
    let mut all = BTreeMap::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let kinds =
                    response["content"].as_object().map(|all| all.keys().cloned().collect()).unwrap_or_default();
                let schema = response["content"].as_object().and_then(|all| all.values().next()).map(|kind| {
                    let mut schema = json!({ "$ref": "#/schema" });
                    schema["schema"] = kind["schema"].clone();
                    schema["components"] = DOCUMENT["components"].clone();
                    jsonschema::draft202012::new(&schema)
                        .unwrap_or_else(|why| panic!("{method} {path} {status}: {why}"))
                });
                all.insert((path.clone(), method.to_uppercase(), status.clone()), (kinds, schema));
            }
        }
    }
    all
});

fn matches(template: &str, path: &str) -> bool {
    let (left, right): (Vec<_>, Vec<_>) = (template.split('/').collect(), path.split('/').collect());
    left.len() == right.len() && left.iter().zip(right).all(|(one, other)| one.starts_with('{') || *one == other)
}

/// The path of the document that a request means; what has no parameter wins.
fn template(path: &str) -> Option<String> {
    let paths = DOCUMENT["paths"].as_object().unwrap();
    if paths.contains_key(path) {
        return Some(path.to_owned());
    }
    let fewest = |one: &&String| one.matches('{').count();
    paths.keys().filter(|template| matches(template, path)).min_by_key(fewest).cloned()
}

/// Panics when an answer of the API is not the document's.
pub(super) fn keep(method: &Method, path: &str, answer: &Answer) {
    let Some(path) = path.split('?').next().and_then(|path| path.strip_prefix(API)) else { return };
    let status = answer.status.as_u16();
    let Some(template) = template(path) else {
        assert!(status == 404 || status == 401, "{method} {path}: {status} at an address the document does not have");
        return;
    };
    // An address that exists for another method, or at the Unix socket only.
    if DOCUMENT["paths"][&template][method.as_str().to_lowercase()].is_null() || template == "/setup-link" {
        assert!(matches!(status, 200 | 201 | 204 | 401 | 403 | 404 | 405), "{method} {template}: {status}");
        return;
    }
    let promise = (template.clone(), method.to_string(), status.to_string());
    let Some((kinds, schema)) = PROMISES.get(&promise) else {
        panic!("{method} {template} answered {status}, which the document does not have: {}", answer.body)
    };
    let kind = answer.header(header::CONTENT_TYPE);
    match schema {
        None => assert_eq!(answer.body, "", "{promise:?} has a body"),
        Some(schema) => {
            assert!(kinds.iter().any(|one| kind.starts_with(one.as_str())), "{promise:?}: {kind} is not in {kinds:?}");
            if kind.contains("json") {
                let wrong: Vec<String> =
                    schema.iter_errors(&answer.json()).map(|it| format!("{}: {it}", it.instance_path())).collect();
                assert!(wrong.is_empty(), "{promise:?}: {wrong:?}\n{}", answer.body);
            }
        }
    }
}

/// Every path of the API with the methods its route takes, by asking the router itself.
async fn walked(bench: &Bench) -> BTreeSet<(String, String)> {
    let open = routes::open().into_iter().map(|route| route.path.to_owned());
    let open = open.filter_map(|path| path.strip_prefix(API).map(str::to_owned)).map(|path| (path, false));
    let closed = routes::api().into_iter().chain(routes::local_api()).map(|route| (route.path.to_owned(), true));
    let mut found = BTreeSet::new();
    for (path, local) in open.chain(closed) {
        let odd =
            request(Method::from_bytes(b"ODD").unwrap(), &format!("{API}{path}"), "").body(Body::empty()).unwrap();
        let router = if local { &bench.local } else { &bench.router };
        let answer = Answer::of(router.clone().oneshot(odd).await.unwrap()).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{path}: {}", answer.body);
        for method in answer.header(header::ALLOW).split(',').map(str::trim).filter(|method| *method != "HEAD") {
            found.insert((path.clone(), method.to_owned()));
        }
    }
    found
}

#[tokio::test]
async fn every_route_of_the_api_has_its_operation_and_every_operation_its_route() {
    let bench = Bench::new().await;
    let routes = walked(&bench).await;
    let mut operations = BTreeSet::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        operations.extend(item.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())));
    }
    let missing: Vec<_> = routes.difference(&operations).collect();
    assert!(missing.is_empty(), "routes without an operation in openapi.rs: {missing:?}");
    let stale: Vec<_> = operations.difference(&routes).collect();
    assert!(stale.is_empty(), "operations without a route: {stale:?}");
}

#[tokio::test]
async fn every_operation_says_what_it_is_and_how_it_refuses() {
    let mut ids = BTreeSet::new();
    for (path, item) in DOCUMENT["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{at} has no id"));
            assert!(ids.insert(id.to_owned()), "{id} twice");
            assert!(operation["summary"].as_str().is_some_and(|text| text.ends_with('.')), "{at} has no summary");
            assert_eq!(operation["tags"].as_array().map_or(0, Vec::len), 1, "{at} has no tag");
            assert!(operation["security"].is_array(), "{at}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{at} never works");
            let mut wanted = vec!["500", "503", "504"];
            if !operation["requestBody"].is_null() {
                wanted.extend(["400", "413", "415"]);
            }
            if path.contains('{') {
                wanted.push("400");
            }
            for status in wanted {
                let kind = &responses[status]["content"]["application/problem+json"]["schema"]["$ref"];
                assert_eq!(kind, "#/components/schemas/Problem", "{at} {status}");
            }
            let in_path = path.matches('{').count();
            let described =
                operation["parameters"].as_array().into_iter().flatten().filter(|one| one["in"] == "path").count();
            assert_eq!(in_path, described, "{at}: parameters of the path");
        }
    }
}

#[tokio::test]
async fn the_served_document_is_whole_and_needs_a_session() {
    let (bench, cookie) = Bench::signed_in().await;
    let answer = bench.get("/api/v1/openapi.json", &cookie).await;
    assert_eq!(answer.json(), *DOCUMENT);
    assert_eq!(bench.get("/api/v1/openapi.json", "").await.status, StatusCode::UNAUTHORIZED);
    let text = answer.body;
    let mut rest = text.as_str();
    while let Some((_, behind)) = rest.split_once("#/components/schemas/") {
        let name = behind.split('"').next().unwrap();
        assert!(DOCUMENT["components"]["schemas"][name].is_object(), "{name} is referred to and not there");
        rest = behind;
    }
}
