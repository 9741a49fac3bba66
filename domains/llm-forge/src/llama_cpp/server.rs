//! `llama-server` on loopback: loading is the proof that a file loads, answering that it generates.

use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{LlamaCppError, shortened};
use super::likelihood::Runs;
use super::line::Line;
use super::process::Process;
use super::{LlamaCpp, SERVER};

/// How often a start is looked at.
const POLL: Duration = Duration::from_millis(20);
/// How often a request that is waited for looks whether it was cancelled.
const CANCEL_POLL: Duration = Duration::from_millis(50);

/// How a server is started.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Longest context, in tokens.
    pub context: usize,
    /// Threads.
    pub threads: usize,
    /// Layers given to an accelerator; with 0 none is used.
    pub gpu_layers: usize,
    /// How long loading may take.
    pub load_limit: Duration,
    /// How long an answer may take.
    pub answer_limit: Duration,
}

impl ServerSettings {
    /// Settings for a context of so many tokens on so many threads, without an accelerator.
    #[must_use]
    pub fn new(context: usize, threads: usize) -> Self {
        let (load_limit, answer_limit) = (Duration::from_secs(1800), Duration::from_secs(1800));
        Self { context, threads: threads.max(1), gpu_layers: 0, load_limit, answer_limit }
    }
}

/// A running `llama-server` with one model; ended when dropped.
///
/// # Determinism
/// Greedy answers and likelihoods are those of this build on this processor; another may differ in the last digits.
pub struct Server<'a> {
    process: Arc<Mutex<Process>>,
    line: Line,
    /// The file's tokens, for likelihoods.
    pub(super) runs: Runs,
    /// A token that leaves no character unfinished, once it is known.
    pub(super) whole: OnceLock<u32>,
    cancelled: &'a (dyn Fn() -> bool + Sync),
}

/// Why a completion ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StopReason {
    /// The model ended it.
    Eos,
    /// All tokens asked for are there.
    Limit,
    /// A stop sequence was produced.
    Word,
}

/// What the model went on with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text, without the stop sequence that ended it.
    pub text: String,
    /// The tokens generated, with those of the stop sequence.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub stop: StopReason,
    /// Tokens of the prompt.
    pub prompt_tokens: usize,
}

/// A prompt, as text or as tokens.
#[derive(Clone, Copy, Debug)]
enum Prompt<'p> {
    Text(&'p str),
    Tokens(&'p [u32]),
}

impl Prompt<'_> {
    fn to_json(self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Tokens(tokens) => json!(tokens),
        }
    }
}

/// An answer of `/completion`.
#[derive(Deserialize)]
pub(super) struct Answered {
    content: String,
    tokens: Vec<u32>,
    stop_type: String,
    pub(super) tokens_evaluated: usize,
    pub(super) truncated: bool,
    #[serde(default)]
    pub(super) completion_probabilities: Vec<Probability>,
}

/// What the model thought of a token before it was chosen.
#[derive(Deserialize)]
pub(super) struct Probability {
    pub(super) id: u32,
    pub(super) logprob: f64,
    pub(super) top_logprobs: Vec<Top>,
}

/// One of the likeliest.
#[derive(Deserialize)]
pub(super) struct Top {
    pub(super) id: u32,
    pub(super) logprob: f64,
}

impl LlamaCpp {
    /// Loads a GGUF file and waits until it answers. It listens on loopback only, under a key of its own.
    ///
    /// # Errors
    /// When the program cannot be started, the file does not load (with the end of what the program said), loading takes too long, or
    /// `cancelled` says so; `cancelled` is asked during every later call too.
    pub fn server<'a>(
        &self,
        gguf: &Path,
        settings: &ServerSettings,
        cancelled: &'a (dyn Fn() -> bool + Sync),
    ) -> Result<Server<'a>, LlamaCppError> {
        let key = random_key()?;
        let mut command = self.command(&self.server);
        command.env("LLAMA_API_KEY", &key).arg("--model").arg(gguf);
        command.args(["--host", "127.0.0.1", "--port", "0", "--parallel", "1", "--cache-ram", "0", "--fit", "off"]);
        command.args(["--ctx-size", &settings.context.to_string(), "--threads", &settings.threads.to_string()]);
        command.args(["--gpu-layers", &settings.gpu_layers.to_string()]);
        // No page, no list of slots, nothing fetched; no copy of the weights in another order beside the mapped file.
        command.args(["--no-ui", "--no-slots", "--offline", "--no-warmup", "--no-repack"]);
        if settings.gpu_layers == 0 {
            command.args(["--device", "none"]);
        }
        let (mut process, stdout) = Process::start(command, SERVER, LISTENING)?;
        // What it writes there is nobody's; a full pipe would stop it.
        std::thread::spawn(move || std::io::copy(&mut { stdout }, &mut std::io::sink()));
        let by = Instant::now() + settings.load_limit;
        let line = loop {
            if let Some(line) = process.found() {
                break line;
            }
            if let Some(status) = process.ended() {
                return Err(process.failure(status));
            }
            if cancelled() {
                return Err(LlamaCppError::Cancelled);
            }
            if Instant::now() > by {
                let seconds = settings.load_limit.as_secs();
                return Err(LlamaCppError::Timeout { program: SERVER, doing: "loading the model", seconds });
            }
            std::thread::sleep(POLL);
        };
        let port = line.split_once(LISTENING).and_then(|(_, port)| port.trim().parse::<u16>().ok());
        let port = port.ok_or_else(|| LlamaCppError::Output {
            program: SERVER,
            expected: format!("`{LISTENING}` and a port"),
            got: shortened(&line),
        })?;
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(settings.answer_limit))
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .build();
        let process = Arc::new(Mutex::new(process));
        let line = Line::open(config.into(), port, format!("Bearer {key}"), Arc::clone(&process));
        let server = Server { process, line, runs: Runs::of(gguf), whole: OnceLock::new(), cancelled };
        server.health()?;
        Ok(server)
    }
}

/// What the server writes before its port, once the model is loaded.
const LISTENING: &str = "listening on http://127.0.0.1:";

impl Server<'_> {
    fn health(&self) -> Result<(), LlamaCppError> {
        let answer = self.call("/health", None)?;
        match answer.get("status").and_then(Value::as_str) {
            Some("ok") => Ok(()),
            _ => Err(unexpected("/health", "status `ok`", &answer)),
        }
    }

    /// Goes on with a prompt, greedily: the likeliest token each time, without penalties, until `tokens_max`, the model's own end or
    /// one of `stop`. A prompt given as text starts with the beginning-of-sequence token where the file says so.
    ///
    /// # Errors
    /// When the prompt and `tokens_max` are longer than the context, the server fails or does not answer as documented.
    pub fn complete(&self, prompt: &str, tokens_max: usize, stop: &[&str]) -> Result<Completion, LlamaCppError> {
        self.complete_prompt(Prompt::Text(prompt), tokens_max, stop)
    }

    /// As [`Server::complete`] with a prompt of tokens, to which nothing is added.
    ///
    /// # Errors
    /// As [`Server::complete`].
    pub fn complete_tokens(&self, prompt: &[u32], tokens_max: usize, stop: &[&str]) -> Result<Completion, LlamaCppError> {
        self.complete_prompt(Prompt::Tokens(prompt), tokens_max, stop)
    }

    fn complete_prompt(&self, prompt: Prompt<'_>, tokens_max: usize, stop: &[&str]) -> Result<Completion, LlamaCppError> {
        let body = json!({
            "prompt": prompt.to_json(), "n_predict": tokens_max, "stop": stop, "return_tokens": true, "cache_prompt": false,
            // Greedy: without a sampler that cuts to the likeliest, the server draws from the whole distribution.
            "samplers": ["top_k"], "top_k": 1, "response_fields": FIELDS,
        });
        let answer = self.completion(&body)?;
        if answer.truncated {
            let what =
                format!("a prompt of {} tokens and {tokens_max} more do not fit the server's context", answer.tokens_evaluated);
            return Err(LlamaCppError::Asked { what });
        }
        let stop = match answer.stop_type.as_str() {
            "eos" => StopReason::Eos,
            "limit" => StopReason::Limit,
            "word" => StopReason::Word,
            other => return Err(unexpected(COMPLETION, "stop_type `eos`, `limit` or `word`", &json!(other))),
        };
        if answer.tokens.len() > tokens_max {
            return Err(unexpected(COMPLETION, &format!("at most {tokens_max} tokens"), &json!(answer.tokens.len())));
        }
        Ok(Completion { text: answer.content, tokens: answer.tokens, stop, prompt_tokens: answer.tokens_evaluated })
    }

    /// The tokens of a text by the file's own tokenizer; `special` adds what the file says texts start and end with.
    ///
    /// # Errors
    /// When the server fails or does not answer as documented.
    pub fn tokenize(&self, text: &str, special: bool) -> Result<Vec<u32>, LlamaCppError> {
        const PATH: &str = "/tokenize";
        let answer = self.call(PATH, Some(&json!({"content": text, "add_special": special, "parse_special": true})))?;
        let tokens = answer.get("tokens").cloned().unwrap_or_default();
        serde_json::from_value(tokens).map_err(|_| unexpected(PATH, "`tokens`, a list of ids", &answer))
    }

    /// The prompt that the file's own chat template makes of one message of a user. Without a template of its own a file is given
    /// llama.cpp's.
    ///
    /// # Errors
    /// When the template fails, or the server does or does not answer as documented.
    pub fn chat_prompt(&self, message: &str) -> Result<String, LlamaCppError> {
        const PATH: &str = "/apply-template";
        let answer = self.call(PATH, Some(&json!({"messages": [{"role": "user", "content": message}]})))?;
        let prompt = answer.get("prompt").and_then(Value::as_str).map(str::to_owned);
        prompt.ok_or_else(|| unexpected(PATH, "`prompt`, a text", &answer))
    }

    pub(super) fn completion(&self, body: &Value) -> Result<Answered, LlamaCppError> {
        let answer = self.call(COMPLETION, Some(body))?;
        serde_json::from_value(answer.clone())
            .map_err(|error| unexpected(COMPLETION, &format!("a completion ({error})"), &answer))
    }

    /// Sends a request and waits for its answer, looking now and then whether it is still wanted: ending the process ends the request.
    fn call(&self, path: &'static str, body: Option<&Value>) -> Result<Value, LlamaCppError> {
        if (self.cancelled)() {
            return Err(LlamaCppError::Cancelled);
        }
        let lost = || LlamaCppError::Request { path, reason: "the request was lost".into() };
        self.line.send(path, body).ok_or_else(lost)?;
        let mut cancelled = false;
        loop {
            match self.line.answers.recv_timeout(CANCEL_POLL) {
                Ok(_) if cancelled => return Err(LlamaCppError::Cancelled),
                Ok(answer) => return answer,
                Err(mpsc::RecvTimeoutError::Timeout) if !cancelled && (self.cancelled)() => {
                    cancelled = true;
                    self.process.lock().unwrap_or_else(PoisonError::into_inner).kill();
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(lost()),
            }
        }
    }
}

pub(super) const COMPLETION: &str = "/completion";
/// The members of a completion that are read.
pub(super) const FIELDS: [&str; 6] =
    ["content", "tokens", "stop_type", "tokens_evaluated", "truncated", "completion_probabilities"];

pub(super) fn unexpected(path: &'static str, expected: &str, got: &Value) -> LlamaCppError {
    LlamaCppError::Answer { path, expected: expected.to_owned(), got: shortened(&got.to_string()) }
}

/// A key nobody else on this machine knows.
fn random_key() -> Result<String, LlamaCppError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)
        .map_err(|error| LlamaCppError::Start { program: SERVER, source: std::io::Error::other(error.to_string()) })?;
    Ok(aw_alloy::digest::Digest::of(&bytes).hex())
}
