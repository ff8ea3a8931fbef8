//! Gauges that are measured when the metrics are rendered.

use std::collections::BTreeMap;

use prometheus_client::registry::Registry;

use super::family::{GaugeValue, GaugeValues, flag, label};

/// The gauges of one response.
#[derive(Debug)]
pub struct Gauges {
    registry: Registry,
    families: BTreeMap<&'static str, GaugeValues>,
}

impl Default for Gauges {
    fn default() -> Self {
        Self {
            registry: Registry::with_prefix("qtask"),
            families: BTreeMap::new(),
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

    /// Adds 1 or 0.
    #[must_use]
    pub fn with_flag(self, name: &'static str, help: &'static str, holds: bool) -> Self {
        self.with(name, help, flag(holds))
    }

    /// Adds a value with a label, such as that of a backend. The names and texts of one family are the same.
    #[must_use]
    pub fn with_label(
        mut self,
        name: &'static str,
        help: &'static str,
        (label_name, label_value): (&'static str, &str),
        value: f64,
    ) -> Self {
        let registry = &mut self.registry;
        let family = self.families.entry(name).or_insert_with(|| {
            let family = GaugeValues::default();
            registry.register(name, help, family.clone());
            family
        });
        family
            .get_or_create(&label(label_name, label_value))
            .set(value);
        self
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }
}
