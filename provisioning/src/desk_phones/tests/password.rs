//! HTTP authentication on top of the secret path.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::*;

impl Desk {
    /// Fetches with Basic authentication, if any; status, challenges and body.
    async fn fetch(&self, path: &str, pass: Option<(&str, &str)>) -> (StatusCode, usize, String) {
        let mut request = Request::builder().uri(path).header("user-agent", AGENT);
        if let Some((user, password)) = pass {
            request =
                request.header("authorization", format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))));
        }
        let mut request = request.body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(OFFICE.parse::<SocketAddr>().unwrap()));
        let response = self.phones.routes().oneshot(request).await.unwrap();
        let challenges = response.headers().get_all("www-authenticate").iter().count();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, challenges, String::from_utf8(body.to_vec()).unwrap())
    }
}

const ON: DeskPhoneOptions = DeskPhoneOptions { pnp: false, http_password: true };

#[tokio::test]
async fn a_running_phone_moves_to_an_address_with_a_password_and_is_never_shut_out() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let own = next(&desk.get(&format!("{first}/{MAC}.cfg")).await.1);
    assert_eq!(
        setting(&desk.get(&format!("{own}/{MAC}.cfg")).await.1, "static.auto_provision.server.username"),
        "%NULL%"
    );
    desk.phones.set_options(ON).await.unwrap();
    assert_eq!((desk.progress(), desk.phones.without_password()), (Progress::Rotating, 1));
    let desk = desk.restarted().await;
    assert_eq!(desk.phones.options(), ON, "it outlives a restart");
    // The address it has asks for nothing, and tells it the other one with a password.
    let (status, _, told) = desk.fetch(&format!("{own}/{MAC}.cfg"), None).await;
    let other = next(&told);
    let user = setting(&told, "static.auto_provision.server.username").to_owned();
    let password = setting(&told, "static.auto_provision.server.password").to_owned();
    assert_eq!((status, user.as_str()), (StatusCode::OK, MAC));
    for file in ["boot", "cfg"] {
        let path = format!("{other}/{MAC}.{file}");
        assert_eq!(desk.fetch(&path, None).await, (StatusCode::UNAUTHORIZED, 2, String::new()));
        assert_eq!(desk.fetch(&path, Some((&user, "wrong"))).await.0, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(desk.progress(), Progress::Rotating, "without the password nothing moves");
    assert_eq!(desk.fetch(&format!("{own}/{MAC}.cfg"), None).await.0, StatusCode::OK);
    assert_eq!(desk.fetch(&format!("{other}/{MAC}.cfg"), Some((&user, &password))).await.0, StatusCode::OK);
    assert_eq!((desk.progress(), desk.phones.without_password()), (Progress::Settled, 0));
    assert_eq!(desk.fetch(&format!("{own}/{MAC}.cfg"), None).await.0, StatusCode::NOT_FOUND);
    // Switched off, it is asked for nothing, and goes on to be told the same.
    desk.phones.set_options(DeskPhoneOptions::default()).await.unwrap();
    assert_eq!(desk.fetch(&format!("{other}/{MAC}.cfg"), None).await.0, StatusCode::OK);
    assert!(!logged().contains(&password), "no password is logged");
}

#[tokio::test]
async fn a_fresh_phone_is_told_its_password_by_its_first_address_which_asks_for_none() {
    let desk = Desk::new().await;
    desk.phones.set_options(ON).await.unwrap();
    let first = desk.add().await;
    let (status, _, told) = desk.fetch(&format!("{first}/{MAC}.cfg"), None).await;
    assert_eq!(status, StatusCode::OK);
    let password = setting(&told, "static.auto_provision.server.password").to_owned();
    let own = format!("{}/{MAC}.cfg", next(&told));
    assert_eq!(desk.fetch(&own, None).await.0, StatusCode::UNAUTHORIZED);
    // Power fails: the first address still tells it the same.
    assert_eq!(desk.fetch(&format!("{first}/{MAC}.cfg"), None).await.2, told);
    assert_eq!(desk.fetch(&own, Some((MAC, &password))).await.0, StatusCode::OK);
    let preview = desk.phones.preview(MAC.parse().unwrap()).await.unwrap();
    assert_eq!(setting(preview.text.reveal(), "static.auto_provision.server.password"), "(secret)");
}

#[tokio::test]
async fn a_phone_that_was_only_told_its_address_gets_its_password_when_it_follows() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let own = next(&desk.get(&format!("{first}/{MAC}.cfg")).await.1);
    desk.phones.set_options(ON).await.unwrap();
    // It may have heard that address, so that one works without a password and leads on.
    let told = desk.get(&format!("{own}/{MAC}.cfg")).await.1;
    let with = next(&told);
    assert!(with != own && desk.progress() == Progress::Rotating);
    assert_eq!(desk.fetch(&format!("{with}/{MAC}.cfg"), None).await.0, StatusCode::UNAUTHORIZED);
    let password = setting(&told, "static.auto_provision.server.password").to_owned();
    assert_eq!(desk.fetch(&format!("{with}/{MAC}.cfg"), Some((MAC, &password))).await.0, StatusCode::OK);
    assert_eq!(desk.phones.without_password(), 0);
}

#[tokio::test]
async fn switching_passwords_on_off_and_on_again_strands_no_phone() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let own = next(&desk.get(&format!("{first}/{MAC}.cfg")).await.1);
    let _settled = desk.get(&format!("{own}/{MAC}.cfg")).await;
    desk.phones.set_options(ON).await.unwrap();
    let told = desk.get(&format!("{own}/{MAC}.cfg")).await.1;
    let password = setting(&told, "static.auto_provision.server.password").to_owned();
    desk.phones.set_options(DeskPhoneOptions::default()).await.unwrap();
    desk.phones.set_options(ON).await.unwrap();
    // The phone knows nothing but what it was told before all that.
    assert_eq!(desk.fetch(&format!("{}/{MAC}.cfg", next(&told)), Some((MAC, &password))).await.0, StatusCode::OK);
    assert_eq!(desk.progress(), Progress::Settled);
}
