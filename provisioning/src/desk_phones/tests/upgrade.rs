//! Rows that an earlier version wrote: what was added to the tables since then has the value of a row that was brought over.

use pbx_core::store::sql::query;

use super::*;

#[tokio::test]
async fn a_phone_that_an_earlier_version_served_goes_on_as_it_was() {
    let desk = Desk::new().await;
    let first = desk.add().await;
    let own = next(&desk.get(&format!("{first}/{MAC}.cfg")).await.1);
    let before = desk.get(&format!("{own}/{MAC}.cfg")).await.1;
    desk.phones.flush().await.unwrap();
    let mut change = desk.fixture.store.begin().await.unwrap();
    for brought_over in [
        "UPDATE desk_phone SET told_digest = '', asked_at = NULL, asked_outcome = ''",
        "UPDATE desk_phone_token SET password = FALSE",
    ] {
        query(brought_over).execute(&mut change).await.unwrap();
    }
    change.commit().await.unwrap();
    let desk = desk.restarted().await;
    let view = desk.phones.get(MAC.parse().unwrap()).unwrap();
    assert_eq!((view.progress, view.asked, view.old), (Progress::Settled, None, false));
    assert!(view.last_fetch.is_some_and(|fetch| fetch.told == "its configuration; it has moved to its own address"));
    // Nothing is known of what it was told, so nobody bothers it.
    desk.phones.extension_changed(extension()).await.unwrap();
    assert_eq!(desk.get(&format!("{own}/{MAC}.cfg")).await, (StatusCode::OK, before));
    assert!(desk.fixture.accounts.asked.lock().unwrap().is_empty());
}
