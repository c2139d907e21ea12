//! Why a desk phone was not added, changed or served.

use pbx_core::store::{SealError, StoreError};
use pbx_core::switchboard::command::CommandError;
use thiserror::Error;

use super::MOST;
use crate::desk_phone::factory::AuthorityError;
use crate::desk_phone::template::TemplateError;
use crate::desk_phone::{DeskPhoneError, Mac};
use crate::enrolment::LabelError;

/// Why a desk phone was not added, changed or served.
#[derive(Debug, Error)]
pub enum DeskPhonesError {
    /// MAC, vendor or model are malformed.
    #[error(transparent)]
    Phone(#[from] DeskPhoneError),
    /// The label is malformed.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// The MAC belongs to another maker.
    #[error("{mac} is an address of {of}, not of {given}; check the MAC or choose {of}")]
    OtherVendor {
        /// The address.
        mac: Mac,
        /// Whose it is.
        of: &'static str,
        /// What was given.
        given: &'static str,
    },
    /// The phone is there already.
    #[error("the phone {0} is there already; remove it first, or make a new address for it")]
    Taken(Mac),
    /// There is no such phone.
    #[error("there is no desk phone {0}")]
    NoSuchPhone(Mac),
    /// Too many.
    #[error("there is room for {MOST} desk phones and no more")]
    Full,
    /// No SIP port is offered.
    #[error("phones have no way to connect: no SIP port is open; set a listen address for TLS, TCP or UDP")]
    NoServer,
    /// The phone has not fetched its configuration yet.
    #[error("the phone {0} has not fetched its configuration from its own address yet; there is nothing to rotate")]
    NotSettled(Mac),
    /// The phone has not fetched its configuration yet.
    #[error("the phone {0} has not fetched its configuration yet, so its menu still has the maker's password")]
    NotTold(Mac),
    /// A template is wrong, line by line.
    #[error("nothing was saved: {} of the template cannot be taken; {}", lines(.0.len()), .0.first().map(ToString::to_string).unwrap_or_default())]
    Template(Vec<TemplateError>),
    /// A template without a setting.
    #[error("the template has no setting; write one a line, as key = value, or take the template away")]
    EmptyTemplate,
    /// A word that is no format.
    #[error("“{0}” is no format of desk phones; give yealink, snom, grandstream, fanvil_text, fanvil_xml or polycom")]
    Family(String),
    /// How a model begins is malformed.
    #[error(
        "“{0}” is not how a model begins; write letters and digits as on the phone, for example T4, or nothing for all models"
    )]
    Beginning(String),
    /// The phone reads another format, or is another model.
    #[error("the phone {0} is none of those that the template is for; choose a phone of this format and model")]
    TemplateOfOthers(Mac),
    /// There is no such template.
    #[error("there is no template for these phones; they have Nightbell's own settings")]
    NoSuchTemplate,
    /// Too many templates.
    #[error("there is room for 200 templates and no more; put what many models share into the template for all")]
    TooManyTemplates,
    /// An upload is no authority for factory certificates.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// It counts for another maker's phones.
    #[error("this authority is there already, for phones of {0}; remove it there first")]
    AuthorityOf(&'static str),
    /// There is no such authority.
    #[error("there is no authority with this fingerprint")]
    NoSuchAuthority,
    /// Too many authorities.
    #[error("there is room for 32 authorities and no more; remove those whose phones are gone")]
    TooManyAuthorities,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    Random,
    /// A stored secret does not open.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The switchboard refused.
    #[error(transparent)]
    Switchboard(#[from] CommandError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A bug.
    #[error("the switchboard gave an answer that does not fit the question")]
    OddAnswer,
}

fn lines(count: usize) -> String {
    if count == 1 { "1 line".into() } else { format!("{count} lines") }
}

impl DeskPhonesError {
    /// The stable code in the API and in the log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Phone(DeskPhoneError::Mac(_)) => "mac_malformed",
            Self::Phone(DeskPhoneError::Vendor(_)) => "vendor_unknown",
            Self::Phone(DeskPhoneError::Model(_)) => "model_malformed",
            Self::Label(_) => "label_malformed",
            Self::OtherVendor { .. } => "mac_of_other_vendor",
            Self::Taken(_) => "desk_phone_exists",
            Self::NoSuchPhone(_) => "no_such_desk_phone",
            Self::Full => "full",
            Self::NoServer => "no_sip_port",
            Self::NotSettled(_) | Self::NotTold(_) => "not_fetched_yet",
            Self::Template(_) => "template_has_errors",
            Self::EmptyTemplate => "template_empty",
            Self::Family(_) => "family_unknown",
            Self::Beginning(_) => "model_malformed",
            Self::TemplateOfOthers(_) => "template_of_other_phones",
            Self::NoSuchTemplate => "no_such_template",
            Self::TooManyTemplates => "full",
            Self::Authority(AuthorityError::None) => "not_a_certificate",
            Self::Authority(AuthorityError::Damaged(_)) => "damaged_certificate",
            Self::Authority(AuthorityError::PrivateKey) => "private_key_given",
            Self::Authority(AuthorityError::NoAuthority(_)) => "no_authority",
            Self::Authority(AuthorityError::TooLarge) => "too_large",
            Self::AuthorityOf(_) => "authority_taken",
            Self::NoSuchAuthority => "no_such_authority",
            Self::TooManyAuthorities => "full",
            Self::Random => "no_randomness",
            Self::Seal(_) => "does_not_open",
            Self::Switchboard(refused) => refused.code(),
            Self::Store(_) => "not_saved",
            Self::OddAnswer => "bug",
        }
    }
}
