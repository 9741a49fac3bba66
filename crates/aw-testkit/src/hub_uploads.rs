//! A stand-in for the part of the Hugging Face Hub that uploads use: repositories that change.
//!
//! It is no Hub: it keeps everything in memory, knows one branch, and trusts whoever has the token. It speaks the HTTP that the Hub's own
//! client sends, which is shown by that client: in a test of `aw-ship` it uploads to this and downloads what we uploaded.
//!
//! It knows: `POST /api/repos/create`, `GET /api/models/{repository}` with `/revision/{revision}` and `/tree/{revision}`,
//! `POST …/preupload/{revision}`, git-lfs batch with the transfers `basic` and `multipart`, the uploads themselves on a second port (another
//! origin, as at the Hub), their verification, `POST …/commit/{revision}` with one JSON object a line, and `resolve`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::Digest as _;

use crate::hub::etag;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Whether it went to the second host.
    pub elsewhere: bool,
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Its `Authorization`.
    pub authorization: Option<String>,
    /// Bytes of its body.
    pub bytes: usize,
}

/// What goes wrong on top of what is right.
#[derive(Clone, Copy, Debug, Default)]
pub struct UploadFaults {
    /// Refuse so many commits as if another had been made meanwhile.
    pub conflicts: usize,
    /// Flip a byte of so many large files as they are kept.
    pub corrupt: usize,
    /// Answer so many uploads of large files with 503.
    pub busy: usize,
}

#[derive(Clone, Default)]
struct Repository {
    /// Oldest first.
    commits: Vec<(String, BTreeMap<String, Vec<u8>>)>,
}

#[derive(Default)]
struct State {
    repositories: BTreeMap<String, Repository>,
    /// Large files by their SHA-256.
    large: BTreeMap<String, Vec<u8>>,
    /// Parts of large files, by SHA-256 and number.
    parts: BTreeMap<(String, usize), Vec<u8>>,
    requests: Vec<Upload>,
    faults: UploadFaults,
}

/// A running stand-in.
pub struct Uploads {
    state: Arc<Mutex<State>>,
    /// Where it is.
    pub endpoint: String,
}

struct Server {
    state: Arc<Mutex<State>>,
    here: String,
    elsewhere: String,
    token: String,
    /// Files of at least so many bytes are large ones.
    large: usize,
    /// Bytes of a part, for large files of more than that.
    part: usize,
}

struct Asked {
    elsewhere: bool,
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

type Said = (&'static str, Vec<(&'static str, String)>, Vec<u8>);

fn said(status: &'static str, body: impl Into<Vec<u8>>) -> Said {
    (status, vec![("Content-Type", "application/json".into())], body.into())
}

impl Uploads {
    /// Serves repositories to whoever has the token; files of at least `large` bytes are large ones, and go in parts when they have more than
    /// `part` bytes.
    ///
    /// # Panics
    /// When no port is to be had.
    pub fn start(token: &str, large: usize, part: usize) -> Self {
        let (here, elsewhere) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let endpoint = address(&here);
        let server = Arc::new(Server {
            state: state.clone(),
            here: endpoint.clone(),
            elsewhere: address(&elsewhere),
            token: format!("Bearer {token}"),
            large,
            part,
        });
        for (listener, is_elsewhere) in [(here, false), (elsewhere, true)] {
            let server = server.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let server = server.clone();
                    std::thread::spawn(move || server.serve(stream, is_elsewhere));
                }
            });
        }
        Self { state, endpoint }
    }

    /// What goes wrong from now on.
    ///
    /// # Panics
    /// When a server thread panicked.
    pub fn faults(&self, faults: UploadFaults) {
        self.state.lock().unwrap().faults = faults;
    }

    /// Everything that was asked so far, and forgets it.
    ///
    /// # Panics
    /// When a server thread panicked.
    pub fn requests(&self) -> Vec<Upload> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    /// The files of a repository as they are now.
    ///
    /// # Panics
    /// When a server thread panicked.
    pub fn files(&self, repository: &str) -> Option<BTreeMap<String, Vec<u8>>> {
        Some(self.state.lock().unwrap().repositories.get(repository)?.commits.last()?.1.clone())
    }

    /// How many commits a repository has.
    ///
    /// # Panics
    /// When a server thread panicked.
    pub fn commits(&self, repository: &str) -> usize {
        self.state.lock().unwrap().repositories.get(repository).map_or(0, |repository| repository.commits.len())
    }
}

impl Server {
    fn serve(&self, stream: TcpStream, elsewhere: bool) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut out = stream;
        while let Some(asked) = read(&mut reader, &mut out, elsewhere) {
            self.state.lock().unwrap().requests.push(Upload {
                elsewhere,
                method: asked.method.clone(),
                path: asked.path.clone(),
                authorization: asked.headers.get("authorization").cloned(),
                bytes: asked.body.len(),
            });
            let (status, headers, body) = self.answer(&asked);
            let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
            for (name, value) in headers {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
            let body = if asked.method == "HEAD" { Vec::new() } else { body };
            if out.write_all(format!("{head}\r\n").as_bytes()).and_then(|()| out.write_all(&body)).is_err() {
                return;
            }
        }
    }

    fn answer(&self, asked: &Asked) -> Said {
        let mut state = self.state.lock().unwrap();
        let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
        if asked.elsewhere {
            return self.store(&mut state, asked, path, query);
        }
        // The address that completes an upload is signed; the Hub's own client sends no token there.
        let writes = asked.method == "POST" && path != "/lfs/complete";
        if writes && asked.headers.get("authorization") != Some(&self.token) {
            return said("401 Unauthorized", r#"{"error":"Invalid username or password."}"#);
        }
        if path == "/api/repos/create" {
            return create(&mut state, &asked.body);
        }
        if let Some(rest) = path.strip_prefix("/api/models/") {
            let parts: Vec<&str> = rest.splitn(4, '/').collect();
            let (Some(owner), Some(name)) = (parts.first(), parts.get(1)) else { return none("RepoNotFound") };
            let repository = format!("{owner}/{name}");
            if !state.repositories.contains_key(&repository) {
                return none("RepoNotFound");
            }
            return match (asked.method.as_str(), parts.get(2).copied(), parts.get(3).copied()) {
                ("GET", None, _) => info(&state, &repository, "main"),
                ("GET", Some("revision"), Some(revision)) => info(&state, &repository, revision),
                ("GET", Some("tree"), Some(revision)) => self.tree(&state, &repository, revision),
                ("POST", Some("preupload"), Some("main")) => self.modes(&asked.body),
                ("POST", Some("commit"), Some("main")) => self.commit(&mut state, &repository, &asked.body),
                _ => none("EntryNotFound"),
            };
        }
        if path == "/api/validate-yaml" {
            return said("200 OK", r#"{"errors":[],"warnings":[]}"#);
        }
        if let Some(repository) = path.strip_prefix('/').and_then(|path| path.strip_suffix(".git/info/lfs/objects/batch")) {
            return self.batch(&state, repository, &asked.body);
        }
        match path {
            "/lfs/verify" => verify(&state, &asked.body),
            "/lfs/complete" => self.complete(&mut state, &asked.body),
            _ => self.resolve(&state, path),
        }
    }

    /// The store of large files, which knows no token.
    fn store(&self, state: &mut State, asked: &Asked, path: &str, query: &str) -> Said {
        let oid = path.trim_start_matches('/').to_owned();
        if asked.method == "GET" || asked.method == "HEAD" {
            return state.large.get(&oid).map_or_else(|| none("EntryNotFound"), |bytes| said("200 OK", bytes.clone()));
        }
        if state.faults.busy > 0 {
            state.faults.busy -= 1;
            return said("503 Service Unavailable", "");
        }
        let mut bytes = asked.body.clone();
        if let Some(number) = query.split('&').find_map(|part| part.strip_prefix("part=")) {
            let tag = hex(&sha2::Sha256::digest(&bytes));
            state.parts.insert((oid, number.parse().unwrap()), bytes);
            return ("200 OK", vec![("ETag", format!("\"{tag}\""))], Vec::new());
        }
        if state.faults.corrupt > 0 {
            state.faults.corrupt -= 1;
            bytes[0] ^= 1;
        }
        state.large.insert(oid, bytes);
        said("200 OK", "")
    }

    fn modes(&self, body: &[u8]) -> Said {
        let files = objects(body, "\"path\"");
        let modes: Vec<String> = files
            .iter()
            .map(|file| {
                let mode = if number(file, "size") >= self.large { "lfs" } else { "regular" };
                format!("{{\"path\":\"{}\",\"uploadMode\":\"{mode}\",\"shouldIgnore\":false}}", text(file, "path"))
            })
            .collect();
        said("200 OK", format!("{{\"files\":[{}]}}", modes.join(",")))
    }

    fn batch(&self, state: &State, repository: &str, body: &[u8]) -> Said {
        if !state.repositories.contains_key(repository) {
            return none("RepoNotFound");
        }
        let mut multipart = false;
        let objects: Vec<String> = objects(body, "\"oid\"")
            .iter()
            .map(|object| {
                let (oid, size) = (text(object, "oid"), number(object, "size"));
                if state.large.get(&oid).is_some_and(|bytes| etag(bytes, true) == oid) {
                    return format!("{{\"oid\":\"{oid}\",\"size\":{size}}}");
                }
                let verify = format!("{{\"href\":\"{}/lfs/verify\",\"header\":{{}}}}", self.here);
                let upload = if size > self.part {
                    multipart = true;
                    let parts: Vec<String> = (1..=size.div_ceil(self.part))
                        .map(|number| {
                            format!("\"{number:05}\":\"{}/{oid}?part={number}&X-Amz-Signature=very-secret\"", self.elsewhere)
                        })
                        .collect();
                    format!(
                        "{{\"href\":\"{}/lfs/complete\",\"header\":{{\"chunk_size\":\"{}\",{}}}}}",
                        self.here,
                        self.part,
                        parts.join(",")
                    )
                } else {
                    format!("{{\"href\":\"{}/{oid}?X-Amz-Signature=very-secret\"}}", self.elsewhere)
                };
                format!("{{\"oid\":\"{oid}\",\"size\":{size},\"actions\":{{\"upload\":{upload},\"verify\":{verify}}}}}")
            })
            .collect();
        let transfer = if multipart { "multipart" } else { "basic" };
        said("200 OK", format!("{{\"transfer\":\"{transfer}\",\"objects\":[{}]}}", objects.join(",")))
    }

    fn complete(&self, state: &mut State, body: &[u8]) -> Said {
        let body = String::from_utf8_lossy(body).into_owned();
        let oid = text(&body, "oid");
        let count = body.matches("partNumber").count();
        let mut whole = Vec::new();
        for number in 1..=count {
            let Some(bytes) = state.parts.get(&(oid.clone(), number)) else {
                return said("400 Bad Request", r#"{"error":"a part is missing"}"#);
            };
            whole.extend_from_slice(bytes);
        }
        if etag(&whole, true) != oid {
            return said("400 Bad Request", r#"{"error":"the parts are something else together"}"#);
        }
        state.large.insert(oid, whole);
        said("200 OK", "{}")
    }

    fn commit(&self, state: &mut State, repository: &str, body: &[u8]) -> Said {
        if state.faults.conflicts > 0 {
            state.faults.conflicts -= 1;
            return said("412 Precondition Failed", r#"{"error":"A commit has happened since. Please refresh and try again."}"#);
        }
        let large = state.large.clone();
        let known = state.repositories.get_mut(repository).unwrap();
        let (head, mut files) = known.commits.last().cloned().unwrap_or_default();
        for line in String::from_utf8_lossy(body).lines() {
            let key = text(line, "key");
            match key.as_str() {
                "header" => {
                    let parent = text(line, "parentCommit");
                    if !parent.is_empty() && parent != head {
                        return said("412 Precondition Failed", r#"{"error":"A commit has happened since."}"#);
                    }
                }
                "file" => {
                    let Some(bytes) = base64(&text(line, "content")) else { return said("400 Bad Request", "{}") };
                    files.insert(text(line, "path"), bytes);
                }
                "lfsFile" => {
                    let Some(bytes) = large.get(&text(line, "oid")) else {
                        return said("400 Bad Request", r#"{"error":"an LFS object is not there"}"#);
                    };
                    files.insert(text(line, "path"), bytes.clone());
                }
                "deletedFile" => drop(files.remove(&text(line, "path"))),
                _ => return said("400 Bad Request", r#"{"error":"unknown operation"}"#),
            }
        }
        let oid = commit_id(repository, known.commits.len(), &files);
        known.commits.push((oid.clone(), files));
        let url = format!("{}/{repository}/commit/{oid}", self.here);
        said("200 OK", format!("{{\"success\":true,\"commitOid\":\"{oid}\",\"commitUrl\":\"{url}\",\"hookOutput\":\"\"}}"))
    }

    fn tree(&self, state: &State, repository: &str, revision: &str) -> Said {
        let revision = revision.split('?').next().unwrap_or_default();
        let Some((_, files)) = at(state, repository, revision) else { return none("RevisionNotFound") };
        let mut folders = BTreeSet::new();
        let mut entries = Vec::new();
        for (name, bytes) in files {
            for (end, _) in name.match_indices('/') {
                folders.insert(&name[..end]);
            }
            let lfs = if bytes.len() >= self.large {
                format!(",\"lfs\":{{\"oid\":\"{}\",\"size\":{},\"pointerSize\":134}}", etag(bytes, true), bytes.len())
            } else {
                String::new()
            };
            entries.push(format!(
                "{{\"type\":\"file\",\"oid\":\"{}\",\"size\":{},\"path\":\"{name}\"{lfs}}}",
                etag(bytes, false),
                bytes.len()
            ));
        }
        entries.extend(
            folders
                .iter()
                .map(|name| format!("{{\"type\":\"directory\",\"oid\":\"{}\",\"size\":0,\"path\":\"{name}\"}}", "0".repeat(40))),
        );
        said("200 OK", format!("[{}]", entries.join(",")))
    }

    fn resolve(&self, state: &State, path: &str) -> Said {
        let parts: Vec<&str> = path.trim_start_matches('/').splitn(5, '/').collect();
        let [owner, name, "resolve", revision, file] = parts[..] else { return none("RepoNotFound") };
        let Some((commit, files)) = at(state, &format!("{owner}/{name}"), revision) else { return none("RevisionNotFound") };
        let Some(bytes) = files.get(&file.replace("%20", " ").replace("%2F", "/")) else { return none("EntryNotFound") };
        let tag = etag(bytes, bytes.len() >= self.large);
        let mut headers = vec![("X-Repo-Commit", commit.clone()), ("Accept-Ranges", "bytes".into())];
        if bytes.len() >= self.large {
            headers.push(("X-Linked-Etag", format!("\"{tag}\"")));
            headers.push(("X-Linked-Size", bytes.len().to_string()));
            headers.push(("Location", format!("{}/{tag}?X-Amz-Signature=very-secret", self.elsewhere)));
            return ("302 Found", headers, Vec::new());
        }
        headers.push(("ETag", format!("\"{tag}\"")));
        ("200 OK", headers, bytes.clone())
    }
}

fn none(code: &str) -> Said {
    (
        "404 Not Found",
        vec![("X-Error-Code", code.to_owned()), ("X-Error-Message", "not found".into())],
        b"{\"error\":\"not found\"}".to_vec(),
    )
}

fn create(state: &mut State, body: &[u8]) -> Said {
    let body = String::from_utf8_lossy(body).into_owned();
    let repository = format!("{}/{}", text(&body, "organization"), text(&body, "name"));
    if state.repositories.contains_key(&repository) {
        return said("409 Conflict", r#"{"error":"You already created this model repo"}"#);
    }
    let files = BTreeMap::from([(".gitattributes".to_owned(), b"*.gguf filter=lfs\n".to_vec())]);
    let first = commit_id(&repository, 0, &files);
    state.repositories.insert(repository.clone(), Repository { commits: vec![(first, files)] });
    said("200 OK", format!("{{\"url\":\"https://huggingface.co/{repository}\",\"name\":\"{repository}\",\"id\":\"1\"}}"))
}

fn verify(state: &State, body: &[u8]) -> Said {
    let body = String::from_utf8_lossy(body).into_owned();
    match state.large.get(&text(&body, "oid")) {
        Some(bytes) if bytes.len() == number(&body, "size") => said("200 OK", "{}"),
        _ => said("422 Unprocessable Entity", r#"{"error":"it is not there"}"#),
    }
}

fn info(state: &State, repository: &str, revision: &str) -> Said {
    let revision = revision.split('?').next().unwrap_or_default();
    let Some((commit, files)) = at(state, repository, revision) else { return none("RevisionNotFound") };
    let siblings: Vec<String> = files.keys().map(|name| format!("{{\"rfilename\":\"{name}\"}}")).collect();
    said(
        "200 OK",
        format!(
            "{{\"_id\":\"1\",\"id\":\"{repository}\",\"modelId\":\"{repository}\",\"sha\":\"{commit}\",\"private\":false,\"tags\":[],\"siblings\":[{}]}}",
            siblings.join(",")
        ),
    )
}

fn at<'a>(state: &'a State, repository: &str, revision: &str) -> Option<&'a (String, BTreeMap<String, Vec<u8>>)> {
    let commits = &state.repositories.get(repository)?.commits;
    if revision == "main" { commits.last() } else { commits.iter().find(|(commit, _)| commit == revision) }
}

fn commit_id(repository: &str, number: usize, files: &BTreeMap<String, Vec<u8>>) -> String {
    let mut all = format!("{repository} {number}").into_bytes();
    for (name, bytes) in files {
        all.extend_from_slice(name.as_bytes());
        all.extend_from_slice(bytes);
    }
    etag(&all, false)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads a request; bodies by length or in chunks.
fn read(reader: &mut BufReader<TcpStream>, out: &mut TcpStream, elsewhere: bool) -> Option<Asked> {
    let mut line = String::new();
    if reader.read_line(&mut line).ok()? == 0 {
        return None;
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if headers.get("expect").is_some_and(|expect| expect.eq_ignore_ascii_case("100-continue")) {
        out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let mut body = Vec::new();
    if headers.get("transfer-encoding").is_some_and(|encoding| encoding.contains("chunked")) {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim().split(';').next()?, 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            body.extend_from_slice(&chunk[..size]);
            if size == 0 {
                break;
            }
        }
    } else if let Some(length) = headers.get("content-length") {
        body.resize(length.parse().ok()?, 0);
        reader.read_exact(&mut body).ok()?;
    }
    Some(Asked { elsewhere, method, path, headers, body })
}

/// The JSON objects of a body that have a member, innermost. Enough for what clients send here.
fn objects(body: &[u8], member: &str) -> Vec<String> {
    let body = String::from_utf8_lossy(body);
    body.split('{')
        .filter(|part| part.contains(member))
        .map(|part| part.split('}').next().unwrap_or_default().to_owned())
        .collect()
}

/// A text member, the first of that name; without escapes, as nothing here needs them.
fn text(json: &str, member: &str) -> String {
    let Some((_, rest)) = json.split_once(&format!("\"{member}\"")) else { return String::new() };
    let rest = rest.trim_start().trim_start_matches(':').trim_start();
    rest.strip_prefix('"').and_then(|rest| rest.split('"').next()).unwrap_or_default().to_owned()
}

fn number(json: &str, member: &str) -> usize {
    let Some((_, rest)) = json.split_once(&format!("\"{member}\"")) else { return 0 };
    let rest = rest.trim_start().trim_start_matches(':').trim_start();
    rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap_or(0)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(value(byte)?);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}
