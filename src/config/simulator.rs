//! Settings of the simulator: its memory limit.

use clap::Args;

use super::Checker;

/// The limit where neither a setting nor a container gives one.
const DEFAULT_MIB: u64 = 1024;
/// The memory of a worker beside the states of its circuits: its own, and the text and results of the circuits that run.
const RESERVE_MIB: u64 = 64;
const MOST_MIB: u64 = 1 << 24;
const SETTING: &str = "QTASK_SIMULATOR_MEMORY_MIB";

/// Settings of the built-in simulator.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Simulator")]
pub struct SimulatorArgs {
    /// The most memory that the states of all circuits running at once may take together, in MiB;
    /// circuits are checked by the same limit. By default 1024, or what the memory limit of a worker's container leaves
    #[arg(long, env = "QTASK_SIMULATOR_MEMORY_MIB", value_name = "MIB")]
    simulator_memory_mib: Option<String>,
}

impl SimulatorArgs {
    /// Validates the limit by which circuits are checked, for workers on other machines; returns it in bytes.
    pub fn checked_bytes(&self, checker: &mut Checker) -> u64 {
        self.given_mib(checker).unwrap_or(DEFAULT_MIB) << 20
    }

    /// Validates the limit of a process that runs circuits, under the memory limit of its container (in bytes); returns it in
    /// bytes.
    pub fn run_bytes(&self, checker: &mut Checker, container_bytes: Option<u64>) -> u64 {
        let given = self.given_mib(checker);
        let Some(container_mib) = container_bytes.map(|bytes| bytes >> 20) else {
            return given.unwrap_or(DEFAULT_MIB) << 20;
        };
        let free_mib = container_mib.saturating_sub(RESERVE_MIB + container_mib / 8);
        match given {
            Some(mib) if mib > free_mib => checker.refuse(
                SETTING,
                format_args!(
                    "{mib} MiB do not fit into this container, whose memory is limited to {container_mib} MiB: use {free_mib} at most, \
                     or raise the container's limit"
                ),
            ),
            None if free_mib == 0 => checker.refuse(
                SETTING,
                format_args!(
                    "the memory of this container is limited to {container_mib} MiB, which is too little to run circuits"
                ),
            ),
            _ => {}
        }
        given.unwrap_or(free_mib) << 20
    }

    fn given_mib(&self, checker: &mut Checker) -> Option<u64> {
        let text = self.simulator_memory_mib.as_deref()?;
        (!text.trim().is_empty()).then(|| checker.number(SETTING, text, 1..=MOST_MIB))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run_mib(given: Option<&str>, container_mib: Option<u64>) -> Result<u64, String> {
        let args = SimulatorArgs {
            simulator_memory_mib: given.map(str::to_owned),
        };
        let mut checker = Checker::default();
        let bytes = args.run_bytes(&mut checker, container_mib.map(|mib| mib << 20));
        checker
            .finish(bytes >> 20)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_is_what_the_container_leaves() {
        for (container, budget) in [(None, 1024), (Some(512), 384), (Some(8192), 7104)] {
            assert_eq!(run_mib(None, container), Ok(budget), "{container:?}");
            assert_eq!(run_mib(Some(" "), container), Ok(budget), "{container:?}");
        }
    }

    #[test]
    fn a_budget_that_does_not_fit_the_container_is_refused() {
        assert_eq!(run_mib(Some("384"), Some(512)), Ok(384));
        assert_eq!(run_mib(Some("4096"), None), Ok(4096));
        let refused = run_mib(Some("385"), Some(512)).unwrap_err();
        assert!(refused.contains("use 384 at most"), "{refused}");
        let refused = run_mib(None, Some(64)).unwrap_err();
        assert!(refused.contains("limited to 64 MiB"), "{refused}");
    }
}
