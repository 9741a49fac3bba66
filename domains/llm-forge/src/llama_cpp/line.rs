//! Requests to a running server, one after another over one connection.

use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Duration;

use serde_json::{Value, json};

use super::error::{LlamaCppError, shortened};
use super::process::Process;
use super::server::unexpected;

/// Most bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 64 << 20;
/// How often a process whose connection broke is looked at.
const POLL: Duration = Duration::from_millis(20);

/// What is asked: a path, and a body to post.
type Request = (&'static str, Option<String>);

/// A connection with a thread of its own, so that whoever waits for an answer can look at something else meanwhile. The thread ends with
/// its owner: it then has nobody to listen to.
pub(super) struct Line {
    requests: mpsc::Sender<Request>,
    /// One answer for each request, in order.
    pub(super) answers: mpsc::Receiver<Result<Value, LlamaCppError>>,
}

impl Line {
    /// Opens a line to the server that listens on `port` of this machine.
    pub(super) fn open(agent: ureq::Agent, port: u16, authorization: String, process: Arc<Mutex<Process>>) -> Self {
        let (requests, asked) = mpsc::channel::<Request>();
        let (answer, answers) = mpsc::channel();
        let client = Client { agent, address: format!("http://127.0.0.1:{port}"), authorization, process };
        std::thread::spawn(move || {
            for (path, body) in asked {
                if answer.send(client.ask(path, body)).is_err() {
                    return;
                }
            }
        });
        Self { requests, answers }
    }

    /// Sends a request; nothing when the thread has ended.
    pub(super) fn send(&self, path: &'static str, body: Option<&Value>) -> Option<()> {
        self.requests.send((path, body.map(Value::to_string))).ok()
    }
}

struct Client {
    agent: ureq::Agent,
    address: String,
    authorization: String,
    process: Arc<Mutex<Process>>,
}

impl Client {
    fn ask(&self, path: &'static str, body: Option<String>) -> Result<Value, LlamaCppError> {
        let address = format!("{}{path}", self.address);
        let answer = match body {
            None => self.agent.get(&address).header("Authorization", &self.authorization).call(),
            Some(body) => {
                let request = self.agent.post(&address).header("Authorization", &self.authorization);
                request.content_type("application/json").send(body)
            }
        };
        let mut answer = answer.map_err(|error| self.broken(path, &error))?;
        let status = answer.status();
        let bytes =
            answer.body_mut().with_config().limit(ANSWER_BYTES_MAX).read_to_vec().map_err(|error| self.broken(path, &error))?;
        if !status.is_success() {
            let reason = format!("status {status}: {}", shortened(&String::from_utf8_lossy(&bytes)));
            return Err(LlamaCppError::Request { path, reason });
        }
        serde_json::from_slice(&bytes).map_err(|_| unexpected(path, "JSON", &json!(shortened(&String::from_utf8_lossy(&bytes)))))
    }

    /// A connection that broke is most often a program that ended: then that is what to say.
    fn broken(&self, path: &'static str, error: &ureq::Error) -> LlamaCppError {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        // The connection breaks a moment before the program has ended.
        for _ in 0..10 {
            if let Some(status) = process.ended() {
                return process.failure(status);
            }
            std::thread::sleep(POLL);
        }
        LlamaCppError::Request { path, reason: error.to_string() }
    }
}
