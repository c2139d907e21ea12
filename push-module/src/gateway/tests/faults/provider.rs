//! Each provider with a peer in its place, and its own way to say the same thing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pbx_core::model::{PushProvider, Redacted, WakeTarget};

use super::super::office::{APP, Office, PROJECT, apns_target, fcm_target};
use crate::standin::{FaultyPeer, PeerAnswer, TestApnsKey, TestServiceAccount};
use crate::{
    ApnsEnvironment, Endpoint, NewAcrobits, NewApnsKey, NewCredential, NewFcmAccount, NewHmsApp, NewWebPush, NewWebhook,
};

const HMS_APP: &str = "104567890";
const MEDIATED: &str = "cz.acrobits.softphone.aliengroundwire";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway::tests) enum Who {
    Apple,
    Google,
    Huawei,
    WebPush,
    Acrobits,
    Relay,
}

/// Every provider.
pub(in crate::gateway::tests) const EVERYBODY: [Who; 6] =
    [Who::Apple, Who::Google, Who::Huawei, Who::WebPush, Who::Acrobits, Who::Relay];

impl Who {
    /// What it says when it takes a push.
    pub(in crate::gateway::tests) fn takes(self) -> PeerAnswer {
        match self {
            Self::Apple => PeerAnswer::new(200, "").with("apns-id", "eabeae54-14a8-11e5-b60b-1697f925ec7b"),
            Self::Google => PeerAnswer::new(200, r#"{"name":"projects/example-phone/messages/1"}"#),
            Self::Huawei => PeerAnswer::new(200, r#"{"code":"80000000","msg":"Success","requestId":"1"}"#),
            Self::WebPush => PeerAnswer::new(201, ""),
            Self::Acrobits => PeerAnswer::new(200, r#"{"code":200,"response":"Sent"}"#),
            Self::Relay => PeerAnswer::new(202, r#"{"id":"relayed"}"#),
        }
    }

    /// "Too many requests", with the wait in whatever form.
    pub(super) fn slows_down(self, retry_after: &str) -> PeerAnswer {
        let body = match self {
            Self::Apple => r#"{"reason":"TooManyRequests"}"#,
            Self::Google => {
                r#"{"error":{"code":429,"status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"QUOTA_EXCEEDED"}]}}"#
            }
            Self::Huawei => "",
            Self::WebPush => "too many",
            Self::Acrobits => r#"{"code":429,"response":"Slow down"}"#,
            Self::Relay => r#"{"error":"busy"}"#,
        };
        PeerAnswer::new(429, body).with("retry-after", retry_after)
    }

    /// A trouble of its own.
    pub(super) fn is_ill(self, status: u16) -> PeerAnswer {
        let body = match self {
            Self::Apple if status == 500 => r#"{"reason":"InternalServerError"}"#,
            Self::Apple => r#"{"reason":"ServiceUnavailable"}"#,
            Self::Google => {
                r#"{"error":{"status":"UNAVAILABLE","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNAVAILABLE"}]}}"#
            }
            Self::Huawei => r#"{"code":"81000001","msg":"System error."}"#,
            Self::Acrobits => r#"{"code":500,"response":"Oops"}"#,
            Self::WebPush | Self::Relay => "oops",
        };
        PeerAnswer::new(status, body)
    }

    /// The phone's token has ended.
    pub(super) fn says_gone(self) -> PeerAnswer {
        match self {
            Self::Apple => PeerAnswer::new(410, r#"{"reason":"Unregistered","timestamp":4000000000000}"#),
            Self::Google => PeerAnswer::new(
                404,
                r#"{"error":{"status":"NOT_FOUND","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"UNREGISTERED"}]}}"#,
            ),
            Self::Huawei => PeerAnswer::new(200, r#"{"code":"80300007","msg":"All tokens are invalid"}"#),
            Self::WebPush => PeerAnswer::new(410, ""),
            Self::Acrobits => PeerAnswer::new(200, r#"{"code":404,"response":"Device token not registered"}"#),
            Self::Relay => PeerAnswer::new(410, r#"{"error":"token_gone"}"#),
        }
    }

    /// The phone's token is of another app or project.
    pub(super) fn says_wrong(self) -> Option<PeerAnswer> {
        match self {
            Self::Apple => Some(PeerAnswer::new(400, r#"{"reason":"DeviceTokenNotForTopic"}"#)),
            Self::Google => Some(PeerAnswer::new(
                403,
                r#"{"error":{"status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"SENDER_ID_MISMATCH"}]}}"#,
            )),
            Self::WebPush => Some(PeerAnswer::new(403, r#"{"message":"VAPID public key mismatch"}"#)),
            // They have no word for it.
            Self::Huawei | Self::Acrobits => None,
            Self::Relay => Some(PeerAnswer::new(400, r#"{"error":"token_wrong"}"#)),
        }
    }

    /// Our proof of identity is too old.
    pub(super) fn says_expired(self) -> PeerAnswer {
        match self {
            Self::Apple => PeerAnswer::new(403, r#"{"reason":"ExpiredProviderToken"}"#),
            Self::Google => PeerAnswer::new(401, r#"{"error":{"status":"UNAUTHENTICATED"}}"#),
            Self::Huawei => PeerAnswer::new(200, r#"{"code":"80200003","msg":"OAuth token expired"}"#),
            Self::WebPush => PeerAnswer::new(401, "JWT expired"),
            Self::Acrobits => PeerAnswer::new(200, r#"{"code":401,"response":"Unauthorized"}"#),
            Self::Relay => PeerAnswer::new(401, ""),
        }
    }

    /// The key itself is refused; Google and Huawei say so at their sign-in.
    pub(super) fn says_revoked(self) -> PeerAnswer {
        match self {
            Self::Apple => PeerAnswer::new(403, r#"{"reason":"InvalidProviderToken"}"#),
            Self::Google => {
                PeerAnswer::new(400, r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#)
            }
            Self::Huawei => {
                PeerAnswer::new(400, r#"{"error":1101,"sub_error":20001,"error_description":"invalid client"}"#)
            }
            Self::WebPush => PeerAnswer::new(403, "invalid JWT"),
            Self::Acrobits => PeerAnswer::new(200, r#"{"code":403,"response":"Forbidden"}"#),
            Self::Relay => PeerAnswer::new(403, ""),
        }
    }

    /// Our time is not its time.
    pub(super) fn says_not_from_now(self) -> PeerAnswer {
        match self {
            Self::Google => PeerAnswer::new(
                400,
                r#"{"error":"invalid_grant","error_description":"Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."}"#,
            ),
            Self::Apple | Self::Huawei | Self::WebPush | Self::Acrobits | Self::Relay => self.says_revoked(),
        }
    }

    pub(in crate::gateway::tests) fn new_credential(self, url: &str, ca_pem: &str) -> NewCredential {
        let extra_ca_pem = Some(ca_pem.to_owned());
        match self {
            Self::Apple => {
                let key = TestApnsKey::generate("FAULTY0001", "NIGHTBELL1").unwrap();
                NewCredential::Apns(NewApnsKey {
                    label: "Apple".to_owned(),
                    key_id: key.key_id,
                    team_id: key.team_id,
                    bundle_ids: vec![APP.to_owned()],
                    p8: key.p8,
                    environment: ApnsEnvironment::Both,
                    endpoint: Endpoint {
                        production_url: Some(url.to_owned()),
                        sandbox_url: Some(url.to_owned()),
                        extra_ca_pem,
                    },
                })
            }
            Self::Google => NewCredential::Fcm(NewFcmAccount {
                label: "Google".to_owned(),
                service_account_json: TestServiceAccount::generate(PROJECT, &format!("{url}/token")).unwrap().json,
                sender_id: None,
                base_url: Some(url.to_owned()),
                extra_ca_pem,
            }),
            Self::Huawei => NewCredential::Hms(NewHmsApp {
                label: "Huawei".to_owned(),
                app_id: HMS_APP.to_owned(),
                app_secret: Redacted::new("5".repeat(64)),
                base_url: Some(url.to_owned()),
                token_url: Some(format!("{url}/token")),
                extra_ca_pem,
            }),
            Self::WebPush => NewCredential::WebPush(NewWebPush {
                label: "Web Push".to_owned(),
                contact: "mailto:admin@example.com".to_owned(),
                allowed_hosts: vec!["localhost".to_owned(), "provider.test".to_owned()],
                extra_ca_pem,
            }),
            Self::Acrobits => NewCredential::Acrobits(NewAcrobits {
                label: "Acrobits".to_owned(),
                url: Some(format!("{url}/pnm2/send")),
                app_ids: vec![MEDIATED.to_owned()],
                extra_ca_pem,
            }),
            Self::Relay => NewCredential::Webhook(NewWebhook {
                label: "Relay".to_owned(),
                url: format!("{url}/nightbell"),
                app_ids: vec![APP.to_owned()],
                secret: Redacted::new(format!("whsec_{}", STANDARD.encode([7u8; 32]))),
                extra_ca_pem,
            }),
        }
    }

    pub(in crate::gateway::tests) fn target(self, url: &str) -> WakeTarget {
        match self {
            Self::Apple | Self::Relay => apns_target(),
            Self::Google => fcm_target(),
            Self::Huawei => WakeTarget { provider: PushProvider::Hms, app_id: HMS_APP.to_owned(), ..fcm_target() },
            Self::WebPush => WakeTarget {
                provider: PushProvider::WebPush,
                app_id: "localhost".to_owned(),
                call_token: Some(Redacted::new(format!("{url}/push/1"))),
                notice_token: None,
                ..apns_target()
            },
            Self::Acrobits => WakeTarget {
                provider: PushProvider::Acrobits,
                app_id: MEDIATED.to_owned(),
                call_token: Some(Redacted::new(format!("{MEDIATED} voip 12869E:7C3A"))),
                notice_token: None,
                ..apns_target()
            },
        }
    }
}

/// An office whose only provider is the peer.
pub(in crate::gateway::tests) struct Scene {
    pub(in crate::gateway::tests) office: Office,
    pub(in crate::gateway::tests) peer: FaultyPeer,
    pub(in crate::gateway::tests) target: WakeTarget,
}

impl Scene {
    pub(in crate::gateway::tests) async fn of(who: Who) -> Self {
        let (office, peer) = (Office::open().await, FaultyPeer::start(who.takes()).await.unwrap());
        office.add(who.new_credential(&peer.url(), peer.ca_pem())).await;
        let target = who.target(&peer.url());
        Self { office, peer, target }
    }

    /// The provider shows a certificate of somebody else.
    pub(super) async fn with_a_wrong_certificate(who: Who) -> Self {
        let (office, peer) = (Office::open().await, FaultyPeer::start(who.takes()).await.unwrap());
        let stranger = FaultyPeer::start(who.takes()).await.unwrap();
        office.add(who.new_credential(&peer.url(), stranger.ca_pem())).await;
        let target = who.target(&peer.url());
        Self { office, peer, target }
    }

    /// The provider's name does not resolve.
    pub(super) async fn with_a_name_that_is_not_there(who: Who) -> Self {
        let (office, peer) = (Office::open().await, FaultyPeer::start(who.takes()).await.unwrap());
        let url = "https://push.invalid";
        office.add(who.new_credential(url, peer.ca_pem())).await;
        let target = who.target(url);
        Self { office, peer, target }
    }
}
