//! The service over a real socket: who is let in, what is answered, what is remembered.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use codegen::doctor::REFERENCE;
use codegen::net::Secret;
use codegen::service::webhook::Rules;
use codegen::service::{ServeError, Settings, Stop, deliveries_file, header_name, jobs_folder, serve, stop};
use codegen::source::{Sources, file_uri};
use serde_json::{Value, json};

use crate::pipeline::forge_with;

/// A service that runs until it is dropped.
struct Running {
    address: SocketAddr,
    stop: Stop,
    ended: Option<JoinHandle<Result<(), ServeError>>>,
    rules: Rules,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let source = folder.join("reference.ttl");
        fs::write(&source, REFERENCE).unwrap();
        let roots = Some(vec![folder.to_owned()]);
        let forge = forge_with(folder, Some(folder.join("root")), Sources { roots, ..Sources::default() });
        let rules = Rules { secrets: vec![Secret::new("test-secret").unwrap()], ..Rules::default() };
        let settings = Settings {
            listen: "127.0.0.1:0".parse().unwrap(),
            tokens: vec![Secret::new("token").unwrap()],
            open_snapshots: false,
            webhook: rules.clone(),
            signature_header: header_name("X-Hub-Signature-256").unwrap(),
            default_source: Some(file_uri(&source)),
            jobs: jobs_folder(&folder.join("store")),
            deliveries: deliveries_file(&folder.join("store")),
        };
        let (stop, stopped) = stop();
        let (sender, receiver) = channel();
        let ready = move |address| sender.send(address).unwrap();
        let ended = std::thread::spawn(move || serve(forge, settings, Arc::new(|_, _, _| ()), ready, stopped));
        Self { address: receiver.recv().unwrap(), stop, ended: Some(ended), rules }
    }

    fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String, Vec<(String, String)>) {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
        let mut request = ureq::http::Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut answer = agent.run(request.body(body).unwrap()).unwrap();
        let headers =
            answer.headers().iter().map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned())).collect();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap(), headers)
    }

    fn json(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let (status, text, _) = self.ask(method, path, headers, body.to_string().as_bytes());
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    fn notify(&self, delivery: &str, body: &Value) -> (u16, Value) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let signature = self.rules.sign(&self.rules.secrets[0], Some((now, delivery)), body.to_string().as_bytes());
        let now = now.to_string();
        let headers = [("X-Hub-Signature-256", signature.as_str()), ("X-Forge-Timestamp", &now), ("X-Forge-Delivery", delivery)];
        self.json("POST", "/webhook", &headers, body)
    }

    fn finished(&self, id: &str) -> Value {
        let began = Instant::now();
        loop {
            let (status, job) = self.json("GET", &format!("/jobs/{id}"), &[TOKEN], &Value::Null);
            assert_eq!(status, 200, "{job}");
            if !matches!(job["state"].as_str(), Some("queued" | "running")) {
                return job;
            }
            assert!(began.elapsed() < Duration::from_secs(120), "{job}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.now();
        if let Some(ended) = self.ended.take() {
            ended.join().unwrap().unwrap();
        }
    }
}

const TOKEN: (&str, &str) = ("Authorization", "Bearer token");
const DELIVERY: &str = "11111111-2222-4333-8444-555555555555";

#[test]
fn it_lives_is_ready_and_says_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    assert_eq!(running.ask("GET", "/livez", &[], b"").0, 200);
    assert_eq!(running.ask("GET", "/readyz", &[], b"").0, 200);
    let (status, health) = running.json("GET", "/healthz", &[], &Value::Null);
    assert_eq!((status, &health["profile"], &health["dependencies"][0]["name"]), (200, &json!("wire"), &json!("store")));
    assert!(!health.to_string().contains("token") && !health.to_string().contains("secret"));
    let (status, problem) = running.json("GET", "/nothing", &[], &Value::Null);
    assert_eq!((status, &problem["status"], &problem["title"]), (404, &json!(404), &json!("Not found")));
    assert_eq!(running.ask("GET", "/generate", &[], b"").0, 405);
}

#[test]
fn nobody_without_a_token_writes_or_reads_jobs() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    for headers in [&[][..], &[("Authorization", "Bearer other")], &[("Authorization", "Basic token")]] {
        for (method, path) in
            [("POST", "/generate"), ("POST", "/ontology/ingest"), ("GET", "/jobs/x"), ("GET", "/ontology/snapshot")]
        {
            let (status, text, answer) = running.ask(method, path, headers, b"{}");
            assert_eq!(status, 401, "{method} {path}: {text}");
            assert!(answer.iter().any(|(name, value)| name == "www-authenticate" && value == "Bearer"));
            assert!(answer.iter().any(|(name, value)| name == "content-type" && value == "application/problem+json"));
        }
    }
}

#[test]
fn a_notification_starts_one_job_and_its_repetition_none() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let changed = json!({"event": "ontology.changed", "version": "1.0.0"});
    let (status, answer) = running.notify(DELIVERY, &changed);
    assert_eq!(status, 202, "{answer}");
    let job = running.finished(answer["job_id"].as_str().unwrap());
    assert_eq!((&job["state"], &job["result"]["ontology"]), (&json!("done"), &json!("ontology@d761e55d728951e1")));
    assert_eq!(running.notify(DELIVERY, &changed), (200, json!({"status": "duplicate"})));
    let again = running.notify("11111111-2222-4333-8444-555555555556", &changed);
    let job = running.finished(again.1["job_id"].as_str().unwrap());
    assert_eq!(job["result"]["no_change"], "graph");

    let (status, problem) = running.json("POST", "/webhook", &[], &changed);
    assert_eq!((status, &problem["title"]), (401, &json!("The notification is not trusted")));
    let elsewhere = json!({"event": "ontology.changed", "snapshot_url": "file:///etc/passwd"});
    assert_eq!(running.notify("21111111-2222-4333-8444-555555555555", &elsewhere).0, 403);
    let inside = json!({"event": "ontology.changed", "snapshot_url": "http://169.254.169.254/latest/meta-data"});
    let (status, answer) = running.notify("31111111-2222-4333-8444-555555555555", &inside);
    let refused = status == 403 || running.finished(answer["job_id"].as_str().unwrap())["state"] == "failed";
    assert!(refused, "{status} {answer}");
}

#[test]
fn a_delivery_whose_job_was_not_kept_may_come_again_and_one_that_was_may_not() {
    let folder = tempfile::tempdir().unwrap();
    let changed = json!({"event": "ontology.changed", "version": "1.0.0"});
    let running = Running::start(folder.path());
    let (jobs, away) = (jobs_folder(&folder.path().join("store")), folder.path().join("away"));
    fs::rename(&jobs, &away).unwrap();
    let (status, problem) = running.notify(DELIVERY, &changed);
    assert_eq!((status, &problem["status"]), (500, &json!(500)), "{problem}");
    fs::rename(&away, &jobs).unwrap();
    let (status, answer) = running.notify(DELIVERY, &changed);
    assert_eq!(status, 202, "{answer}");
    running.finished(answer["job_id"].as_str().unwrap());
    drop(running);
    let again = Running::start(folder.path());
    assert_eq!(again.notify(DELIVERY, &changed), (200, json!({"status": "duplicate"})));
}

#[test]
fn what_is_asked_for_is_generated_below_the_root() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let source = file_uri(&folder.path().join("reference.ttl"));
    let request = json!({"source": source, "target": ["rust", "python"], "out": "contracts"});
    let (status, answer) = running.json("POST", "/generate", &[TOKEN], &request);
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["targets"].as_object().unwrap().keys().collect::<Vec<_>>(), ["python", "rust"]);
    assert!(folder.path().join("root/contracts/rust/data_platform_contracts.g.rs").is_file());
    let bad = [
        (json!({"source": source, "out": "../up"}), 403),
        (json!({"source": "file:///etc/hostname"}), 403),
        (json!({"source": source, "target": "java"}), 400),
        (json!({"target": "rust"}), 400),
        (json!("x"), 400),
    ];
    for (request, expected) in bad {
        let (status, answer) = running.json("POST", "/generate", &[TOKEN], &request);
        assert_eq!(status, expected, "{request}: {answer}");
        assert_eq!(answer["status"], expected);
    }
}

#[test]
fn versions_are_taken_in_and_given_out_with_strong_tags() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    let post = |body: &[u8], kind: &str, query: &str| {
        let (status, text, _) = running.ask("POST", &format!("/ontology/ingest{query}"), &[TOKEN, ("Content-Type", kind)], body);
        (status, serde_json::from_str::<Value>(&text).unwrap())
    };
    let (status, answer) = post(REFERENCE.as_bytes(), "text/turtle", "");
    assert_eq!(status, 201, "{answer}");
    assert_eq!(running.finished(answer["job_id"].as_str().unwrap())["state"], "done");
    assert_eq!(post(REFERENCE.as_bytes(), "text/turtle", "").0, 200);
    assert_eq!(post(REFERENCE.as_bytes(), "application/yaml", "").0, 415);
    assert_eq!(post(b"nonsense", "text/turtle", "").0, 422);
    let smaller = REFERENCE.replace("1.0.0", "2.0.0").replace(" \"handle\"", "");
    let smaller: Vec<&str> = smaller.lines().filter(|line| !line.starts_with(":User__handle")).collect();
    assert_eq!(post(smaller.join("\n").as_bytes(), "text/turtle", "").0, 409);
    assert_eq!(post(smaller.join("\n").as_bytes(), "text/turtle", "?allow_destructive=User.handle").0, 201);

    let (status, graph, headers) = running.ask("GET", "/ontology/snapshot?version=1.0.0", &[TOKEN], b"");
    assert_eq!(status, 200);
    let tag = headers.iter().find(|(name, _)| name == "etag").unwrap().1.clone();
    assert_eq!(tag, format!("\"sha256-{}\"", aw_alloy::digest::Digest::of(graph.as_bytes()).hex()));
    assert_eq!(running.ask("GET", "/ontology/snapshot?version=1.0.0", &[TOKEN, ("If-None-Match", &tag)], b"").0, 304);
    let (_, _, headers) = running.ask("GET", "/ontology/snapshot?version=1.0.0", &[TOKEN, ("Accept", "text/turtle")], b"");
    assert!(headers.contains(&("etag".to_owned(), format!("W/{tag}"))), "{headers:?}");
    assert_eq!(running.ask("GET", "/ontology/snapshot?version=9.9.9", &[TOKEN], b"").0, 404);
}
