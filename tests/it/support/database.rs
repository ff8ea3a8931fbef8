//! A private database for each test, migrated by the qtask executable and dropped after the test.

use tokio_postgres::{Client, NoTls};
use url::Url;
use uuid::Uuid;

use super::{kept, services, template, wait};

/// A migrated database for one test.
#[derive(Debug)]
pub struct TestDatabase {
    server: Url,
    name: String,
}

impl TestDatabase {
    /// Creates a database on the shared server.
    pub async fn create() -> Self {
        Self::create_on(&services::database_url()).await
    }

    /// Creates a database on another server; `server` is the URL of any existing database there.
    pub async fn create_on(server: &Url) -> Self {
        let database = Self::named(server);
        template::clone_into(server, &database.name).await;
        database
    }

    /// Creates a database without tables, for tests of the migrations.
    pub async fn create_empty() -> Self {
        let database = Self::named(&services::database_url());
        let create = format!("CREATE DATABASE {}", database.name);
        connect(&database.server)
            .await
            .batch_execute(&create)
            .await
            .expect("a new database");
        database
    }

    /// Takes over a database that a test has kept, and drops it on drop.
    pub fn adopt(url: &Url) -> Self {
        Self {
            server: on(url, "postgres"),
            name: url.path().trim_start_matches('/').to_owned(),
        }
    }

    fn named(server: &Url) -> Self {
        Self {
            server: server.clone(),
            name: format!("qtask_test_{}", Uuid::now_v7().simple()),
        }
    }

    /// Its URL, without a proxy.
    pub fn url(&self) -> Url {
        on(&self.server, &self.name)
    }

    /// Its URL through a proxy on this loopback port.
    pub fn url_through(&self, port: u16) -> Url {
        let mut url = self.url();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        url
    }

    /// A new connection, apart from those of the service.
    pub async fn connect(&self) -> Client {
        connect(&self.url()).await
    }
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if kept::is_kept() {
            kept::report("database", self.url().as_str());
            return;
        }
        let server = self.server.clone();
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        wait::finish_now(async move {
            // A private server may have stopped before its databases are dropped; it is deleted with them.
            if let Ok(client) = try_connect(&server).await
                && let Err(error) = client.batch_execute(&drop).await
            {
                eprintln!("{drop}: {error}");
            }
        });
    }
}

/// The URL of another database on the same server.
pub fn on(server: &Url, database: &str) -> Url {
    let mut url = server.clone();
    url.set_path(database);
    url
}

/// Connects, or fails the test.
pub async fn connect(url: &Url) -> Client {
    try_connect(url).await.unwrap_or_else(|error| {
        let place = (url.host_str(), url.port(), url.path());
        panic!("PostgreSQL at {place:?} refuses (its role must exist and be allowed to CREATE DATABASE): {error:?}")
    })
}

/// Connects; the connection closes when its client is dropped.
pub async fn try_connect(url: &Url) -> Result<Client, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url.as_str(), NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}
