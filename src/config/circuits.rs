//! Settings of circuits: their maximum length.

use clap::Args;

use super::Checker;

/// Settings of what a submission may hold.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Circuits")]
pub struct CircuitArgs {
    /// The longest text of a circuit, in MiB, 64 at the most
    #[arg(
        long,
        env = "QTASK_MAX_CIRCUIT_MIB",
        value_name = "MIB",
        default_value = "8"
    )]
    max_circuit_mib: String,
}

impl CircuitArgs {
    /// Validates the limit; returns it in bytes.
    pub fn max_bytes(&self, checker: &mut Checker) -> usize {
        let most = openqasm_simulator::MAX_SOURCE_BYTES >> 20;
        let mib: usize = checker.number("QTASK_MAX_CIRCUIT_MIB", &self.max_circuit_mib, 1..=most);
        mib << 20
    }
}
