//! A stand-in for the Hugging Face Hub: the part of its HTTP interface that downloads use, on this machine, with faults to order.
//!
//! It speaks as the real one does: a commit behind a revision, a listing in pages linked by `Link`, `resolve` answers with `X-Repo-Commit`
//! and `X-Linked-Etag`, large files behind a redirect to another host (here: another port), small ones behind a relative redirect,
//! parts of files by `Range`. That it is faithful is shown by the Hub's own client, which downloads from it in a test of `aw-hub`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha1::Digest as _;

/// What goes wrong, on top of what is right.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Close the connection after so many bytes of the body of a large file, for so many answers: `(bytes, answers)`.
    pub cut: Option<(usize, usize)>,
    /// Flip a byte of large files, for so many answers.
    pub corrupt: usize,
    /// Answer so many requests with 429 and this `Retry-After`.
    pub busy: Option<(usize, u64)>,
    /// Redirect large files in a circle.
    pub circle: bool,
    /// Send large files so slowly that nobody waits for them.
    pub silent: bool,
    /// Ignore `Range`.
    pub no_ranges: bool,
    /// Answer everything about the repository with this status, code and message.
    pub refuse: Option<(u16, &'static str, &'static str)>,
    /// Make the listing so many bytes longer.
    pub padding: usize,
    /// Say that files are of another commit.
    pub other_commit: bool,
    /// Send the listing's next page to another host.
    pub foreign_page: bool,
    /// List this path too.
    pub extra_path: Option<&'static str>,
    /// Redirect large files to this address.
    pub location: Option<String>,
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// Whether it went to the second host.
    pub elsewhere: bool,
    /// Its method.
    pub method: String,
    /// Its path and query.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// A running stand-in.
pub struct StandIn {
    shared: Arc<Shared>,
    /// Where it is.
    pub endpoint: String,
}

struct Shared {
    repository: String,
    commit: String,
    files: BTreeMap<String, Vec<u8>>,
    /// Files of at least so many bytes are large ones.
    large: usize,
    /// Entries of a page of the listing.
    page: usize,
    elsewhere: String,
    here: String,
    faults: Mutex<Faults>,
    requests: Mutex<Vec<Request>>,
}

impl StandIn {
    /// Serves one commit of one repository; files of at least `large` bytes are large ones.
    ///
    /// # Panics
    /// When no port is to be had.
    pub fn start(repository: &str, commit: &str, files: BTreeMap<String, Vec<u8>>, large: usize) -> Self {
        let (here, elsewhere) = (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
        let address = |listener: &TcpListener| format!("http://{}", listener.local_addr().unwrap());
        let endpoint = address(&here);
        let shared = Arc::new(Shared {
            repository: repository.into(),
            commit: commit.into(),
            files,
            large,
            page: 3,
            elsewhere: address(&elsewhere),
            here: endpoint.clone(),
            faults: Mutex::default(),
            requests: Mutex::default(),
        });
        for (listener, is_elsewhere) in [(here, false), (elsewhere, true)] {
            let shared = shared.clone();
            std::thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let shared = shared.clone();
                    std::thread::spawn(move || shared.serve(stream, is_elsewhere));
                }
            });
        }
        Self { shared, endpoint }
    }

    /// What goes wrong from now on.
    ///
    /// # Panics
    /// When a server thread panicked.
    pub fn faults(&self, faults: Faults) {
        *self.shared.faults.lock().unwrap() = faults;
    }

    /// Everything that was asked so far, and forgets it.
    ///
    /// # Panics
    /// When a server thread panicked.
    pub fn requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.shared.requests.lock().unwrap())
    }
}

/// What the Hub says a file's bytes are: SHA-256 of large files, the hash of a git blob of small ones.
pub fn etag(bytes: &[u8], large: bool) -> String {
    if large { hex(&sha2::Sha256::digest(bytes)) } else { git_blob(bytes) }
}

fn git_blob(bytes: &[u8]) -> String {
    let mut hasher = sha1::Sha1::new();
    hasher.update(format!("blob {}\0", bytes.len()).as_bytes());
    hasher.update(bytes);
    hex(&hasher.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An answer on its way out.
struct Answer {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// Bytes of the body after which the connection is closed.
    cut: Option<usize>,
    silent: bool,
}

impl Answer {
    fn new(status: &'static str, body: Vec<u8>) -> Self {
        Self { status, headers: Vec::new(), body, cut: None, silent: false }
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream, elsewhere: bool) {
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        let (Some(method), Some(path)) = (words.next(), words.next()) else { return };
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
        }
        let request = Request { elsewhere, method, path, headers };
        self.requests.lock().unwrap().push(request.clone());
        let answer = self.answer(&request);
        let _ = Self::send(stream, &request, &answer);
    }

    fn send(mut stream: TcpStream, request: &Request, answer: &Answer) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {}\r\nConnection: close\r\nContent-Length: {}\r\n", answer.status, answer.body.len());
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        if request.method == "HEAD" {
            return Ok(());
        }
        if answer.silent {
            for byte in &answer.body {
                stream.write_all(&[*byte])?;
                std::thread::sleep(Duration::from_millis(400));
            }
        }
        stream.write_all(&answer.body[..answer.cut.unwrap_or(answer.body.len()).min(answer.body.len())])
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut faults = self.faults.lock().unwrap();
        if let Some((left, wait)) = faults.busy.filter(|(left, _)| *left > 0) {
            faults.busy = Some((left - 1, wait));
            return Answer::new("429 Too Many Requests", Vec::new()).with("Retry-After", wait.to_string());
        }
        if request.elsewhere {
            return self.large(request, &mut faults);
        }
        if let Some((status, code, message)) = faults.refuse {
            let status = match status {
                401 => "401 Unauthorized",
                403 => "403 Forbidden",
                500 => "500 Internal Server Error",
                _ => "404 Not Found",
            };
            return Answer::new(status, b"{\"error\":\"no\"}".to_vec())
                .with("X-Error-Code", code)
                .with("X-Error-Message", message);
        }
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let api = format!("/api/models/{}", self.repository);
        if let Some(rest) = path.strip_prefix(&api) {
            return match rest.split('/').collect::<Vec<_>>()[..] {
                [""] | ["", "revision", "main" | "v1"] => self.info(),
                ["", "revision", commit] if commit == self.commit => self.info(),
                ["", "tree", commit] if commit == self.commit => self.tree(query, &faults),
                _ => Answer::new("404 Not Found", Vec::new()).with("X-Error-Code", "RevisionNotFound"),
            };
        }
        let below = |prefix: String| path.strip_prefix(&prefix).map(|name| name.replace("%20", " "));
        if let Some(name) = below(format!("/api/resolve-cache/models/{}/{}/", self.repository, self.commit)) {
            return match self.files.get(&name) {
                Some(bytes) => self.headed(self.part(request, bytes.clone(), false), bytes, &faults),
                None => Answer::new("404 Not Found", Vec::new()).with("X-Error-Code", "EntryNotFound"),
            };
        }
        let resolved =
            [&self.commit, "main"].iter().find_map(|revision| below(format!("/{}/resolve/{revision}/", self.repository)));
        match resolved {
            Some(name) => self.resolve(&name, &faults),
            None => Answer::new("404 Not Found", Vec::new()).with("X-Error-Code", "RepoNotFound"),
        }
    }

    fn info(&self) -> Answer {
        let files: Vec<String> = self.files.keys().map(|name| format!("{{\"rfilename\":\"{name}\"}}")).collect();
        let body = format!(
            "{{\"_id\":\"1\",\"id\":\"{0}\",\"modelId\":\"{0}\",\"sha\":\"{1}\",\"private\":false,\"tags\":[],\"siblings\":[{2}]}}",
            self.repository,
            self.commit,
            files.join(",")
        );
        Answer::new("200 OK", body.into_bytes()).with("Content-Type", "application/json")
    }

    fn tree(&self, query: &str, faults: &Faults) -> Answer {
        let from: usize = query.split('&').find_map(|part| part.strip_prefix("cursor=")).map_or(0, |at| at.parse().unwrap());
        let mut entries: Vec<String> = Vec::new();
        for (name, bytes) in self.files.iter().skip(from).take(self.page) {
            let lfs = if bytes.len() >= self.large {
                let (oid, size) = (etag(bytes, true), bytes.len());
                format!(",\"lfs\":{{\"oid\":\"{oid}\",\"size\":{size},\"pointerSize\":134}}")
            } else {
                String::new()
            };
            let (oid, size) = (git_blob(bytes), bytes.len());
            entries.push(format!("{{\"type\":\"file\",\"oid\":\"{oid}\",\"size\":{size},\"path\":\"{name}\"{lfs}}}"));
        }
        if from == 0 {
            entries.push(format!("{{\"type\":\"directory\",\"oid\":\"{}\",\"size\":0,\"path\":\"original\"}}", "0".repeat(40)));
            let extra = faults.extra_path;
            entries.extend(
                extra.map(|path| format!("{{\"type\":\"file\",\"oid\":\"{}\",\"size\":1,\"path\":\"{path}\"}}", "0".repeat(40))),
            );
        }
        let body = format!("[{}{}]", entries.join(","), " ".repeat(faults.padding));
        let answer = Answer::new("200 OK", body.into_bytes()).with("Content-Type", "application/json");
        if from + self.page >= self.files.len() {
            return answer;
        }
        let host = if faults.foreign_page { &self.elsewhere } else { &self.here };
        let next =
            format!("{host}/api/models/{}/tree/{}?recursive=true&cursor={}", self.repository, self.commit, from + self.page);
        answer.with("Link", format!("<{next}>; rel=\"next\""))
    }

    /// Headers that say what a file is.
    fn headed(&self, answer: Answer, bytes: &[u8], faults: &Faults) -> Answer {
        let commit = if faults.other_commit { "f".repeat(40) } else { self.commit.clone() };
        let answer = answer.with("X-Repo-Commit", commit).with("Accept-Ranges", "bytes");
        let tag = format!("\"{}\"", etag(bytes, bytes.len() >= self.large));
        if bytes.len() >= self.large {
            answer.with("X-Linked-Etag", tag).with("X-Linked-Size", bytes.len().to_string())
        } else {
            answer.with("ETag", tag)
        }
    }

    fn resolve(&self, name: &str, faults: &Faults) -> Answer {
        let Some(bytes) = self.files.get(name) else {
            return Answer::new("404 Not Found", Vec::new()).with("X-Error-Code", "EntryNotFound");
        };
        let (status, location) = if bytes.len() >= self.large {
            let location = format!("{}/{}?X-Amz-Signature=very-secret", self.elsewhere, etag(bytes, true));
            ("302 Found", faults.location.clone().unwrap_or(location))
        } else {
            let name = name.replace(' ', "%20");
            ("307 Temporary Redirect", format!("/api/resolve-cache/models/{}/{}/{name}", self.repository, self.commit))
        };
        self.headed(Answer::new(status, Vec::new()), bytes, faults).with("Location", location)
    }

    /// A large file, at the second host.
    fn large(&self, request: &Request, faults: &mut Faults) -> Answer {
        if faults.circle {
            return Answer::new("302 Found", Vec::new()).with("Location", request.path.clone());
        }
        let name = request.path[1..].split('?').next().unwrap_or_default();
        let Some(bytes) = self.files.values().find(|bytes| etag(bytes, true) == name) else {
            return Answer::new("404 Not Found", Vec::new());
        };
        let mut bytes = bytes.clone();
        if faults.corrupt > 0 {
            faults.corrupt -= 1;
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }
        let mut answer = self.part(request, bytes, faults.no_ranges).with("ETag", format!("\"{name}\""));
        answer.silent = faults.silent;
        if let Some((at, left)) = faults.cut.filter(|(_, left)| *left > 0) {
            faults.cut = Some((at, left - 1));
            answer.cut = Some(at);
        }
        answer
    }

    /// The part of a file that is asked for.
    fn part(&self, request: &Request, bytes: Vec<u8>, whole: bool) -> Answer {
        let range = request.headers.get("range").filter(|_| !whole);
        let Some((start, end)) = range.and_then(|range| range.strip_prefix("bytes=")?.split_once('-')) else {
            return Answer::new("200 OK", bytes);
        };
        let start: usize = start.parse().unwrap();
        let end = end.parse::<usize>().map_or(bytes.len(), |end| end + 1).min(bytes.len());
        if start >= bytes.len() {
            return Answer::new("416 Range Not Satisfiable", Vec::new())
                .with("Content-Range", format!("bytes */{}", bytes.len()));
        }
        let stated = format!("bytes {start}-{}/{}", end - 1, bytes.len());
        Answer::new("206 Partial Content", bytes[start..end].to_vec()).with("Content-Range", stated)
    }
}
