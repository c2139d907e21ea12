//! `/settings`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use pbx_core::model::Settings;
use pbx_core::switchboard::command::Command;
use serde_json::{Map, Value};

use super::Answer;
use super::body::Body;
use crate::adding::settings;
use crate::audit;
use crate::error::Refusal;
use crate::say;
use crate::state::AdminState;

#[utoipa::path(get, path = "/settings", operation_id = "settings_get", tag = "Settings", summary = "The live settings.", responses((status = 200, description = "All of them.", body = Settings)))]
pub(crate) async fn get(State(state): State<AdminState>) -> Answer<Json<Settings>> {
    Ok(Json(settings(&state).await?))
}

#[utoipa::path(put, path = "/settings", operation_id = "settings_put", tag = "Settings", summary = "Replaces the settings that are named and keeps the rest.", request_body = Settings, responses((status = 200, description = "As they are.", body = Settings), (status = 409, description = ""), (status = 422, description = "")))]
pub(crate) async fn put(
    State(state): State<AdminState>,
    Body(wanted): Body<Map<String, Value>>,
) -> Answer<Json<Settings>> {
    let changed = merged(&settings(&state).await?, wanted)?;
    save(&state, changed.clone()).await?;
    Ok(Json(changed))
}

/// Checks and saves settings; they are in force when this returns.
pub(crate) async fn save(state: &AdminState, changed: Settings) -> Result<(), Refusal> {
    changed.check().map_err(pbx_core::switchboard::command::CommandError::from)?;
    let before = settings(state).await?;
    state.switchboard.ask(Command::ChangeSettings(changed.clone())).await?;
    audit::note(difference(&before, &changed));
    Ok(())
}

/// Every setting that differs, old and new; no setting is a secret.
fn difference(before: &Settings, after: &Settings) -> String {
    let (Ok(Value::Object(before)), Ok(Value::Object(after))) =
        (serde_json::to_value(before), serde_json::to_value(after))
    else {
        return String::new();
    };
    let changed = after.iter().filter(|(field, value)| before.get(*field) != Some(*value));
    let told =
        changed.map(|(field, value)| format!("{field}: {} -> {value}", before.get(field).unwrap_or(&Value::Null)));
    told.collect::<Vec<_>>().join(", ")
}

/// The settings with the wanted fields replaced; an unknown field is refused, because it would change nothing.
fn merged(now: &Settings, wanted: Map<String, Value>) -> Result<Settings, Refusal> {
    let Ok(Value::Object(mut all)) = serde_json::to_value(now) else { return Err(crate::adding::unexpected()) };
    for (field, value) in wanted {
        let Some(place) = all.get_mut(&field) else {
            let detail = say("settings-there-is-no-setting").with("field", &field).text();
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "unknown_field", detail).field(field));
        };
        *place = value;
        if let Err(wrong) = read(&all) {
            let detail = format!("{field}: {wrong}");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "malformed", detail).field(field));
        }
    }
    read(&all).map_err(|failure| Refusal::internal(&failure))
}

fn read(all: &Map<String, Value>) -> Result<Settings, serde_json::Error> {
    serde_json::from_value(Value::Object(all.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_is_left_out_keeps_its_value() {
        let now = Settings { realm: "office".into(), ..Settings::default() };
        let changed = merged(&now, wanted(r#"{"ring_seconds": 45}"#)).unwrap();
        assert_eq!((changed.ring_seconds, changed.realm.as_str()), (45, "office"));
    }

    #[test]
    fn typing_errors_are_refused_by_name() {
        let refused = merged(&Settings::default(), wanted(r#"{"ring_second": 45}"#)).unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), ("unknown_field", Some("ring_second")));
        let refused = merged(&Settings::default(), wanted(r#"{"ring_seconds": "long"}"#)).unwrap_err();
        assert_eq!((refused.code, refused.field.as_deref()), ("malformed", Some("ring_seconds")));
    }
}
