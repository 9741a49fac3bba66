//! Artifacts: what is in them, who may change them (nobody), how a folder keeps them.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use aw_alloy::keys::SecretKey;
use aw_alloy::tree::TreePath;
use codegen::delivery::{
    Artifact, ArtifactStore as _, BuildError, Contents, Directory, Manifest, StoreError, TargetContents, Trust, fetch, verify,
};
use codegen::diagnostic::Diagnostic;
use codegen::diff::Class;
use codegen::smoke::{Finding, Smoke};

use crate::artifacts::{artifact, contents, key, manifest, next, second, targets, third};
use crate::reference;

fn codes(error: BuildError) -> Vec<String> {
    match error {
        BuildError::Refused(said) => said.into_iter().map(|said| said.code).collect(),
        other => panic!("{other}"),
    }
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn an_artifact_says_what_it_is_and_where_it_comes_from() {
    let made = artifact(&reference::model());
    assert_eq!(made.name().to_string(), "ontology@d761e55d728951e1+forge.0.1.0.wire");
    let paths: Vec<&str> = made.files().keys().map(TreePath::as_str).collect();
    assert_eq!(
        paths,
        [
            "SHA256SUMS",
            "diagnostics.json",
            "diff.json",
            "manifest.json",
            "manifest.sig",
            "python/data_platform_contracts.g.py",
            "rust/data_platform_contracts.g.rs"
        ]
    );
    let said = manifest(&made);
    assert_eq!((said.model_version.as_str(), said.profile.as_str(), said.classification), ("1.0.0", "wire", None));
    // The specification's vector of the Rust file, wire profile.
    let rust = &said.targets["rust"].files[0];
    assert_eq!(
        (rust.content.bytes, rust.content.sha256.hex().as_str()),
        (829, "652c874dee813c297dee70e1110ea0214be107761c1fc926b34e725f41d58a30")
    );
    assert_eq!(artifact(&reference::model()), made, "the same again gives the same bytes");
    let trusted = [key().public()];
    assert_eq!(verify(made.files(), Trust(&trusted), None).unwrap().manifest, said);
}

#[test]
fn the_sums_are_those_that_sha256sum_checks() {
    let folder = tempfile::tempdir().unwrap();
    let made = artifact(&reference::model());
    let files: BTreeMap<String, Vec<u8>> = made.files().iter().map(|(path, bytes)| (path.to_string(), bytes.clone())).collect();
    aw_testkit::write_files(folder.path(), &files);
    let check =
        || Command::new("sha256sum").args(["--check", "--strict", "SHA256SUMS"]).current_dir(folder.path()).output().unwrap();
    let said = check();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    assert_eq!(String::from_utf8_lossy(&said.stdout).lines().count(), made.files().len() - 2, "all but itself and the signature");
    fs::write(folder.path().join("rust/data_platform_contracts.g.rs"), b"pub struct Other;\n").unwrap();
    assert!(!check().status.success());
}

#[test]
fn every_changed_file_is_found_and_named() {
    let made = artifact(&reference::model());
    let trusted = [key().public()];
    let check = |files: &BTreeMap<TreePath, Vec<u8>>| verify(files, Trust(&trusted), None);
    for path in made.files().keys() {
        let mut changed = made.files().clone();
        changed.get_mut(path).unwrap().push(b' ');
        // White space after the signature's JSON changes nothing that it says.
        let found = check(&changed);
        if path.as_str() == Manifest::SIGNATURE {
            assert!(found.is_ok());
        } else {
            let error = found.expect_err(path.as_str()).to_string();
            assert!(error.contains(path.as_str()) || path.as_str() == Manifest::FILE, "{path}: {error}");
        }
        let mut flipped = made.files().clone();
        let bytes = flipped.get_mut(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        let error = check(&flipped).expect_err(path.as_str()).to_string();
        assert!(error.contains(path.as_str()) || path.as_str() == Manifest::FILE, "{path}: {error}");
        let mut less = made.files().clone();
        less.remove(path);
        assert!(check(&less).unwrap_err().to_string().contains(&format!("`{path}` is missing")));
    }
    let mut more = made.files().clone();
    more.insert(TreePath::new("python/evil.py").unwrap(), b"x".to_vec());
    assert_eq!(check(&more).unwrap_err().to_string(), "`python/evil.py` is no file of this artifact");
    // Sums that were made anew do not help.
    let mut anew = made.files().clone();
    let (path, bytes) = anew.iter_mut().find(|(path, _)| path.as_str() == "diff.json").unwrap();
    let path = path.clone();
    *bytes = b"{}\n".to_vec();
    let digest = aw_alloy::digest::Digest::of(b"{}\n").hex();
    let sums = anew.iter_mut().find(|(path, _)| path.as_str() == Manifest::SUMS).unwrap().1;
    let text = String::from_utf8(sums.clone()).unwrap();
    let lines = text.lines().map(|line| if line.ends_with("diff.json") { format!("{digest}  {path}") } else { line.to_owned() });
    *sums = (lines.collect::<Vec<_>>().join("\n") + "\n").into_bytes();
    assert!(check(&anew).unwrap_err().to_string().contains("`diff.json` has another sum than the manifest says"));
    // Nor does another key.
    let other = Artifact::build(contents(&reference::model(), &[]), &SecretKey::from_bytes(&[8; 32])).unwrap();
    assert!(check(other.files()).unwrap_err().to_string().contains("is by key"));
    let mut mixed = made.files().clone();
    let signature = other.files().iter().find(|(path, _)| path.as_str() == Manifest::SIGNATURE).unwrap();
    mixed.insert(signature.0.clone(), signature.1.clone());
    assert!(check(&mixed).is_err(), "the other key, over the same manifest, is not trusted");
    assert!(verify(made.files(), Trust(&[]), None).is_err(), "without a key nothing is trusted");
}

#[test]
fn a_manifest_that_contradicts_itself_is_none() {
    let said = manifest(&artifact(&reference::model()));
    let refused = |change: &dyn Fn(&mut serde_json::Value)| {
        let mut value = serde_json::to_value(&said).unwrap();
        change(&mut value);
        let node = aw_alloy::text::Node::from_serde(&value);
        Manifest::read(&aw_alloy::text::canonical::to_bytes(&node).unwrap()).unwrap_err().to_string()
    };
    assert!(refused(&|m| m["ontology_key"] = "0000000000000000".into()).contains("the ontology key"));
    assert!(refused(&|m| m["profile"] = "plain".into()).contains("the profile"));
    assert!(refused(&|m| m["forge_version"] = "0.2.0".into()).contains("version"));
    assert!(refused(&|m| m["targets"]["rust"]["files"][0]["path"] = "python/x.py".into()).contains("not below `rust/`"));
    assert!(refused(&|m| m["targets"]["rust"]["files"][0]["path"] = "rust/../../x".into()).contains("path"));
    assert!(refused(&|m| m["documents"][0]["path"] = "SHA256SUMS".into()).contains("no document"));
    assert!(refused(&|m| m["documents"][1] = m["documents"][0].clone()).contains("twice"));
    let evil = &|m: &mut serde_json::Value| m["targets"]["../x"] = m["targets"]["rust"].clone();
    assert!(refused(evil).contains("names no target"));
    let pretty = serde_json::to_vec_pretty(&said).unwrap();
    assert!(Manifest::read(&pretty).unwrap_err().to_string().contains("RFC 8785"));
}

#[test]
fn what_may_not_be_published_is_told_at_once() {
    let model = reference::model();
    let failed = Smoke::Failed {
        tool: "cargo".to_owned(),
        findings: vec![Finding { file: "a.rs".to_owned(), line: Some(3), message: "no such type".to_owned() }],
    };
    let skipped = Smoke::Skipped { missing: "tsc".to_owned() };
    let with = |smokes: [&Smoke; 2]| -> Vec<TargetContents> {
        targets(&model).into_iter().zip(smokes).map(|(target, smoke)| TargetContents { smoke: smoke.clone(), ..target }).collect()
    };
    let diagnostics = [Diagnostic::new("E-NAME", "User", "wrong"), Diagnostic::new("W-ANY", "User", "fine")];
    let all =
        Contents { targets: with([&failed, &skipped]), allow_destructive: &words("User"), ..contents(&model, &diagnostics) };
    // Told by subject: User, User, python, rust.
    assert_eq!(codes(Artifact::build(all, &key()).unwrap_err()), ["E-ALLOW-UNKNOWN", "E-NAME", "E-SMOKE", "E-UNVERIFIED"]);
    let allowed = Contents {
        targets: with([&skipped, &skipped]),
        allow_unverified: &words("python rust"),
        ..contents(&model, &diagnostics[1..])
    };
    let made = manifest(&Artifact::build(allowed, &key()).unwrap());
    assert_eq!((&made.targets["rust"].smoke, made.diagnostics_count), (&skipped, 1), "it is said in the manifest");
    let one =
        Contents { targets: with([&skipped, &skipped]), allow_unverified: &words("python csharp"), ..contents(&model, &[]) };
    assert_eq!(codes(Artifact::build(one, &key()).unwrap_err()), ["E-ALLOW-UNKNOWN", "E-UNVERIFIED"]);
    let failed_and_allowed =
        Contents { targets: with([&failed, &skipped]), allow_unverified: &words("python rust"), ..contents(&model, &[]) };
    assert_eq!(codes(Artifact::build(failed_and_allowed, &key()).unwrap_err()), ["E-SMOKE"], "what fails is never published");
    let nothing = Contents { targets: Vec::new(), ..contents(&model, &[]) };
    assert_eq!(codes(Artifact::build(nothing, &key()).unwrap_err()), ["E-TARGET"]);
    let path = |path: &str| {
        let mut bad = targets(&model);
        path.clone_into(&mut bad[0].files[0].0);
        Artifact::build(Contents { targets: bad, ..contents(&model, &[]) }, &key())
    };
    for bad in ["../x.py", "/x.py", "a\\b", ""] {
        assert!(matches!(path(bad), Err(BuildError::Path { .. })), "{bad}");
    }
}

#[test]
fn a_next_version_says_what_it_breaks() {
    let (first, second, third) = (reference::model(), second(), third());
    let base = manifest(&artifact(&first));
    let minor = next(&first, &base, &second, &[]).unwrap();
    let said = manifest(&minor);
    assert_eq!((said.classification, said.diff_base.as_ref()), (Some(Class::Additive), Some(&base.artifact)));
    let refused = next(&first, &base, &third, &[]).unwrap_err();
    assert_eq!(codes(refused), ["E-DESTRUCTIVE"]);
    let major = manifest(&next(&first, &base, &third, &words("User.handle")).unwrap());
    assert_eq!((major.classification, major.allowed_destructive), (Some(Class::Destructive), words("User.handle")));
    let mut early = second.clone();
    early.version = "1.0.1".to_owned();
    assert_eq!(codes(next(&first, &base, &early, &[]).unwrap_err()), ["E-VERSION-STEP"]);
    // Files of the base that are gone are told.
    let mut more = base.clone();
    let mut gone = more.targets["rust"].files[0].clone();
    gone.path = TreePath::new("rust/old.bpmn").unwrap();
    more.targets.get_mut("rust").unwrap().files.push(gone);
    let made = next(&first, &more, &second, &[]).unwrap();
    let diff: serde_json::Value =
        serde_json::from_slice(made.files().iter().find(|(path, _)| path.as_str() == "diff.json").unwrap().1).unwrap();
    assert_eq!(diff["deletions"], serde_json::json!(["rust/old.bpmn"]));
    assert_eq!(
        (&diff["class"], &diff["step"], &diff["changes"][0]["what"]),
        (&"additive".into(), &"minor".into(), &"optional-field-added".into())
    );
}

#[test]
fn what_is_published_never_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::new(folder.path().join("store"));
    let made = artifact(&reference::model());
    assert_eq!(store.list().unwrap(), []);
    assert!(matches!(fetch(&store, made.name(), |_| true), Err(StoreError::Unknown { .. })));
    assert!(store.publish(&made).unwrap().is_new);
    let before = aw_testkit::files(folder.path());
    let again = store.publish(&made).unwrap();
    assert!(!again.is_new);
    assert_eq!(aw_testkit::files(folder.path()), before);
    let model = reference::model();
    let elsewhere = Contents { source_uri: "file:///other.ttl", ..contents(&model, &[]) };
    let other = Artifact::build(elsewhere, &key()).unwrap();
    let error = store.publish(&other).unwrap_err();
    assert!(
        matches!(&error, StoreError::Taken { differs, .. } if differs.iter().any(|what| what == "its member source_uri")),
        "{error}"
    );
    assert_eq!(&fetch(&store, made.name(), |_| true).unwrap(), made.files());
    // A second version shares what is the same.
    store.publish(&artifact(&second())).unwrap();
    assert_eq!(store.list().unwrap().len(), 2);
}

#[test]
fn a_damaged_store_is_told_and_never_used() {
    let folder = tempfile::tempdir().unwrap();
    let store = Directory::new(folder.path());
    let made = artifact(&reference::model());
    store.publish(&made).unwrap();
    let rust = made.files().iter().find(|(path, _)| path.as_str().starts_with("rust/")).unwrap();
    let sum = aw_alloy::digest::Digest::of(rust.1).hex();
    let blob = folder.path().join("blobs/sha256").join(&sum);
    for (damage, said) in [(Some(&b"short"[..]), "has other bytes"), (Some(&[b'x'; 2000][..]), "longer than"), (None, "is gone")]
    {
        match damage {
            Some(bytes) => fs::write(&blob, bytes).unwrap(),
            None => fs::remove_file(&blob).unwrap(),
        }
        let error = fetch(&store, made.name(), |_| true).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
    fs::write(folder.path().join(format!("artifacts/{}.json", made.name())), b"{").unwrap();
    assert!(matches!(store.index(made.name()), Err(StoreError::Damaged { .. })));
    let other = artifact(&second());
    store.publish(&other).unwrap();
    let records = folder.path().join("artifacts");
    fs::copy(records.join(format!("{}.json", other.name())), records.join(format!("{}.json", made.name()))).unwrap();
    assert!(store.index(made.name()).unwrap_err().to_string().contains("its record is of"));
    let evil = format!("{{\"artifact\":\"{}\",\"files\":{{\"../x\":{{\"sha256\":\"{sum}\",\"bytes\":1}}}}}}", made.name());
    fs::write(records.join(format!("{}.json", made.name())), evil).unwrap();
    assert!(store.index(made.name()).is_err(), "a path that leads out");
}

#[test]
fn of_many_publishers_of_one_name_one_is_first() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path();
    let uris: Vec<String> = (0..8).map(|number| format!("file:///{number}.ttl")).collect();
    let results: Vec<bool> = std::thread::scope(|scope| {
        let publish = |uri: &str| {
            let model = reference::model();
            let made = Artifact::build(Contents { source_uri: uri, ..contents(&model, &[]) }, &key()).unwrap();
            match Directory::new(root).publish(&made) {
                Ok(published) => published.is_new,
                Err(StoreError::Taken { .. }) => false,
                Err(other) => panic!("{other}"),
            }
        };
        let threads: Vec<_> = uris.iter().map(|uri| scope.spawn(move || publish(uri))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(results.iter().filter(|first| **first).count(), 1);
}
