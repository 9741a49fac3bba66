//! Real object stores: what lies there is the artifact, whatever was there before and wherever it was stopped.

use std::cell::Cell;
use std::path::Path;

use aw_remote::objects::{Bucket, Got, Variables};
use aw_ship::{Bundle, Credentials, Publisher, Step, Target, publisher};

use crate::fixture::*;
use crate::servers::{AZURE_KEY, azure, s3};

struct Store {
    place: String,
    variables: Variables,
}

impl Store {
    fn of(place: &str, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { place: place.to_owned(), variables: Variables::of(variables) }
    }

    fn to(&self, rest: &str) -> Vec<Box<dyn Publisher>> {
        let target = Target::parse(&format!("{}/{rest}", self.place)).unwrap();
        let credentials = Credentials { stores: self.variables.clone(), ..Credentials::default() };
        vec![publisher(&target, &credentials).unwrap()]
    }

    fn bucket(&self) -> Bucket {
        Bucket::of(&aw_remote::ObjectLocation::parse(&self.place).unwrap(), &self.variables).unwrap()
    }

    fn get(&self, key: &str) -> Option<Vec<u8>> {
        match self.bucket().get(key, None, 1 << 30).unwrap() {
            Got::Object { bytes, .. } => Some(bytes),
            _ => None,
        }
    }
}

fn bundle(folder: &Path, making: &Making) -> Bundle {
    make(&folder.join("artifact"), making);
    Bundle::of_folder(&folder.join("artifact")).unwrap()
}

fn key(url: &str, place: &str, file: &str) -> String {
    format!("{}/{file}", url.strip_prefix(place).unwrap().trim_start_matches('/'))
}

fn round(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let mut making = Making::default();
    let large: Vec<u8> = (0..40_000_001_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 11) as u8).collect();
    making.files.insert("gguf/large.gguf".into(), large);
    let bundle = bundle(folder.path(), &making);
    let targets = store.to("team");
    let planned = Shop::default().look(&bundle, &targets).unwrap();
    // Stopped in the middle of the large file: nothing half-made is there.
    let stops = |step: &Step| !(step.what == "sending" && step.bytes > 16 << 20);
    Shop::default().with(&stops, |door| door.ship(&bundle, &targets)).unwrap_err();
    let url = planned.plans[0].url.clone();
    assert_eq!(store.get(&key(&url, &store.place, "gguf/large.gguf")), None);
    let shipped = Shop::default().ship(&bundle, &targets).unwrap();
    assert_eq!(shipped.receipt.as_ref().unwrap().publications[0].url, url);
    let whole = aw_testkit::files(&folder.path().join("artifact"));
    for (name, bytes) in &whole {
        assert_eq!(store.get(&key(&url, &store.place, name)).as_ref(), Some(bytes), "{name}");
    }
    let again = Shop::default().ship(&bundle, &targets).unwrap();
    assert_eq!((again.sent, again.receipt), (0, shipped.receipt));

    // Damage that the metadata does not show is found by reading back, and mended.
    let place = key(&url, &store.place, "model/config.json");
    let state = store.bucket().state(&place).unwrap().unwrap();
    let digest = state.sha256.unwrap();
    let other = vec![b'x'; usize::try_from(state.bytes).unwrap()];
    let error = store.bucket().put(&place, &mut other.as_slice(), state.bytes, &digest, &|_| true).unwrap_err();
    assert!(error.contains("changed"), "what is not what its digest says is not uploaded: {error}");
    let (wrong, fine) = (aw_alloy::digest::Digest::of(&other), |_| true);
    store.bucket().put(&place, &mut other.as_slice(), state.bytes, &wrong, &fine).unwrap();
    let mended = Shop::default().ship(&bundle, &targets).unwrap();
    assert_eq!(mended.sent, state.bytes);
    assert_eq!(store.get(&place).unwrap(), whole["model/config.json"]);
}

fn stops(store: &Store) {
    let folder = tempfile::tempdir().unwrap();
    let bundle = bundle(folder.path(), &Making::default());
    let whole = aw_testkit::files(&folder.path().join("artifact"));
    let count = Cell::new(0_usize);
    let counts = |_: &Step| {
        count.set(count.get() + 1);
        true
    };
    Shop::default().with(&counts, |door| door.ship(&bundle, &store.to("reference"))).unwrap();
    for stop in 0..count.get() {
        let _ = std::fs::remove_file(bundle.sidecar("receipt"));
        let targets = store.to(&format!("stop{stop}"));
        let at = Cell::new(0);
        let stops = |_: &Step| {
            at.set(at.get() + 1);
            at.get() <= stop
        };
        Shop::default().with(&stops, |door| door.ship(&bundle, &targets)).unwrap_err();
        let shipped = Shop::default().ship(&bundle, &targets).unwrap();
        let url = &shipped.receipt.unwrap().publications[0].url;
        for (name, bytes) in &whole {
            assert_eq!(store.get(&key(url, &store.place, name)).as_ref(), Some(bytes), "{stop}: {name}");
        }
    }
}

#[test]
fn s3_keeps_what_is_shipped() {
    let Some(running) = s3() else { return };
    let endpoint = format!("http://127.0.0.1:{}", running.port);
    let store = Store::of(
        "s3://models",
        &[
            ("AWS_ACCESS_KEY_ID", "key"),
            ("AWS_SECRET_ACCESS_KEY", "secret-of-s3"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ALLOW_HTTP", "true"),
            ("AWS_ENDPOINT_URL", &endpoint),
        ],
    );
    round(&store);
    stops(&store);
    assert!(!format!("{:?} {:?}", store.variables, store.bucket()).contains("secret-of-s3"));
    let folder = tempfile::tempdir().unwrap();
    let nowhere = Store { place: "s3://nobody".into(), variables: store.variables };
    let error = Shop::default().ship(&bundle(folder.path(), &Making::default()), &nowhere.to("x")).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret-of-s3"), "{error}");
}

#[test]
fn azure_keeps_what_is_shipped() {
    let Some(running) = azure() else { return };
    let connection = format!(
        "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey={AZURE_KEY};BlobEndpoint=http://127.0.0.1:{}/devstoreaccount1;",
        running.port
    );
    round(&Store::of("az://models", &[("AZURE_STORAGE_CONNECTION_STRING", &connection)]));
}
