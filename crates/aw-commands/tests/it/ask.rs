//! The registry runs any domain: the commands know none.

use std::fs;
use std::sync::Mutex;

use aw_commands::{Answer, Environment, ExitCode, Report, Settings, Surface};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::glass::registry;

struct Desk {
    folder: TempDir,
    environment: Environment,
}

const RECIPE: &str =
    "name: vase\nversion: 1.0.0\nsource: { baseModel: pit, architecture: sand }\nstages:\n  - { type: blow, shape: round }\n";

impl Desk {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("pit")).unwrap();
        fs::write(folder.path().join("pit/sand"), "sand").unwrap();
        let settings = Settings {
            home: Some(folder.path().join("home")),
            registry: Box::new(registry),
            program: None,
            worker_arguments: None,
        };
        Self { environment: Environment::new(settings).unwrap(), folder }
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn ask(&self, name: &str, parameters: Value) -> Result<Answer, Report> {
        self.ask_events(name, parameters, false).0
    }

    fn ask_events(&self, name: &str, parameters: Value, cancelled: bool) -> (Result<Answer, Report>, Vec<Value>) {
        let commands = aw_commands::registry();
        let command = commands.iter().find(|command| command.name == name).unwrap();
        let events = Mutex::new(Vec::new());
        let surface = Surface {
            event: &|event| events.lock().unwrap().push(serde_json::to_value(event).unwrap()),
            cancelled: &|| cancelled,
        };
        let answer = command.run(&self.environment, parameters, &surface);
        (answer, events.into_inner().unwrap())
    }
}

#[test]
fn any_domain_runs_is_verified_and_is_shown() {
    let desk = Desk::new();
    let (recipe, out) = (desk.write("vase.yaml", RECIPE), desk.path("out"));
    let plan = desk.ask("forge/plan", json!({"recipe": recipe})).unwrap().result;
    assert_eq!(
        (&plan["steps"][0]["stage"], &plan["steps"][0]["notes"], &plan["seconds"]),
        (&json!("blow"), &json!(["hot"]), &json!(0.5))
    );
    let (ran, events) = desk.ask_events("forge/run", json!({"recipe": recipe, "out": out}), false);
    let ran = ran.unwrap().result;
    assert_eq!(fs::read_to_string(desk.path("out/glass")).unwrap(), "round");
    assert_eq!(events.first().unwrap()["event"], "planned");
    let verified = desk.ask("forge/verify", json!({"artifact": out, "key": [ran["publicKey"]]})).unwrap();
    assert_eq!((verified.exit_code, &verified.result["signerChecked"]), (ExitCode::Ok, &json!(true)));
    let shown = desk.ask("forge/show", json!({"path": out})).unwrap().result;
    assert_eq!((&shown["kind"], &shown["id"]), (&json!("artifact"), &ran["artifact"]));
    assert_eq!(desk.ask("forge/show", json!({"path": out, "card": true})).unwrap().result["text"], "# vase\n");
    fs::remove_file(desk.path("out/glass")).unwrap();
    assert_eq!(desk.ask("forge/verify", json!({"artifact": out})).unwrap().exit_code, ExitCode::No);
}

#[test]
fn each_way_to_fail_has_its_code() {
    let desk = Desk::new();
    let case = |text: &str| {
        desk.ask("forge/run", json!({"recipe": desk.write("case.yaml", text), "out": desk.path("out")})).unwrap_err()
    };
    let failed = case(&RECIPE.replace("blow, shape: round", "drop"));
    assert_eq!(
        (failed.exit_code, failed.code.as_str(), failed.hints),
        (ExitCode::Stage, "stage-failed/shards", vec!["blow softer".to_owned()])
    );
    let declared = case(&RECIPE.replace("blow, shape: round", "cast"));
    assert_eq!((declared.exit_code, declared.problems[0].code.as_str()), (ExitCode::Refused, "stage-declared-only"));
    assert_eq!(declared.problems[0].place.as_ref().unwrap().line, Some(5));
    let recipe = desk.write("vase.yaml", RECIPE);
    let (cancelled, _) = desk.ask_events("forge/run", json!({"recipe": recipe, "out": desk.path("out")}), true);
    assert_eq!(cancelled.unwrap_err().exit_code, ExitCode::Cancelled);
    fs::create_dir(desk.path("full")).unwrap();
    desk.write("full/x", "x");
    let occupied = desk.ask("forge/run", json!({"recipe": recipe, "out": desk.path("full")})).unwrap_err();
    assert_eq!(occupied.exit_code, ExitCode::Refused);
}

#[test]
fn a_target_alone_is_planned_and_run_with_the_stages_derived_from_it() {
    let desk = Desk::new();
    let target = RECIPE.replace("stages:\n  - { type: blow, shape: round }", "target: { domain: round }");
    let recipe = desk.write("target.yaml", &target);
    let steps = desk.ask("forge/plan", json!({"recipe": recipe})).unwrap().result["steps"].clone();
    assert_eq!((steps.as_array().unwrap().len(), &steps[0]["stage"]), (1, &json!("blow")));
    assert_eq!(steps[0]["derivedFrom"], "target.domain");
    let out = desk.path("out");
    desk.ask("forge/run", json!({"recipe": recipe, "out": out})).unwrap();
    assert_eq!(fs::read_to_string(desk.path("out/glass")).unwrap(), "round");
    assert_eq!(desk.ask("forge/verify", json!({"artifact": out})).unwrap().exit_code, ExitCode::Ok);
    // A written stage is not marked.
    let written = desk.ask("forge/plan", json!({"recipe": desk.write("vase.yaml", RECIPE)})).unwrap().result;
    assert_eq!(written["steps"][0]["derivedFrom"], Value::Null);
    let refused = desk.write("cast.yaml", &target.replace("domain: round", "domain: round, publish: true"));
    let refused = desk.ask("forge/plan", json!({"recipe": refused})).unwrap_err();
    let problem = &refused.problems[0];
    assert_eq!((problem.code.as_str(), problem.place.as_ref().unwrap().line), ("stage-declared-only", Some(4)));
    assert!(problem.message.contains("`cast` is declared, cannot run here (the stage is derived from `target.publish`)"));
    let nothing = desk.write("nothing.yaml", &target.replace("{ domain: round }", "{}"));
    assert_eq!(desk.ask("forge/plan", json!({"recipe": nothing})).unwrap_err().problems[0].code, "nothing-derived");
}

#[test]
fn wrong_parameters_are_all_told_and_nothing_is_done() {
    let desk = Desk::new();
    let report = desk.ask("forge/run", json!({"recipe": 1, "treads": 2, "threads": 0})).unwrap_err();
    assert_eq!((report.exit_code, report.problems.len()), (ExitCode::Usage, 3), "{report:#?}");
    let members: Vec<&str> = report.problems.iter().filter_map(|it| it.place.as_ref()?.member.as_deref()).collect();
    assert!(["recipe", "treads", "threads"].iter().all(|name| members.contains(name)), "{members:?}");
    assert!(desk.ask("forge/plan", json!({})).unwrap_err().problems[0].message.contains("recipe"));
    assert!(!fs::exists(desk.path("home")).unwrap());
}

#[test]
fn runs_at_once_share_one_identity_and_do_not_get_in_each_others_way() {
    let desk = Desk::new();
    let recipe = desk.write("vase.yaml", RECIPE);
    let keys: Vec<Value> = std::thread::scope(|scope| {
        let run = |at: usize| {
            desk.ask("forge/run", json!({"recipe": recipe, "out": desk.path(&format!("out{at}"))})).unwrap().result["publicKey"]
                .clone()
        };
        let runs: Vec<_> = (0..4).map(|at| scope.spawn(move || run(at))).collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]), "{keys:?}");
    for at in 0..4 {
        let verified = desk.ask("forge/verify", json!({"artifact": desk.path(&format!("out{at}"))})).unwrap();
        assert_eq!(verified.exit_code, ExitCode::Ok);
    }
    assert_eq!(desk.ask("store/gc", json!({"dryRun": true})).unwrap().result["kept"].as_array().unwrap().len(), 1);
}
