use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, PKCS_ECDSA_P256_SHA256,
};

use super::*;

const DAY: i64 = 24 * 3600 * 1000;
const NOW: UnixMillis = UnixMillis(1_790_000_000_000);
const MAC: &str = "805ec0d57d72";

/// A maker of phones with its authority.
pub(crate) struct Maker {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

fn key() -> KeyPair {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap()
}

fn lasting(params: &mut CertificateParams, (from, until): (i64, i64)) {
    let at = |days: i64| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_millis((NOW.0 + days * DAY).unsigned_abs());
    (params.not_before, params.not_after) = (at(from), at(until));
}

impl Maker {
    /// Its authority ends so many days after the start of the fixtures' time.
    pub(crate) fn new(name: &str, until: i64) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        lasting(&mut params, (-9000, until));
        let key = key();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    fn authorities(&self, vendor: Vendor) -> Vec<Authority> {
        Authority::read(vendor, &self.pem).unwrap()
    }

    /// The chain of a phone with this name, good from and until these days.
    pub(crate) fn phone(&self, name: &str, days: (i64, i64)) -> Vec<CertificateDer<'static>> {
        self.made(name, days, |_| {})
    }

    fn made(
        &self,
        name: &str,
        days: (i64, i64),
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Vec<CertificateDer<'static>> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        lasting(&mut params, days);
        edit(&mut params);
        vec![params.signed_by(&key(), &self.issuer).unwrap().der().clone()]
    }
}

fn judged(chain: &[CertificateDer<'_>], authorities: &[Authority]) -> Result<Genuine, NotGenuine> {
    judge(chain, authorities, NOW, false)
}

#[test]
fn a_maker_vouches_for_its_phones_and_for_nobody_elses() {
    let (yealink, snom) = (Maker::new("Yealink CA", 9000), Maker::new("Snom CA", 9000));
    let both = [yealink.authorities(Vendor::Yealink), snom.authorities(Vendor::Snom)].concat();
    let genuine = Genuine { mac: MAC.parse().unwrap(), vendor: Vendor::Yealink };
    let good = (-100, 100);
    for name in
        [MAC, "805EC0D57D72", "80:5e:c0:d5:7d:72", "80-5E-C0-D5-7D-72", "SIP-T46S 805ec0d57d72", "T46S-805EC0D57D72"]
    {
        assert_eq!(judged(&yealink.phone(name, good), &both), Ok(genuine), "{name}");
    }
    assert!(matches!(judged(&yealink.phone(MAC, good), &[]), Err(NotGenuine::UnknownAuthority(_))));
    let only_snom = snom.authorities(Vendor::Snom);
    let refused = judged(&yealink.phone(MAC, good), &only_snom).unwrap_err();
    assert_eq!(refused.to_string(), "its certificate is from CN=Yealink CA, which is none of the authorities here");
    // One authority's phones do not become another's: a maker that went bad, or was put in for the wrong phones.
    assert_eq!(judged(&snom.phone(MAC, good), &both), Err(NotGenuine::OtherMaker("Snom", "Yealink")));
    assert_eq!(judged(&[], &both), Err(NotGenuine::NoneShown));
}

#[test]
fn a_certificate_that_many_phones_share_proves_nothing() {
    let yealink = Maker::new("Yealink CA", 9000);
    let authorities = yealink.authorities(Vendor::Yealink);
    for name in ["yealink equipment", "", "805ec0d57d7", "1234805ec0d57d72", "ffffffffffff", "T46S"] {
        assert_eq!(judged(&yealink.phone(name, (-1, 1)), &authorities), Err(NotGenuine::NoMac), "{name:?}");
    }
    let two = yealink.made(MAC, (-1, 1), |params| {
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), "805ec0d57d73");
    });
    assert_eq!(judged(&two, &authorities), Err(NotGenuine::SeveralMacs));
}

#[test]
fn the_mac_may_stand_in_the_serial_number_or_an_alternative_name() {
    let poly = Maker::new("Polycom Root CA", 9000);
    let authorities = poly.authorities(Vendor::Polycom);
    let serial = poly.made("VVX 411", (-1, 1), |params| {
        params.distinguished_name.push(DnType::CustomDnType(vec![2, 5, 4, 5]), "64167F000001");
    });
    let dns = poly.made("VVX 411", (-1, 1), |params| {
        params.subject_alt_names.push(rcgen::SanType::DnsName("64167f000001.poly.example".try_into().unwrap()));
    });
    for chain in [serial, dns] {
        assert_eq!(judged(&chain, &authorities).unwrap().mac, "64167f000001".parse().unwrap());
    }
}

#[test]
fn certificates_that_have_ended_count_only_where_that_is_chosen() {
    let yealink = Maker::new("Yealink CA", 9000);
    let authorities = yealink.authorities(Vendor::Yealink);
    let ended = yealink.phone(MAC, (-4000, -1));
    assert_eq!(judged(&ended, &authorities), Err(NotGenuine::Ended));
    assert!(judge(&ended, &authorities, NOW, true).is_ok());
    assert_eq!(judged(&yealink.phone(MAC, (1, 10)), &authorities), Err(NotGenuine::NotYet));
    assert_eq!(judge(&yealink.phone(MAC, (1, 10)), &authorities, NOW, true), Err(NotGenuine::NotYet));
    let old = Maker::new("Yealink CA", -1);
    let authorities = old.authorities(Vendor::Yealink);
    assert_eq!(judged(&old.phone(MAC, (-10, 10)), &authorities), Err(NotGenuine::Ended), "the authority has ended");
    assert!(judge(&old.phone(MAC, (-10, 10)), &authorities, NOW, true).is_ok());
}

#[test]
fn a_phone_may_bring_the_certificates_between_itself_and_its_maker() {
    let root = Maker::new("Yealink Root", 9000);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "Yealink Equipment CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    lasting(&mut params, (-100, 100));
    let key = key();
    let between = params.signed_by(&key, &root.issuer).unwrap();
    let middle = Maker { issuer: Issuer::new(params, key), pem: between.pem() };
    let mut chain = middle.phone(MAC, (-1, 1));
    let authorities = root.authorities(Vendor::Yealink);
    assert!(matches!(judged(&chain, &authorities), Err(NotGenuine::UnknownAuthority(_))), "the link is missing");
    assert!(judged(&chain, &middle.authorities(Vendor::Yealink)).is_ok(), "unless the admin put it in");
    chain.push(between.der().clone());
    assert!(judged(&chain, &authorities).is_ok());
    // A phone is no authority: it cannot vouch for another MAC.
    let mut as_authority = CertificateParams::default();
    as_authority.distinguished_name.push(DnType::CommonName, "805ec0d57d73");
    let forger = Issuer::new(as_authority, KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap());
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, MAC);
    lasting(&mut params, (-1, 1));
    let forged = params.signed_by(&KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap(), &forger).unwrap();
    let real = middle.phone("805ec0d57d73", (-1, 1));
    let chain = [vec![forged.der().clone()], real, vec![between.der().clone()]].concat();
    assert!(judged(&chain, &authorities).is_err());
}

#[test]
fn the_certificate_of_a_server_or_an_authority_is_no_phones() {
    let yealink = Maker::new("Yealink CA", 9000);
    let authorities = yealink.authorities(Vendor::Yealink);
    let server = yealink.made(MAC, (-1, 1), |params| {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    });
    assert_eq!(judged(&server, &authorities), Err(NotGenuine::OtherPurpose));
    let authority = yealink.made(MAC, (-1, 1), |params| params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained));
    assert_eq!(judged(&authority, &authorities), Err(NotGenuine::OtherPurpose));
    let client = yealink.made(MAC, (-1, 1), |params| {
        params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    });
    assert!(judged(&client, &authorities).is_ok());
}

#[test]
fn no_bytes_make_it_panic_or_believe() {
    let yealink = Maker::new("Yealink CA", 9000);
    let authorities = yealink.authorities(Vendor::Yealink);
    let good = yealink.phone(MAC, (-1, 1));
    for cut in 0..good[0].len() {
        let part = CertificateDer::from(good[0][..cut].to_vec());
        assert_eq!(judged(&[part], &authorities), Err(NotGenuine::Unreadable), "{cut}");
        let mut changed = good[0].to_vec();
        changed[cut] ^= 0x55;
        assert!(judged(&[changed.into()], &authorities).is_err(), "a changed byte at {cut}");
    }
}

#[test]
fn what_is_no_authority_is_refused_with_the_fix() {
    let yealink = Maker::new("Yealink CA", 9000);
    let read = |pem: &str| Authority::read(Vendor::Yealink, pem).unwrap_err();
    assert_eq!(read("hello"), AuthorityError::None);
    assert_eq!(read("aGVsbG8="), AuthorityError::None);
    assert_eq!(read("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n"), AuthorityError::Damaged(1));
    assert_eq!(read(&format!("{}{}", yealink.pem, key().serialize_pem())), AuthorityError::PrivateKey);
    assert_eq!(read(&"x".repeat(MOST_BYTES + 1)), AuthorityError::TooLarge);
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, MAC);
    let own = params.signed_by(&key(), &yealink.issuer).unwrap().pem();
    assert_eq!(read(&own), AuthorityError::NoAuthority(format!("CN={MAC}")));
    assert_eq!(read(&format!("{}{own}", yealink.pem)), AuthorityError::NoAuthority(format!("CN={MAC}")));
    let two = format!("remark\n{}\n{}", yealink.pem, Maker::new("Other CA", 5).pem);
    let read = Authority::read(Vendor::Yealink, &two).unwrap();
    assert_eq!(read.iter().map(|one| one.subject.as_str()).collect::<Vec<_>>(), ["CN=Yealink CA", "CN=Other CA"]);
    assert_eq!(Authority::kept(Vendor::Yealink, read[0].der.to_vec()).unwrap(), read[0]);
    assert_eq!(Authority::read(Vendor::Yealink, &STANDARD.encode(&read[0].der)).unwrap(), read[..1], "a binary file");
}
