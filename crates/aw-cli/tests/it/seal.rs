//! Seals that others accept: both ways with the programs they come from, where those are installed.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use aw_alloy::signing::{Curve, SigningKey};
use serde_json::json;

use crate::support::{Bench, Ran, finished, run};

/// A Python with the given module: the one that `ALLOYWORKS_TEST_PYTHON` names, or that `.ci/setup` made. Says so when there is none.
fn python(module: &str) -> Option<PathBuf> {
    let made = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-python/bin/python");
    let python = std::env::var_os("ALLOYWORKS_TEST_PYTHON").map_or(made, PathBuf::from);
    let found = Command::new(&python).args(["-c", &format!("import {module}")]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Some(python);
    }
    eprintln!("skipped: no Python with `{module}` (`.ci/setup` makes one; `ALLOYWORKS_TEST_PYTHON` names another)");
    None
}

/// A P-256 key for tests alone.
fn key() -> SigningKey {
    SigningKey::from_secret(Curve::P256, &[7; 32]).unwrap()
}

/// A bench with a folder to sign and the key beside it.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("key.pem", &key().to_pem());
    fs::set_permissions(bench.path("key.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    bench.write("key.pub.pem", &key().public().to_pem());
    fill(&bench.path("folder"));
    bench
}

/// Names that sort differently by bytes and by names, an empty file, a folder below, what is left out.
fn fill(folder: &Path) {
    for (name, text) in [("a/b", "1"), ("a.b", "22"), ("ü", "333"), ("empty", ""), ("deep/er/c", "4444"), (".gitattributes", "x")]
    {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn sign(bench: &Bench, folder: &str, signature: &str) -> Ran {
    bench.run(&["seal", "sign", folder, "--private-key", "key.pem", "--signature", signature, "--json"])
}

fn check(bench: &Bench, folder: &str, signature: &str) -> Ran {
    bench.run(&["seal", "check", folder, "--public-key", "key.pub.pem", "--signature", signature, "--json"])
}

/// Runs the official program; tells whether it says yes.
fn official(python: &Path, bench: &Bench, arguments: &[&str]) -> bool {
    let mut command = Command::new(python);
    command.args(["-m", "model_signing"]).args(arguments).current_dir(bench.folder.path());
    let ran = run(command);
    assert!(ran.code == Some(0) || ran.code == Some(1), "{}{}", ran.out, ran.err);
    ran.code == Some(0)
}

fn official_verifies(python: &Path, bench: &Bench, folder: &str, signature: &str) -> bool {
    official(python, bench, &["verify", "key", folder, "--signature", signature, "--public_key", "key.pub.pem"])
}

/// What is done to a folder, by its name.
type Change = (String, Box<dyn Fn(&Path)>);

/// Every way to change a folder that a seal has to notice.
fn changes(folder: &Path) -> Vec<Change> {
    let mut all: Vec<Change> = Vec::new();
    for name in aw_testkit::files(folder).into_keys().filter(|name| name != ".gitattributes" && !name.ends_with(".sig")) {
        let of = |what: &str| format!("{what} {name}");
        let path = name.clone();
        all.push((of("changed"), Box::new(move |folder: &Path| fs::write(folder.join(&path), "other").unwrap())));
        let path = name.clone();
        all.push((of("removed"), Box::new(move |folder: &Path| fs::remove_file(folder.join(&path)).unwrap())));
        let path = name.clone();
        all.push((
            of("renamed"),
            Box::new(move |folder: &Path| fs::rename(folder.join(&path), folder.join(format!("{path}.moved"))).unwrap()),
        ));
        let path = name.clone();
        all.push((
            of("linked"),
            Box::new(move |folder: &Path| {
                let place = folder.join(&path);
                let away = folder.parent().unwrap().join("away");
                fs::rename(&place, &away).unwrap();
                std::os::unix::fs::symlink(&away, &place).unwrap();
            }),
        ));
    }
    all.push(("added a file".into(), Box::new(|folder: &Path| fs::write(folder.join("new"), "").unwrap())));
    all.push(("added below".into(), Box::new(|folder: &Path| fs::write(folder.join("deep/new"), "n").unwrap())));
    all.push(("added a link".into(), Box::new(|folder: &Path| std::os::unix::fs::symlink("a.b", folder.join("link")).unwrap())));
    all
}

/// Makes a changed copy of a folder beside it.
fn changed(bench: &Bench, folder: &str, change: &dyn Fn(&Path)) {
    let copy = bench.path("changed");
    let _ = fs::remove_dir_all(&copy);
    let _ = fs::remove_file(bench.path("away"));
    aw_testkit::write_files(&copy, &aw_testkit::files(&bench.path(folder)));
    change(&copy);
}

#[test]
fn a_signed_folder_is_good_and_every_change_is_found() {
    let bench = bench();
    let signed = sign(&bench, "folder", "model.sig").ends(0).json();
    assert_eq!(signed["files"], json!(5), "{signed}");
    let good = check(&bench, "folder", "model.sig").ends(0).json();
    assert_eq!((&good["verdict"], &good["files"], &good["bytes"]), (&json!("good"), &json!(5), &json!(10)));
    for (what, change) in changes(&bench.path("folder")) {
        changed(&bench, "folder", &change);
        let bad = check(&bench, "changed", "model.sig").ends(1).json();
        assert_eq!(bad["verdict"], json!("bad"), "{what}");
    }
    // Without a key nobody knows who signed; with another it was not that one.
    let unknown = bench.run(&["seal", "check", "folder"]).ends(5);
    assert!(unknown.out.contains("UNKNOWN") && unknown.out.contains("no key was named"), "{}", unknown.out);
    let other = SigningKey::from_secret(Curve::P384, &[9; 48]).unwrap();
    bench.write("other.pem", &other.public().to_pem());
    let bad = bench.run(&["seal", "check", "folder", "--public-key", "other.pem"]).ends(1);
    assert!(bad.out.contains("BAD") && bad.out.contains("files not looked at"), "{}", bad.out);
}

#[test]
fn what_cannot_be_signed_is_refused() {
    let bench = bench();
    std::os::unix::fs::symlink("a.b", bench.path("folder/link")).unwrap();
    assert!(sign(&bench, "folder", "model.sig").ends(3).out.contains("symbolic link"));
    fs::remove_file(bench.path("folder/link")).unwrap();
    fs::create_dir(bench.path("nothing")).unwrap();
    assert!(sign(&bench, "nothing", "model.sig").ends(3).out.contains("holds no file to sign"));
    assert!(sign(&bench, "absent", "model.sig").ends(2).out.contains("absent"));
    fs::set_permissions(bench.path("key.pem"), fs::Permissions::from_mode(0o644)).unwrap();
    let open = sign(&bench, "folder", "model.sig").ends(6);
    assert!(open.out.contains("chmod 600") && !open.out.contains("MIGH"), "{}", open.out);
    bench.write("ed.pem", &SigningKey::from_secret(Curve::Ed25519, &[7; 32]).unwrap().to_pem());
    fs::set_permissions(bench.path("ed.pem"), fs::Permissions::from_mode(0o600)).unwrap();
    assert!(bench.run(&["seal", "sign", "folder", "--private-key", "ed.pem"]).ends(3).err.contains("P-256 or P-384"));
    assert!(!bench.path("model.sig").exists());
    bench.write("model.sig", "{}");
    let refused = bench.run(&["seal", "check", "folder"]).ends(3);
    assert!(refused.err.contains("`mediaType`"), "{}", refused.err);
}

#[test]
fn a_small_change_reads_only_what_changed() {
    let bench = bench();
    let before = sign(&bench, "folder", "model.sig").ends(0).json();
    assert_eq!(before["hashedBytes"], json!(10));
    // What was written within the last two seconds could still change and look the same.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    sign(&bench, "folder", "model.sig").ends(0);
    let again = sign(&bench, "folder", "again.sig").ends(0).json();
    assert_eq!(again["hashedBytes"], json!(0));
    assert_eq!(bench.text("model.sig"), bench.text("again.sig"), "the same folder and key, the same bytes");
    fs::write(bench.path("folder/a.b"), "55").unwrap();
    let changed = sign(&bench, "folder", "again.sig").ends(0).json();
    assert_eq!(changed["hashedBytes"], json!(2));
    check(&bench, "folder", "again.sig").ends(0);
    check(&bench, "folder", "model.sig").ends(1);
    let all = bench.run(&["seal", "sign", "folder", "--private-key", "key.pem", "--rehash", "--json"]).ends(0).json();
    assert_eq!(all["hashedBytes"], json!(10));
}

#[test]
fn the_official_program_accepts_ours_and_we_accept_theirs() {
    let Some(python) = python("model_signing") else { return };
    let bench = bench();
    // Theirs lies in the folder, ours beside it: both are ways that people have it.
    for (signature, ours) in [("folder/theirs.sig", false), ("ours.sig", true)] {
        if ours {
            fs::remove_file(bench.path("folder/theirs.sig")).unwrap();
            sign(&bench, "folder", signature).ends(0);
        } else {
            assert!(official(&python, &bench, &["sign", "key", "folder", "--signature", signature, "--private_key", "key.pem"]));
        }
        assert!(official_verifies(&python, &bench, "folder", signature), "{signature}");
        check(&bench, "folder", signature).ends(0);
        for (what, change) in changes(&bench.path("folder")) {
            changed(&bench, "folder", &change);
            let moved = signature.replacen("folder/", "changed/", 1);
            assert!(!official_verifies(&python, &bench, "changed", &moved), "{signature}: {what}");
            check(&bench, "changed", &moved).ends(1);
        }
        // And a changed signature.
        let text = bench.text(signature);
        let at = text.find("\"sig\"").unwrap() + 12;
        let letter = if &text[at..=at] == "A" { "B" } else { "A" };
        bench.write("broken.sig", &format!("{}{letter}{}", &text[..at], &text[at + 1..]));
        assert!(!official_verifies(&python, &bench, "folder", "broken.sig"));
        assert_ne!(check(&bench, "folder", "broken.sig").code, Some(0));
    }
}

#[test]
fn the_official_program_accepts_an_artifact_folder_and_other_ways_of_hashing_are_read() {
    let Some(python) = python("model_signing") else { return };
    let bench = bench();
    let (made, _) = finished();
    aw_testkit::write_files(&bench.path("made"), &aw_testkit::files(&made.path("made")));
    sign(&bench, "made", "made.sig").ends(0);
    assert!(official_verifies(&python, &bench, "made", "made.sig"));
    check(&bench, "made", "made.sig").ends(0);
    bench.run(&["verify", "made"]).ends(0);
    assert!(sign(&bench, "made", "made/model.sig").ends(2).out.contains("beside the folder"));
    let script = "
import sys, model_signing as ms
kind, algorithm = sys.argv[1:3]
hashing = ms.hashing.Config()
if kind == 'shards':
    hashing.use_shard_serialization(hashing_algorithm=algorithm, shard_size=3)
else:
    hashing.use_file_serialization(hashing_algorithm=algorithm)
ms.signing.Config().use_elliptic_key_signer(private_key='key.pem').set_hashing_config(hashing).sign('folder', 'theirs.sig')
";
    for (kind, algorithm) in [("shards", "sha256"), ("shards", "blake2"), ("files", "blake2"), ("files", "blake3")] {
        let mut command = Command::new(&python);
        command.args(["-c", script, kind, algorithm]).current_dir(bench.folder.path());
        run(command).ends(0);
        let good = check(&bench, "folder", "theirs.sig").ends(0).json();
        assert_eq!(good["method"], json!(kind));
        for (what, change) in
            changes(&bench.path("folder")).into_iter().filter(|(what, _)| !what.contains("empty") && what != "added a file")
        {
            changed(&bench, "folder", &change);
            assert_eq!(check(&bench, "changed", "theirs.sig").code, Some(1), "{kind} {algorithm}: {what}");
        }
    }
}

/// A root, a certificate below it and one below that, and another root, made by OpenSSL. False when there is no OpenSSL.
fn certificates(bench: &Bench) -> bool {
    let script = "
set -e
root() {
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout $1.key -out $1.pem -days 30 -subj /CN=$1 \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
}
below() {
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout $1.key -out $1.csr -subj /CN=$1
    printf '%s\\n' \"$3\" > $1.ext
    openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -days 30 -extfile $1.ext -out $1.pem $4
}
root ca
root stranger
below middle ca 'basicConstraints=critical,CA:TRUE
keyUsage=critical,keyCertSign' -sha384
below leaf middle 'basicConstraints=critical,CA:FALSE
keyUsage=critical,digitalSignature' -sha256
below encipher middle 'basicConstraints=critical,CA:FALSE
keyUsage=critical,keyEncipherment' -sha256
";
    let mut command = Command::new("sh");
    command.args(["-c", script]).current_dir(bench.folder.path());
    match command.output() {
        Ok(output) if output.status.success() => true,
        other => {
            eprintln!("skipped: OpenSSL makes no certificates here: {other:?}");
            false
        }
    }
}

#[test]
fn certificates_lead_to_a_root_or_are_bad() {
    let Some(python) = python("model_signing") else { return };
    let bench = bench();
    if !certificates(&bench) {
        return;
    }
    let sign = |leaf: &str| {
        let [key, certificate, signature] = ["key", "pem", "sig"].map(|suffix| format!("{leaf}.{suffix}"));
        let line = [
            "sign",
            "certificate",
            "folder",
            "--signature",
            &signature,
            "--private_key",
            &key,
            "--signing_certificate",
            &certificate,
        ];
        assert!(official(&python, &bench, &[&line[..], &["--certificate_chain", "middle.pem"]].concat()), "{leaf}");
    };
    let theirs = |signature: &str, root: &str| {
        official(&python, &bench, &["verify", "certificate", "folder", "--signature", signature, "--certificate_chain", root])
    };
    let ours = |signature: &str, root: &[&str]| {
        let line = ["seal", "check", "folder", "--json", "--signature", signature];
        let roots: Vec<&str> = root.iter().flat_map(|root| ["--certificate-authority", root]).collect();
        bench.run(&[&line[..], &roots].concat())
    };
    sign("leaf");
    assert!(theirs("leaf.sig", "ca.pem") && !theirs("leaf.sig", "stranger.pem"));
    let good = ours("leaf.sig", &["stranger.pem", "ca.pem"]).ends(0).json();
    assert_eq!((&good["verdict"], &good["signedBy"]), (&json!("good"), &json!("certificate")));
    assert!(ours("leaf.sig", &["stranger.pem"]).ends(1).out.contains("UnknownIssuer"));
    assert!(ours("leaf.sig", &[]).ends(5).out.contains("no root was named"));
    assert!(ours("leaf.sig", &["leaf.key"]).ends(3).out.contains("no list of certificates"));
    sign("encipher");
    assert!(!theirs("encipher.sig", "ca.pem"));
    assert!(ours("encipher.sig", &["ca.pem"]).ends(1).out.contains("neither that it signs data"));
    fs::write(bench.path("folder/a.b"), "other").unwrap();
    assert!(!theirs("leaf.sig", "ca.pem"));
    ours("leaf.sig", &["ca.pem"]).ends(1);
}

#[test]
fn provenance_goes_out_and_comes_back() {
    let bench = bench();
    let (made, _) = finished();
    aw_testkit::write_files(&bench.path("made"), &aw_testkit::files(&made.path("made")));
    let export = |format: &str, more: &[&str]| {
        let line = [&["seal", "export", "made", "--format", format, "--json"], more].concat();
        bench.run(&line).ends(0).json()
    };
    let out = export("in-toto", &["--private-key", "key.pem", "--out", "p.json"]);
    assert_eq!(out["predicateType"], json!("https://slsa.dev/provenance/v1"));
    let import = |folder: &str, code: i32| {
        bench.run(&["seal", "import", "p.json", folder, "--public-key", "key.pub.pem", "--json"]).ends(code).json()
    };
    let good = import("made", 0);
    assert_eq!((&good["verdict"], &good["subjects"]), (&json!("good"), &out["subjects"]));
    assert_eq!(good["subjects"], json!(aw_testkit::files(&bench.path("made")).len()));
    let recipe = &good["predicate"]["buildDefinition"]["externalParameters"]["recipe"];
    assert_eq!(recipe["name"], json!("tiny-test"));
    for name in aw_testkit::files(&bench.path("made")).into_keys() {
        changed(&bench, "made", &|folder| fs::write(folder.join(&name), "other").unwrap());
        assert_eq!(import("changed", 1)["verdict"], json!("bad"), "{name}");
    }
    changed(&bench, "made", &|folder| fs::write(folder.join("new"), "").unwrap());
    import("changed", 1);
    bench.run(&["seal", "import", "p.json", "made"]).ends(5);
    // The verdicts as a claim of their own.
    let judged = bench.run(&["judge", "made", "--out", "v.json"]);
    assert!(bench.path("v.json").is_file(), "{}{}", judged.out, judged.err);
    export("verdicts", &["--private-key", "key.pem", "--verdicts", "v.json", "--out", "g.json"]);
    let back = bench.run(&["seal", "import", "g.json", "made", "--public-key", "key.pub.pem", "--out", "back.json"]).ends(0);
    assert!(back.out.contains("urn:alloyworks:gate-verdicts:v1"), "{}", back.out);
    assert_eq!(bench.text("back.json"), bench.text("v.json"), "the record comes back byte by byte");
    // A claim that nobody here reads is refused by name, and so is a bundle.
    sign(&bench, "folder", "model.sig").ends(0);
    let refused = bench.run(&["seal", "import", "model.sig", "folder"]).ends(2);
    assert!(refused.err.contains("alloyworks seal check"), "{}", refused.err);
    let bill = export("cyclonedx", &["--out", "b.json"]);
    assert!(bill["bytes"].as_u64().unwrap() > 1000);
    let picture = export("qr", &["--out", "q.png"]);
    assert!(picture["link"].as_str().unwrap().starts_with("alloyworks:"));
    assert!(bench.run(&["seal", "export", "made", "--format", "qr", "--out", "q.jpg"]).ends(2).err.contains(".svg"));
    assert!(bench.run(&["seal", "export", "made", "--format", "qr", "--key", "x"]).ends(2).err.contains("means nothing"));
}

#[test]
fn the_libraries_of_others_read_what_is_exported() {
    let Some(python) = python("in_toto_attestation, cyclonedx.validation.json, securesystemslib.dsse") else { return };
    let bench = bench();
    let (made, _) = finished();
    aw_testkit::write_files(&bench.path("made"), &aw_testkit::files(&made.path("made")));
    bench.run(&["seal", "export", "made", "--format", "in-toto", "--private-key", "key.pem", "--out", "p.json"]).ends(0);
    let mut documents = vec![bench.path("made/tiny-test.alloy.json")];
    if let Some(shared) = aw_testkit::shared("alloys") {
        documents.extend(
            aw_testkit::files(&shared).into_keys().filter(|name| name.ends_with(".alloy.json")).map(|name| shared.join(name)),
        );
    }
    let bills: Vec<String> = (0..documents.len()).map(|index| format!("bill-{index}.json")).collect();
    for (document, bill) in documents.iter().zip(&bills) {
        bench.run(&["seal", "export", document.to_str().unwrap(), "--format", "cyclonedx", "--out", bill]).ends(0);
    }
    let script = "
import json, sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from google.protobuf.json_format import Parse
from in_toto_attestation.v1.statement import Statement
import in_toto_attestation.v1.statement_pb2 as statement_pb
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
envelope = Envelope.from_dict(json.load(open('p.json')))
key = SSlibKey.from_crypto(load_pem_public_key(open('key.pub.pem', 'rb').read()), scheme='ecdsa-sha2-nistp256')
envelope.signatures = {key.keyid: next(iter(envelope.signatures.values()))}
envelope.signatures[key.keyid].keyid = key.keyid
assert list(envelope.verify([key], 1)) == [key.keyid]
Statement.copy_from_pb(Parse(envelope.payload, statement_pb.Statement())).validate()
for bill in sys.argv[1:]:
    wrong = JsonStrictValidator(SchemaVersion.V1_6).validate_str(open(bill).read())
    assert wrong is None, (bill, wrong)
";
    let mut command = Command::new(python);
    command.args(["-c", script]).args(&bills).current_dir(bench.folder.path());
    run(command).ends(0);
}
