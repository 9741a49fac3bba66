//! `codegen/serve`: the code generator as a service.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use codegen::forge::{Forge, Settings as ForgeSettings};
use codegen::net::Secret;
use codegen::service::webhook::{Mode, Rules};
use codegen::service::{self, Level, Log, Settings};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::{artifacts, list, signing_key, sources, store, text, toolchain};
use crate::environment::Environment;
use crate::events::RunEvent;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;
use crate::variables::{self, Variable};

/// The port without another.
const PORT: u16 = 8086;
/// How often a service looks whether it is to stop.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/serve",
        summary: "Serves the code generator over HTTP",
        details: "Signed notifications start jobs (`POST /webhook`), tokens start generation and take ontologies in, and versions are given \
                  out with strong ETags. Secrets come from the environment alone. Without a webhook secret notifications are refused, \
                  without tokens everything that writes is; files are read from `FORGE_ALLOWED_ROOTS` only. Ends on Ctrl-C or a \
                  termination signal, after the requests and the job at hand.",
        reach: Reach::Local,
        examples: &[
            Example { what: "on the loopback interface", line: "codegen serve" },
            Example { what: "for the machines around", line: "codegen serve --listen 0.0.0.0 --port 8086" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Usage, ExitCode::Environment],
    };
    Command::new(about, run).with_events()
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The address to listen on; the loopback interface when not given.
    #[schemars(extend("x-value-name" = "ADDRESS"))]
    listen: Option<String>,
    /// The port; that of `FORGE_PORT`, or 8086, when not given. 0 takes any that is free.
    #[schemars(extend("x-value-name" = "PORT"))]
    port: Option<u16>,
}

/// How a service ended.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub(super) struct ServeResult {
    /// Where it listened.
    pub address: String,
}

impl Outcome for ServeResult {}

fn run(environment: &Environment, parameters: Parameters, surface: &Surface<'_>) -> Result<ServeResult, Report> {
    let listen = address(&parameters)?;
    let settings = settings(environment, listen)?;
    let forge = Forge::new(ForgeSettings {
        store: store(environment),
        out_root: Some(variables::FORGE_OUT_DIR.value().map_or_else(|| store(environment).join("out"), PathBuf::from)),
        sources: sources(Some(roots(environment)?))?,
        toolchain: toolchain(store(environment).join("smoke")),
        artifacts: artifacts(environment, None)?,
        signing_key: Some(Arc::new(signing_key(environment)?)),
        upstream: text(variables::FORGE_DEFAULT_UPSTREAM)?,
    });
    let (sender, events) = std::sync::mpsc::channel::<RunEvent>();
    let quiet = text(variables::LOG_LEVEL)?.as_deref() == Some("error");
    let logged = sender.clone();
    let log: Log = Arc::new(move |level, what, details| {
        if level == Level::Error || !quiet {
            // The surface has gone only when the service is ending.
            let _ = logged.send(RunEvent::ServiceLog { what: what.to_owned(), details: details.clone() });
        }
    });
    let (mut stop, stopped) = service::stop();
    let mut address = listen.to_string();
    let ended = std::thread::scope(|scope| {
        let ready = move |address: SocketAddr| {
            let _ = sender.send(RunEvent::ServiceReady { address: address.to_string() });
        };
        let served = scope.spawn(move || service::serve(forge, settings, log, ready, stopped));
        while !served.is_finished() {
            if (surface.cancelled)() {
                stop.now();
            }
            let Ok(event) = events.recv_timeout(LOOK) else { continue };
            if let RunEvent::ServiceReady { address: at } = &event {
                address.clone_from(at);
            }
            (surface.event)(event);
        }
        served.join()
    });
    match ended {
        Ok(ended) => ended.map_err(|error| Report::from_error(ExitCode::Environment, "service", &error))?,
        Err(_) => return Err(Report::bug("the service panicked")),
    }
    Ok(ServeResult { address })
}

fn address(parameters: &Parameters) -> Result<SocketAddr, Report> {
    let usage = |message: String| Report::new(ExitCode::Usage, "address", message);
    let address = match &parameters.listen {
        Some(text) => text.parse().map_err(|_| usage(format!("`{text}` is no IP address")))?,
        None => IpAddr::V4(Ipv4Addr::LOCALHOST),
    };
    let port = match (parameters.port, text(variables::FORGE_PORT)?) {
        (Some(port), _) => port,
        (None, Some(text)) => text.parse().map_err(|_| usage(format!("`FORGE_PORT` is `{text}`, which is no port")))?,
        (None, None) => PORT,
    };
    Ok(SocketAddr::new(address, port))
}

/// Folders the service may read: those that are listed, and its own versions of the ontology.
fn roots(environment: &Environment) -> Result<Vec<PathBuf>, Report> {
    let listed = list(variables::FORGE_ALLOWED_ROOTS)?.unwrap_or_default();
    Ok(listed.into_iter().map(PathBuf::from).chain([store(environment).join("ontologies")]).collect())
}

fn settings(environment: &Environment, listen: SocketAddr) -> Result<Settings, Report> {
    let usage = |message: String| Report::new(ExitCode::Usage, "variable", message);
    let mode = match text(variables::WEBHOOK_MODE)?.as_deref() {
        None => Mode::Dated,
        Some("body-only") => Mode::BodyOnly,
        Some(other) => return Err(usage(format!("`WEBHOOK_MODE` is `{other}`; `body-only` is the only mode with a name"))),
    };
    let header = text(variables::WEBHOOK_SIGNATURE_HEADER)?.unwrap_or_else(|| "X-Hub-Signature-256".to_owned());
    let signature_header = service::header_name(&header).ok_or_else(|| usage(format!("`{header}` is no name of a header")))?;
    Ok(Settings {
        listen,
        tokens: secrets(variables::FORGE_API_TOKENS)?,
        open_snapshots: variables::FORGE_OPEN_SNAPSHOTS.value().is_some(),
        webhook: Rules {
            mode,
            prefix: text(variables::WEBHOOK_SIGNATURE_PREFIX)?.unwrap_or_else(|| Rules::default().prefix),
            secrets: secrets(variables::WEBHOOK_HMAC_SECRET)?,
        },
        signature_header,
        default_source: text(variables::FORGE_DEFAULT_UPSTREAM)?,
        jobs: service::jobs_folder(&store(environment)),
        deliveries: service::deliveries_file(&store(environment)),
    })
}

/// The secrets of a variable that holds a list; one that could not be sent is refused, and never shown.
fn secrets(variable: Variable) -> Result<Vec<Secret>, Report> {
    let secret = |text: String| {
        Secret::new(text).ok_or_else(|| {
            let message = format!("`{}` holds a secret with characters that no header has", variable.name);
            Report::new(ExitCode::Usage, "variable", message)
        })
    };
    list(variable)?.unwrap_or_default().into_iter().map(secret).collect()
}
