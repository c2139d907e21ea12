//! `/system/api`: the OpenAPI document for people, written by the server; nothing is loaded from elsewhere.

use askama::Template;
use axum::extract::State;
use serde_json::Value;

use super::Page;
use crate::error::render;
use crate::layout::{Frame, Layout, Menu};
use crate::openapi;
use crate::state::AdminState;

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage {
    layout: Layout,
    public_url: String,
    groups: Vec<Group>,
    codes: Vec<(u16, &'static str, &'static str)>,
}

struct Group {
    name: String,
    operations: Vec<Operation>,
}

struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    more: String,
    parameters: Vec<Parameter>,
    /// An example of the body; empty without one.
    body: String,
    answers: Vec<(String, String)>,
    /// An example of what comes back when it works; empty without one.
    example: String,
}

struct Parameter {
    name: String,
    place: String,
    required: bool,
    says: String,
}

/// Deeper than this an example is cut; references and alternatives count, and no shape of the API goes as deep.
const DEEPEST: usize = 24;

/// An example of a schema, from its own examples, first choices and types.
fn example(schema: &Value, document: &Value, depth: usize) -> Value {
    if depth > DEEPEST {
        return Value::Null;
    }
    let within = |schema: &Value| example(schema, document, depth + 1);
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap_or("");
        return within(&document["components"]["schemas"][name]);
    }
    if let Some(first) = schema["examples"].get(0).or_else(|| schema["enum"].get(0)) {
        return first.clone();
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let mut all = serde_json::Map::new();
        for part in parts {
            if let Value::Object(part) = within(part) {
                all.extend(part);
            }
        }
        return Value::Object(all);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        return choices.iter().find(|choice| choice["type"] != "null").map(within).unwrap_or_default();
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"].get(0).and_then(Value::as_str));
    match kind.unwrap_or("") {
        "object" => {
            let properties = schema["properties"].as_object().into_iter().flatten();
            Value::Object(properties.map(|(name, one)| (name.clone(), within(one))).collect())
        }
        "array" => Value::Array(vec![within(&schema["items"])]),
        "integer" | "number" => Value::from(0),
        "boolean" => Value::from(true),
        "string" => Value::from("…"),
        _ => Value::Null,
    }
}

fn pretty(content: &Value, document: &Value) -> String {
    let schema = &content["application/json"]["schema"];
    if schema.is_null() { String::new() } else { format!("{:#}", example(schema, document, 0)) }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or("").to_owned()
}

fn operation(method: &str, path: &str, operation: &Value, document: &Value) -> Operation {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let responses = operation["responses"].as_object().into_iter().flatten();
    let works = responses.clone().find(|(status, _)| status.starts_with('2')).map(|(_, response)| response);
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        more: text(&operation["description"]),
        parameters: parameters
            .map(|one| Parameter {
                name: text(&one["name"]),
                place: text(&one["in"]),
                required: one["required"] == true,
                says: text(&one["description"]),
            })
            .collect(),
        body: pretty(&operation["requestBody"]["content"], document),
        example: works.map(|response| pretty(&response["content"], document)).unwrap_or_default(),
        answers: responses.map(|(status, response)| (status.clone(), text(&response["description"]))).collect(),
    }
}

fn groups(document: &Value) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, one) in item.as_object().into_iter().flatten() {
            let name = text(&one["tags"][0]);
            let operation = operation(method, path, one, document);
            match groups.iter_mut().find(|group| group.name == name) {
                Some(group) => group.operations.push(operation),
                None => groups.push(Group { name, operations: vec![operation] }),
            }
        }
    }
    groups.sort_by(|one, other| one.name.cmp(&other.name));
    groups
}

pub(crate) async fn page(State(state): State<AdminState>, frame: Frame) -> Page {
    let document = serde_json::to_value(openapi::document()).unwrap_or_default();
    let all = crate::error::code::CODES.iter();
    let codes = all.flat_map(|one| one.status.iter().map(|status| (*status, one.code, one.means)));
    let mut codes: Vec<_> = codes.collect();
    codes.sort_by_key(|(status, _, _)| *status);
    Ok(render(&ApiPage {
        layout: frame.layout("API", Menu::System),
        public_url: state.site.public_url.clone(),
        groups: groups(&document),
        codes,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_stands_in_a_group_with_an_example_of_what_it_takes_and_gives() {
        let document = serde_json::to_value(openapi::document()).unwrap();
        let groups = groups(&document);
        let all: Vec<&Operation> = groups.iter().flat_map(|group| &group.operations).collect();
        let add = all.iter().find(|one| one.id == "extensions_add").unwrap();
        let body: Value = serde_json::from_str(&add.body).unwrap();
        assert!(body["number"].is_string() && body["secret"].is_string(), "{body}");
        let gives: Value = serde_json::from_str(&add.example).unwrap();
        assert_eq!(gives["extension"]["number"], "101", "{gives}");
        assert!(add.parameters.iter().any(|one| one.name == "Idempotency-Key" && one.place == "header"));
        for one in all {
            assert!(!one.answers.is_empty() && !one.summary.is_empty(), "{}", one.id);
        }
    }
}
