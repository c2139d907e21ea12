//! Push providers: slow, wrong, down or lying. What they answer, and what really reaches a phone.

use std::collections::BTreeMap;
use std::time::Duration;

use pbx_core::model::{Environment, PushProvider, Verdict, WakeId};
use push_module::delivery::{Answer, Attempt, Outcome, Remedy};

use crate::history::{ProviderMood, Push, Refusal};

/// Both providers.
#[derive(Debug)]
pub(crate) struct Providers {
    apns: ProviderMood,
    fcm: ProviderMood,
    seen: BTreeMap<WakeId, u32>,
}

/// What becomes of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fate {
    /// When and what the provider answers; nothing when it hangs.
    pub(crate) outcome: Option<(Duration, Outcome)>,
    /// When the phone gets it.
    pub(crate) arrivals: Vec<Duration>,
    /// The verdict speaks against the token.
    pub(crate) blames_token: bool,
}

impl Default for Providers {
    fn default() -> Self {
        Self { apns: ProviderMood::Fine(120), fcm: ProviderMood::Fine(120), seen: BTreeMap::new() }
    }
}

impl Providers {
    pub(crate) fn set(&mut self, who: Push, mood: ProviderMood) {
        match who {
            Push::Apns => self.apns = mood,
            Push::Fcm => self.fcm = mood,
        }
    }

    /// The provider gets an attempt; `current` says whether the token is the phone's own.
    pub(crate) fn attempt(&mut self, attempt: &Attempt, current: bool) -> Fate {
        let mood = match attempt.request.target.provider {
            PushProvider::Apns => self.apns,
            PushProvider::Fcm | PushProvider::WebPush | PushProvider::Hms | PushProvider::Acrobits => self.fcm,
        };
        let times = self.seen.entry(attempt.wake_id).or_insert(0);
        *times += 1;
        let first = *times == 1;
        let ms = |ms: u32| Duration::from_millis(ms.into());
        let said = |answer| Some((ms(80), Outcome::Answered(answer)));
        let yes = || Answer::accepted(Some("id".into()));
        if !current && !matches!(mood, ProviderMood::Down | ProviderMood::Hangs) {
            return Fate { outcome: said(refusal(Refusal::Gone)), arrivals: Vec::new(), blames_token: true };
        }
        let fate = |outcome, arrivals| Fate { outcome, arrivals, blames_token: false };
        match mood {
            ProviderMood::Fine(wait) => fate(Some((ms(wait), Outcome::Answered(yes()))), vec![ms(wait + 100)]),
            ProviderMood::Lying => fate(said(yes()), Vec::new()),
            ProviderMood::Twice => fate(said(yes()), vec![ms(150), ms(900)]),
            ProviderMood::Late(wait) => fate(said(yes()), vec![ms(wait)]),
            ProviderMood::Down => {
                fate(Some((ms(20), Outcome::Unreachable { why: "connection refused".into() })), Vec::new())
            }
            ProviderMood::Hangs => fate(None, Vec::new()),
            ProviderMood::Refuses(why) => {
                Fate { outcome: said(refusal(why)), arrivals: Vec::new(), blames_token: why.blames_token() }
            }
            ProviderMood::Hiccup(why) if first => {
                Fate { outcome: said(refusal(why)), arrivals: Vec::new(), blames_token: why.blames_token() }
            }
            ProviderMood::Hiccup(_) => fate(said(yes()), vec![ms(200)]),
        }
    }
}

impl Refusal {
    fn blames_token(self) -> bool {
        match self {
            Self::Gone | Self::Wrong => true,
            Self::Busy | Self::Trouble | Self::Credential | Self::Payload | Self::Expired => false,
        }
    }
}

fn refusal(why: Refusal) -> Answer {
    let text = |text: &str| text.to_owned();
    match why {
        Refusal::Gone => Answer::is_final(Verdict::TokenGone { since: None, why: text("unregistered") }),
        Refusal::Wrong => Answer::with_remedy(
            Verdict::TokenWrong { why: text("bad device token"), accepted_in: None },
            Remedy::OtherEnvironment,
        ),
        Refusal::Busy => Answer::with_remedy(
            Verdict::RetryAfter { wait: Some(Duration::from_secs(1)), why: text("too many requests") },
            Remedy::Wait(Some(Duration::from_secs(1))),
        ),
        Refusal::Trouble => Answer::with_remedy(
            Verdict::RetryAfter { wait: None, why: text("internal server error") },
            Remedy::TrySoon { wish: None },
        ),
        Refusal::Credential => {
            Answer::is_final(Verdict::Misconfigured { code: text("bad_key"), what: text("the key is wrong") })
        }
        Refusal::Payload => Answer::is_final(Verdict::Refused { why: text("bad payload") }),
        Refusal::Expired => Answer::with_remedy(
            Verdict::Misconfigured { code: text("token_expired"), what: text("the provider token expired") },
            Remedy::RenewToken,
        ),
    }
}

/// The one environment that exists here.
pub(crate) const ENVIRONMENT: Environment = Environment::Production;
