//! The numbers of this installation in the OpenMetrics text format, which Prometheus reads.
//!
//! Everything is read at the moment of the scrape. Labels are from fixed sets, or rows of credentials (at most 32), so the
//! number of series is bounded; no number of a phone, no token and no name is in them.

use std::fmt;

use pbx_core::net::{Counters, Histogram, WAKE_STEPS_MS};
use pbx_core::store::SavingState;
use pbx_core::switchboard::command::Status;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use push_module::{AlarmCode, Attempts, Circuit, CredentialKind, ProviderHealth};

use std::collections::BTreeMap;
use std::sync::Arc;

/// What the answer is called.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is measured, at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) version: &'static str,
    pub(crate) started_seconds: i64,
    pub(crate) status: Status,
    pub(crate) health: Vec<ProviderHealth>,
    pub(crate) attempts: BTreeMap<CredentialKind, Attempts>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) saving: SavingState,
}

type Labels = Vec<(&'static str, String)>;

/// Writes families of series one after the other.
struct Page<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Page<'_> {
    fn counter(&mut self, (name, help): (&str, &str), series: impl IntoIterator<Item = (Labels, u64)>) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
        for (labels, value) in series {
            match labels.as_slice() {
                [] => family.encode_counter::<NoLabelSet, u64, u64>(&value, None)?,
                labels => family.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&value, None)?,
            }
        }
        Ok(())
    }

    fn gauge(&mut self, (name, help): (&str, &str), series: impl IntoIterator<Item = (Labels, i64)>) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (labels, value) in series {
            // A family that has one series only has no braces.
            match labels.as_slice() {
                [] => family.encode_gauge(&value)?,
                labels => family.encode_family(&labels)?.encode_gauge(&value)?,
            }
        }
        Ok(())
    }

    fn histogram(
        &mut self,
        (name, help): (&str, &str),
        series: impl IntoIterator<Item = (Labels, Histogram)>,
    ) -> fmt::Result {
        let mut family = self.encoder.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (labels, histogram) in series {
            let ends = WAKE_STEPS_MS.iter().map(|end| seconds(*end)).chain([f64::MAX]);
            let buckets: Vec<(f64, u64)> = ends.zip(histogram.counts).collect();
            let (sum, count) = (seconds(histogram.sum_ms), histogram.total());
            family.encode_family(&labels)?.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)?;
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds of a process's life fit into 52 bits")]
fn seconds(millis: u64) -> f64 {
    millis as f64 / 1000.0
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn label(name: &'static str, value: impl ToString) -> Labels {
    vec![(name, value.to_string())]
}

fn credential(health: &ProviderHealth) -> Labels {
    vec![("credential", health.id.to_string()), ("provider", health.provider.to_string())]
}

/// A reason as a label: `The message is too large` becomes `the_message_is_too_large`.
fn word(reason: &str) -> String {
    let plain = reason.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    plain.collect()
}

impl Snapshot {
    fn push(&self, page: &mut Page<'_>) -> fmt::Result {
        let attempts = self.attempts.iter().flat_map(|(kind, attempts)| {
            let labels = |verdict: &str| vec![("provider", kind.to_string()), ("verdict", verdict.to_owned())];
            attempts.named().map(|(verdict, count)| (labels(verdict), count))
        });
        page.counter(
            ("nightbell_push_attempts", "Attempts to hand a push to a provider, by what came of them"),
            attempts,
        )?;
        let ordered = self.counters.wakes.ordered();
        let ordered = ordered.iter().map(|(provider, count)| (label("provider", provider), *count));
        page.counter(("nightbell_wakes_ordered", "Wakes ordered for calls"), ordered)?;
        let took = self.counters.wakes.took();
        let took = took.iter().map(|(provider, histogram)| (label("provider", provider), *histogram));
        page.histogram(
            ("nightbell_wake_seconds", "From the order of a wake for a call to the REGISTER of the phone"),
            took,
        )?;
        let queues = self.health.iter().flat_map(|health| {
            let labels = |state: &str| [credential(health), label("state", state)].concat();
            [(labels("waiting"), number(health.waiting)), (labels("sending"), number(health.sending))]
        });
        page.gauge(("nightbell_push_queue", "Wakes that wait for their turn, and attempts on the wire"), queues)?;
        let open = self.health.iter().map(|health| (credential(health), i64::from(health.circuit != Circuit::Closed)));
        page.gauge(("nightbell_push_circuit_open", "1 while a provider gives no answer"), open)?;
        let skew = self.health.iter().filter_map(|health| Some((credential(health), health.clock_skew_seconds?)));
        page.gauge(
            ("nightbell_push_clock_skew_seconds", "How far this machine's clock is ahead of the provider's"),
            skew,
        )?;
        let success =
            self.health.iter().filter_map(|health| Some((credential(health), health.last_success?.seconds())));
        page.gauge(("nightbell_push_last_success_timestamp_seconds", "When a credential was last accepted"), success)?;
        let alarms = self.health.iter().flat_map(|health| {
            AlarmCode::ALL.map(|code| {
                let raised = health.alarms.iter().any(|alarm| alarm.code == code);
                ([credential(health), label("code", code.as_str())].concat(), i64::from(raised))
            })
        });
        page.gauge(("nightbell_push_alarm", "1 while this alarm of a credential is raised"), alarms)
    }

    fn phones(&self, page: &mut Page<'_>) -> fmt::Result {
        let Status { extensions, registered, armed, calls, parked, draining } = self.status;
        page.gauge(("nightbell_extensions", "Extensions"), [(Vec::new(), number(extensions))])?;
        let devices = [(label("state", "registered"), number(registered)), (label("state", "armed"), number(armed))];
        page.gauge(("nightbell_devices", "Phones that are registered, and sleeping ones that a call wakes"), devices)?;
        page.gauge(("nightbell_calls_active", "Calls that live now"), [(Vec::new(), number(calls))])?;
        let waiting = "Calls that wait for a phone to wake";
        page.gauge(("nightbell_calls_parked", waiting), [(Vec::new(), number(parked))])?;
        let behind = i64::try_from(self.saving.behind()).unwrap_or(i64::MAX);
        page.gauge(
            ("nightbell_store_behind", "Changes in force that the database has not taken yet"),
            [(Vec::new(), behind)],
        )?;
        let lost = "Changes that could not be saved";
        page.counter(("nightbell_store_lost", lost), [(Vec::new(), self.saving.lost())])?;
        page.gauge(("nightbell_draining", "1 while Nightbell stops"), [(Vec::new(), i64::from(draining))])?;
        let ended = self.counters.calls.ended();
        let ended = ended.iter().map(|(ending, count)| (label("ending", ending), *count));
        page.counter(("nightbell_calls", "Calls that ended, by how"), ended)
    }

    fn sip(&self, page: &mut Page<'_>) -> fmt::Result {
        let counters = &self.counters;
        page.counter(("nightbell_sip_messages", "SIP messages taken"), [(Vec::new(), counters.messages_in.get())])?;
        let refusals = counters.refusals.get();
        let malformed = refusals.iter().map(|(reason, count)| (label("reason", word(reason)), *count));
        let others = [
            ("busy", counters.requests_declined.get()),
            ("send_queue_full", counters.datagrams_dropped.get()),
            ("connection_limit", counters.connections_refused.get()),
            ("tls_handshake_failed", counters.handshakes_failed.get()),
        ];
        let others = others.into_iter().map(|(reason, count)| (label("reason", reason), count));
        page.counter(("nightbell_sip_dropped", "What SIP refused or dropped, by reason"), malformed.chain(others))?;
        let open = i64::try_from(counters.connections_open.get()).unwrap_or(i64::MAX);
        page.gauge(("nightbell_sip_connections", "SIP connections open now"), [(Vec::new(), open)])
    }
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page { encoder };
        page.gauge(("nightbell_build", "The version that runs"), [(label("version", self.version), 1)])?;
        page.gauge(("process_start_time_seconds", "When it was started"), [(Vec::new(), self.started_seconds)])?;
        self.push(&mut page)?;
        self.phones(&mut page)?;
        self.sip(&mut page)
    }
}

/// The page Prometheus reads.
pub(crate) fn page(snapshot: Snapshot) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(snapshot));
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}
