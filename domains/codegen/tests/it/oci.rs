//! A real registry: Debian's `docker-registry`, on this machine.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aw_alloy::digest::Digest;
use codegen::delivery::oci::{Credentials, Registry, Repository};
use codegen::delivery::{Artifact, ArtifactStore as _, Consumer, Contents, Settings, StoreError, Trust, fetch, verify};
use codegen::net::Secret;

use crate::artifacts::{artifact, contents, key, second};
use crate::reference;
use crate::server::{Server, header};

struct Running {
    child: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a registry; `None`, said loudly, where the package is not installed.
fn registry(with_password: bool) -> Option<Running> {
    let program = aw_testkit::server("ALLOYWORKS_DOCKER_REGISTRY", "docker-registry")?;
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut config = format!(
        "version: 0.1\nlog:\n  level: error\n  accesslog:\n    disabled: true\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
        folder.path().join("data").display()
    );
    if with_password {
        // user `forge`, password `secret`, as `htpasswd -B` writes it.
        let line = "forge:$2y$05$R/dXvrlnl/yOTtSPFYXpYe8xtgHjfr5RFcKzMFiygvm3norcV4nuW\n";
        fs::write(folder.path().join("passwords"), line).unwrap();
        config
            .push_str(&format!("auth:\n  htpasswd:\n    realm: test\n    path: {}\n", folder.path().join("passwords").display()));
    }
    fs::write(folder.path().join("config.yml"), config).unwrap();
    let child = Command::new(program)
        .arg("serve")
        .arg(folder.path().join("config.yml"))
        .stdout(Stdio::null())
        .stderr(fs::File::create(folder.path().join("log")).unwrap())
        .spawn()
        .unwrap();
    let running = Running { child, port, folder };
    let until = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "{}", fs::read_to_string(running.folder.path().join("log")).unwrap());
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(running)
}

fn repository(port: u16) -> Repository {
    Repository::parse(&format!("oci://127.0.0.1:{port}/team/contracts"), true).unwrap()
}

#[test]
fn a_registry_keeps_artifacts() {
    let Some(running) = registry(false) else { return };
    let store = Registry::new(repository(running.port), None);
    let made = artifact(&reference::model());
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(store.index(made.name()).unwrap(), None);
    let (published, digest) = store.push(&made).unwrap();
    assert!(published.is_new);
    let (again, same) = store.push(&made).unwrap();
    assert!(!again.is_new && same == digest);
    let trusted = [key().public()];
    let files = fetch(&store, made.name(), |_| true).unwrap();
    assert_eq!(&files, made.files());
    verify(&files, Trust(&trusted), None).unwrap();
    assert_eq!(store.pull(&digest).unwrap(), made, "by digest too");
    assert!(store.pull(&Digest::of(b"nothing")).is_err());
    store.publish(&artifact(&second())).unwrap();
    assert_eq!(store.list().unwrap().len(), 2);
    let model = reference::model();
    let other = Artifact::build(Contents { source_uri: "file:///other.ttl", ..contents(&model, &[]) }, &key()).unwrap();
    assert!(matches!(store.publish(&other), Err(StoreError::Taken { .. })), "a name never changes");

    // What the registry has is an artifact of image-spec 1.1.
    let raw = find(&running.folder.path().join("data"), digest);
    let manifest: serde_json::Value = serde_json::from_slice(&raw).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.alloyworks.contracts.v1");
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.oci.empty.v1+json");
    assert_eq!(manifest["config"]["digest"], "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    assert_eq!(manifest["layers"].as_array().unwrap().len(), made.files().len());

    // A consumer stages from it.
    let root = tempfile::tempdir().unwrap();
    let settings = Settings { targets: vec!["rust".to_owned()], keys: trusted.to_vec(), ..Settings::default() };
    Consumer::new(root.path()).stage(&store, made.name(), &settings).unwrap();
    assert!(root.path().join("generated/rust/data_platform_contracts.g.rs").exists());
}

/// The content that the registry's own folder has under a digest.
fn find(data: &std::path::Path, digest: Digest) -> Vec<u8> {
    let hex = digest.hex();
    fs::read(data.join("docker/registry/v2/blobs/sha256").join(&hex[..2]).join(&hex).join("data")).unwrap()
}

#[test]
fn what_a_registry_damages_is_found() {
    let Some(running) = registry(false) else { return };
    let store = Registry::new(repository(running.port), None);
    let made = artifact(&reference::model());
    store.publish(&made).unwrap();
    let rust = made.files().iter().find(|(path, _)| path.as_str().starts_with("rust/")).unwrap().1;
    let hex = Digest::of(rust).hex();
    let place = running.folder.path().join("data/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(&hex).join("data");
    let mut bytes = rust.clone();
    bytes[0] ^= 1;
    fs::write(place, bytes).unwrap();
    let error = fetch(&store, made.name(), |_| true).unwrap_err();
    assert!(matches!(&error, StoreError::Damaged { what, .. } if what.starts_with("rust/")), "{error}");
}

#[test]
fn a_registry_that_wants_a_password_gets_it() {
    let Some(running) = registry(true) else { return };
    let made = artifact(&reference::model());
    let with = |password: &str| {
        let credentials = Credentials { user: "forge".to_owned(), password: Secret::new(password).unwrap() };
        Registry::new(repository(running.port), Some(credentials))
    };
    let error = Registry::new(repository(running.port), None).publish(&made).unwrap_err().to_string();
    assert!(error.contains("wants a user and a password"), "{error}");
    assert!(with("wrong").publish(&made).unwrap_err().to_string().contains("401"));
    assert!(with("secret").publish(&made).unwrap().is_new);
    let error = with("hunter2-wrong").publish(&made).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
}

#[test]
fn a_token_is_fetched_from_where_the_registry_says_and_sent_nowhere_else() {
    let elsewhere = Server::new(|_| (404, vec![], vec![]));
    let away = elsewhere.url("/blob");
    let issuer = Server::new(|asked| {
        assert_eq!(asked.headers["authorization"], "Basic Zm9yZ2U6c2VjcmV0");
        assert!(
            asked.path.contains("scope=repository:team/contracts:pull") && asked.path.contains("service=here"),
            "{}",
            asked.path
        );
        (200, vec![], b"{\"token\": \"given\"}".to_vec())
    });
    let realm = issuer.url("/token");
    let registry = Server::new(move |asked| {
        if asked.headers.get("authorization").is_none_or(|sent| sent != "Bearer given") {
            let wanted = format!("Bearer realm=\"{realm}\",service=\"here\",scope=\"repository:team/contracts:pull\"");
            return (401, vec![header("WWW-Authenticate", &wanted)], vec![]);
        }
        (307, vec![header("Location", &away)], vec![])
    });
    let credentials = Credentials { user: "forge".to_owned(), password: Secret::new("secret").unwrap() };
    let store = Registry::new(repository(registry.port), Some(credentials));
    assert_eq!(store.index(artifact(&reference::model()).name()).unwrap(), None);
    let asked = elsewhere.asked.lock().unwrap().clone();
    assert!(!asked.is_empty() && asked.iter().all(|asked| !asked.headers.contains_key("authorization")));
}
