//! The hot paths of the core without sockets: REGISTER, INVITE to wake request, REGISTER to released branch.
//!
//! Each figure includes the guard (bytes in) and the serialised answers (bytes out); digests of the phones are computed
//! outside the measured time.

#![expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![expect(clippy::unwrap_used, reason = "a benchmark that cannot be set up has nothing to measure")]

mod core_bench;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};

use core_bench::Core;

/// Extensions in the table while measuring: what a big installation has.
const EXTENSIONS: u32 = 10_000;

fn register(criterion: &mut Criterion) {
    criterion.bench_function("REGISTER with digest (401 and 200, plain refresh)", |bencher| {
        let mut core = Core::new(EXTENSIONS);
        for phone in 0..EXTENSIONS {
            core.register(phone, "");
        }
        let mut phone = 0;
        bencher.iter_custom(|rounds| {
            let mut total = Duration::ZERO;
            for _ in 0..rounds {
                phone = (phone + 7919) % EXTENSIONS;
                total += core.register(phone, "");
            }
            total
        });
    });
}

fn wake(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wake");
    for (name, pick) in [
        ("INVITE to wake request", (|timing: core_bench::WakeTiming| timing.invite_to_wake) as fn(_) -> Duration),
        ("REGISTER to released branch", |timing| timing.register_to_invite),
    ] {
        group.bench_function(name, |bencher| {
            let mut core = Core::new(EXTENSIONS);
            core.register(0, "");
            let mut phone = 1;
            bencher.iter_custom(|rounds| {
                let mut total = Duration::ZERO;
                for _ in 0..rounds {
                    phone = 1 + (phone % (EXTENSIONS - 1));
                    total += pick(core.wake(phone));
                }
                total
            });
        });
    }
    group.finish();
}

fn restore(criterion: &mut Criterion) {
    criterion.bench_function("restore 10,000 extensions with wake targets", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut total = Duration::ZERO;
            for _ in 0..rounds {
                let restored = core_bench::restored(EXTENSIONS);
                let started = Instant::now();
                let core = Core::from_restored(restored);
                total += started.elapsed();
                drop(core);
            }
            total
        });
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(5));
    targets = register, wake, restore
}
criterion_main!(benches);
