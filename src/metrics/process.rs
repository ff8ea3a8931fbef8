//! This process: CPU, memory, files and threads, by the names that Prometheus's client libraries use.
//!
//! Read from `/proc` (proc(5)) at each scrape, and therefore only on Linux.

use prometheus_client::registry::Registry;

/// Adds the collectors.
pub(super) fn register(without_prefix: &mut Registry, qtask: &mut Registry) {
    #[cfg(target_os = "linux")]
    {
        without_prefix.register_collector(Box::new(linux::ProcessCollector));
        qtask.register_collector(Box::new(linux::MemoryLimitCollector));
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (without_prefix, qtask);
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fmt::Error;

    use procfs::process::{LimitValue, Process, Stat};
    use prometheus_client::collector::Collector;
    use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
    use prometheus_client::metrics::counter::ConstCounter;
    use prometheus_client::metrics::gauge::ConstGauge;

    use crate::cgroup;

    #[derive(Debug)]
    pub(super) struct ProcessCollector;

    #[derive(Debug)]
    pub(super) struct MemoryLimitCollector;

    impl Collector for ProcessCollector {
        fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
            // A file that cannot be read costs its metric, not the scrape.
            let Ok(process) = Process::myself() else {
                return Ok(());
            };
            if let Ok(stat) = process.stat() {
                encode_stat(&mut encoder, &stat)?;
            }
            if let Ok(open) = process.fd_count() {
                gauge(
                    &mut encoder,
                    "process_open_fds",
                    "Open files",
                    as_f64(open as u64),
                )?;
            }
            if let Ok(limits) = process.limits() {
                let most = match limits.max_open_files.soft_limit {
                    LimitValue::Value(most) => as_f64(most),
                    LimitValue::Unlimited => f64::INFINITY,
                };
                gauge(
                    &mut encoder,
                    "process_max_fds",
                    "Files that the process may open",
                    most,
                )?;
            }
            Ok(())
        }
    }

    impl Collector for MemoryLimitCollector {
        fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), Error> {
            let Some(limit) = cgroup::memory_limit_bytes() else {
                return Ok(());
            };
            gauge(
                &mut encoder,
                "memory_limit_bytes",
                "Memory that the container or service manager allows",
                as_f64(limit),
            )
        }
    }

    fn encode_stat(encoder: &mut DescriptorEncoder, stat: &Stat) -> Result<(), Error> {
        let ticks = as_f64(procfs::ticks_per_second());
        let counter = ConstCounter::new(as_f64(stat.utime + stat.stime) / ticks);
        let help = "CPU time of user and system, in seconds";
        let kind = counter.metric_type();
        counter.encode(encoder.encode_descriptor("process_cpu_seconds", help, None, kind)?)?;
        gauge(
            encoder,
            "process_resident_memory_bytes",
            "Resident memory",
            as_f64(stat.rss * procfs::page_size()),
        )?;
        gauge(
            encoder,
            "process_virtual_memory_bytes",
            "Virtual memory",
            as_f64(stat.vsize),
        )?;
        let threads = u64::try_from(stat.num_threads).unwrap_or_default();
        gauge(encoder, "process_threads", "Threads", as_f64(threads))?;
        if let Ok(booted_at) = procfs::boot_time_secs() {
            gauge(
                encoder,
                "process_start_time_seconds",
                "Start of the process, in seconds since 1970",
                as_f64(booted_at) + as_f64(stat.starttime) / ticks,
            )?;
        }
        Ok(())
    }

    fn gauge(
        encoder: &mut DescriptorEncoder,
        name: &str,
        help: &str,
        value: f64,
    ) -> Result<(), Error> {
        let gauge = ConstGauge::new(value);
        let kind = gauge.metric_type();
        gauge.encode(encoder.encode_descriptor(name, help, None, kind)?)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "sizes and times are far below 2^53"
    )]
    fn as_f64(number: u64) -> f64 {
        number as f64
    }
}
