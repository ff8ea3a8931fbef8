//! Keeps an executable that contains the GNU C library from loading modules of another version of it.
//!
//! Its resolver loads the modules that `/etc/nsswitch.conf` names, and with them the machine's C library. Two versions in one
//! process corrupt each other.

use std::io;

/// Resolves hosts by `/etc/hosts` and DNS, users and groups by `/etc/passwd` and `/etc/group`, without reading
/// `/etc/nsswitch.conf`. Does nothing in an executable that is linked dynamically, or with another C library.
///
/// Call it before the first lookup: modules that are loaded already stay in use.
///
/// # Errors
///
/// The C library has no memory for the configuration, or does not know one of these databases.
#[allow(
    clippy::missing_const_for_fn,
    clippy::unnecessary_wraps,
    reason = "only a static executable has something to do"
)]
pub fn use_built_in_name_services() -> io::Result<()> {
    #[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
    for (database, services) in glibc::BUILT_IN {
        glibc::configure_lookup(database, services)?;
    }
    Ok(())
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_feature = "crt-static"))]
mod glibc {
    use std::ffi::{CStr, c_char, c_int};
    use std::io;

    /// Databases of nsswitch.conf(5) and the modules that libc.a contains for them.
    pub const BUILT_IN: [(&CStr, &CStr); 4] = [
        (c"hosts", c"files dns"),
        (c"passwd", c"files"),
        (c"group", c"files"),
        (c"initgroups", c"files"),
    ];

    #[allow(unsafe_code, reason = "declared in nss.h of the GNU C library")]
    unsafe extern "C" {
        fn __nss_configure_lookup(database: *const c_char, services: *const c_char) -> c_int;
    }

    #[allow(unsafe_code, reason = "a call of the C library")]
    pub fn configure_lookup(database: &CStr, services: &CStr) -> io::Result<()> {
        // SAFETY: both strings end in a NUL and live for the call; the function takes a lock and copies what it keeps.
        let status = unsafe { __nss_configure_lookup(database.as_ptr(), services.as_ptr()) };
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }
}
