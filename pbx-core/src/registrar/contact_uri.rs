//! The two things the registrar reads from a Contact URI that is otherwise kept as it came.

use crate::sip::translate;

/// The URI for calling the device: without push parameters and without `?headers`.
///
/// A push token must reach nobody but its provider (RFC 8599 section 12), so it is not in any request we send.
/// `pn-…` are the parameters of RFC 8599 and of older Linphone versions; `app-id` belongs to the latter.
pub(super) fn without_push_params(uri: &str) -> String {
    translate::callable_uri(uri)
}

/// The same for the header parameters of a Contact, where some phones put theirs.
pub(super) fn params_without_push(params: &str) -> String {
    translate::strip_push_header_params(params).into_owned()
}

/// `user@host:port` of the URI, without scheme, parameters and headers.
pub(super) fn address(uri: &str) -> &str {
    let uri = uri.split_once('?').map_or(uri, |(before, _)| before);
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let host_at = rest.rfind('@').map_or(0, |at| at + 1);
    let end = rest.get(host_at..).and_then(|host| host.find(';')).map_or(rest.len(), |at| host_at + at);
    rest.get(..end).unwrap_or(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn push_parameters_and_headers_go_and_everything_else_stays() {
        let uri = "sip:101@192.0.2.7:5061;transport=tls;pn-provider=apns;pn-prid=SECRET;PN-param=T.app.voip;\
                   app-id=x;ob?Subject=a";
        assert_eq!(without_push_params(uri), "sip:101@192.0.2.7:5061;transport=tls;ob");
        assert_eq!(without_push_params("sip:[2001:db8::1]:5060"), "sip:[2001:db8::1]:5060");
        assert_eq!(without_push_params("sip:1;pn-prid=x@h;pn-prid=y"), "sip:1;pn-prid=x@h");
        assert_eq!(without_push_params(""), "");
    }

    #[test]
    fn no_spelling_of_a_push_parameter_gets_through() {
        let uri = "sip:101@192.0.2.7;%70n-prid=SECRET;pn-param=a@b;transport=tls;pn-x=?";
        assert_eq!(without_push_params(uri), "sip:101@192.0.2.7;transport=tls");
        let params = ";+sip.instance=\"<urn:x;pn-prid=kept@here?>\";pn-prid=\"SECRET;@\";PN-Param=\"a;b\";q=1";
        assert_eq!(params_without_push(params), ";+sip.instance=\"<urn:x;pn-prid=kept@here?>\";q=1");
    }

    #[test]
    fn the_address_ends_before_parameters() {
        assert_eq!(address("sip:101@192.0.2.7:5061;transport=tls?x=y"), "101@192.0.2.7:5061");
        assert_eq!(address("sips:1;a=b@h;c"), "1;a=b@h");
        assert_eq!(address("sip:[::1]:5060;lr"), "[::1]:5060");
    }
}
