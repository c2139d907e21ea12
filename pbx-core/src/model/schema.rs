//! What the OpenAPI document says of the words that are text on the wire but types inside.

use std::borrow::Cow;

use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::{AddressRange, CallUuid, DeviceKey, DisplayName, EmailAddress, ExtensionNumber, Network, SipUsername};

macro_rules! text {
    ($type:ty, $name:literal, $example:literal, $says:literal) => {
        impl PartialSchema for $type {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new().schema_type(Type::String).description(Some($says)).examples([$example]).into()
            }
        }

        impl ToSchema for $type {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

text!(ExtensionNumber, "ExtensionNumber", "101", "2 to 15 digits; text, because leading zeros count.");
text!(DisplayName, "DisplayName", "Anna", "The owner's name, one line.");
text!(EmailAddress, "EmailAddress", "anna@example.com", "A mail address.");
text!(SipUsername, "SipUsername", "101", "The name a phone signs in with.");
text!(DeviceKey, "DeviceKey", "i:urn:uuid:00000000-0000-1000-8000-000a95a0e128", "How the device names itself.");
text!(Network, "Network", "203.0.113.7", "An IPv4 address, or the /64 of an IPv6 address.");
text!(AddressRange, "AddressRange", "10.0.0.0/8", "An address, or a range in CIDR notation.");
text!(CallUuid, "CallUuid", "6ba7b811-9dad-11d1-80b4-00c04fd430c8", "The public name of a call, a UUID.");
