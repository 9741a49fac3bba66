//! Keys from their making to the check of what they signed, over the commands alone.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use aw_commands::{Answer, Environment, ExitCode, Report, Settings, Surface};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::glass::registry;

const RECIPE: &str =
    "name: vase\nversion: 1.0.0\nsource: { baseModel: pit, architecture: sand }\nstages:\n  - { type: blow, shape: round }\n";
const AUDIENCE: &str = "https://verifier.example";
const NONCE: &str = "q83vASNFZ4mrze8BI0VniQ";

/// A folder with a recipe in it, and as many homes as are asked for.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pit")).unwrap();
        fs::write(folder.path().join("pit/sand"), "sand").unwrap();
        fs::write(folder.path().join("vase.yaml"), RECIPE).unwrap();
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn ask(&self, home: &str, name: &str, parameters: Value) -> Result<Answer, Report> {
        let settings =
            Settings { home: Some(self.path(home)), registry: Box::new(registry), program: None, worker_arguments: None };
        let environment = Environment::new(settings).unwrap();
        let commands = aw_commands::registry();
        let command = commands.iter().find(|command| command.name == name).unwrap();
        command.run(&environment, parameters, &Surface { event: &|_| {}, cancelled: &|| false })
    }

    fn tell(&self, home: &str, name: &str, parameters: Value) -> Value {
        self.ask(home, name, parameters).unwrap().result
    }

    /// Runs the recipe into `vase`, with more parameters.
    fn run(&self, more: Value) -> Result<Value, Report> {
        let mut parameters = json!({"recipe": self.path("vase.yaml"), "out": self.path("vase")});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Ok(self.ask("home", "forge/run", parameters)?.result)
    }

    /// How `verify` of `vase` ends, and what it says of the signature.
    fn verify(&self, home: &str, more: Value) -> (ExitCode, Value) {
        let mut parameters = json!({"artifact": self.path("vase")});
        parameters.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let answer = self.ask(home, "forge/verify", parameters).unwrap();
        (answer.exit_code, answer.result)
    }

    fn export(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, self.tell("home", "key/registry", json!({})).to_string()).unwrap();
        path
    }
}

fn findings(result: &Value) -> String {
    let findings = result["findings"].as_array().unwrap().iter();
    findings.map(|finding| finding["message"].as_str().unwrap()).collect::<Vec<_>>().join("; ")
}

#[test]
fn a_signed_artifact_is_checked_by_others_for_as_long_as_its_key_counts() {
    let desk = Desk::new();
    let made = desk.tell("home", "key/create", json!({"name": "release", "owner": "potters"}));
    assert_eq!((made["key"]["algorithm"].as_str(), made["key"]["state"].as_str()), (Some("ES256"), Some("current")));
    let ran = desk.run(json!({"sign": "release", "nonce": NONCE, "audience": AUDIENCE})).unwrap();
    assert_eq!(ran["signedWith"], made["key"]["keyId"]);

    // Here, where the key is known.
    let (exit, result) = desk.verify("home", json!({"nonce": NONCE, "audience": AUDIENCE}));
    assert_eq!((exit, &result["signature"]["verdict"]), (ExitCode::Ok, &json!("good")), "{}", findings(&result));
    assert_eq!(result["signature"]["owner"], "potters");
    // Elsewhere it cannot be told, and why is said.
    let (exit, result) = desk.verify("elsewhere", json!({}));
    assert_eq!((exit, &result["signature"]["verdict"]), (ExitCode::Unknown, &json!("unknown")));
    assert!(findings(&result).contains("revocation was not checked"), "{}", findings(&result));
    // With the registry it can, by its file or once it is imported.
    let early = desk.export("early.json");
    assert_eq!(desk.verify("elsewhere", json!({"registry": early})).0, ExitCode::Ok);
    assert_eq!(desk.tell("elsewhere", "key/import", json!({"file": early}))["added"], 1);
    assert_eq!(desk.verify("elsewhere", json!({})).0, ExitCode::Ok);
    // For others, and for another question, it is bad.
    for asked in [
        json!({"audience": "https://verifier.example/"}),
        json!({"audience": "https://other.example"}),
        json!({"nonce": "AAAAAAAAAAAAAAAAAAAAAA"}),
    ] {
        let (exit, result) = desk.verify("elsewhere", asked);
        assert_eq!((exit, &result["signature"]["verdict"]), (ExitCode::No, &json!("bad")));
    }
    // The checker that knows nothing of this program agrees.
    check_artifact(&desk.path("vase"));

    // Rotated: what was signed before counts on.
    let rotated = desk.tell("home", "key/rotate", json!({"key": "release"}));
    assert_eq!((rotated["old"]["state"].as_str(), rotated["new"]["state"].as_str()), (Some("superseded"), Some("current")));
    let after = desk.export("after.json");
    assert_eq!(desk.verify("elsewhere", json!({"registry": after})).0, ExitCode::Ok);
    // Revoked: nothing counts, and the older file does not bring it back.
    let revoked = desk.tell("home", "key/revoke", json!({"key": rotated["old"]["keyId"], "reason": "stolen"}));
    assert_eq!(revoked["key"]["state"], "revoked");
    assert_eq!(desk.tell("elsewhere", "key/import", json!({"file": desk.export("revoked.json")}))["changed"], 1);
    for asked in [json!({}), json!({"registry": early}), json!({"registry": after})] {
        let (exit, result) = desk.verify("elsewhere", asked);
        assert_eq!(exit, ExitCode::No);
        assert!(findings(&result).contains("stolen"), "{}", findings(&result));
    }
}

#[test]
fn a_signature_asked_for_is_there_and_one_that_is_there_stays() {
    let desk = Desk::new();
    desk.tell("home", "key/create", json!({"name": "release", "algorithm": "es384"}));
    let unsigned = desk.run(json!({})).unwrap();
    assert_eq!(unsigned["signedWith"], Value::Null);
    let (exit, result) = desk.verify("home", json!({}));
    assert_eq!((exit, &result["signature"]), (ExitCode::Ok, &Value::Null));
    for asked in [json!({"nonce": NONCE}), json!({"audience": AUDIENCE})] {
        assert_eq!(desk.verify("home", asked).0, ExitCode::No);
    }
    assert_eq!(desk.verify("home", json!({"registry": desk.export("r.json")})).0, ExitCode::Unknown);

    let signed = desk.run(json!({"sign": "release"})).unwrap();
    assert_eq!((&signed["unchanged"], &signed["artifact"]), (&json!(false), &unsigned["artifact"]));
    let same = desk.run(json!({"sign": "release"})).unwrap();
    assert_eq!((&same["unchanged"], &same["signedWith"]), (&json!(true), &signed["signedWith"]));
    let kept = desk.run(json!({})).unwrap();
    assert_eq!((&kept["unchanged"], &kept["signedWith"]), (&json!(true), &signed["signedWith"]));
    let other = desk.run(json!({"sign": "release", "audience": AUDIENCE})).unwrap();
    assert_eq!(other["unchanged"], json!(false));
    desk.tell("home", "key/rotate", json!({"key": "release"}));
    let rotated = desk.run(json!({"sign": "release", "audience": AUDIENCE})).unwrap();
    assert_ne!(rotated["signedWith"], other["signedWith"]);
    assert_eq!(desk.verify("home", json!({})).0, ExitCode::Ok);
    check_artifact(&desk.path("vase"));
}

#[test]
fn what_cannot_sign_is_refused_before_any_work() {
    let desk = Desk::new();
    desk.tell("home", "key/create", json!({"name": "gone"}));
    desk.tell("home", "key/revoke", json!({"key": "gone"}));
    desk.tell("home", "key/create", json!({"name": "release"}));
    for (more, exit, code) in [
        (json!({"sign": "nobody"}), ExitCode::Usage, "key-unknown"),
        (json!({"sign": "identity"}), ExitCode::Usage, "key-unknown"),
        (json!({"sign": "gone"}), ExitCode::Refused, "key-state"),
        (json!({"sign": "release", "nonce": "AAAA"}), ExitCode::Usage, "parameters"),
        (json!({"sign": "release", "nonce": "not base64!"}), ExitCode::Usage, "parameters"),
        (json!({"sign": "release", "audience": ""}), ExitCode::Usage, "parameters"),
        (json!({"nonce": NONCE}), ExitCode::Usage, "parameters"),
        (json!({"audience": AUDIENCE}), ExitCode::Usage, "parameters"),
    ] {
        let report = desk.run(more.clone()).unwrap_err();
        assert_eq!((report.exit_code, report.code.as_str()), (exit, code), "{more}: {report:?}");
    }
    assert!(!desk.path("vase").exists());
    let short = desk.ask("home", "forge/verify", json!({"artifact": desk.path("vase"), "nonce": "AAAA"})).unwrap_err();
    assert_eq!(short.exit_code, ExitCode::Usage);
    let missing = desk.ask("home", "key/import", json!({"file": desk.path("none.json")})).unwrap_err();
    assert_eq!(missing.exit_code, ExitCode::Usage);
    fs::write(desk.path("bad.json"), r#"{"asOf": "2026-01-01T00:00:00Z", "keys": [{"keyId": 1}]}"#).unwrap();
    let bad = desk.ask("home", "key/import", json!({"file": desk.path("bad.json")})).unwrap_err();
    assert_eq!(bad.exit_code, ExitCode::Refused);
    let members: Vec<_> = bad.problems.iter().filter_map(|it| it.place.as_ref()?.member.clone()).collect();
    assert!(members.contains(&"keys[0].keyId".to_owned()) && members.contains(&"keys[0].revokedAt".to_owned()), "{members:?}");
}

#[test]
fn homes_of_before_go_on_and_their_identity_is_listed() {
    let desk = Desk::new();
    // The secret of RFC 8032, section 7.1, test 1, as the first runs left it.
    let secret = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let file = desk.path("home/keys/identity.ed25519");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, format!("{secret}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let listed = desk.tell("home", "key/list", json!({}));
    assert_eq!((listed["keys"][0]["name"].as_str(), listed["keys"][0]["purpose"].as_str()), (Some("identity"), Some("identity")));
    desk.run(json!({})).unwrap();
    desk.tell("home", "key/create", json!({"name": "release", "algorithm": "ed25519"}));
    assert_eq!(desk.tell("home", "key/list", json!({}))["keys"].as_array().unwrap().len(), 2);
    let shown = desk.tell("home", "key/show", json!({"key": "identity"}));
    // `openssl pkey` of that secret.
    let pem =
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n-----END PUBLIC KEY-----\n";
    assert_eq!(shown["publicKeyPem"], pem);
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{secret}\n"));
    // It is in no registry: it signs nothing for others.
    let identity = shown["key"]["keyId"].as_str().unwrap();
    let known = desk.tell("home", "key/registry", json!({"all": true}));
    assert!(known["keys"].as_array().unwrap().iter().all(|key| key["keyId"] != identity), "{known}");
}

#[test]
fn no_answer_holds_a_secret() {
    let desk = Desk::new();
    let mut said = String::new();
    for (name, algorithm) in [("a", "es256"), ("b", "es384"), ("c", "ed25519")] {
        said += &desk.tell("home", "key/create", json!({"name": name, "algorithm": algorithm})).to_string();
        said += &desk.run(json!({"sign": name})).unwrap().to_string();
        said += &desk.tell("home", "key/show", json!({"key": name})).to_string();
    }
    for (command, parameters) in
        [("key/list", json!({})), ("key/registry", json!({"all": true})), ("key/rotate", json!({"key": "a"}))]
    {
        said += &desk.tell("home", command, parameters).to_string();
    }
    said += &desk.verify("home", json!({})).1.to_string();
    for file in aw_testkit::files(&desk.path("vase")).values() {
        said += &String::from_utf8_lossy(file);
    }
    let mut secrets = 0;
    for (name, bytes) in aw_testkit::files(&desk.path("home/keys")) {
        if !name.ends_with(".pem") && !name.ends_with(".ed25519") {
            continue;
        }
        let mode = fs::metadata(desk.path("home/keys").join(&name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
        let text = String::from_utf8(bytes).unwrap();
        let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        // Past the head that all keys of a kind share, before the public half that some carry.
        let secret: String = if name.ends_with(".pem") { body.chars().skip(48).take(16).collect() } else { body };
        assert!(secret.len() >= 16 && !said.contains(&secret), "{name}");
        secrets += 1;
    }
    assert_eq!(secrets, 5);
}

/// `spec/check_artifact.py`, where Python and OpenSSL are.
#[allow(clippy::print_stderr, reason = "what is skipped is said")]
fn check_artifact(folder: &Path) {
    if Command::new("openssl").arg("version").output().is_err() {
        eprintln!("skipped: no `openssl` program");
        return;
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec/check_artifact.py");
    match Command::new("python3").arg("-B").arg(script).arg(folder).output() {
        Err(_) => eprintln!("skipped: no `python3` program"),
        Ok(done) => assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout)),
    }
}
