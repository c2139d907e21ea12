//! One order, from the name to the certificate. It can be broken off anywhere: what was begun is kept, and the next run goes on
//! with it (RFC 8555 section 7.1.6 has the states).

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use instant_acme::{
    Account, AuthorizationStatus, CertificateIdentifier, ChallengeStatus, ChallengeType, Error, ExternalAccountKey,
    Identifier, NewAccount, NewOrder, Order, OrderStatus, RetryPolicy,
};
use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::store::Store;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::challenge::Doors;
use super::client::AcmeHttp;
use super::schedule::{Trouble, Window};
use super::setting::{Validation, check_host};
use super::store::{self, Kept, KeptAccount, KeptOrder};
use super::words::{self, Failed, said};
use super::{Acme, Phase};
use crate::clock;

/// The name service is waited for no longer than this.
const RESOLVE_WITHIN: Duration = Duration::from_secs(10);
/// Authorities validate within seconds, from several places; a busy one takes a minute or two.
const VALIDATE: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(500)).backoff(1.5).timeout(Duration::from_secs(180));
/// The same for signing.
const SIGN: RetryPolicy =
    RetryPolicy::new().initial_delay(Duration::from_millis(250)).backoff(1.5).timeout(Duration::from_secs(180));
/// An order under way is gone on with for so long; Let's Encrypt keeps them for seven days.
const ORDER_LIFE: Duration = Duration::from_secs(6 * 86_400);

/// What an order needs.
pub(super) struct Job<'a> {
    pub(super) acme: &'a Acme,
    pub(super) kept: &'a Kept,
    pub(super) http: AcmeHttp,
}

/// A certificate as it came.
#[derive(Debug)]
pub(super) struct Obtained {
    pub(super) chain: String,
    pub(super) key: Redacted<String>,
}

impl Job<'_> {
    fn host(&self) -> &str {
        self.acme.inner.certificate.public_host()
    }

    fn store(&self) -> &Store {
        &self.acme.inner.store
    }

    fn failed(&self, error: &Error) -> Failed {
        words::of(error, &self.http.last(), &self.kept.setting, self.host())
    }

    /// Gets a certificate. `replaces` is the one in force, for authorities that want to know.
    pub(super) async fn obtain(&self, replaces: Option<&str>) -> Result<Obtained, Failed> {
        self.acme.set_phase(Phase::Name);
        self.look_up().await?;
        let doors = Doors::open(&self.kept.setting, self.acme.inner.pages, &self.acme.inner.certificate)?;
        self.acme.set_phase(Phase::Account);
        let account = self.account().await?;
        self.acme.set_phase(Phase::Order);
        let (mut order, key) = self.order(&account, replaces).await?;
        if order.state().status == OrderStatus::Pending {
            self.validate(&mut order, &doors).await?;
        }
        drop(doors);
        self.acme.set_phase(Phase::Certificate);
        if order.state().status == OrderStatus::Ready {
            let request = self.request(&key)?;
            order.finalize_csr(&request).await.map_err(|error| self.failed(&error))?;
        }
        let chain = order.poll_certificate(&SIGN).await.map_err(|error| self.failed(&error))?;
        Ok(Obtained { chain, key })
    }

    /// Nobody is asked before the name can be right.
    async fn look_up(&self) -> Result<(), Failed> {
        let host = self.host();
        check_host(host, &self.kept.setting.directory).map_err(|unfit| {
            Failed::new(Trouble::NeedsAdmin, "acme_name_unfit", unfit.problem, "Then the certificate is got by itself.")
        })?;
        if host.parse::<IpAddr>().is_ok() {
            return Ok(());
        }
        let found = tokio::time::timeout(RESOLVE_WITHIN, tokio::net::lookup_host((host, 443))).await;
        if let Ok(Ok(mut addresses)) = found
            && addresses.next().is_some()
        {
            return Ok(());
        }
        Err(Failed::new(
            Trouble::Here,
            "acme_name_unknown",
            format!("the name service does not know {host}, so no authority was asked"),
            "Add an A record (and AAAA, if you have IPv6) for it where your domain is kept, with your public address; it is tried again by itself.",
        ))
    }

    /// Our account at the authority, made where there is none.
    async fn account(&self) -> Result<Account, Failed> {
        let Kept { setting, eab_key, .. } = self.kept;
        let known = store::account(self.store(), &setting.directory).await?;
        let known = known.filter(|known| known.external_account == setting.external_account);
        let mailto = format!("mailto:{}", setting.contact);
        let contact: &[&str] = if setting.contact.is_empty() { &[] } else { &[&mailto] };
        let builder = || Account::builder_with_http(Box::new(self.http.clone()));
        let (account, kept) = match known {
            Some(known) => {
                let text = serde_json::to_string(&known.credentials).map(zeroize::Zeroizing::new);
                let text = text.map_err(|why| self.failed(&why.into()))?;
                let credentials = serde_json::from_str(&text).map_err(|why| self.failed(&why.into()))?;
                let account = builder().from_credentials(credentials).await.map_err(|error| self.failed(&error))?;
                if known.contact == setting.contact {
                    return Ok(account);
                }
                account.update_contacts(contact).await.map_err(|error| self.failed(&error))?;
                (account, KeptAccount { contact: setting.contact.clone(), ..known })
            }
            None => {
                let new = NewAccount { contact, terms_of_service_agreed: true, only_return_existing: false };
                let key = eab_key.as_ref().and_then(|key| URL_SAFE_NO_PAD.decode(key.reveal()).ok());
                let external = key.map(|key| ExternalAccountKey::new(setting.external_account.clone(), &key));
                let made = builder().create(&new, setting.directory.clone(), external.as_ref()).await;
                let (account, credentials) = made.map_err(|error| self.failed(&error))?;
                let (contact, external_account) = (setting.contact.clone(), setting.external_account.clone());
                (account, KeptAccount { credentials, contact, external_account })
            }
        };
        store::put_account(self.store(), &setting.directory, &kept, clock::now()).await?;
        Ok(account)
    }

    /// The order under way, or another one with a key of its own.
    async fn order(&self, account: &Account, replaces: Option<&str>) -> Result<(Order, Redacted<String>), Failed> {
        let (host, setting, now) = (self.host(), &self.kept.setting, clock::now());
        if let Some(kept) = store::order(self.store()).await? {
            let fits =
                kept.directory == setting.directory && kept.host == host && now.since(kept.created_at) < ORDER_LIFE;
            if fits && let Some(order) = self.resumed(account, &kept).await? {
                return Ok((order, kept.key));
            }
            store::forget_order(self.store()).await?;
        }
        let identifiers = [match host.parse::<IpAddr>() {
            Ok(address) => Identifier::Ip(address),
            Err(_) => Identifier::Dns(host.to_ascii_lowercase()),
        }];
        let mut new = NewOrder::new(&identifiers);
        if !setting.profile.is_empty() {
            new = new.profile(&setting.profile);
        }
        let replaced = replaces.and_then(identifier);
        let asked = match replaced.clone() {
            // An authority without renewal information does not want to know, and one that knows better refuses the order.
            Some(old) => match account.new_order(&new.replaces(old)).await {
                Err(Error::Unsupported(_) | Error::Other(_)) => account.new_order(&self.plain(&identifiers)).await,
                Err(Error::Api(problem)) if not_replaceable(problem.r#type.as_deref()) => {
                    account.new_order(&self.plain(&identifiers)).await
                }
                other => other,
            },
            None => account.new_order(&new).await,
        };
        let order = match asked {
            Ok(order) => order,
            Err(error) => {
                let failed = self.failed(&error);
                if failed.code == "acme_account" {
                    store::forget_account(self.store(), &setting.directory).await?;
                }
                return Err(failed);
            }
        };
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|why| self.no_key(&why))?;
        let key = Redacted::new(key.serialize_pem());
        let (directory, host, url) = (setting.directory.clone(), host.to_owned(), order.url().to_owned());
        store::put_order(self.store(), &KeptOrder { directory, host, url, key: key.clone(), created_at: now }).await?;
        Ok((order, key))
    }

    fn plain<'i>(&'i self, identifiers: &'i [Identifier]) -> NewOrder<'i> {
        let new = NewOrder::new(identifiers);
        let profile = &self.kept.setting.profile;
        if profile.is_empty() { new } else { new.profile(profile) }
    }

    /// The order that was begun before; `None` when nothing can come of it any more.
    async fn resumed(&self, account: &Account, kept: &KeptOrder) -> Result<Option<Order>, Failed> {
        match account.order(kept.url.clone()).await {
            Ok(mut order) => {
                let dead = order.state().status == OrderStatus::Invalid;
                Ok(Some(order).filter(|_| !dead))
            }
            // The authority has forgotten it.
            Err(Error::Api(_)) => Ok(None),
            Err(error) => Err(self.failed(&error)),
        }
    }

    async fn validate(&self, order: &mut Order, doors: &Doors) -> Result<(), Failed> {
        let wanted = match self.kept.setting.validation {
            Validation::Http => ChallengeType::Http01,
            Validation::Tls => ChallengeType::TlsAlpn01,
        };
        let mut authorizations = order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|error| self.failed(&error))?;
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let Some(mut challenge) = authorization.challenge(wanted.clone()) else {
                let code = self.kept.setting.validation.code();
                return Err(Failed::new(
                    Trouble::NeedsAdmin,
                    "acme_validation",
                    format!("{} does not validate this name by {code}", words::authority(&self.kept.setting)),
                    "Choose the other way of validation.",
                ));
            };
            doors.show(self.host(), &challenge.token, &challenge.key_authorization())?;
            if challenge.status == ChallengeStatus::Pending {
                // Counted before it is asked, so that no crash makes the authority's limit forgotten.
                self.acme.change(|state| state.schedule.validating(clock::now())).await?;
                challenge.set_ready().await.map_err(|error| self.failed(&error))?;
            }
        }
        self.acme.set_phase(Phase::Validation);
        match order.poll_ready(&VALIDATE).await {
            Ok(OrderStatus::Invalid) => Err(self.why_invalid(order, &wanted).await),
            Ok(OrderStatus::Pending | OrderStatus::Ready | OrderStatus::Processing | OrderStatus::Valid) => Ok(()),
            Err(Error::Api(problem)) => {
                let why = self.why_invalid(order, &wanted).await;
                // The challenge says more than the order.
                Err(if why.code == "acme_refused" { self.failed(&Error::Api(problem)) } else { why })
            }
            // Nothing came of the question either way: it may still.
            Err(error) => Err(self.failed(&error)),
        }
    }

    /// What the authority found instead of our answer.
    async fn why_invalid(&self, order: &mut Order, wanted: &ChallengeType) -> Failed {
        let mut authorizations = order.authorizations();
        while let Some(Ok(mut authorization)) = authorizations.next().await {
            if let Err(error) = authorization.refresh().await {
                return self.failed(&error);
            }
            let of_it = authorization.challenges.iter().filter(|challenge| challenge.r#type == *wanted);
            if let Some(problem) = of_it.filter_map(|challenge| challenge.error.clone()).next() {
                return self.failed(&Error::Api(problem));
            }
        }
        let text = format!("{} could not validate {}", words::authority(&self.kept.setting), self.host());
        Failed::new(Trouble::Validation, "acme_refused", text, "It is tried again by itself.")
    }

    /// The request for the certificate (RFC 2986), as the authority checks it: this name and nothing else.
    fn request(&self, key: &Redacted<String>) -> Result<Vec<u8>, Failed> {
        let make = || {
            let key = KeyPair::from_pem(key.reveal())?;
            let mut params = CertificateParams::new(vec![self.host().to_ascii_lowercase()])?;
            params.distinguished_name = DistinguishedName::new();
            Ok::<_, rcgen::Error>(params.serialize_request(&key)?.der().to_vec())
        };
        make().map_err(|why| self.no_key(&why))
    }

    fn no_key(&self, why: &rcgen::Error) -> Failed {
        let text = format!("the request for {} could not be made: {}", self.host(), said(&why.to_string()));
        Failed::new(Trouble::Here, "acme_request", text, "Compare public_host in config.toml with the name you want.")
    }

    /// What the authority suggests for the certificate in force, and when it wants to be asked again.
    pub(super) async fn window(&self, chain: &str) -> Result<(Option<Window>, Option<Duration>), Failed> {
        let Some(replaced) = identifier(chain) else { return Ok((None, None)) };
        let Some(known) = store::account(self.store(), &self.kept.setting.directory).await? else {
            return Ok((None, None));
        };
        let builder = Account::builder_with_http(Box::new(self.http.clone()));
        let account = builder.from_credentials(known.credentials).await.map_err(|error| self.failed(&error))?;
        match account.renewal_info(&replaced).await {
            Ok((info, again)) => {
                let at = |time: i128| UnixMillis(i64::try_from(time / 1_000_000).unwrap_or(i64::MAX));
                let window = info.suggested_window;
                let (start, end) = (window.start.unix_timestamp_nanos(), window.end.unix_timestamp_nanos());
                Ok((Some(Window { start: at(start), end: at(end) }), Some(again)))
            }
            Err(Error::Unsupported(_)) => Ok((None, None)),
            Err(error) => Err(self.failed(&error)),
        }
    }
}

/// How renewal information names a certificate (RFC 9773 section 4.1).
fn identifier(chain: &str) -> Option<CertificateIdentifier<'static>> {
    let certificate = CertificateDer::from_pem_slice(chain.as_bytes()).ok()?;
    CertificateIdentifier::try_from(&certificate).ok().map(CertificateIdentifier::into_owned)
}

/// The authority takes the order only without naming the old certificate (RFC 9773 section 5).
fn not_replaceable(kind: Option<&str>) -> bool {
    kind.is_some_and(|kind| kind.ends_with(":alreadyReplaced") || kind.ends_with(":malformed"))
}
