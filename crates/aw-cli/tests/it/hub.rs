//! A model from the Hub, by a stand-in on this machine: planned without its weights, downloaded by the run, then taken from the cache.

use std::process::Command;

use aw_testkit::hub::{Faults, StandIn};

use crate::support::{Bench, Ran, finished, run};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// The tiny model, published as `org/model`, and a recipe that names it so.
fn published(bench: &Bench, revision: &str) -> StandIn {
    let files = aw_testkit::files(&bench.path("model"));
    let named = format!("source: {{ baseModel: org/model, architecture: olmoe, revision: {revision} }}");
    let text = bench.text("recipe.yaml").replace("source: { baseModel: model, architecture: olmoe }", &named);
    bench.write("hub.yaml", &text);
    StandIn::start("org/model", COMMIT, files, 20_000)
}

fn command(bench: &Bench, server: &StandIn, arguments: &[&str]) -> Command {
    let mut command = bench.command(arguments);
    command.env("HF_ENDPOINT", &server.endpoint).env("HF_TOKEN", "hf_very_secret_token").env("HF_HOME", bench.path("hub"));
    command
}

fn ask(bench: &Bench, server: &StandIn, arguments: &[&str]) -> Ran {
    let ran = run(command(bench, server, arguments));
    assert!(!format!("{}{}", ran.out, ran.err).contains("secret"), "a secret is shown: {}{}", ran.out, ran.err);
    ran
}

#[test]
fn a_branch_is_refused_with_the_commit_to_write() {
    let bench = Bench::new();
    let server = published(&bench, "main");
    let refused = ask(&bench, &server, &["plan", "hub.yaml"]).ends(3).err;
    assert!(refused.contains("source.revision") && refused.contains(&format!("write `revision: {COMMIT}`")), "{refused}");
}

#[test]
fn a_model_is_planned_without_its_weights_and_downloaded_by_the_run() {
    let bench = Bench::new();
    let server = published(&bench, COMMIT);
    let offline = ask(&bench, &server, &["plan", "hub.yaml", "--offline"]).ends(3).err;
    assert!(offline.contains("offline, and not in the cache") && offline.contains("the list of files"), "{offline}");
    assert!(server.requests().is_empty(), "offline nothing is asked");

    let plan = ask(&bench, &server, &["plan", "hub.yaml", "--json"]).ends(0).json();
    let weights = std::fs::metadata(bench.path("model/model.safetensors")).unwrap().len();
    assert_eq!(plan["toFetchBytes"], weights);
    let from = plan["sourceFrom"].as_str().unwrap();
    assert!(from.starts_with(&format!("org/model at {COMMIT} on 127.0.0.1")), "{from}");
    let whole = |request: &aw_testkit::hub::Request| {
        request.path.contains("model.safetensors") && request.headers.get("range").is_none_or(|range| range.ends_with('-'))
    };
    assert!(!server.requests().iter().any(whole), "a plan reads headers alone");
    let missing = ask(&bench, &server, &["run", "hub.yaml", "--offline", "--out", "made"]).ends(6).err;
    assert!(missing.contains("model.safetensors of commit"), "{missing}");

    // The connection breaks now and then; the same comes out as from the folder.
    server.faults(Faults { cut: Some((500_000, 2)), ..Faults::default() });
    ask(&bench, &server, &["run", "hub.yaml", "--out", "made", "--threads", "1"]).ends(0);
    let outputs = |bench: &Bench| bench.run(&["show", "made", "--json"]).ends(0).json()["output"].clone();
    let (local, _) = finished();
    assert_eq!(outputs(&bench), outputs(local));
    let card = bench.text("made/README.md");
    assert!(card.contains("base_model: \"org/model\"\nbase_model_relation: \"finetune\"\n"), "{card}");

    // From now on nothing is asked.
    server.requests();
    ask(&bench, &server, &["run", "hub.yaml", "--offline", "--out", "again"]).ends(0);
    assert!(server.requests().is_empty());

    // What was changed in the cache since is found, by its hash.
    let snapshot = bench.path("hub/hub/models--org--model/snapshots").join(COMMIT).join("model.safetensors");
    let blob = snapshot.canonicalize().unwrap();
    let mut bytes = std::fs::read(&blob).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    let damaged = ask(&bench, &server, &["run", "hub.yaml", "--offline", "--out", "again"]).ends(6).err;
    assert!(damaged.contains("is not what its origin says") && damaged.contains(&blob.display().to_string()), "{damaged}");
}

#[test]
fn a_folder_that_happens_to_have_the_name_is_not_taken_for_the_model() {
    let bench = Bench::new();
    let server = published(&bench, COMMIT);
    std::fs::create_dir_all(bench.path("org")).unwrap();
    std::fs::rename(bench.path("model"), bench.path("org/model")).unwrap();
    server.faults(Faults { refuse: Some((404, "RepoNotFound", "Repository not found")), ..Faults::default() });
    let refused = ask(&bench, &server, &["plan", "hub.yaml"]).ends(3).err;
    assert!(refused.contains("the Hub has no commit"), "{refused}");
}
