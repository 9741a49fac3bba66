use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use aw_hub::{Hub, HubError, Patience, Progress, RemoteFile, Settings, Snapshot, Token};
use aw_testkit::hub::StandIn;

pub const REPOSITORY: &str = "org/a-model";
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// Files of at least so many bytes are large ones.
pub const LARGE: usize = 10_000;

pub fn bytes(count: usize, seed: u8) -> Vec<u8> {
    let mut state = u32::from(seed) + 1;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..count).map(|_| next()).collect()
}

/// A safetensors file with one tensor.
pub fn safetensors(count: usize, seed: u8) -> Vec<u8> {
    let header = format!("{{\"t\":{{\"dtype\":\"U8\",\"shape\":[{count}],\"data_offsets\":[0,{count}]}}}}");
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.extend(bytes(count, seed));
    file
}

pub fn files() -> BTreeMap<String, Vec<u8>> {
    let files = [
        ("config.json", b"{\"model_type\": \"olmoe\"}\n".to_vec()),
        ("generation_config.json", b"{}\n".to_vec()),
        ("tokenizer.json", bytes(60_000, 3)),
        ("model-00001-of-00002.safetensors", safetensors(700_000, 1)),
        ("model-00002-of-00002.safetensors", safetensors(300_000, 2)),
        ("original/params.json", b"{\"deep\": true}".to_vec()),
        ("notes and such.txt", b"with spaces".to_vec()),
        ("empty.txt", Vec::new()),
    ];
    files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect()
}

pub fn start() -> StandIn {
    StandIn::start(REPOSITORY, COMMIT, files(), LARGE)
}

pub fn settings(server: &StandIn, cache: &Path) -> Settings {
    Settings {
        endpoint: server.endpoint.clone(),
        token: Some(Token::new("hf_very_secret_token").unwrap()),
        cache: cache.to_owned(),
        offline: false,
        authorities: None,
        proxy: false,
        patience: Patience {
            connect: Duration::from_secs(5),
            silence: Duration::from_millis(300),
            answer: Duration::from_secs(20),
            pause: Duration::from_millis(5),
            longest_pause: Duration::from_secs(2),
            attempts: 4,
        },
    }
}

pub fn hub(server: &StandIn, cache: &Path) -> Hub {
    Hub::new(settings(server, cache)).unwrap()
}

pub fn offline(server: &StandIn, cache: &Path) -> Hub {
    Hub::new(Settings { offline: true, ..settings(server, cache) }).unwrap()
}

pub fn snapshot(hub: &Hub) -> Result<Snapshot, HubError> {
    hub.snapshot(&REPOSITORY.parse().unwrap(), &COMMIT.parse().unwrap(), &|| false)
}

pub fn all(snapshot: &Snapshot) -> Vec<&RemoteFile> {
    snapshot.files.iter().collect()
}

pub fn go_on(_: Progress) -> bool {
    true
}

/// Fetches everything and holds it against what the server has.
pub fn fetch_all(hub: &Hub) -> Result<Snapshot, HubError> {
    let snapshot = snapshot(hub)?;
    hub.fetch(&snapshot, &all(&snapshot), &go_on)?;
    assert_eq!(aw_testkit::files(&hub.folder(&snapshot)), files());
    Ok(snapshot)
}

/// Names in the blobs folder.
pub fn blobs(cache: &Path) -> Vec<String> {
    let folder = cache.join("models--org--a-model/blobs");
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
