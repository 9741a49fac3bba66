//! The Hub, as far as it can be had here: a stand-in that speaks its HTTP. That it does is shown by the Hub's own client, which uploads to
//! it, and downloads what we uploaded.

use std::cell::Cell;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use aw_hub::{Patience, Settings, Token};
use aw_ship::{Bundle, Credentials, Publisher, ShipError, Step, Target, publisher};
use aw_testkit::hub_uploads::{UploadFaults, Uploads};
use serde_json::Value;

use crate::fixture::*;

const TOKEN: &str = "hf_very_secret_token";

fn start() -> Uploads {
    Uploads::start(TOKEN, 20_000, 64_000)
}

fn to(server: &Uploads, cache: &Path, replace: bool) -> Vec<Box<dyn Publisher>> {
    let settings = Settings {
        endpoint: server.endpoint.clone(),
        token: Some(Token::new(TOKEN).unwrap()),
        cache: cache.to_owned(),
        offline: false,
        authorities: None,
        proxy: false,
        patience: Patience { pause: Duration::from_millis(5), attempts: 4, ..Patience::default() },
    };
    let credentials = Credentials { hub: Some(settings), hub_replace: replace, ..Credentials::default() };
    vec![publisher(&Target::parse("hf://org/compact").unwrap(), &credentials).unwrap()]
}

struct Case {
    folder: tempfile::TempDir,
    server: Uploads,
    bundle: Bundle,
}

impl Case {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        make(&folder.path().join("artifact"), &Making::default());
        let bundle = Bundle::of_folder(&folder.path().join("artifact")).unwrap();
        Self { folder, server: start(), bundle }
    }

    fn to(&self) -> Vec<Box<dyn Publisher>> {
        to(&self.server, &self.folder.path().join("cache"), false)
    }

    fn whole(&self) -> bool {
        let mut there = self.server.files("org/compact").unwrap_or_default();
        there.remove(".gitattributes");
        there == aw_testkit::files(&self.folder.path().join("artifact"))
    }
}

#[test]
fn a_repository_gets_the_artifact_in_one_commit_and_the_token_goes_to_the_hub_alone() {
    let case = Case::new();
    let planned = Shop::default().look(&case.bundle, &case.to()).unwrap();
    assert!(!planned.plans[0].complete && case.server.files("org/compact").is_none(), "a dry run makes no repository");
    assert!(!case.folder.path().join("cache").exists(), "and writes no cache");
    let shipped = Shop::default().ship(&case.bundle, &case.to()).unwrap();
    assert!(case.whole());
    assert_eq!(case.server.commits("org/compact"), 2, "the Hub's own and ours");
    let requests = case.server.requests();
    assert!(requests.iter().any(|request| request.elsewhere && request.path.contains("part=2")), "the large file goes in parts");
    for request in &requests {
        assert_eq!(request.authorization.is_none(), request.elsewhere, "{} {}", request.method, request.path);
    }
    let publication = &shipped.receipt.as_ref().unwrap().publications[0];
    assert!(publication.url.contains("/org/compact/tree/") && publication.revision.is_some());
    for (name, bytes) in aw_testkit::files(case.folder.path()) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(TOKEN) && !text.contains("very-secret"), "{name}");
    }
    assert!(!format!("{shipped:?}").contains(TOKEN));
    let again = Shop::default().ship(&case.bundle, &case.to()).unwrap();
    assert_eq!((again.sent, again.receipt), (0, shipped.receipt));
    assert_eq!(case.server.commits("org/compact"), 2, "nothing new, no commit");
    assert!(case.server.requests().iter().all(|request| request.method == "GET"));
}

#[test]
fn stopped_before_every_step_a_repository_comes_to_the_same_files() {
    let case = Case::new();
    let count = Cell::new(0_usize);
    let counts = |_: &Step| {
        count.set(count.get() + 1);
        true
    };
    Shop::default().with(&counts, |door| door.ship(&case.bundle, &case.to())).unwrap();
    assert!(count.get() >= 8, "{}", count.get());
    for stop in 0..count.get() {
        let case = Case::new();
        let at = Cell::new(0);
        let stops = |_: &Step| {
            at.set(at.get() + 1);
            at.get() <= stop
        };
        Shop::default().with(&stops, |door| door.ship(&case.bundle, &case.to())).unwrap_err();
        let before = case.server.requests();
        Shop::default().ship(&case.bundle, &case.to()).unwrap();
        assert!(case.whole(), "{stop}");
        assert_eq!(case.server.commits("org/compact"), 2, "{stop}");
        // A large file that was there whole is not sent again.
        let completed = |requests: &[aw_testkit::hub_uploads::Upload]| {
            requests.iter().filter(|request| request.path == "/lfs/complete").count()
        };
        assert!(completed(&before) + completed(&case.server.requests()) <= 2, "{stop}");
    }
}

#[test]
fn others_commits_busy_stores_and_damage() {
    let case = Case::new();
    case.server.faults(UploadFaults { conflicts: 2, busy: 2, ..UploadFaults::default() });
    Shop::default().ship(&case.bundle, &case.to()).unwrap();
    assert!(case.whole());
    // Others at every try.
    let case = Case::new();
    case.server.faults(UploadFaults { conflicts: 99, ..UploadFaults::default() });
    let error = Shop::default().ship(&case.bundle, &case.to()).unwrap_err();
    assert!(error.to_string().contains("try again later"), "{error}");
    // What the store keeps is not what was sent: reading back finds it.
    let case = Case::new();
    let mut making = Making::default();
    making.files.retain(|name, _| !name.ends_with("gguf"));
    making.files.insert("model/model.safetensors".into(), vec![7; 30_000]);
    std::fs::remove_dir_all(case.folder.path().join("artifact")).unwrap();
    make(&case.folder.path().join("artifact"), &making);
    case.server.faults(UploadFaults { corrupt: 1, ..UploadFaults::default() });
    let error = Shop::default().ship(&case.bundle, &case.to()).unwrap_err();
    assert!(matches!(&error, ShipError::ReadBack { file, .. } if file == "model/model.safetensors"), "{error}");
    assert!(!case.bundle.sidecar("receipt").exists());
}

#[test]
fn a_wrong_token_is_refused_and_not_shown() {
    let case = Case::new();
    let other = Uploads::start("hf_another", 20_000, 64_000);
    let targets = to(&other, &case.folder.path().join("cache"), false);
    let error = Shop::default().ship(&case.bundle, &targets).unwrap_err();
    assert!(!format!("{error} {error:?}").contains(TOKEN), "{error}");
    assert!(other.files("org/compact").is_none());
}

fn python(server: &Uploads, folder: &Path, script: &str) -> Option<String> {
    let python = aw_testkit::python_with("huggingface_hub")?;
    let mut command = Command::new(python);
    command.args(["-c", script, &server.endpoint]).arg(folder);
    command.env("HF_TOKEN", TOKEN).env("HF_HUB_DISABLE_XET", "1").env("NO_PROXY", "*").env("HF_HOME", folder.join("hf"));
    let output = command.env("HF_ENDPOINT", &server.endpoint).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

#[test]
fn the_hubs_own_client_uploads_to_the_stand_in_and_downloads_what_we_uploaded() {
    let case = Case::new();
    let work = tempfile::tempdir().unwrap();
    let upload = format!(
        "import sys\nfrom huggingface_hub import HfApi\napi = HfApi(endpoint=sys.argv[1])\napi.create_repo('org/theirs', exist_ok=True)\n\
         print(api.upload_folder(repo_id='org/theirs', folder_path={:?}).oid)",
        case.folder.path().join("artifact").display().to_string()
    );
    if python(&case.server, work.path(), &upload).is_none() {
        return;
    }
    let mut theirs = case.server.files("org/theirs").unwrap();
    theirs.remove(".gitattributes");
    let artifact = aw_testkit::files(&case.folder.path().join("artifact"));
    assert_eq!(theirs, artifact, "the stand-in takes what the Hub's own client sends");
    assert!(case.server.requests().iter().any(|request| request.path == "/lfs/complete"), "in parts too");

    Shop::default().ship(&case.bundle, &case.to()).unwrap();
    let download = "import sys\nfrom huggingface_hub import snapshot_download\n\
                    print(snapshot_download('org/compact', endpoint=sys.argv[1], cache_dir=sys.argv[2] + '/cache'))";
    let place = python(&case.server, work.path(), download).unwrap();
    let mut downloaded = aw_testkit::files(Path::new(&place));
    downloaded.remove(".gitattributes");
    assert_eq!(downloaded, artifact, "what we upload is what the Hub's own client downloads");
    // And ours finds in theirs nothing to do but the commit that was made.
    let receipt: Value = serde_json::from_slice(&std::fs::read(case.bundle.sidecar("receipt")).unwrap()).unwrap();
    assert_eq!(receipt["publications"][0]["target"], "hf://org/compact");
}

#[test]
fn files_of_others_are_kept_unless_they_are_to_go() {
    let case = Case::new();
    Shop::default().ship(&case.bundle, &case.to()).unwrap();
    std::fs::remove_file(case.bundle.sidecar("receipt")).unwrap();
    std::fs::remove_dir_all(case.folder.path().join("artifact")).unwrap();
    let mut making = Making { version: "1.0.1", ..Making::default() };
    making.files.remove("model/empty.txt");
    make(&case.folder.path().join("artifact"), &making);
    let looked = Shop::default().look(&case.bundle, &case.to()).unwrap();
    assert!(looked.plans[0].conflict.as_ref().unwrap().contains("model/empty.txt"), "{:?}", looked.plans[0].conflict);
    let error = Shop::default().ship(&case.bundle, &case.to()).unwrap_err();
    assert!(matches!(error, ShipError::Taken { .. }), "{error}");
    let replacing = to(&case.server, &case.folder.path().join("cache"), true);
    Shop::default().ship(&case.bundle, &replacing).unwrap();
    assert!(case.whole());
}
