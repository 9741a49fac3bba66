//! Real servers on this machine: Debian's `docker-registry`, an S3 server (`moto`, from PyPI), Azure's own emulator (`azurite`, from npm).

#[cfg(feature = "object-stores")]
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Running {
    child: Child,
    pub port: u16,
    pub folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Starts a program that listens; `None`, said loudly, where it is not there.
    fn start(variable: &str, name: &str, arguments: &dyn Fn(u16, &tempfile::TempDir) -> Vec<String>) -> Option<Self> {
        let program = aw_testkit::server(variable, name)?;
        let folder = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let arguments = arguments(port, &folder);
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(&program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let running = Self { child, port, folder };
        let until = Instant::now() + Duration::from_secs(120);
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            let said = || std::fs::read_to_string(running.folder.path().join("log")).unwrap();
            assert!(Instant::now() < until, "{name} does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(running)
    }
}

/// A registry; with a password it wants user `forge` and password `secret`.
pub fn registry(with_password: bool) -> Option<Running> {
    Running::start("ALLOYWORKS_DOCKER_REGISTRY", "docker-registry", &|port, folder| {
        let mut config = format!(
            "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            folder.path().join("data").display()
        );
        if with_password {
            // As `htpasswd -B` writes it.
            let line = "forge:$2y$05$R/dXvrlnl/yOTtSPFYXpYe8xtgHjfr5RFcKzMFiygvm3norcV4nuW\n";
            let passwords = folder.path().join("passwords");
            std::fs::write(&passwords, line).unwrap();
            config.push_str(&format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", passwords.display()));
        }
        let place = folder.path().join("config.yml");
        std::fs::write(&place, config).unwrap();
        vec!["serve".into(), place.display().to_string()]
    })
}

/// An S3 server with a bucket `models`.
#[cfg(feature = "object-stores")]
pub fn s3() -> Option<Running> {
    let arguments = |port: u16, _: &tempfile::TempDir| vec!["-H".into(), "127.0.0.1".into(), "-p".into(), port.to_string()];
    let running = Running::start("ALLOYWORKS_MOTO", "moto_server", &arguments)?;
    // The emulator takes anything that is signed at all; a bucket is made by one plain request.
    let mut stream = TcpStream::connect(("127.0.0.1", running.port)).unwrap();
    let host = format!("127.0.0.1:{}", running.port);
    write!(stream, "PUT /models HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    Some(running)
}

/// The key of the emulator's account, as its documentation names it.
#[cfg(feature = "object-stores")]
pub const AZURE_KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Azure's emulator with a container `models`.
#[cfg(feature = "object-stores")]
pub fn azure() -> Option<Running> {
    let arguments = |port: u16, folder: &tempfile::TempDir| {
        let (port, folder) = (port.to_string(), folder.path().display().to_string());
        let named = ["--blobHost", "127.0.0.1", "--blobPort", &port, "--location", &folder];
        named.into_iter().chain(["--skipApiVersionCheck", "--loose", "--silent"]).map(str::to_owned).collect()
    };
    let running = Running::start("ALLOYWORKS_AZURITE", "azurite-blob", &arguments)?;
    let script = r#"
import base64, email.utils, hashlib, hmac, sys, urllib.request
port, key = sys.argv[1], sys.argv[2]
date = email.utils.formatdate(usegmt=True)
text = "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:%s\nx-ms-version:2021-08-06\n/devstoreaccount1/devstoreaccount1/models\nrestype:container" % date
sign = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
ask = urllib.request.Request("http://127.0.0.1:%s/devstoreaccount1/models?restype=container" % port, method="PUT")
for name, value in {"x-ms-date": date, "x-ms-version": "2021-08-06", "Authorization": "SharedKey devstoreaccount1:" + sign, "Content-Length": "0"}.items():
    ask.add_header(name, value)
print(urllib.request.urlopen(ask).status)
"#;
    let said = Command::new("python3").args(["-c", script, &running.port.to_string(), AZURE_KEY]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "201", "{}", String::from_utf8_lossy(&said.stderr));
    Some(running)
}
