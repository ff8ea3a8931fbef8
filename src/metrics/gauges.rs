//! Gauges that are measured when the metrics are rendered.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::labels::Labels;

type GaugeValue = Gauge<f64, AtomicU64>;
type GaugeValues = Family<Labels, GaugeValue>;

/// The gauges of one response.
#[derive(Debug)]
pub struct Gauges {
    registry: Registry,
    by_backend: BTreeMap<&'static str, GaugeValues>,
}

impl Default for Gauges {
    fn default() -> Self {
        Self {
            registry: Registry::with_prefix("qtask"),
            by_backend: BTreeMap::new(),
        }
    }
}

impl Gauges {
    /// Adds a value.
    #[must_use]
    pub fn with(mut self, name: &'static str, help: &'static str, value: f64) -> Self {
        let gauge = GaugeValue::default();
        gauge.set(value);
        self.registry.register(name, help, gauge);
        self
    }

    /// Adds a value for a backend.
    #[must_use]
    pub fn with_backend(
        mut self,
        name: &'static str,
        help: &'static str,
        backend: &str,
        value: f64,
    ) -> Self {
        let registry = &mut self.registry;
        let family = self.by_backend.entry(name).or_insert_with(|| {
            let family = GaugeValues::default();
            registry.register(name, help, family.clone());
            family
        });
        let labels = vec![("backend", backend.to_owned())];
        family.get_or_create(&labels).set(value);
        self
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }
}
