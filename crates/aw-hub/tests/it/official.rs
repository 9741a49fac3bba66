//! The Hub's own client downloads from the stand-in, so the stand-in speaks as the Hub does; and each finds what the other left in the cache.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::*;

fn python() -> Option<PathBuf> {
    aw_testkit::python_with("huggingface_hub")
}

fn download(python: &Path, endpoint: &str, cache: &Path, offline: bool) -> String {
    let script = format!(
        "from huggingface_hub import snapshot_download\n\
         print(snapshot_download({REPOSITORY:?}, revision={COMMIT:?}, endpoint={endpoint:?}, cache_dir={:?}, local_files_only={}))",
        cache.display().to_string(),
        if offline { "True" } else { "False" },
    );
    let mut command = Command::new(python);
    command.args(["-c", &script]).env("HF_TOKEN", "hf_very_secret_token").env("HF_HUB_DISABLE_XET", "1").env("NO_PROXY", "*");
    let output = command.env("HF_HOME", cache.join("home")).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn the_official_client_downloads_from_the_stand_in_and_we_read_what_it_left() {
    let Some(python) = python() else { return };
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let folder = download(&python, &server.endpoint, cache.path(), false);
    assert_eq!(aw_testkit::files(Path::new(&folder)), files());
    let requests = server.requests();
    assert!(requests.iter().any(|request| request.elsewhere), "it follows the redirect to the other host");
    assert!(requests.iter().filter(|request| request.elsewhere).all(|request| !request.headers.contains_key("authorization")));
    // Nothing is asked: its listing and its files are ours.
    let hub = offline(&server, cache.path());
    let snapshot = fetch_all(&hub).unwrap();
    assert_eq!(hub.folder(&snapshot).canonicalize().unwrap(), Path::new(&folder).canonicalize().unwrap());
    assert!(server.requests().is_empty());
}

#[test]
fn the_official_client_reads_what_we_left() {
    let Some(python) = python() else { return };
    let (server, cache) = (start(), tempfile::tempdir().unwrap());
    let hub = hub(&server, cache.path());
    let snapshot = fetch_all(&hub).unwrap();
    server.requests();
    let folder = download(&python, &server.endpoint, cache.path(), true);
    assert_eq!(Path::new(&folder).canonicalize().unwrap(), hub.folder(&snapshot).canonicalize().unwrap());
    assert!(server.requests().is_empty());
    // Online it downloads nothing either.
    download(&python, &server.endpoint, cache.path(), false);
    assert!(server.requests().iter().all(|request| !request.elsewhere));
}
