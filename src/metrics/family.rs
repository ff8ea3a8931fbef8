//! Families of series, and bounds on the number of label values that clients can influence.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;
use std::sync::{PoisonError, RwLock};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;

pub type Labels = Vec<(&'static str, String)>;
pub type Counters = Family<Labels, Counter>;
pub type GaugeValue = Gauge<f64, AtomicU64>;
pub type GaugeValues = Family<Labels, GaugeValue>;
pub type Histograms = Family<Labels, Histogram>;

/// Bounds of the durations of requests and statements, which end within seconds: 0.5 ms to 30 s.
const SHORT_BOUNDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];

/// Maximum number of backends with separate series; further ones share one series.
const MAX_BACKENDS: usize = 100;

static BACKENDS: RwLock<BTreeSet<String>> = RwLock::new(BTreeSet::new());

/// Histograms of durations within a process, in seconds.
pub fn short_durations() -> Histograms {
    Histograms::new_with_constructor(|| Histogram::new(SHORT_BOUNDS))
}

/// The labels of a family with one label.
pub fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

/// A family with one label and a series at 0 for each of its values: an increase from 0 to 1 is then an increase for
/// Prometheus too.
pub fn counters_from_zero(name: &'static str, values: &[&str]) -> Counters {
    let counters = Counters::default();
    for value in values {
        drop(counters.get_or_create(&label(name, value)));
    }
    counters
}

/// 1 or 0.
pub fn flag(holds: bool) -> f64 {
    f64::from(u8::from(holds))
}

/// The backend's name, or a common label above the maximum.
pub fn backend_label(backend: &str) -> String {
    let known = |names: &BTreeSet<String>| names.contains(backend);
    if known(&BACKENDS.read().unwrap_or_else(PoisonError::into_inner)) {
        return backend.to_owned();
    }
    let mut names = BACKENDS.write().unwrap_or_else(PoisonError::into_inner);
    if known(&names) || names.len() < MAX_BACKENDS {
        names.insert(backend.to_owned());
        return backend.to_owned();
    }
    "other".to_owned()
}

/// The HTTP method; all methods without a route share one label.
pub fn method_label(method: &str) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "POST", "DELETE", "PUT", "PATCH", "HEAD", "OPTIONS"];
    let known = METHODS.into_iter().find(|known| *known == method);
    known.unwrap_or("other")
}
