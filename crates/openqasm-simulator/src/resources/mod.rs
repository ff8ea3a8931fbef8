//! Resources that bound a run or are shared by runs: the stop flag, memory, threads, and the progress of a run.

pub(crate) mod memory_pool;
pub(crate) mod meter;
pub(crate) mod stop;
pub(crate) mod thread_budget;
