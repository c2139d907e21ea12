//! Two records per device: the live binding and the wake target.

mod registration;

pub use registration::{Contacts, OfferedContact, OfferedPush, OfferedTarget, Registration};
