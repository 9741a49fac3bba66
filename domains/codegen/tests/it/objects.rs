//! Real object stores: an S3 server (`moto`, from PyPI) and Azure's own emulator (`azurite`, from npm), on this machine.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use codegen::delivery::{Artifact, ArtifactStore as _, Contents, Objects, StoreError, fetch};
use codegen::input::Format;
use codegen::objects::Variables;
use codegen::source::{Location, Sources};

use crate::artifacts::{artifact, contents, key, second};
use crate::reference;

struct Running {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a server; `None`, said loudly, where its program is not there.
fn start(variable: &str, name: &str, arguments: &dyn Fn(u16, &str) -> Vec<String>) -> Option<Running> {
    let program = aw_testkit::server(variable, name)?;
    let folder = tempfile::tempdir().unwrap();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let arguments = arguments(port, folder.path().to_str().unwrap());
    let log = fs::File::create(folder.path().join("log")).unwrap();
    let child = Command::new(&program).args(arguments).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let running = Running { child, port, _folder: folder };
    let until = Instant::now() + Duration::from_secs(120);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(
            Instant::now() < until,
            "{name} does not listen: {}",
            fs::read_to_string(running._folder.path().join("log")).unwrap()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    Some(running)
}

fn round_trip(place: &str, variables: &Variables) {
    let store = Objects::open(place, variables).unwrap();
    let made = artifact(&reference::model());
    assert_eq!(store.list().unwrap(), []);
    assert_eq!(store.index(made.name()).unwrap(), None);
    assert!(store.publish(&made).unwrap().is_new);
    assert!(!store.publish(&made).unwrap().is_new);
    assert_eq!(&fetch(&store, made.name(), |_| true).unwrap(), made.files());
    store.publish(&artifact(&second())).unwrap();
    assert_eq!(store.list().unwrap().len(), 2);
    let model = reference::model();
    let other = Artifact::build(Contents { source_uri: "file:///other.ttl", ..contents(&model, &[]) }, &key()).unwrap();
    let error = store.publish(&other).unwrap_err();
    assert!(matches!(error, StoreError::Taken { .. }), "{error}");

    // A record is made only where there is none, by the store itself.
    use codegen::delivery::Shelf as _;
    let name = "artifacts/twice".parse().unwrap();
    assert!(store.0.create(&name, b"one").unwrap());
    assert!(!store.0.create(&name, b"two").unwrap());
    assert_eq!(store.0.read(&name, 10).unwrap().unwrap(), b"one");
    assert!(store.0.read(&name, 2).is_err(), "longer than the limit");

    // The same store as a source.
    let ttl = "model.ttl".parse().unwrap();
    store.0.create(&ttl, b"<urn:a> <urn:b> <urn:c> .\n").unwrap();
    let sources = Sources { object_stores: Some(variables.clone()), ..Sources::default() };
    let location = Location::parse(&format!("{place}/model.ttl")).unwrap();
    let first = sources.fetch(&location, None).unwrap();
    assert_eq!((first.bytes.as_slice(), first.not_modified), (&b"<urn:a> <urn:b> <urn:c> .\n"[..], false));
    assert_eq!(Format::stated(first.content_type.as_deref(), location.name()).unwrap(), Format::Turtle);
    let again = sources.fetch(&location, first.validator.as_deref()).unwrap();
    assert!(again.not_modified && again.bytes.is_empty() && again.validator == first.validator);
    let none = Location::parse(&format!("{place}/none.ttl")).unwrap();
    assert!(sources.fetch(&none, None).unwrap_err().to_string().contains("no such object"));
    let error = format!("{:?}", sources);
    assert!(!error.contains("secret"), "{error}");
}

#[test]
fn s3_keeps_artifacts_and_gives_sources() {
    let Some(running) =
        start("ALLOYWORKS_MOTO", "moto_server", &|port, _| vec!["-H".into(), "127.0.0.1".into(), "-p".into(), port.to_string()])
    else {
        return;
    };
    let variables = Variables::of(
        [
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret-of-s3"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ENDPOINT_URL", &format!("http://127.0.0.1:{}", running.port)),
            ("PATH", "/nowhere"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned())),
    );
    // The emulator takes anything that is signed at all; a bucket is made by one plain request.
    let mut stream = TcpStream::connect(("127.0.0.1", running.port)).unwrap();
    let host = format!("127.0.0.1:{}", running.port);
    write!(stream, "PUT /contracts HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    round_trip("s3://contracts/team/a", &variables);
    assert!(Objects::open("s3://contracts/../x", &variables).is_err());
    let wrong = Objects::open("s3://nobody/x", &variables).unwrap();
    assert!(wrong.publish(&artifact(&reference::model())).is_err(), "a bucket that is not there");
}

#[test]
fn azure_keeps_artifacts_and_gives_sources() {
    let arguments = |port: u16, folder: &str| {
        let port = port.to_string();
        let options = [
            "--blobHost",
            "127.0.0.1",
            "--blobPort",
            &port,
            "--location",
            folder,
            "--skipApiVersionCheck",
            "--loose",
            "--silent",
        ];
        options.map(str::to_owned).to_vec()
    };
    let Some(running) = start("ALLOYWORKS_AZURITE", "azurite-blob", &arguments) else { return };
    // The account and key that the emulator's documentation names.
    let secret = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
    let connection = format!(
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={secret};BlobEndpoint=http://127.0.0.1:{}/devstoreaccount1;",
        running.port
    );
    let variables = Variables::of([("AZURE_STORAGE_CONNECTION_STRING".to_owned(), connection)]);
    container(running.port, secret);
    round_trip("azureblob://devstoreaccount1/contracts/team", &variables);
    let bad = Variables::of([("AZURE_STORAGE_CONNECTION_STRING".to_owned(), "nonsense".to_owned())]);
    let error = Objects::open("azureblob://devstoreaccount1/contracts", &bad).unwrap_err().to_string();
    assert!(error.contains("name=value"), "{error}");
}

/// Makes the container `contracts`, signed with the account's key.
fn container(port: u16, secret: &str) {
    let script = r#"
import base64, hashlib, hmac, sys, urllib.request
port, key = sys.argv[1], sys.argv[2]
date = __import__("email.utils").utils.formatdate(usegmt=True)
text = "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:%s\nx-ms-version:2021-08-06\n/devstoreaccount1/devstoreaccount1/contracts\nrestype:container" % date
sign = base64.b64encode(hmac.new(base64.b64decode(key), text.encode(), hashlib.sha256).digest()).decode()
ask = urllib.request.Request("http://127.0.0.1:%s/devstoreaccount1/contracts?restype=container" % port, method="PUT")
for name, value in {"x-ms-date": date, "x-ms-version": "2021-08-06", "Authorization": "SharedKey devstoreaccount1:" + sign, "Content-Length": "0"}.items():
    ask.add_header(name, value)
print(urllib.request.urlopen(ask).status)
"#;
    let said = Command::new("python3").args(["-c", script, &port.to_string(), secret]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&said.stdout).trim(), "201", "{}", String::from_utf8_lossy(&said.stderr));
}
