//! The shipping door, through the program: judged, approved, published, and killed at any moment.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Bench, Ran, finished, run};

/// Moments the program is killed at, for each kind of target.
const KILLS: u64 = 30;
const PASSWORD: &str = "a-very-secret-password";

/// A folder with contracts of the reference ontology, made and approved; they state no criteria of their own.
fn contracts(approved: bool) -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench { folder };
    let ontology = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/contracts/reference.ttl");
    std::fs::copy(ontology, bench.path("reference.ttl")).unwrap();
    bench.write(
        "recipe.yaml",
        "name: contracts\nversion: 1.0.0\nlicense: apache-2.0\ndomains: [codegen]\n\
         source: {baseModel: reference.ttl, architecture: text/turtle}\n\
         stages:\n  - {type: read-ontology}\n  - {type: generate, profile: wire, targets: [jsonschema, openapi]}\n  - {type: smoke-compile}\n",
    );
    bench.run(&["run", "recipe.yaml", "--out", "made"]).ends(0);
    if approved {
        bench.run(&["approve", "made", "--as", "Ada Example", "--reason", "reviewed"]).ends(0);
    }
    bench
}

fn version(shelf: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(shelf).unwrap().map(|entry| entry.unwrap().path());
    let shown: Vec<_> = entries.filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.')).collect();
    assert_eq!(shown.len(), 1, "{shown:?}");
    aw_testkit::files(&shown[0])
}

#[test]
fn what_the_gates_refuse_does_not_go_and_says_why() {
    let (bench, _) = finished();
    let shipped = bench.run(&["ship", "made", "--corpora", ".", "--to", "refused", "--json"]).ends(1).json();
    let decision = &shipped["parts"][0]["decision"];
    assert_eq!(decision["judgement"], "refuse");
    assert!(decision["reasons"].as_array().unwrap().iter().any(|reason| reason["gate"] == "calibration-corpus"), "{decision}");
    assert!(!bench.path("refused").exists() && bench.path("made.refusal.json").exists());
    let error = bench.run(&["approve", "made", "--corpora", ".", "--as", "Ada"]).ends(3);
    assert!(error.err.contains("nobody can approve away"), "{}", error.err);
}

#[test]
fn what_states_no_criteria_waits_for_a_person_and_then_goes() {
    let bench = contracts(false);
    let waits = bench.run(&["ship", "made", "--to", "shelf"]).ends(5);
    assert!(waits.out.contains("WAITS") && !bench.path("shelf").exists(), "{}", waits.out);
    bench.run(&["approve", "made", "--as", "Ada Example"]).ends(0);
    let looked = bench.run(&["ship", "made", "--to", "shelf", "--dry-run"]).ends(0);
    assert!(looked.out.contains("MAY GO") && !bench.path("shelf").exists(), "{}", looked.out);
    let gone = bench.run(&["ship", "made", "--to", "shelf"]).ends(0);
    assert!(gone.out.contains("SHIPPED"), "{}", gone.out);
    assert_eq!(version(&bench.path("shelf")), aw_testkit::files(&bench.path("made")));
    let receipt: Value = serde_json::from_str(&bench.text("made.receipt.json")).unwrap();
    assert_eq!(receipt["approval"]["approver"], "Ada Example");
    // On a node that does not have the recipe, nothing goes.
    let elsewhere = run(bench.command_at("elsewhere", &["ship", "made", "--to", "other", "--json"])).ends(1);
    assert!(elsewhere.out.contains("recipe-resolves"), "{}", elsewhere.out);
}

#[test]
fn contracts_that_nobody_compiled_do_not_go_and_nobody_can_approve_them() {
    let bench = contracts(false);
    let recipe = bench.text("recipe.yaml").replace("  - {type: smoke-compile}\n", "").replace("name: contracts", "name: untried");
    bench.write("untried.yaml", &recipe);
    bench.run(&["run", "untried.yaml", "--out", "untried"]).ends(0);
    let refused = bench.run(&["ship", "untried", "--to", "shelf", "--json"]).ends(1).json();
    let reasons = refused["parts"][0]["decision"]["reasons"].as_array().unwrap();
    let told: Vec<String> = reasons.iter().map(|it| format!("{}/{}", it["gate"], it["rule"]).replace('"', "")).collect();
    assert_eq!(told, ["deployment/target-compiles"; 2], "{refused}");
    assert!(!bench.path("shelf").exists());
    let error = bench.run(&["approve", "untried", "--as", "Ada"]).ends(3);
    assert!(error.err.contains("smoke-compile"), "{}", error.err);
}

#[test]
fn a_plan_without_a_compiler_is_refused_unless_the_target_is_named() {
    let bench = contracts(false);
    let recipe = bench.text("recipe.yaml").replace("[jsonschema, openapi]", "[csharp, rust, openapi]");
    bench.write("languages.yaml", &recipe);
    let refused = bench.run(&["plan", "languages.yaml"]).ends(3);
    assert!(refused.err.contains("csharp: there is no compiler") && refused.err.contains("`cargo` is not"), "{}", refused.err);
    assert!(refused.err.contains("ALLOYWORKS_CODEGEN_TOOLS") && !refused.err.contains("openapi:"), "{}", refused.err);
    bench.write("named.yaml", &recipe.replace("smoke-compile", "smoke-compile, allowUnverified: [csharp, rust]"));
    bench.run(&["plan", "named.yaml"]).ends(0);
}

#[test]
fn what_is_asked_wrongly_is_said_before_anything_is_done() {
    let bench = contracts(true);
    for (arguments, said) in [
        (&["ship", "made"][..], "nothing says where it goes"),
        (&["ship", "--to", "shelf"], "name an artifact's folder"),
        (&["ship", "--all", "--to", "shelf"], "needs the root"),
        (&["ship", "made", "--to", "ftp://h/x"], "no target"),
        (&["ship", "made", "--to", "oci://user:hunter2@h/x"], "credentials come from the environment"),
        (&["ship", "made", "--to", "shelf", "--to", "dir:shelf"], "twice"),
        (&["ship", "made", "--to", "shelf", "--policy", "nobody"], "no policy"),
        (&["ship", "made", "--to", "shelf", "--approver", "x"], "not an ed25519 public key"),
    ] {
        let ran = bench.run(arguments).ends(2);
        assert!(ran.err.contains(said) && !ran.err.contains("hunter2"), "{arguments:?}: {}", ran.err);
    }
    assert!(!bench.path("shelf").exists());
}

/// A small generator with a written seed: which moment is killed varies, which way does not.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// Starts the command and kills it after a while, again and again; then lets it end.
fn killed_and_gone_on(bench: &Bench, arguments: &[&str], took: Duration, dice: &mut Dice) -> Ran {
    for _ in 0..3 {
        let mut child = bench.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(dice.below(took.as_micros() as u64 + 1)));
        let _ = child.kill();
        child.wait().unwrap();
    }
    bench.run(arguments).ends(0)
}

#[test]
fn killed_at_any_moment_a_folder_comes_to_the_same_end() {
    let bench = contracts(true);
    let started = Instant::now();
    bench.run(&["ship", "made", "--to", "reference"]).ends(0);
    let took = started.elapsed();
    let (whole, mut dice) = (aw_testkit::files(&bench.path("made")), Dice(11));
    for round in 0..KILLS / 3 {
        std::fs::remove_file(bench.path("made.receipt.json")).unwrap();
        let shelf = format!("shelf{round}");
        killed_and_gone_on(&bench, &["ship", "made", "--to", &shelf], took, &mut dice);
        assert_eq!(version(&bench.path(&shelf)), whole, "{round}");
        let receipt: Value = serde_json::from_str(&bench.text("made.receipt.json")).unwrap();
        assert_eq!(receipt["publications"].as_array().unwrap().len(), 1, "{round}");
    }
}

struct Registry {
    child: Child,
    port: u16,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Debian's `docker-registry`, with a folder in the bench.
fn registry(bench: &Bench) -> Option<Registry> {
    let program = aw_testkit::server("ALLOYWORKS_DOCKER_REGISTRY", "docker-registry")?;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: 127.0.0.1:{port}}}\n",
        bench.path("data").display()
    );
    bench.write("registry.yml", &config);
    let mut command = Command::new(program);
    command.arg("serve").arg(bench.path("registry.yml")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let running = Registry { child: command.spawn().unwrap(), port };
    let until = Instant::now() + Duration::from_secs(30);
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "the registry does not listen");
        std::thread::sleep(Duration::from_millis(50));
    }
    Some(running)
}

#[test]
fn killed_at_any_moment_a_registry_comes_to_the_same_manifest() {
    let bench = contracts(true);
    let Some(running) = registry(&bench) else { return };
    let to = |name: &str| format!("oci://127.0.0.1:{}/{name}", running.port);
    let url = |text: &str| {
        let receipt: Value = serde_json::from_str(text).unwrap();
        receipt["publications"][0]["revision"].as_str().unwrap().to_owned()
    };
    let started = Instant::now();
    bench.run(&["ship", "made", "--to", &to("reference")]).ends(0);
    let (took, expected) = (started.elapsed(), url(&bench.text("made.receipt.json")));
    let mut dice = Dice(12);
    for round in 0..KILLS / 3 {
        std::fs::remove_file(bench.path("made.receipt.json")).unwrap();
        killed_and_gone_on(&bench, &["ship", "made", "--to", &to(&format!("round{round}"))], took, &mut dice);
        assert_eq!(url(&bench.text("made.receipt.json")), expected, "{round}");
    }
    // The password that is set goes to no output, file or record.
    let mut command = bench.command(&["ship", "made", "--to", &to("secret"), "--json"]);
    command.env("ALLOYWORKS_OCI_USERNAME", "ada").env("ALLOYWORKS_OCI_PASSWORD", PASSWORD);
    let ran = run(command).ends(0);
    let mut wrong = bench.command(&["ship", "made", "--to", &format!("oci://127.0.0.1:{}/x", running.port + 1), "--json"]);
    wrong.env("ALLOYWORKS_OCI_USERNAME", "ada").env("ALLOYWORKS_OCI_PASSWORD", PASSWORD);
    let failed = run(wrong);
    for text in [ran.out, ran.err, failed.out, failed.err] {
        assert!(!text.contains(PASSWORD), "{text}");
    }
    for (name, bytes) in aw_testkit::files(bench.folder.path()) {
        assert!(!bytes.windows(PASSWORD.len()).any(|window| window == PASSWORD.as_bytes()), "{name}");
    }
}
