//! Settings of the simulator: its memory limit.

use clap::Args;

use super::Checker;

/// Settings of the built-in simulator.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Simulator")]
pub struct SimulatorArgs {
    /// The most memory that the states of all circuits running at once may take together, in MiB;
    /// circuits are checked by the same limit
    #[arg(
        long,
        env = "QTASK_SIMULATOR_MEMORY_MIB",
        value_name = "MIB",
        default_value = "1024"
    )]
    simulator_memory_mib: String,
}

impl SimulatorArgs {
    /// Validates the limit; returns it in bytes.
    pub fn memory_bytes(&self, checker: &mut Checker) -> u64 {
        let mib: u64 = checker.number(
            "QTASK_SIMULATOR_MEMORY_MIB",
            &self.simulator_memory_mib,
            1..=1 << 24,
        );
        mib << 20
    }
}
