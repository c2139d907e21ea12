//! The link that a mail carries, looked at before each attempt: hours may have passed since the one before.
//!
//! | the link of an earlier attempt | the mail |
//! |---|---|
//! | waits for its phone, has time left, and is still known | carries it again |
//! | has expired or soon will, or was written before a restart | carries another one; the first is revoked |
//! | was used | is over: it arrived, although the mail server's word was lost |
//! | was revoked, or is forgotten | is over: somebody has taken it back |

use std::time::Duration;

use super::super::{Mail, store};
use super::{Mailer, life};
use crate::{Enrolment, EnrolmentError, EnrolmentState, IssuedLink, SHORTEST_LIFETIME};

/// What a mail has to bring to its owner.
#[derive(Debug)]
pub(super) enum Carried {
    /// This link.
    Link(IssuedLink),
    /// Nothing: the phone has its account by this mail.
    Used,
    /// Nothing: the link was taken back.
    TakenBack,
}

impl Mailer {
    /// The link of a mail: the one it had in an earlier attempt, or another, noted before the mail leaves.
    pub(super) async fn link(&self, mail: &mut Mail) -> Result<Carried, EnrolmentError> {
        if mail.enrolment.is_some() {
            match self.first_link(mail).await?.map(|link| link.state) {
                Some(EnrolmentState::Issued) => {
                    let known = self.written().get(&mail.id).cloned();
                    if let Some(link) = known.filter(|link| link.expires_at > self.now() + time_left(mail)) {
                        return Ok(Carried::Link(link));
                    }
                }
                Some(EnrolmentState::Expired) => {}
                Some(EnrolmentState::Claimed { .. }) => return Ok(Carried::Used),
                Some(EnrolmentState::Revoked { .. }) | None => return Ok(Carried::TakenBack),
            }
            self.revoke_unused(mail).await?;
            // Noted at once: the next attempt must not take our own doing for an admin's.
            mail.enrolment = None;
            store::update(&self.inner.store, mail).await?;
        }
        let (enrolments, life) = (&self.inner.enrolments, life(mail.hours));
        let link = match &mail.renews {
            Some(username) => enrolments.issue_again(mail.extension, username, life).await?,
            None => enrolments.issue(mail.extension, "by mail", life).await?,
        };
        mail.enrolment = Some(link.id);
        store::update(&self.inner.store, mail).await?;
        self.written().insert(mail.id, link.clone());
        Ok(Carried::Link(link))
    }

    /// Takes back the link of a mail unless a phone has it already.
    pub(super) async fn revoke_unused(&self, mail: &Mail) -> Result<(), EnrolmentError> {
        match self.first_link(mail).await? {
            Some(link) if link.state == EnrolmentState::Issued => {
                self.inner.enrolments.revoke(link.id).await.map(|_| ())
            }
            Some(_) | None => Ok(()),
        }
    }

    async fn first_link(&self, mail: &Mail) -> Result<Option<Enrolment>, EnrolmentError> {
        let Some(id) = mail.enrolment else { return Ok(None) };
        Ok(self.inner.enrolments.list(mail.extension).await?.into_iter().find(|link| link.id == id))
    }
}

/// What a link must have left to be worth sending: an hour, or half of a shorter life.
fn time_left(mail: &Mail) -> Duration {
    SHORTEST_LIFETIME.min(life(mail.hours) / 2)
}

#[cfg(test)]
mod tests {
    use pbx_core::model::UnixMillis;
    use uuid::Uuid;

    use super::*;
    use crate::fixture::{Fixture, extension};
    use crate::link::LinkToken;
    use crate::mail::{BatchId, MailId, MailState};

    async fn ordered(fixture: &Fixture, mailer: &Mailer, hours: u32) -> Mail {
        let now = mailer.now();
        let mail = Mail {
            id: MailId(Uuid::from_u128(7)),
            batch: BatchId(Uuid::from_u128(8)),
            extension: extension(),
            renews: None,
            address: "anna@example.com".parse().unwrap(),
            hours,
            enrolment: None,
            state: MailState::Queued,
            attempts: 1,
            detail: String::new(),
            created_at: now,
            next_at: now,
            ended_at: None,
        };
        store::insert(&fixture.store, std::slice::from_ref(&mail), now).await.unwrap();
        mail
    }

    fn mailer(fixture: &Fixture) -> Mailer {
        Mailer::new(fixture.enrolments.clone(), fixture.store.clone(), "pbx.example.com".into())
    }

    async fn carried(mailer: &Mailer, mail: &mut Mail) -> IssuedLink {
        match mailer.link(mail).await.unwrap() {
            Carried::Link(link) => link,
            over @ (Carried::Used | Carried::TakenBack) => panic!("{over:?}"),
        }
    }

    fn token(link: &IssuedLink) -> LinkToken {
        link.url.reveal().rsplit('/').next().unwrap().parse().unwrap()
    }

    #[tokio::test]
    async fn a_link_that_still_waits_is_sent_again_and_one_that_has_run_out_is_replaced() {
        let fixture = Fixture::new().await;
        let mailer = mailer(&fixture);
        let mut mail = ordered(&fixture, &mailer, 2).await;
        let first = carried(&mailer, &mut mail).await;
        fixture.pass(Duration::from_secs(30 * 60));
        assert_eq!(carried(&mailer, &mut mail).await.id, first.id);
        // Expired while the mail server was away: nobody has taken it back, so the owner gets another.
        fixture.pass(Duration::from_secs(2 * 3600));
        let second = carried(&mailer, &mut mail).await;
        assert_ne!(second.id, first.id);
        // After a restart nobody knows the link any more.
        let restarted = self::mailer(&fixture);
        let third = carried(&restarted, &mut mail).await;
        assert!(fixture.enrolments.waiting(&token(&second)).await.unwrap().is_none());
        assert!(fixture.enrolments.waiting(&token(&third)).await.unwrap().is_some());
        assert_eq!(store::by_id(&fixture.store, mail.id).await.unwrap().unwrap().enrolment, Some(third.id));
    }

    #[tokio::test]
    async fn a_link_of_an_hour_is_not_changed_with_every_attempt() {
        let fixture = Fixture::new().await;
        let mailer = mailer(&fixture);
        let mut mail = ordered(&fixture, &mailer, 1).await;
        let first = carried(&mailer, &mut mail).await;
        fixture.pass(Duration::from_secs(20 * 60));
        assert_eq!(carried(&mailer, &mut mail).await.id, first.id);
        fixture.pass(Duration::from_secs(20 * 60));
        assert_ne!(carried(&mailer, &mut mail).await.id, first.id);
    }

    #[tokio::test]
    async fn a_link_that_was_taken_back_or_used_is_not_sent() {
        let fixture = Fixture::new().await;
        let mailer = mailer(&fixture);
        let mut mail = ordered(&fixture, &mailer, 72).await;
        let first = carried(&mailer, &mut mail).await;
        fixture.enrolments.redeem(&token(&first), "LinphoneAndroid/5.2").await.unwrap();
        assert!(matches!(mailer.link(&mut mail).await.unwrap(), Carried::Used));
        fixture.enrolments.revoke(first.id).await.unwrap();
        assert!(matches!(mailer.link(&mut mail).await.unwrap(), Carried::TakenBack));

        mail.enrolment = None;
        let second = carried(&mailer, &mut mail).await;
        let _third = fixture.enrolments.replace(second.id).await.unwrap();
        assert!(matches!(mailer.link(&mut mail).await.unwrap(), Carried::TakenBack));
        assert!(mailer.now() > UnixMillis(0));
    }
}
