//! What may go: the gates, the recipe, the approval; and what may not, whoever approves it.

use std::os::unix::fs::symlink;
use std::path::Path;

use aw_alloy::keys::SecretKey;
use aw_domain::Objection;
use aw_ship::{Bundle, Judgement, Policy, ShipError, Shipped};
use aw_testkit::files;

use crate::fixture::*;

fn made(folder: &Path, making: &Making) -> Bundle {
    make(&folder.join("artifact"), making);
    Bundle::of_folder(&folder.join("artifact")).unwrap()
}

fn refused(folder: &Path, shop: &Shop, bundle: &Bundle) -> Vec<String> {
    let shelf = folder.join("shelf");
    let shipped = shop.ship(bundle, &to_folder(&shelf)).unwrap();
    assert_eq!(shipped.decision.judgement, Judgement::Refuse, "{:?}", rules(&shipped));
    assert!(!shelf.exists(), "nothing is published");
    assert!(bundle.sidecar("refusal").exists() && !bundle.sidecar("receipt").exists());
    rules(&shipped)
}

#[test]
fn criteria_that_are_not_met_refuse() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = made(folder.path(), &Making { meets: false, ..Making::default() });
    let rules = refused(folder.path(), &Shop::default(), &bundle);
    assert!(rules.iter().any(|rule| rule.starts_with("acceptance/")), "{rules:?}");
    let shop = Shop::default();
    let error = shop.with(&|_| true, |door| door.approve(&bundle, "Ada", None)).unwrap_err();
    assert!(error.to_string().contains("nobody can approve"), "{error}");
}

#[test]
fn a_recipe_that_does_not_resolve_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = made(folder.path(), &Making::default());
    let shop = Shop { resolves: false, ..Shop::default() };
    assert_eq!(refused(folder.path(), &shop, &bundle), ["provenance/recipe-resolves"]);
}

#[test]
fn a_signer_nobody_trusts_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = made(folder.path(), &Making::default());
    let shop = Shop { trusted: vec![SecretKey::from_bytes(&[8; 32]).public()], ..Shop::default() };
    assert_eq!(refused(folder.path(), &shop, &bundle), ["integrity/verifies"]);
    let trusted = Shop { trusted: vec![forge_key().public()], ..Shop::default() };
    assert_eq!(trusted.look(&bundle, &[]).unwrap().decision.judgement, Judgement::Ship);
}

#[test]
fn every_byte_of_every_file_counts() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = made(folder.path(), &Making::default());
    let place = folder.path().join("artifact");
    let whole = files(&place);
    for (name, bytes) in &whole {
        for at in [0, bytes.len() / 2, bytes.len().saturating_sub(1)] {
            let mut other = bytes.clone();
            if let Some(byte) = other.get_mut(at) {
                *byte ^= 1;
            } else {
                other.push(b'x');
            }
            std::fs::write(place.join(name), &other).unwrap();
            let shelf = folder.path().join("shelf");
            match Shop::default().ship(&bundle, &to_folder(&shelf)) {
                Ok(shipped) => assert_eq!(shipped.decision.judgement, Judgement::Refuse, "{name} at {at}"),
                // A document that is none any more.
                Err(error) => assert!(name.ends_with(".alloy.json"), "{name} at {at}: {error}"),
            }
            assert!(!shelf.exists(), "{name} at {at}");
        }
        std::fs::remove_file(place.join(name)).unwrap();
        match Shop::default().ship(&bundle, &to_folder(&folder.path().join("shelf"))) {
            Ok(shipped) => assert_eq!(shipped.decision.judgement, Judgement::Refuse, "{name} is gone"),
            Err(error) => assert!(name.ends_with(".alloy.json"), "{name}: {error}"),
        }
        std::fs::write(place.join(name), bytes).unwrap();
    }
    assert_eq!(Shop::default().look(&bundle, &[]).unwrap().decision.judgement, Judgement::Ship, "whole again");
}

#[test]
fn links_and_files_nobody_listed_refuse() {
    type Change<'a> = &'a dyn Fn(&Path);
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("secret"), "secret").unwrap();
    let changes: [Change<'_>; 5] = [
        &|place| std::fs::write(place.join("model/unlisted.bin"), "x").unwrap(),
        &|place| symlink(outside.path().join("secret"), place.join("model/link")).unwrap(),
        &|place| {
            std::fs::remove_file(place.join("model/config.json")).unwrap();
            symlink(outside.path().join("secret"), place.join("model/config.json")).unwrap();
        },
        &|place| {
            std::fs::rename(place.join("model"), outside.path().join("model")).unwrap();
            symlink(outside.path().join("model"), place.join("model")).unwrap();
        },
        &|place| std::fs::create_dir_all(place.join("a/b/c")).and_then(|()| std::fs::write(place.join("a/b/c/d"), "x")).unwrap(),
    ];
    for change in changes {
        let folder = tempfile::tempdir().unwrap();
        let bundle = made(folder.path(), &Making::default());
        change(&folder.path().join("artifact"));
        let rules = refused(folder.path(), &Shop::default(), &bundle);
        assert!(rules.contains(&"integrity/verifies".to_owned()), "{rules:?}");
    }
}

#[test]
fn what_runs_when_it_is_opened_refuses() {
    let cases: [(&str, &[u8], &str); 5] = [
        ("model/weights.pkl", b"x", "safety/no-pickle"),
        ("model/weights.pt", b"x", "safety/no-pickle"),
        ("model/weights.dat", b"\x80\x04\x95", "safety/no-pickle"),
        ("model/config.json", b"{\"auto_map\": {\"AutoModel\": \"a.B\"}}", "safety/no-remote-code"),
        ("model/tokenizer_config.json", b"{\"a\": 1, \"a\": 2}", "safety/configuration"),
    ];
    for (name, bytes, rule) in cases {
        let folder = tempfile::tempdir().unwrap();
        let mut making = Making::default();
        making.files.insert(name.into(), bytes.to_vec());
        let bundle = made(folder.path(), &making);
        assert_eq!(refused(folder.path(), &Shop::default(), &bundle), [rule], "{name}");
    }
}

fn shipped(shop: &Shop, bundle: &Bundle, folder: &Path) -> Shipped {
    shop.ship(bundle, &to_folder(&folder.join("shelf"))).unwrap()
}

#[test]
fn without_criteria_or_under_the_policy_a_person_has_to_approve() {
    for (making, policy) in
        [(Making { criteria: false, ..Making::default() }, Policy::Automatic), (Making::default(), Policy::Person)]
    {
        let folder = tempfile::tempdir().unwrap();
        let bundle = made(folder.path(), &making);
        let shop = Shop { policy, ..Shop::default() };
        let waiting = shipped(&shop, &bundle, folder.path());
        assert_eq!(waiting.decision.judgement, Judgement::AwaitsApproval);
        assert!(!folder.path().join("shelf").exists() && !bundle.sidecar("refusal").exists());
        let (approval, _) = shop.with(&|_| true, |door| door.approve(&bundle, "Ada", Some("reviewed"))).unwrap();
        let gone = shipped(&shop, &bundle, folder.path());
        assert_eq!(gone.decision.judgement, Judgement::Ship, "{:?}", rules(&gone));
        assert_eq!(gone.receipt.unwrap().approval, Some(approval), "the approval is part of the receipt");
    }
}

#[test]
fn an_approval_is_of_these_bytes_by_this_key_and_whole() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = made(folder.path(), &Making::default());
    let shop = Shop { policy: Policy::Person, ..Shop::default() };
    shop.with(&|_| true, |door| door.approve(&bundle, "Ada", None)).unwrap();
    let path = bundle.sidecar("approval");
    let good = std::fs::read_to_string(&path).unwrap();
    // By somebody else.
    let stranger = Shop { key: SecretKey::from_bytes(&[7; 32]), ..Shop { policy: Policy::Person, ..Shop::default() } };
    stranger.with(&|_| true, |door| door.approve(&bundle, "Mallory", None)).unwrap();
    assert_eq!(refused(folder.path(), &shop, &bundle), ["approval/valid"]);
    // A named approver's is fine.
    let named = Shop { approvers: vec![stranger.key.public()], policy: Policy::Person, ..Shop::default() };
    assert_eq!(named.look(&bundle, &[]).unwrap().decision.judgement, Judgement::Ship);
    // Changed, cut, of another form, with more in it.
    let forgeries = [
        good.replace("\"Ada\"", "\"Eve\""),
        good.replace("2026-11-21", "2026-11-22"),
        good.replace("alloyworks.approval.v1", "alloyworks.approval.v2"),
        good.replacen('{', "{\"extra\": 1,", 1),
        good[..good.len() / 2].to_owned(),
        String::new(),
    ];
    for forged in forgeries {
        std::fs::write(&path, &forged).unwrap();
        assert_eq!(refused(folder.path(), &shop, &bundle), ["approval/valid"], "{forged}");
    }
    // Of other bytes.
    std::fs::write(&path, &good).unwrap();
    std::fs::remove_dir_all(folder.path().join("artifact")).unwrap();
    let other = made(folder.path(), &Making { version: "1.0.1", ..Making::default() });
    assert_eq!(refused(folder.path(), &shop, &other), ["approval/valid"]);
}

#[test]
fn what_is_no_artifact_is_no_bundle() {
    let folder = tempfile::tempdir().unwrap();
    for bad in [folder.path().join("none"), folder.path().to_owned()] {
        let looked = Bundle::of_folder(&bad).and_then(|bundle| Shop::default().look(&bundle, &[]));
        assert!(looked.is_err(), "{}", bad.display());
    }
    let place = folder.path().join("file");
    std::fs::write(&place, "x").unwrap();
    assert!(matches!(Bundle::of_folder(&place), Err(ShipError::Bundle { .. })));
}

#[test]
fn a_license_that_keeps_everything_refuses() {
    for license in ["", "All rights reserved.", "UNLICENSED"] {
        let folder = tempfile::tempdir().unwrap();
        let bundle = made(folder.path(), &Making { license, ..Making::default() });
        assert_eq!(refused(folder.path(), &Shop::default(), &bundle), ["safety/license"], "{license}");
    }
}

/// A token's form, put together so that no scanner takes this file for a leak.
fn token() -> String {
    format!("hf_{}", "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3h")
}

#[test]
fn secrets_in_files_and_corpora_refuse_and_are_told_without_being_shown() {
    let message = |folder: &Path, shop: &Shop, bundle: &Bundle| {
        assert!(refused(folder, shop, bundle).contains(&"safety/no-secrets".to_owned()));
        let shipped = shop.look(bundle, &[]).unwrap();
        let record = String::from_utf8(shipped.decision.to_bytes()).unwrap();
        assert!(!record.contains("aB3dE6"), "{record}");
        let all = shipped.decision.reasons.into_iter();
        let told: Vec<String> = all.filter(|reason| reason.rule == "no-secrets").map(|reason| reason.message).collect();
        assert_eq!(told.len(), 1, "{told:?}");
        told[0].clone()
    };
    let folder = tempfile::tempdir().unwrap();
    let mut making = Making::default();
    making.files.insert("evaluation/samples.jsonl".into(), format!("{{\"text\": \"x\\n{}\"}}\n", token()).into_bytes());
    let told = message(folder.path(), &Shop::default(), &made(folder.path(), &making));
    assert!(told.contains("`evaluation/samples.jsonl`") && told.contains("byte 13") && told.contains("Hugging Face"), "{told}");

    let members = "evaluationCorpora: [{id: held-out, path: corpora/a.jsonl}]\n";
    let folder = tempfile::tempdir().unwrap();
    let bundle = made(folder.path(), &Making { members, ..Making::default() });
    let corpora = folder.path().join("beside");
    let line = format!("{{\"text\": \"{}\"}}\n", token());
    aw_testkit::write_files(&corpora, &[("corpora/a.jsonl".to_owned(), line.into_bytes())].into());
    let shop = Shop { corpora: Some(corpora), ..Shop::default() };
    let told = message(folder.path(), &shop, &bundle);
    assert!(told.contains("the corpus `held-out`") && told.contains("byte 10"), "{told}");
    // Where the corpus is not at hand, this does not speak against it.
    let rules = rules(&Shop::default().look(&bundle, &[]).unwrap());
    assert!(!rules.contains(&"safety/no-secrets".to_owned()), "{rules:?}");
}

#[test]
fn a_card_that_is_not_what_is_rendered_refuses() {
    let of = |making: Making, shop: Shop| {
        let folder = tempfile::tempdir().unwrap();
        let bundle = made(folder.path(), &making);
        let rules = refused(folder.path(), &shop, &bundle);
        let message = shop.look(&bundle, &[]).unwrap().decision.reasons[0].message.clone();
        (rules, message)
    };
    let written = Making { card: Some("# compact\n\nThe best model there is.\n"), ..Making::default() };
    let (rules, message) = of(written.clone(), Shop::default());
    assert_eq!(rules, ["branding/card-rendered"]);
    assert!(message.contains("`README.md`") && message.contains("made by version 1, this is"), "{message}");
    let (rules, message) = of(Making { program: env!("CARGO_PKG_VERSION"), ..written }, Shop::default());
    assert_eq!(rules, ["branding/card-rendered"]);
    assert!(!message.contains("made by version"), "{message}");
    let (rules, _) = of(Making { card: None, ..Making::default() }, Shop::default());
    assert_eq!(rules, ["branding/card-present"]);
    let (rules, _) = of(Making::default(), Shop { card: None, ..Shop::default() });
    assert_eq!(rules, ["branding/card-rendered"], "a card that no domain renders");
    let declared = Making { members: "domains: [open]\n", ..Making::default() };
    let (rules, message) = of(declared, Shop { known: false, ..Shop::default() });
    assert_eq!(rules, ["branding/domain-known"], "{message}");
    // Domains without a card have artifacts without one.
    let folder = tempfile::tempdir().unwrap();
    let bundle = made(folder.path(), &Making { card: None, ..Making::default() });
    let shop = Shop { card: None, ..Shop::default() };
    assert_eq!(shop.look(&bundle, &[]).unwrap().decision.judgement, Judgement::Ship);
}

#[test]
fn what_its_domain_has_against_it_refuses() {
    let folder = tempfile::tempdir().unwrap();
    let bundle = made(folder.path(), &Making::default());
    let objections = vec![Objection::deployment("tier-tried", "`gguf/compact-Q8_0.gguf`: nobody saw it load")];
    let shop = Shop { objections, ..Shop::default() };
    assert_eq!(refused(folder.path(), &shop, &bundle), ["deployment/tier-tried"]);
    let error = shop.with(&|_| true, |door| door.approve(&bundle, "Ada", None)).unwrap_err();
    assert!(error.to_string().contains("deployment/tier-tried"), "{error}");
}
