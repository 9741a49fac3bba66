//! Entities, asked for as a surface asks.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use aw_alloy::digest::Digest;
use aw_commands::{Answer, Environment, ExitCode, Report, Settings, Surface, built_in};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::glass;

struct Desk {
    folder: TempDir,
    environment: Environment,
}

const RECIPE: &str = "# by hand\nid: 11111111-1111-4111-8111-111111111111\nname: vase\nversion: 1.0.0\ndescription: A tall vase.\n\
                      source: { baseModel: pit, architecture: sand }\nstages:\n  - { type: blow, shape: round }\n";
const ID: &str = "11111111-1111-4111-8111-111111111111";

impl Desk {
    fn new(registry: aw_domain::Registry) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pit")).unwrap();
        fs::write(folder.path().join("pit/sand"), "sand").unwrap();
        let settings = Settings {
            home: Some(folder.path().join("home")),
            registry: Box::new(|| registry),
            program: None,
            worker_arguments: None,
        };
        Self { environment: Environment::new(settings).unwrap(), folder }
    }

    fn glass() -> Self {
        Self::new(glass::registry())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name).to_str().unwrap().to_owned()
    }

    fn try_ask(&self, name: &str, parameters: Value) -> Result<Answer, Report> {
        let commands = aw_commands::registry();
        let command = commands.iter().find(|command| command.name == name).unwrap();
        command.run(&self.environment, parameters, &Surface { event: &|_| {}, cancelled: &|| false })
    }

    #[track_caller]
    fn ask(&self, name: &str, parameters: Value) -> Value {
        let answer = self.try_ask(name, parameters).unwrap_or_else(|report| panic!("{report:#?}"));
        assert_eq!(answer.exit_code, ExitCode::Ok, "{:#}", answer.result);
        answer.result
    }

    #[track_caller]
    fn refused(&self, name: &str, parameters: Value) -> (ExitCode, String, Report) {
        match self.try_ask(name, parameters) {
            Ok(answer) => panic!("{:#}", answer.result),
            Err(report) => (report.exit_code, report.code.clone(), report),
        }
    }
}

fn names(list: &Value) -> Vec<&str> {
    list["entities"].as_array().unwrap().iter().map(|entity| entity["name"].as_str().unwrap()).collect()
}

#[test]
fn a_recipe_is_put_changed_looked_up_and_deleted() {
    let desk = Desk::glass();
    let file = desk.write("vase.yaml", RECIPE);
    let put = desk.ask("data/upsert", json!({"file": file, "ifRevision": 0}));
    assert_eq!((put["change"].as_str(), put["entity"]["id"].as_str()), (Some("create"), Some(ID)));
    assert_eq!(put["entity"]["facts"]["architecture"], "sand");
    assert_eq!(desk.ask("data/upsert", json!({"file": file}))["change"], Value::Null);
    desk.write("vase.yaml", RECIPE.replace("1.0.0", "1.1.0"));
    let (exit, code, _) = desk.refused("data/upsert", json!({"file": file, "ifRevision": 2}));
    assert_eq!((exit, code.as_str()), (ExitCode::Refused, "conflict"));
    assert_eq!(desk.ask("data/upsert", json!({"file": file, "ifRevision": 1}))["entity"]["revision"], 2);

    // To the byte, comments included, now and then.
    assert_eq!(desk.ask("data/get", json!({"entity": "vase"}))["text"], RECIPE.replace("1.0.0", "1.1.0"));
    assert_eq!(desk.ask("data/get", json!({"entity": ID, "revision": 1}))["text"], RECIPE);
    let out = desk.path("then.yaml");
    desk.ask("data/get", json!({"entity": ID, "revision": 1, "out": out}));
    assert_eq!(fs::read_to_string(&out).unwrap(), RECIPE);
    let (exit, code, _) = desk.refused("data/get", json!({"entity": ID, "out": out}));
    assert_eq!((exit, code.as_str()), (ExitCode::Refused, "out-occupied"));

    assert_eq!(
        names(&desk.ask("data/list", json!({"search": "TALL vase", "where": ["architecture=sand", "version=1.1.0"]}))),
        ["vase"]
    );
    assert_eq!(names(&desk.ask("data/list", json!({"where": ["version=1.0.0"]}))), Vec::<&str>::new());
    assert_eq!(desk.ask("data/delete", json!({"entity": "vase", "ifRevision": 2}))["entry"]["revision"], 3);
    assert_eq!(names(&desk.ask("data/list", json!({}))), Vec::<&str>::new());
    let (exit, code, _) = desk.refused("data/get", json!({"entity": ID}));
    assert_eq!((exit, code.as_str()), (ExitCode::Usage, "deleted"));
    assert_eq!(desk.ask("data/get", json!({"entity": ID, "revision": 2}))["entry"]["change"], "update");
    let history = desk.ask("data/history", json!({"entity": ID, "verify": true}));
    let changes: Vec<_> = history["entries"].as_array().unwrap().iter().map(|entry| entry["change"].as_str().unwrap()).collect();
    assert_eq!(changes, ["delete", "update", "create"]);
    assert_eq!((&history["verification"]["verdict"], &history["verification"]["entries"]), (&json!("good"), &json!(3)));
}

#[test]
fn a_run_records_its_recipe_and_artifact_which_resolve() {
    let desk = Desk::glass();
    let recipe = desk.write("vase.yaml", RECIPE);
    for _ in 0..2 {
        desk.ask("forge/run", json!({"recipe": recipe, "out": desk.path("out"), "threads": 1}));
    }
    let list = desk.ask("data/list", json!({"where": [format!("recipeId={ID}")]}));
    assert_eq!(names(&list), ["vase"]);
    let artifact = &list["entities"][0];
    assert_eq!((&artifact["collection"], &artifact["facts"]["origin"]), (&json!("artifacts"), &json!("forged")));
    let document = fs::read(desk.path("out/vase.alloy.json")).unwrap();
    assert_eq!(artifact["document"], Digest::of(&document).to_string());
    assert_eq!(desk.ask("data/get", json!({"entity": ID}))["text"], RECIPE);

    let resolved = desk.ask("data/resolve", json!({"artifact": "vase"}));
    assert_eq!((&resolved["resolves"], &resolved["revision"]), (&json!(true), &json!(1)));
    let (_, code, report) = desk.refused("data/fork", json!({"entity": artifact["id"]}));
    assert_eq!(code, "cannot-fork");
    assert!(report.hints[0].contains(ID), "{report:?}");
    let (_, code, _) = desk.refused("data/import", json!({"document": desk.path("out/vase.alloy.json")}));
    assert_eq!(code, "ours");
    assert_eq!(desk.ask("data/upsert", json!({"file": desk.path("out/vase.alloy.json")}))["change"], Value::Null);

    desk.ask("data/delete", json!({"entity": ID}));
    let gone = desk.try_ask("data/resolve", json!({"artifact": "vase"})).unwrap();
    assert_eq!((gone.exit_code, &gone.result["resolves"]), (ExitCode::No, &json!(false)));
    assert!(gone.result["remarks"][0].as_str().unwrap().contains("was deleted"), "{:#}", gone.result);
}

#[test]
fn a_run_that_cannot_be_recorded_says_so_and_keeps_its_artifact() {
    let desk = Desk::glass();
    let recipe = desk.write("vase.yaml", RECIPE);
    fs::create_dir_all(desk.path("home")).unwrap();
    desk.write("home/entities.sqlite", "this is something else, and longer than a few bytes of nothing");
    let (exit, code, report) = desk.refused("forge/run", json!({"recipe": recipe, "out": desk.path("out"), "threads": 1}));
    assert_eq!((exit, code.as_str()), (ExitCode::Environment, "entities-format"));
    assert!(report.hints.iter().any(|hint| hint.contains("the artifact is whole")), "{report:?}");
    desk.ask("forge/verify", json!({"artifact": desk.path("out"), "key": []}));
}

#[test]
fn a_fork_is_a_recipe_of_its_own_that_names_the_other() {
    let desk = Desk::glass();
    desk.ask("data/upsert", json!({"file": desk.write("vase.yaml", RECIPE)}));
    let fork = desk.ask("data/fork", json!({"entity": "vase", "name": "bowl"}));
    let id = fork["entity"]["id"].as_str().unwrap();
    assert_eq!((&fork["parent"], id != ID), (&json!(ID), true));
    let got = desk.ask("data/get", json!({"entity": "bowl"}));
    let document: Value = serde_json::from_str(got["text"].as_str().unwrap()).unwrap();
    assert_eq!((&document["id"], &document["parentRecipeId"], &document["version"]), (&json!(id), &json!(ID), &json!("1.0.0")));
    assert_eq!(got["entry"]["change"], "fork");
    assert_eq!(names(&desk.ask("data/list", json!({"where": [format!("parent={ID}")]}))), ["bowl"]);
    // What was got can be changed and put back.
    desk.write("bowl.json", got["text"].as_str().unwrap().replace("round", "flat"));
    assert_eq!(desk.ask("data/upsert", json!({"file": desk.path("bowl.json"), "ifRevision": 1}))["entity"]["revision"], 2);
}

#[test]
fn what_is_not_right_is_refused_with_its_place_and_nothing_is_kept() {
    let desk = Desk::glass();
    let large = desk.path("large.json");
    fs::File::create(&large).unwrap().set_len(100_000_000).unwrap();
    let cases: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a.yaml", RECIPE.replace("shape: round", "shape: 7").into(), "document-refused"),
        ("a.yaml", b"name: \xff\xfe".to_vec(), "document-refused"),
        ("a.json", b"{\"name\": \"\xff\"}".to_vec(), "document-refused"),
        ("a.json", b"{\"a\": 1, \"a\": 2}".to_vec(), "document-refused"),
        ("a.json", b"[]".to_vec(), "which-collection"),
        ("a.json", b"{\"name\": \"x\"}".to_vec(), "which-collection"),
        ("a.txt", b"{}".to_vec(), "not-a-document"),
        ("a.json", b"{\"name\": \"x\", \"source\": {}, \"results\": {}}".to_vec(), "not-ours"),
        ("a.json", b"{\"name\": \"x\", \"source\": {}, \"chain\": {}}".to_vec(), "document-refused"),
        ("a.yaml", RECIPE.replace(ID, "../../etc/passwd").into(), "document-refused"),
        ("a.json", b"{\"name\": \"../x\", \"contentHash\": \"sha256:0\"}".to_vec(), "id"),
    ];
    for (name, text, expected) in cases {
        let file = desk.write(name, &text);
        let (_, code, report) = desk.refused("data/upsert", json!({"file": file}));
        assert_eq!(code, expected, "{}: {report:#?}", String::from_utf8_lossy(&text));
    }
    let (exit, code, _) = desk.refused("data/upsert", json!({"file": large}));
    assert_eq!((exit, code.as_str()), (ExitCode::Refused, "too-large"));
    assert_eq!(desk.refused("data/import", json!({"document": large})).1, "too-large");
    let problem =
        desk.refused("data/upsert", json!({"file": desk.write("a.yaml", RECIPE.replace("shape: round", "shape: 7"))})).2;
    let place = problem.problems[0].place.clone().unwrap();
    assert_eq!((place.member.as_deref(), place.line), (Some("stages[0].shape"), Some(8)));

    for (parameters, expected) in [
        (json!({"where": ["colour=blue"]}), "unknown-field"),
        (json!({"where": ["blue"]}), "where"),
        (json!({"collection": "pets"}), "unknown-collection"),
        (json!({"after": "x"}), "parameters"),
        (json!({"limit": 0}), "parameters"),
    ] {
        let (exit, code, _) = desk.refused("data/list", parameters);
        assert_eq!((exit, code.as_str()), (ExitCode::Usage, expected));
    }
    assert_eq!(desk.refused("data/get", json!({"entity": "none"})).1, "not-found");
    assert_eq!(desk.refused("data/history", json!({"verify": true, "head": "x"})).1, "parameters");
    let history = desk.ask("data/history", json!({}));
    assert_eq!((&history["verification"]["entries"], &history["verification"]["head"]), (&json!(0), &Value::Null));
}

#[test]
fn another_signer_and_another_head_are_not_taken_for_granted() {
    let desk = Desk::glass();
    desk.ask("data/upsert", json!({"file": desk.write("vase.yaml", RECIPE)}));
    let verified = desk.ask("data/history", json!({"verify": true}));
    let head = verified["verification"]["head"].as_str().unwrap();
    let signer = verified["verification"]["signers"].as_object().unwrap().keys().next().unwrap().clone();
    desk.ask("data/history", json!({"verify": true, "head": head}));
    // Another identity: the entries are sound, and by somebody nobody named.
    fs::rename(desk.path("home/keys"), desk.path("keys")).unwrap();
    let answer = desk.try_ask("data/history", json!({"verify": true})).unwrap();
    assert_eq!((answer.exit_code, &answer.result["verification"]["verdict"]), (ExitCode::Unknown, &json!("unknown")));
    desk.ask("data/history", json!({"verify": true, "key": [signer]}));
    // An older file: nothing is wrong with it but the head that was kept.
    fs::remove_file(desk.path("home/entities.sqlite")).unwrap();
    let answer = desk.try_ask("data/history", json!({"head": head})).unwrap();
    assert_eq!((answer.exit_code, &answer.result["verification"]["findings"][0]["code"]), (ExitCode::No, &json!("head")));
}

#[test]
fn corpora_baselines_and_keys_are_read_as_what_they_are() {
    let desk = Desk::new(built_in().unwrap());
    let public = "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";
    let key = json!({
        "keyId": "k-1", "algorithm": "EdDSA", "publicKey": public, "owner": "us", "registeredAt": "2026-01-01T00:00:00Z",
        "expiresAt": "2026-04-01T00:00:00Z", "revokedAt": null, "supersededBy": null, "registrationAuthority": "us",
    });
    for (name, document, collection, id) in [
        ("c.json", json!({"id": "code", "path": "code.jsonl"}), "corpora", "code"),
        (
            "d.json",
            json!({"name": "prose", "contentHash": format!("sha256:{}", "0".repeat(64)), "sizeBytes": 12}),
            "corpora",
            "prose",
        ),
        ("b.json", json!({"id": "random", "metric": "humaneval", "outcome": "negative_baseline"}), "baselines", "random"),
        ("k.json", key.clone(), "keys", "k-1"),
    ] {
        let put = desk.ask("data/upsert", json!({"file": desk.write(name, document.to_string())}));
        assert_eq!((&put["entity"]["collection"], &put["entity"]["id"]), (&json!(collection), &json!(id)));
    }
    let mut revoked = key;
    revoked["revokedAt"] = json!("2026-02-01T00:00:00Z");
    let put = desk.ask("data/upsert", json!({"file": desk.write("k.json", revoked.to_string())}));
    assert_eq!((&put["entity"]["revision"], &put["entity"]["facts"]["state"]), (&json!(2), &json!("revoked")));
    for (document, member) in [
        (json!({"id": "code", "path": 7}), "path"),
        (json!({"id": "x", "metric": "m", "outcome": 7}), "outcome"),
        (json!({"keyId": "x", "publicKey": "y"}), "owner"),
    ] {
        let report = desk.refused("data/upsert", json!({"file": desk.write("x.json", document.to_string())})).2;
        let members: Vec<_> = report.problems.iter().filter_map(|it| it.place.clone()?.member).collect();
        assert!(members.iter().any(|it| it == member), "{members:?}");
    }
}

#[test]
fn every_published_document_is_taken_in_to_the_byte_and_only_once() {
    let Some(folder) = aw_testkit::shared("alloys") else { return };
    let desk = Desk::new(built_in().unwrap());
    let documents: BTreeMap<String, Vec<u8>> =
        aw_testkit::files(&folder).into_iter().filter(|(name, _)| name.ends_with(".alloy.json")).collect();
    assert!(documents.len() >= 27, "{}", documents.len());
    let (mut artifacts, mut drafts) = (0, Vec::new());
    for (name, bytes) in &documents {
        let path = folder.join(name);
        let imported = desk.ask("data/import", json!({"document": path}));
        let plain: Value = serde_json::from_slice(bytes).unwrap();
        let digest = Digest::of(bytes).to_string();
        assert_eq!(imported["document"], digest);
        let recipe = &imported["recipe"]["entity"];
        match recipe["facts"]["state"].as_str().unwrap() {
            "draft" => drafts.push(format!("{name}: {}", imported["problems"])),
            // What keeps to the format and cannot run here asks for benchmarks this program does not have.
            "declared" => {
                let against = imported["cannotRun"].as_array().unwrap();
                assert!(
                    !against.is_empty() && against.iter().all(|it| it.as_str().unwrap().contains(".benchmarks[")),
                    "{against:#?}"
                );
            }
            state => assert_eq!((state, &imported["cannotRun"]), ("valid", &json!([]))),
        }
        // The recipe holds what was known before the run, as it was.
        let text = desk.ask("data/get", json!({"entity": recipe["id"]}))["text"].as_str().unwrap().to_owned();
        let kept: Value = serde_json::from_str(&text).unwrap();
        for member in ["name", "version", "description", "author", "license", "tags"] {
            assert_eq!(kept[member], plain[member], "{name} {member}");
        }
        assert_eq!(kept["source"]["baseModel"], plain["source"]["baseModel"]);
        assert_eq!(kept["stages"].as_array().unwrap().len(), plain["stages"].as_array().unwrap().len());
        assert!(["results", "receipt", "forgedModelIds"].iter().all(|member| kept.get(member).is_none()), "{name}");
        // Nothing is unaccounted for.
        let places: Vec<&str> = ["inRecipe", "inArtifact", "noPlace", "nulls"]
            .iter()
            .flat_map(|list| imported[list].as_array().unwrap().iter().map(|path| path.as_str().unwrap()))
            .collect();
        for member in plain.as_object().unwrap().keys() {
            assert!(places.contains(&member.as_str()), "{name} {member}: {places:?}");
        }
        // The original is there to the byte: as the artifact, or as the recipe's first revision.
        let original = if plain["results"].is_object() {
            artifacts += 1;
            let artifact = &imported["artifact"]["entity"];
            assert_eq!((&artifact["document"], &artifact["facts"]["recipeId"]), (&json!(digest), &recipe["id"]));
            let resolved = desk.ask("data/resolve", json!({"artifact": artifact["id"]}));
            assert_eq!(resolved["recipeVersion"], plain["version"]);
            desk.ask("data/get", json!({"entity": artifact["id"]}))
        } else {
            desk.ask("data/get", json!({"entity": recipe["id"], "revision": 1}))
        };
        assert_eq!(original["text"].as_str().unwrap().as_bytes(), bytes, "{name}");
        let again = desk.ask("data/import", json!({"document": path}));
        assert_eq!(again["recipe"]["new"], false);
        assert_eq!(again["recipe"]["entity"], *recipe);
    }
    assert_eq!(artifacts, 17);
    assert!(drafts.is_empty(), "{drafts:#?}");
    let history = desk.ask("data/history", json!({"verify": true}));
    assert_eq!(history["verification"]["verdict"], "good");
}
