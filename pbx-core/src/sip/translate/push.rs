//! The push parameters of a Contact: RFC 8599, what Linphone makes of it, and the older `app-id`, `pn-type`, `pn-tok`.

use std::borrow::Cow;

use super::{Refused, bad};
use crate::model::{Environment, PushProvider, Redacted, SUBSCRIPTION_BYTES, WebPushSubscription};
use crate::registrar::{OfferedPush, OfferedTarget};
use crate::sip::uri::{NameAddr, Params, Uri, around_params, percent_decoded, unquoted};

/// The longest app id: a bundle id has at most 155 characters, an FCM project id 30.
const MAX_APP_ID: usize = 256;
/// The longest token text: two APNs tokens have 150 characters, an FCM token about 160, some say up to 1,000.
const MAX_TOKEN: usize = 1024;
/// The longest provider name; the registered ones have at most 7 characters.
const MAX_PROVIDER: usize = 32;

/// The push parameters of one Contact, wherever the phone put them: in the URI (RFC 8599) or behind it (JsSIP, PJSIP).
struct Source<'a> {
    uri: &'a Uri<'a>,
    address: &'a NameAddr<'a>,
}

impl<'a> Source<'a> {
    /// The decoded value of a parameter: printable ASCII of at most `limit` characters.
    fn get(&self, name: &str, limit: usize) -> Result<Option<Cow<'a, str>>, Refused> {
        let Some(text) = self.uri.param(name).or_else(|| self.address.param(name)) else {
            return Ok(None);
        };
        let value = match unquoted(text) {
            Cow::Borrowed(text) => percent_decoded(text),
            Cow::Owned(text) => Cow::Owned(percent_decoded(&text).into_owned()),
        };
        // What is no UTF-8 stays encoded, and so does not pass the providers' own rules below.
        if value.len() > limit {
            return Err(bad("A push parameter is too long"));
        }
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(bad("A push parameter holds a forbidden character"));
        }
        Ok(Some(value))
    }
}

/// What the phone says about waking it.
pub(super) fn offered(uri: &Uri<'_>, address: &NameAddr<'_>) -> Result<Option<OfferedPush>, Refused> {
    let source = Source { uri, address };
    let Some(name) = source.get("pn-provider", MAX_PROVIDER)? else {
        return legacy(&source);
    };
    let (provider, environment) = match &*name {
        "" => return Ok(Some(OfferedPush::Query(None))),
        name if name.eq_ignore_ascii_case("apns.dev") => (PushProvider::Apns, Environment::Sandbox),
        name => match PushProvider::from_name(name) {
            Some(provider @ (PushProvider::Apns | PushProvider::Fcm | PushProvider::WebPush | PushProvider::Hms)) => {
                (provider, Environment::Production)
            }
            // Their apps report their tokens over HTTPS.
            Some(PushProvider::Acrobits) | None => return Ok(Some(OfferedPush::Unsupported(name.into()))),
        },
    };
    let longest = match provider {
        PushProvider::Apns | PushProvider::Fcm | PushProvider::Hms | PushProvider::Acrobits => MAX_TOKEN,
        PushProvider::WebPush => SUBSCRIPTION_BYTES,
    };
    let Some(prid) = source.get("pn-prid", longest)?.filter(|prid| !prid.is_empty()) else {
        return Ok(Some(OfferedPush::Query(Some(provider))));
    };
    let app = source.get("pn-param", MAX_APP_ID)?.unwrap_or(Cow::Borrowed(""));
    let target = match provider {
        PushProvider::Apns => apns(&app, &prid, environment)?,
        PushProvider::Fcm => fcm(&app, &prid)?,
        PushProvider::WebPush => web_push(&prid)?,
        PushProvider::Hms => hms(&app, &prid)?,
        PushProvider::Acrobits => return Ok(Some(OfferedPush::Unsupported(name.into()))),
    };
    Ok(Some(OfferedPush::Target(target)))
}

/// `TEAM.com.example.app.voip`, where the service may also be `remote`, `voip&remote`, `remote&voip` or absent (then it
/// is `remote`). The team is not kept: Linphone fills in a placeholder.
fn apns(param: &str, prid: &str, environment: Environment) -> Result<OfferedTarget, Refused> {
    let (_team, topic) = param.split_once('.').ok_or(bad("pn-param must be team id, bundle id and service"))?;
    let (topic, services) = match topic.rsplit_once('.') {
        Some((bundle, services)) if services.split('&').all(|one| matches!(one, "voip" | "remote")) => {
            (bundle, services)
        }
        Some(_) | None => (topic, "remote"),
    };
    let (mut call_token, mut notice_token) = (None, None);
    for piece in prid.split('&') {
        let (token, service) = match piece.rsplit_once(':') {
            Some((token, service)) => (token, service),
            // One token for two services: it is the one that can ring.
            None if services.split('&').any(|service| service == "voip") => (piece, "voip"),
            None => (piece, "remote"),
        };
        let slot = match service {
            "voip" => &mut call_token,
            "remote" => &mut notice_token,
            _ => return Err(bad("pn-prid names an unknown service")),
        };
        *slot = Some(Redacted::new(apns_token(token)?.to_owned()));
    }
    let app_id = apns_topic(topic)?.into();
    Ok(OfferedTarget { provider: PushProvider::Apns, app_id, environment, call_token, notice_token })
}

/// A device token goes into the path of a URL, so nothing but letters and digits may be in it (Apple: hexadecimal).
fn apns_token(token: &str) -> Result<&str, Refused> {
    let fits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Ok(token) } else { Err(bad("pn-prid is not an APNs device token")) }
}

/// A bundle id goes into the `apns-topic` header: letters, digits, dots and hyphens (Apple).
fn apns_topic(topic: &str) -> Result<&str, Refused> {
    let fits = !topic.is_empty()
        && topic.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'));
    if fits { Ok(topic) } else { Err(bad("pn-param is not an APNs bundle id")) }
}

/// The app is a project id or, as Linphone has it, a sender number; some phones leave it out.
fn fcm(app: &str, token: &str) -> Result<OfferedTarget, Refused> {
    let app_fits = app.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.'));
    let token_fits = token.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':'));
    if !app_fits {
        return Err(bad("pn-param is not a Firebase project id or sender number"));
    }
    if !token_fits {
        return Err(bad("pn-prid is not a Firebase registration token"));
    }
    Ok(OfferedTarget {
        provider: PushProvider::Fcm,
        app_id: app.into(),
        environment: Environment::Production,
        call_token: Some(Redacted::new(token.to_owned())),
        notice_token: None,
    })
}

/// The app is Huawei's app id; a token goes into JSON only.
fn hms(app: &str, token: &str) -> Result<OfferedTarget, Refused> {
    if !app.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad("pn-param is not an app id of Huawei"));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_:.+/=~".contains(&byte);
    if !token.bytes().all(fits) {
        return Err(bad("pn-prid is not a push token of Huawei"));
    }
    Ok(OfferedTarget {
        provider: PushProvider::Hms,
        app_id: app.into(),
        environment: Environment::Production,
        call_token: Some(Redacted::new(token.to_owned())),
        notice_token: None,
    })
}

/// The subscription's address (RFC 8599 section 12), with its keys if the app wants to read its pushes. `pn-param` must not
/// be used with it, so what stands there is not looked at.
fn web_push(prid: &str) -> Result<OfferedTarget, Refused> {
    let subscription = WebPushSubscription::parse(prid).map_err(|_| bad("pn-prid is not a Web Push subscription"))?;
    Ok(OfferedTarget {
        provider: PushProvider::WebPush,
        app_id: subscription.host().into(),
        environment: Environment::Production,
        call_token: Some(Redacted::new(subscription.to_text())),
        notice_token: None,
    })
}

/// `app-id=com.example.app.voip.prod;pn-type=apple;pn-tok=…`, from before RFC 8599. Its senders do not know 555, so a
/// service we cannot use is passed over.
fn legacy(source: &Source<'_>) -> Result<Option<OfferedPush>, Refused> {
    let (Some(kind), Some(token), Some(app)) =
        (source.get("pn-type", MAX_PROVIDER)?, source.get("pn-tok", MAX_TOKEN)?, source.get("app-id", MAX_APP_ID)?)
    else {
        return Ok(None);
    };
    if token.is_empty() {
        return Ok(None);
    }
    let target = match &*kind.to_ascii_lowercase() {
        "apple" => {
            let (app, environment) = match (app.strip_suffix(".dev"), app.strip_suffix(".prod")) {
                (Some(app), _) => (app, Environment::Sandbox),
                (None, Some(app)) => (app, Environment::Production),
                (None, None) => (&*app, Environment::Production),
            };
            let (topic, can_ring) = app.strip_suffix(".voip").map_or((app, false), |topic| (topic, true));
            let token = Some(Redacted::new(apns_token(&token)?.to_owned()));
            let (call_token, notice_token) = if can_ring { (token, None) } else { (None, token) };
            let app_id = apns_topic(topic)?.into();
            OfferedTarget { provider: PushProvider::Apns, app_id, environment, call_token, notice_token }
        }
        "firebase" | "android" => fcm(&app, &token)?,
        _ => return Ok(None),
    };
    Ok(Some(OfferedPush::Target(target)))
}

/// Whether a parameter of this name says anything about push, in any spelling of it.
fn is_push_param(name: &str) -> bool {
    let name = percent_decoded(name);
    let name = name.trim();
    name.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("pn-")) || name.eq_ignore_ascii_case("app-id")
}

/// `uri` without its push parameters.
pub(super) fn stripped(uri: &str) -> Cow<'_, str> {
    let (before, params, after) = around_params(uri);
    // A URI knows no quotes, so each `;` begins a parameter.
    let is_push = |param: &&str| is_push_param(param.split('=').next().unwrap_or(param));
    if !params.split(';').any(|param| is_push(&param)) {
        return Cow::Borrowed(uri);
    }
    let mut kept = String::with_capacity(uri.len());
    kept.push_str(before);
    for param in params.split(';').skip(1).filter(|param| !is_push(param)) {
        kept.push(';');
        kept.push_str(param);
    }
    kept.push_str(after);
    Cow::Owned(kept)
}

/// The same for the parameters of a header, where quoted values may hold anything.
pub(super) fn stripped_params(params: &str) -> Cow<'_, str> {
    if !Params::new(params).any(|(name, _)| is_push_param(name)) {
        return Cow::Borrowed(params);
    }
    let mut kept = String::with_capacity(params.len());
    for (name, value) in Params::new(params).filter(|(name, _)| !is_push_param(name)) {
        kept.push(';');
        kept.push_str(name);
        if let Some(value) = value {
            kept.push('=');
            kept.push_str(value);
        }
    }
    Cow::Owned(kept)
}

/// The same for a URI, without its headers too: what stands behind `?` has no place in a request line.
pub(super) fn request_uri(uri: &str) -> String {
    let stripped = stripped(uri);
    let (before, params, _headers) = around_params(&stripped);
    format!("{before}{params}")
}
