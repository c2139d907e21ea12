//! Bodies of several kinds, told apart by one field: each kind becomes one object with that field in it.
//!
//! serde's tagged enum of structs that refuse unknown fields is derived as "all of: the struct; an object with the tag", and
//! the struct, read alone, refuses the tag: nothing would fit.

use std::collections::BTreeMap;

use utoipa::openapi::schema::{AdditionalProperties, AllOf};
use utoipa::openapi::{Object, Ref, RefOr, Schema};

/// Where components are referred to.
const COMPONENTS: &str = "#/components/schemas/";

/// Mends every component of that shape.
pub(super) fn merge(schemas: &mut BTreeMap<String, RefOr<Schema>>) {
    let known = schemas.clone();
    for schema in schemas.values_mut() {
        let RefOr::T(Schema::OneOf(kinds)) = schema else { continue };
        for kind in &mut kinds.items {
            if let RefOr::T(Schema::AllOf(all)) = kind
                && let Some(merged) = merged(all, &known)
            {
                *kind = RefOr::T(Schema::Object(merged));
            }
        }
    }
}

/// One object with the fields of all, when one of them refuses unknown fields.
fn merged(all: &AllOf, known: &BTreeMap<String, RefOr<Schema>>) -> Option<Object> {
    let mut whole = Object::default();
    let mut strict = false;
    for part in &all.items {
        let part = match part {
            RefOr::T(Schema::Object(object)) => object,
            RefOr::Ref(Ref { ref_location, .. }) => match known.get(ref_location.strip_prefix(COMPONENTS)?)? {
                RefOr::T(Schema::Object(object)) => object,
                RefOr::T(_) | RefOr::Ref(_) => return None,
            },
            RefOr::T(_) => return None,
        };
        strict |= matches!(part.additional_properties.as_deref(), Some(AdditionalProperties::FreeForm(false)));
        whole.properties.extend(part.properties.clone());
        whole.required.extend(part.required.clone());
    }
    whole.description.clone_from(&all.description);
    whole.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    strict.then_some(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_kind_of_a_body_refuses_the_field_that_tells_the_kinds_apart() {
        let document = crate::openapi::document();
        let schemas = &document.components.unwrap().schemas;
        let RefOr::T(Schema::OneOf(kinds)) = &schemas["NewCredential"] else { panic!("a choice of kinds") };
        assert_eq!(kinds.items.len(), 7);
        for kind in &kinds.items {
            let RefOr::T(Schema::Object(kind)) = kind else { panic!("an object") };
            let names: Vec<_> = kind.properties.keys().collect();
            assert!(kind.properties.contains_key("provider") && kind.properties.contains_key("label"), "{names:?}");
            assert!(kind.required.contains(&"provider".to_owned()), "{names:?}");
        }
    }
}
