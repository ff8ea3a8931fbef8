//! When jemalloc returns freed memory to the system.

#[cfg(target_os = "linux")]
use tikv_jemalloc_ctl::{Access, AsName, Name, arenas};

/// Milliseconds until freed memory is returned.
#[cfg(target_os = "linux")]
const AT_ONCE: isize = 0;

/// From now on returns freed memory at once instead of after some 10 seconds, for a process whose memory is limited: what a task
/// has freed would otherwise count beside what the next one needs. It costs page faults.
#[cfg(target_os = "linux")]
pub fn return_at_once() {
    // An executable with another allocator has no such settings. This is the default of arenas that are created from now on.
    let _ = b"arenas.dirty_decay_ms\0".name().write(AT_ONCE);
    set_all(|setting| setting.write(AT_ONCE));
}

/// Returns what is free now.
#[cfg(target_os = "linux")]
pub fn return_now() {
    set_all(|setting| {
        let usual = setting.update(AT_ONCE)?;
        setting.write(usual)
    });
}

/// Sets the time until freed memory is returned, for each arena.
#[cfg(target_os = "linux")]
fn set_all(set: impl Fn(&Name) -> tikv_jemalloc_ctl::Result<()>) {
    for arena in 0..arenas::narenas::read().unwrap_or_default() {
        let setting = format!("arena.{arena}.dirty_decay_ms\0");
        // Fails for one that is not in use yet.
        let _ = set(setting.name());
    }
}

/// Other systems have their own allocator.
#[cfg(not(target_os = "linux"))]
pub fn return_at_once() {}

/// Other systems have their own allocator.
#[cfg(not(target_os = "linux"))]
pub fn return_now() {}
