//! The TLS of a private PostgreSQL: its certificate, the authority of its clients, and who may log in how.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use super::binaries;
use super::certificates::CertificateFiles;

/// The TLS of a server.
#[derive(Debug, Clone)]
pub struct PostgresTls {
    /// Its certificate.
    pub server: CertificateFiles,
    /// The authority of its clients' certificates.
    pub clients: PathBuf,
}

/// Roles with which a test connects, all superusers.
pub mod roles {
    /// May log in without TLS, without a password.
    pub const CLEAR: &str = "clear";
    /// May log in with TLS alone, without a password.
    pub const ENCRYPTED: &str = "encrypted";
    /// May log in with TLS and [`PASSWORD`].
    pub const SCRAM: &str = "scram";
    /// May log in with a client certificate for this name.
    pub const CERTIFIED: &str = "certified";
    /// The password.
    pub const PASSWORD: &str = "sesame-a61d";
}

/// The superuser is that of the harness, which connects without TLS.
const HBA: &str = "\
host all postgres 127.0.0.1/32 trust
hostnossl all clear 127.0.0.1/32 trust
hostssl all encrypted 127.0.0.1/32 trust
hostssl all scram 127.0.0.1/32 scram-sha-256
hostssl all certified 127.0.0.1/32 trust clientcert=verify-full
";

/// Settings of a server that has TLS.
pub const SETTINGS: [&str; 3] = ["ssl=on", "ssl_ca_file=clients.pem", "log_connections=on"];

/// Creates the roles.
pub const CREATE_ROLES: &str = "\
CREATE ROLE clear LOGIN SUPERUSER;
CREATE ROLE encrypted LOGIN SUPERUSER;
CREATE ROLE scram LOGIN SUPERUSER PASSWORD 'sesame-a61d';
CREATE ROLE certified LOGIN SUPERUSER;";

impl PostgresTls {
    /// Copies the files into the directory of the cluster, where its user may read them.
    pub fn install(&self, data: &Path) {
        let copies = [
            (&self.server.certificate, "server.crt"),
            (&self.server.key, "server.key"),
            (&self.clients, "clients.pem"),
        ];
        for (from, name) in copies {
            let to = data.join(name);
            std::fs::copy(from, &to).expect("a copy");
            give(&to);
        }
        std::fs::write(data.join("pg_hba.conf"), HBA).expect("pg_hba.conf");
        give(&data.join("pg_hba.conf"));
    }
}

fn give(path: &Path) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("permissions");
    if let Some((uid, gid)) = binaries::unprivileged_user() {
        chown(path, Some(uid.as_raw()), Some(gid.as_raw())).expect("an owner");
    }
}
