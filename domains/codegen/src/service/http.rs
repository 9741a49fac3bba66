//! The endpoints.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path as InPath, Query, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::bearer_is_known;
use super::jobs::{JobError, Jobs, Outcome, Task};
use super::webhook::{Accepted, Delivery, Memory, MemoryError, Refused, Rules};
use crate::forge::{Fault, FaultKind, Forge, GenerateRequest, IngestRequest};
use crate::net::Secret;

/// Largest body of a request that carries no ontology, in bytes.
const REQUEST_MAX: usize = 256 << 10;
/// Largest ontology, in bytes.
const ONTOLOGY_MAX: usize = crate::source::SOURCE_BYTES_MAX as usize;

/// How much something in the log weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It went as it should.
    Info,
    /// It did not.
    Error,
}

/// Told what happened, for the log: what and its particulars, none of them secret.
pub type Log = Arc<dyn Fn(Level, &str, &Value) + Send + Sync>;

/// Ends a service.
pub struct Stop(Option<oneshot::Sender<()>>);

impl Stop {
    /// Asks the service to end. Once is enough.
    pub fn now(&mut self) {
        if let Some(sender) = self.0.take() {
            // A service that has ended needs no telling.
            let _ = sender.send(());
        }
    }
}

/// A way to end a service, and what its [`serve`] waits for. A [`Stop`] that is dropped ends it too.
pub fn stop() -> (Stop, impl Future<Output = ()> + Send + 'static) {
    let (sender, receiver) = oneshot::channel();
    (Stop(Some(sender)), async {
        let _ = receiver.await;
    })
}

/// The name of a header; `None` when it is none.
pub fn header_name(text: &str) -> Option<HeaderName> {
    text.parse().ok()
}

/// How a service is set up.
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Tokens that may write and read jobs; without any, nobody may.
    pub tokens: Vec<Secret>,
    /// Whether snapshots are read without a token.
    pub open_snapshots: bool,
    /// What notifications are checked against.
    pub webhook: Rules,
    /// The header a notification's signature is in.
    pub signature_header: HeaderName,
    /// Where an ontology is read from when a notification does not say.
    pub default_source: Option<String>,
    /// The folder where promised jobs are written down.
    pub jobs: PathBuf,
    /// The file where accepted deliveries are written down.
    pub deliveries: PathBuf,
}

/// Why a service could not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// Jobs cannot be kept.
    #[error(transparent)]
    Jobs(#[from] JobError),
    /// Deliveries cannot be remembered.
    #[error(transparent)]
    Deliveries(#[from] MemoryError),
    /// The runtime or a connection failed.
    #[error("the service ended: {0}")]
    Ended(#[from] std::io::Error),
}

/// A forge that answers requests.
struct Service {
    forge: Arc<Forge>,
    settings: Settings,
    jobs: Arc<Jobs>,
    deliveries: Mutex<Memory>,
    log: Log,
}

/// Serves until `stop` is done; requests and the job at hand are finished first. `ready` is told the address.
///
/// # Errors
/// [`ServeError`].
pub fn serve(
    forge: Forge,
    settings: Settings,
    log: Log,
    ready: impl FnOnce(SocketAddr),
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), ServeError> {
    let (forge, jobs) = (Arc::new(forge), Arc::new(Jobs::open(&settings.jobs)?));
    let address = settings.listen;
    let deliveries = Memory::open(&settings.deliveries, now())?;
    let service = Arc::new(Service { forge, settings, jobs, deliveries: Mutex::new(deliveries), log });
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let worker = {
        let service = service.clone();
        std::thread::spawn(move || service.jobs.work(|task| service.work(task)))
    };
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(address).await.map_err(|source| ServeError::Listen { address, source })?;
        ready(listener.local_addr()?);
        axum::serve(listener, router(service.clone())).with_graceful_shutdown(stop).await?;
        Ok(())
    });
    service.jobs.stop();
    let worked = worker.join().map_err(|_| std::io::Error::other("the worker of jobs panicked"))?;
    served.and(worked.map_err(ServeError::Jobs))
}

/// The endpoints of a service.
fn router(service: Arc<Service>) -> Router {
    let small = Router::new()
        .route("/livez", get(async || StatusCode::OK))
        .route("/readyz", get(readyz))
        .route("/healthz", get(healthz))
        .route("/webhook", post(webhook))
        .route("/generate", post(generate))
        .route("/jobs/{id}", get(job))
        .route("/ontology/snapshot", get(snapshot))
        .layer(DefaultBodyLimit::max(REQUEST_MAX));
    let large = Router::new().route("/ontology/ingest", post(ingest)).layer(DefaultBodyLimit::max(ONTOLOGY_MAX));
    let nothing = async || Answer(Fault::new(FaultKind::Missing, "there is no such endpoint"));
    small.merge(large).fallback(nothing).method_not_allowed_fallback(method_not_allowed).with_state(service)
}

/// A fault as an answer.
struct Answer(Fault);

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        problem(status, &self.0.problem())
    }
}

impl From<Fault> for Answer {
    fn from(fault: Fault) -> Self {
        Self(fault)
    }
}

fn problem(status: StatusCode, document: &Value) -> Response {
    (status, [(CONTENT_TYPE, "application/problem+json")], document.to_string()).into_response()
}

/// A problem document of the service's own: a status that is no fault of the forge.
fn plain_problem(status: StatusCode, name: &str, title: &str, detail: &str) -> Response {
    let document = json!({
        "type": format!("urn:alloyworks:codegen:problem:{name}"), "title": title, "status": status.as_u16(), "detail": detail,
        "diagnostics": [],
    });
    problem(status, &document)
}

async fn method_not_allowed() -> Response {
    plain_problem(StatusCode::METHOD_NOT_ALLOWED, "method", "The method is not one of this endpoint", "see the `Allow` header")
}

impl Service {
    fn is_admitted(&self, headers: &HeaderMap) -> bool {
        bearer_is_known(text(headers, &AUTHORIZATION), &self.settings.tokens)
    }

    /// Does one promised job.
    fn work(&self, task: &Task) -> Outcome {
        (self.log)(Level::Info, "job started", &json!({"source": task.source}));
        let request = GenerateRequest::of_source(&task.source);
        let outcome = match self.forge.generate(&request) {
            Ok(generated) => {
                let diagnostics = generated.diagnostics.clone();
                Outcome { done: true, diagnostics, result: serde_json::to_value(generated).ok() }
            }
            Err(fault) => Outcome { done: false, diagnostics: fault.diagnostics.clone(), result: Some(fault.problem()) },
        };
        let level = if outcome.done { Level::Info } else { Level::Error };
        (self.log)(level, "job ended", &json!({"source": task.source, "done": outcome.done}));
        outcome
    }
}

fn unauthorized() -> Response {
    let detail = "send `Authorization: Bearer` with one of the service's tokens";
    let mut answer = plain_problem(StatusCode::UNAUTHORIZED, "unauthorized", "A token is needed", detail);
    answer.headers_mut().insert(WWW_AUTHENTICATE, axum::http::HeaderValue::from_static("Bearer"));
    answer
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    // A header given twice is none: nothing says which of the two was meant.
    let mut values = headers.get_all(name).iter();
    let value = values.next()?;
    values.next().is_none().then(|| value.to_str().ok())?
}

/// Reads a body, or says that it is too large or broke off.
fn body(body: Result<Bytes, BytesRejection>) -> Result<Bytes, Answer> {
    body.map_err(|rejection| {
        let kind = if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE { FaultKind::TooLarge } else { FaultKind::Request };
        Answer(Fault::new(kind, rejection.body_text()))
    })
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Answer> {
    serde_json::from_slice(bytes).map_err(|error| Answer(Fault::new(FaultKind::Request, format!("the body: {error}"))))
}

/// Does what takes long outside the threads that answer.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> Result<T, Fault> + Send + 'static) -> Result<T, Answer> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(Answer),
        Err(error) => Err(Answer(Fault::new(FaultKind::Environment, format!("this is a bug: {error}")))),
    }
}

async fn healthz(State(service): State<Arc<Service>>) -> Result<Response, Answer> {
    let forge = service.forge.clone();
    let health = aside(move || Ok(forge.health())).await?;
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(health)).into_response())
}

async fn readyz(State(service): State<Arc<Service>>) -> Result<Response, Answer> {
    let forge = service.forge.clone();
    let health = aside(move || Ok(forge.health())).await?;
    if health.is_ready() {
        return Ok(StatusCode::OK.into_response());
    }
    let failed: Vec<_> = health.dependencies.iter().filter(|dependency| !dependency.ready).collect();
    let document = json!({
        "type": "urn:alloyworks:codegen:problem:not-ready", "title": "Not ready", "status": 503,
        "detail": "what the forge depends on does not answer", "dependencies": failed, "diagnostics": [],
    });
    Ok(problem(StatusCode::SERVICE_UNAVAILABLE, &document))
}

async fn webhook(State(service): State<Arc<Service>>, headers: HeaderMap, bytes: Result<Bytes, BytesRejection>) -> Response {
    let bytes = match body(bytes) {
        Ok(bytes) => bytes,
        Err(answer) => return answer.into_response(),
    };
    match service.notified(&headers, &bytes) {
        Ok(answer) => answer,
        Err(answer) => answer.into_response(),
    }
}

impl Service {
    fn notified(&self, headers: &HeaderMap, bytes: &[u8]) -> Result<Response, Answer> {
        let header = |name: &'static str| text(headers, &HeaderName::from_static(name));
        let delivery = Delivery {
            signature: text(headers, &self.settings.signature_header),
            timestamp: header("x-forge-timestamp"),
            delivery: header("x-forge-delivery"),
            body: bytes,
        };
        let now = now();
        // Held until the delivery is remembered, so that one sent twice at once starts one job.
        let mut memory = self.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = match self.settings.webhook.accept(&delivery, now, &mut memory) {
            Ok(Accepted::Event(changed)) => changed,
            Ok(Accepted::Duplicate) => return Ok(Json(json!({"status": "duplicate"})).into_response()),
            Err(refused) => return Ok(not_taken(&refused)),
        };
        let source = changed.snapshot_url.or_else(|| self.settings.default_source.clone()).ok_or_else(|| {
            Fault::new(FaultKind::Request, "the notification has no `snapshot_url`, and no default source is configured")
        })?;
        self.forge.allowed(&source)?;
        let id = self.jobs.ask(Task { source, version: changed.version }).map_err(|error| self.not_kept(&error))?;
        // Only now: had the job not been written down, the sender's repetition would have to start it.
        if let Err(error) = self.settings.webhook.remember(&delivery, now, &mut memory) {
            (self.log)(Level::Error, "delivery not written down", &json!({"why": error.to_string()}));
        }
        drop(memory);
        Ok((StatusCode::ACCEPTED, Json(json!({"job_id": id}))).into_response())
    }

    fn not_kept(&self, error: &JobError) -> Fault {
        (self.log)(Level::Error, "job not taken", &json!({"why": error.to_string()}));
        Fault::new(FaultKind::Environment, "the job could not be written down; the service's log says why")
    }
}

fn not_taken(refused: &Refused) -> Response {
    let status = StatusCode::from_u16(refused.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let title = match refused {
        Refused::NoSecret => "The service is closed",
        Refused::Body(_) | Refused::TooLong => "The notification is not one",
        Refused::Busy => "Too many deliveries",
        _ => "The notification is not trusted",
    };
    plain_problem(status, "notification", title, &refused.to_string())
}

async fn generate(State(service): State<Arc<Service>>, headers: HeaderMap, bytes: Result<Bytes, BytesRejection>) -> Response {
    if !service.is_admitted(&headers) {
        return unauthorized();
    }
    let done = async {
        let request: GenerateRequest = read(&body(bytes)?)?;
        let forge = service.forge.clone();
        aside(move || {
            forge.allowed(&request.source)?;
            forge.generate(&request)
        })
        .await
    };
    done.await.map_or_else(IntoResponse::into_response, |generated| Json(generated).into_response())
}

async fn job(State(service): State<Arc<Service>>, headers: HeaderMap, InPath(id): InPath<String>) -> Response {
    if !service.is_admitted(&headers) {
        return unauthorized();
    }
    match service.jobs.get(&id) {
        Some(job) => Json(job).into_response(),
        None => Answer(Fault::new(FaultKind::Missing, "there is no such job, or it ended long ago")).into_response(),
    }
}

#[derive(Deserialize)]
struct WhichSnapshot {
    version: Option<String>,
}

async fn snapshot(State(service): State<Arc<Service>>, headers: HeaderMap, Query(which): Query<WhichSnapshot>) -> Response {
    if !service.settings.open_snapshots && !service.is_admitted(&headers) {
        return unauthorized();
    }
    let forge = service.forge.clone();
    let found = aside(move || forge.snapshot(which.version.as_deref())).await;
    let snapshot = match found {
        Ok(snapshot) => snapshot,
        Err(answer) => return answer.into_response(),
    };
    let turtle = text(&headers, &ACCEPT).is_some_and(|accept| accept.contains("text/turtle"));
    let strong = format!("\"sha256-{}\"", snapshot.graph_digest.hex());
    let tag = if turtle { format!("W/{strong}") } else { strong.clone() };
    // A conditional GET compares weakly (RFC 9110, section 13.1.2).
    let same = |known: &str| known == "*" || known.split(',').any(|one| one.trim().trim_start_matches("W/") == strong);
    if text(&headers, &IF_NONE_MATCH).is_some_and(same) {
        return (StatusCode::NOT_MODIFIED, [(ETAG, tag)]).into_response();
    }
    // Canonical N-Triples are Turtle as they stand; only who asked for Turtle by name gets them as that.
    let (kind, bytes) = (if turtle { "text/turtle" } else { "application/n-triples" }, snapshot.n_triples);
    ([(CONTENT_TYPE, kind.to_owned()), (ETAG, tag)], bytes).into_response()
}

#[derive(Deserialize)]
struct HowIngested {
    /// Names of what may be removed, separated by commas.
    allow_destructive: Option<String>,
}

async fn ingest(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Query(how): Query<HowIngested>,
    bytes: Result<Bytes, BytesRejection>,
) -> Response {
    if !service.is_admitted(&headers) {
        return unauthorized();
    }
    let done = async {
        let bytes = body(bytes)?;
        let names = how.allow_destructive.as_deref().unwrap_or_default().split(',').map(str::trim);
        let request = IngestRequest {
            content_type: text(&headers, &CONTENT_TYPE).map(str::to_owned),
            allow_destructive: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        };
        let forge = service.forge.clone();
        let ingested = aside(move || forge.ingest(&bytes, &request)).await?;
        if !ingested.is_new {
            return Ok((StatusCode::OK, Json(json!({"ingested": ingested}))).into_response());
        }
        let task = Task { source: ingested.source.clone(), version: Some(ingested.version.clone()) };
        let id = service.jobs.ask(task).map_err(|error| service.not_kept(&error))?;
        Ok((StatusCode::CREATED, Json(json!({"ingested": ingested, "job_id": id}))).into_response())
    };
    done.await.unwrap_or_else(|answer: Answer| answer.into_response())
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Where accepted deliveries are written down in a store.
pub fn deliveries_file(store: &Path) -> PathBuf {
    store.join("deliveries")
}

/// Where jobs are written down in a store.
pub fn jobs_folder(store: &Path) -> PathBuf {
    store.join("jobs")
}
