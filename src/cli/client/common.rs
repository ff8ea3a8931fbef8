//! Options that all client commands share.

use std::cell::RefCell;
use std::rc::Rc;

use clap::Args;
use uuid::Uuid;

use super::address;
use super::error::ClientError;
use super::http::Api;
use super::output::{ColorChoice, Output};
use super::service_access::ServiceAccessArgs;

/// How to reach the service and how to write its answers
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Service and output")]
pub struct CommonArgs {
    /// Where the service is; by default port 8000 of this machine, or 8001 (`qtask dev`) when nothing
    /// answers there. A token in the variable `QTASK_TOKEN` is sent along and never shown
    #[arg(long, env = "QTASK_URL", value_name = "URL", hide_env_values = true)]
    url: Option<String>,

    #[command(flatten)]
    access: ServiceAccessArgs,

    #[command(flatten)]
    output: OutputArgs,
}

/// How to write answers
#[derive(Debug, Clone, Args)]
pub struct OutputArgs {
    /// Write the API's JSON, one document on each line
    #[arg(long)]
    json: bool,

    /// When to use colours
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

impl OutputArgs {
    /// Opens the output.
    pub fn open(&self) -> Output {
        Output::new(self.json, self.color)
    }
}

/// The service, the output, and the awaited tasks.
#[derive(Debug)]
pub struct ClientSession {
    /// The service.
    pub api: Api,
    /// The output.
    pub output: Output,
    /// The tasks that Ctrl-C reports as still awaited.
    pub awaited: Awaited,
}

/// The awaited tasks.
pub type Awaited = Rc<RefCell<Vec<Uuid>>>;

impl CommonArgs {
    /// Opens the output.
    pub fn output(&self) -> Output {
        self.output.open()
    }

    /// Locates the service and opens the session.
    pub async fn open(&self, awaited: Awaited) -> Result<ClientSession, ClientError> {
        let access = self.access.check()?;
        let base = address::find(self.url.as_deref()).await?;
        Ok(ClientSession {
            api: Api::new(base, &access)?,
            output: self.output(),
            awaited,
        })
    }
}
