//! The `webhooks` of the OpenAPI document: what receivers are sent, by the same types that are sent.

use utoipa::PartialSchema;
use utoipa::openapi::path::{
    HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn, PathItem, Paths, PathsBuilder,
};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::{ContentBuilder, ObjectBuilder, RefOr, Required, ResponseBuilder, Schema, Type};

use crate::language::{Language, in_language};

use super::event::{AlarmData, CallData, DeviceData, Document, EventKind, TestData};

/// Every event with its document.
pub(crate) fn webhooks() -> Paths {
    // The page of the API shows this document too, and it is English for everybody.
    let words = |kind: EventKind| in_language(Language::English, || kind.words());
    let all = EventKind::ALL.map(|kind| (kind.as_str(), words(kind), schema(kind)));
    let test = ("webhook.test", "The test button was pressed", Document::<TestData>::schema());
    let described = all.into_iter().chain([test]);
    described
        .fold(PathsBuilder::new(), |paths, (name, words, schema)| paths.path(name, item(name, words, schema)))
        .build()
}

fn schema(kind: EventKind) -> RefOr<Schema> {
    match kind {
        EventKind::CallIncoming
        | EventKind::CallRinging
        | EventKind::CallAnswered
        | EventKind::CallMissed
        | EventKind::CallEnded
        | EventKind::PushFailed => Document::<CallData>::schema(),
        EventKind::DeviceRegistered | EventKind::DeviceUnregistered | EventKind::TokenRevoked => {
            Document::<DeviceData>::schema()
        }
        EventKind::CredentialAlarm => Document::<AlarmData>::schema(),
    }
}

fn item(name: &str, words: &str, schema: RefOr<Schema>) -> PathItem {
    let header = |name: &str, words: &str| {
        ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::True)
            .description(Some(words))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build()
    };
    let body = RequestBodyBuilder::new()
        .content("application/json", ContentBuilder::new().schema(Some(schema)).build())
        .required(Some(Required::True))
        .build();
    let answer = |words: &str| ResponseBuilder::new().description(words).build();
    let operation = OperationBuilder::new()
        .operation_id(Some(format!("event_{}", name.replace('.', "_"))))
        .tag("Event webhooks")
        .summary(Some(words))
        .parameter(header("webhook-id", "Names the event; the same in every attempt, so that repeats can be dropped"))
        .parameter(header("webhook-timestamp", "When this attempt was signed, in Unix seconds"))
        .parameter(header(
            "webhook-signature",
            "`v1,` and the base64 of HMAC-SHA-256 over `id.timestamp.body`; two with a blank between them for a day after the secret was renewed",
        ))
        .request_body(Some(body))
        .response("2XX", answer("It is taken, and not sent again."))
        .response("410", answer("No event is wanted any more; the receiver is switched off."))
        .response("4XX", answer("It is tried again, and given up after three refusals or a day."))
        .response("5XX", answer("It is tried again for a day; `Retry-After` is kept."))
        .build();
    PathItem::new(HttpMethod::Post, operation)
}
