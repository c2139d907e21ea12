//! A group of 500 phones, pushed in one go over one connection.

use std::time::Duration;

use pbx_core::model::{Verdict, WakeEvent, WakeKind};

use super::faults::{Scene, Who};

const GROUP: u64 = 500;
/// At the end of each piece of the window one body may be cut in two; there are a handful of pieces.
const CUTS: u64 = 40;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_of_500_goes_out_over_one_connection_with_one_data_frame_each() {
    for who in [Who::Apple, Who::Google] {
        let mut scene = Scene::of(who).await;
        for _ in 0..GROUP {
            let request = scene.office.request(WakeKind::Call, scene.target.clone(), Duration::from_secs(30));
            scene.office.send(request).await;
        }
        let mut accepted = 0;
        while accepted < GROUP {
            match scene.office.report().await.event {
                WakeEvent::Sent { attempt } => assert_eq!(attempt, 1, "{who:?}"),
                WakeEvent::Answered { verdict, .. } => {
                    assert_eq!(verdict, Verdict::Accepted, "{who:?}");
                    accepted += 1;
                }
                WakeEvent::GaveUp { code, why } => panic!("{who:?}: {code}: {why}"),
            }
        }
        assert_eq!((scene.peer.requests(), scene.peer.connections()), (GROUP, 1), "{who:?}");
        let frames = scene.peer.data_frames();
        assert!(frames < GROUP + CUTS, "{who:?}: {frames} frames");
    }
}
