//! The shipping door of a line with the real program: what a worker finished is approved, shipped or refused, and the line shows it.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::line::Yard;

/// A line with two finished parts: contracts of the reference ontology, which state no criteria of their own.
fn finished() -> Yard {
    let yard = Yard::new();
    let ontology = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/contracts/reference.ttl");
    fs::copy(ontology, yard.bench.path("reference.ttl")).unwrap();
    for name in ["contracts", "tampered"] {
        yard.bench.write(
            &format!("{name}.yaml"),
            &format!(
                "name: {name}\nversion: 1.0.0\nlicense: apache-2.0\ndomains: [codegen]\n\
                 source: {{baseModel: reference.ttl, architecture: text/turtle}}\n\
                 stages:\n  - {{type: read-ontology}}\n  - {{type: generate, profile: wire, targets: [jsonschema, openapi]}}\n  - {{type: smoke-compile}}\n"
            ),
        );
        yard.run(&["add", &format!("{name}.yaml")]).ends(0);
    }
    yard.run(&["work", "--drain", "--threads", "1"]).ends(0);
    yard
}

fn roles(yard: &Yard, roles: &str) {
    yard.node_file(|text| {
        let roles = format!("roles = \"{roles}\"");
        let lines = text.lines().map(|line| if line.starts_with("roles = ") { &roles } else { line });
        lines.map(|line| format!("{line}\n")).collect()
    });
}

#[test]
fn what_a_line_finished_waits_is_approved_and_goes_and_what_was_tampered_with_shows_in_rework() {
    let yard = finished();
    let root = yard.path("");
    let root = root.to_str().unwrap();
    let ship = |part: &str| yard.bench.run(&["ship", part, "--root", root, "--to", "dir:shelf", "--json"]);

    let waits = ship("contracts-1.0.0").ends(5).json();
    assert_eq!(waits["parts"][0]["decision"]["judgement"], "awaits-approval", "{waits}");
    yard.bench.run(&["approve", "contracts-1.0.0", "--root", root, "--as", "Ada Example", "--reason", "reviewed"]).ends(0);
    let gone = ship("contracts-1.0.0").ends(0).json();
    let url = &gone["parts"][0]["publications"][0]["url"];
    assert_eq!(
        aw_testkit::files(Path::new(url.as_str().unwrap())),
        aw_testkit::files(&yard.path("work/contracts-1.0.0/artifact"))
    );
    let receipt = yard.json("line/finished/contracts-1.0.0.receipt.json");
    assert_eq!((&receipt["publications"][0]["url"], &receipt["approval"]["approver"]), (url, &json!("Ada Example")));
    let result = yard.json("line/finished/contracts-1.0.0.result.json");
    assert_eq!((&result["published"], &result["signatureBundle"]["signer"]), (&json!(true), &receipt["signature"]["publicKey"]));
    assert_eq!(yard.outcomes("contracts-1.0.0"), ["enqueued", "started", "finished", "shipped"]);
    // Again: nothing is sent, and nothing is written down twice.
    assert_eq!(ship("contracts-1.0.0").ends(0).json()["parts"][0]["sent"], 0);
    assert_eq!(yard.outcomes("contracts-1.0.0").len(), 4);

    let artifact = yard.path("work/tampered-1.0.0/artifact");
    let code = aw_testkit::files(&artifact).into_keys().find(|path| path.starts_with("generated/jsonschema/")).unwrap();
    let mut text = fs::read(artifact.join(&code)).unwrap();
    text.extend_from_slice(b"// one more\n");
    fs::write(artifact.join(&code), text).unwrap();
    let part = fs::read(yard.path("line/finished/tampered-1.0.0.alloy.json")).unwrap();
    for _ in 0..2 {
        let refused = ship("tampered-1.0.0").ends(1).json();
        assert_eq!(refused["parts"][0]["rework"], "tampered-1.0.0.refused1.alloy.json", "{refused}");
    }
    assert_eq!(yard.stands("rework"), ["tampered-1.0.0.refused1.alloy.json".to_owned()].into());
    assert_eq!(yard.stands("finished").len(), 2, "the finished part moved");
    assert_eq!(fs::read(yard.path("line/finished/tampered-1.0.0.alloy.json")).unwrap(), part);
    let refusals = |outcome: &str| yard.log().iter().filter(|line| line["outcome"] == outcome).count();
    assert_eq!((refusals("ship_refused"), refusals("rework")), (1, 1));
    let list = yard.run(&["list", "rework"]).ends(0);
    assert!(list.out.contains("tampered-1.0.0.refused1") && list.out.contains("integrity"), "{}", list.out);
    let list = yard.run(&["list", "--json"]).ends(0).json();
    assert_eq!(list["oddities"], json!([]), "records of shipping are strangers to the line");
    let status = yard.run(&["status", "--json"]).ends(0).json();
    let alerts = status["alerts"].as_array().unwrap();
    let alert = alerts.iter().find(|alert| alert["kind"] == "ship-refused").unwrap();
    assert_eq!(alert["part"], "tampered-1.0.0.refused1");

    // Work changed a moment ago stays, shipped or not: the kernel's own times cannot be set back.
    let evicted = yard.run(&["evict", "--dry-run", "--json"]).ends(0).json();
    let fate = |stem: &str| -> Value {
        let folders = evicted["folders"].as_array().unwrap();
        folders.iter().find(|folder| folder["path"] == format!("work/{stem}")).unwrap().clone()
    };
    for (stem, why) in [("contracts-1.0.0", "was modified"), ("tampered-1.0.0", "stands in rework")] {
        let kept = fate(stem);
        assert!(kept["action"] == "kept" && kept["reason"].as_str().unwrap().contains(why), "{kept}");
    }
}

#[test]
fn a_node_does_what_its_roles_say_and_nothing_else() {
    let yard = finished();
    let root = yard.path("");
    let root = root.to_str().unwrap();
    roles(&yard, "forge");
    for arguments in [
        &["ship", "contracts-1.0.0", "--to", "shelf"][..],
        &["ship", "--all", "--to", "shelf", "--dry-run"],
        &["approve", "contracts-1.0.0", "--as", "Ada Example"],
    ] {
        let refused = yard.bench.run(&[arguments, &["--root", root]].concat()).ends(3);
        assert!(refused.err.contains("does not ship") && refused.err.contains("factory_node.toml"), "{}", refused.err);
    }
    assert!(!yard.bench.path("shelf").exists() && !yard.path("line/finished/contracts-1.0.0.approval.json").exists());
    roles(&yard, "ship");
    let refused = yard.run(&["work", "--drain"]).ends(3);
    assert!(refused.err.contains("does not forge") && refused.err.contains("factory_node.toml"), "{}", refused.err);
    yard.bench.run(&["approve", "contracts-1.0.0", "--as", "Ada Example", "--root", root]).ends(0);
    // A part that waits for nobody goes, one that does is told; the gravest is how the command ends.
    let all = yard.bench.run(&["ship", "--all", "--root", root, "--to", "shelf", "--json"]).ends(5).json();
    let told: Vec<&Value> = all["parts"].as_array().unwrap().iter().map(|part| &part["decision"]["judgement"]).collect();
    assert_eq!(told, ["ship", "awaits-approval"]);
    fs::remove_file(yard.path("factory_node.toml")).unwrap();
    let refused = yard.bench.run(&["ship", "contracts-1.0.0", "--root", root, "--to", "shelf"]).ends(3);
    assert!(refused.err.contains("factory_node.toml"), "{}", refused.err);
}
