//! The line with the real program: recipes added, built in processes of their own, killed in the middle, limited, fed by a stranger.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::support::{Bench, Ran, run};

/// How long anything here may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(300);

/// A bench with a line in `line-1`.
pub(crate) struct Yard {
    pub(crate) bench: Bench,
}

impl Yard {
    pub(crate) fn new() -> Self {
        let bench = Bench::new();
        bench.run(&["line", "init", "line-1", "--name", "anvil"]).ends(0);
        let yard = Self { bench };
        // Whatever the disk of the tests has free.
        yard.node_file(|text| {
            let lines = text.lines().map(|line| if line.starts_with("min_free_gb = ") { "min_free_gb = 0" } else { line });
            lines.map(|line| format!("{line}\n")).collect()
        });
        yard
    }

    /// A verb of the line, in its root.
    fn command(&self, verb: &[&str]) -> Command {
        let root = self.path("");
        let arguments: Vec<&str> = ["line"].into_iter().chain(verb.iter().copied()).chain(["--root"]).collect();
        let mut command = self.bench.command(&arguments);
        command.arg(root);
        command
    }

    pub(crate) fn run(&self, verb: &[&str]) -> Ran {
        run(self.command(verb))
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.bench.path("line-1").join(below)
    }

    pub(crate) fn stands(&self, station: &str) -> BTreeSet<String> {
        let entries = fs::read_dir(self.path("line").join(station)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.ends_with(".alloy.json") && !name.starts_with('.')).collect()
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path(path)).unwrap()).unwrap()
    }

    pub(crate) fn log(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("line/throughput.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The outcomes of one part, by its stem.
    pub(crate) fn outcomes(&self, stem: &str) -> Vec<String> {
        let of = |entry: &&Value| entry["alloy"].as_str().is_some_and(|file| file.starts_with(&format!("{stem}.")));
        self.log().iter().filter(of).map(|entry| entry["outcome"].as_str().unwrap().to_owned()).collect()
    }

    /// Writes the bench's recipe under another name, `eval`'s seed changed so that a stage of its own must run.
    fn recipe(&self, name: &str, more: impl Fn(String) -> String) {
        let text = self.bench.text("recipe.yaml").replace("name: tiny-test", &format!("name: {name}"));
        self.bench.write(&format!("{name}.yaml"), &more(text));
    }

    pub(crate) fn node_file(&self, change: impl Fn(String) -> String) {
        let path = self.path("factory_node.toml");
        fs::write(&path, change(fs::read_to_string(&path).unwrap())).unwrap();
    }

    /// Starts a worker that goes on until it is asked to stop.
    fn worker(&self, more: &[&str]) -> Child {
        let mut verb = vec!["work", "--json", "--threads", "1"];
        verb.extend(more);
        self.command(&verb).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}

#[track_caller]
fn wait_for(what: &str, mut is_so: impl FnMut() -> bool) {
    let by = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < by, "{what} did not come about");
        sleep(Duration::from_millis(5));
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

/// Processes that a process started and that are there.
fn children(parent: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{parent}/task")).into_iter().flatten().flatten();
    let text: String = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok()).collect();
    text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

#[test]
fn recipes_become_finished_parts_that_verify() {
    let yard = Yard::new();
    fs::create_dir(yard.bench.path("more")).unwrap();
    yard.recipe("second", |text| text.replace("keepExpertsPerLayer: 8", "keepExpertsPerLayer: 12"));
    let dry = yard.run(&["add", "recipe.yaml", "second.yaml", "--dry-run", "--json"]).ends(0).json();
    assert_eq!(dry["added"].as_array().unwrap().len(), 2);
    assert!(dry["added"][0]["needs"]["memoryBytes"].as_u64().unwrap() > 0);
    assert!(yard.stands("intake").is_empty(), "a dry run added something");
    yard.run(&["add", "recipe.yaml"]).ends(0);
    yard.run(&["add", "second.yaml", "--first"]).ends(0);
    let twice = yard.run(&["add", "recipe.yaml"]).ends(3);
    assert!(twice.out.contains("is there already"), "{}", twice.out);
    let status = yard.run(&["status", "--json"]).ends(0).json();
    assert_eq!(status["next"][0]["part"], "second-1.2.3");
    assert_eq!(status["alerts"][0]["kind"], "no-worker");
    let worked = yard.run(&["work", "--drain", "--json", "--threads", "1"]).ends(0);
    let events = worked.events();
    let last = events.last().unwrap();
    assert_eq!((&last["event"], &last["finished"], &last["failed"]), (&json!("result"), &json!(2), &json!(0)));
    let started: Vec<&Value> = events.iter().filter(|event| event["what"] == "started").map(|event| &event["part"]).collect();
    assert_eq!(started, ["second-1.2.3", "tiny-test-1.2.3"]);
    for stem in ["second-1.2.3", "tiny-test-1.2.3"] {
        let result = yard.json(&format!("line/finished/{stem}.result.json"));
        assert_eq!(result["forged_dir"], format!("work/{stem}/artifact"));
        let folder = yard.path(result["forged_dir"].as_str().unwrap());
        let verified = yard.bench.run(&["verify", folder.to_str().unwrap(), "--json"]).ends(0).json();
        assert_eq!((&verified["verdict"], &verified["artifact"]), (&json!("good"), &result["artifactId"]));
        let document = yard.json(result["alloy_path"].as_str().unwrap());
        assert_eq!(result["modelHash"], document["integrity"]["modelHash"]);
        assert_eq!(result["fileHashes"], document["integrity"]["fileHashes"]);
        assert!(result["scores"]["perplexity/prose"].is_number() && result["baseScores"]["perplexity/prose"].is_number());
        assert_eq!(result["published"], false);
        let sealed = fs::read(yard.path(&format!("line/finished/{stem}.artifact.json"))).unwrap();
        assert_eq!(sealed, fs::read(yard.path(result["alloy_path"].as_str().unwrap())).unwrap());
        assert_eq!(yard.outcomes(stem), ["enqueued", "started", "finished"]);
        let progress = fs::read_to_string(yard.path(&format!("work/{stem}/progress.jsonl"))).unwrap();
        assert!(progress.contains("\"stage-finished\"") && progress.contains("\"sealed\""), "{progress}");
    }
    // Asked again, the line estimates by what it took, and the part is still refused by its name.
    let again = yard.run(&["add", "recipe.yaml", "--name", "again", "--json"]).ends(0).json();
    assert_eq!(again["added"][0]["estimate"]["basis"], "history");
    let list = yard.run(&["list", "--json"]).ends(0).json();
    assert_eq!(list["parts"].as_array().unwrap().len(), 3);
    assert_eq!(list["oddities"], json!([]));
    yard.run(&["doctor"]).ends(0);
}

#[test]
fn what_does_not_fit_is_refused_with_the_numbers_and_the_rest_is_added() {
    let yard = Yard::new();
    yard.recipe("hungry", |text| format!("{text}hardware: {{ minVramGb: 80 }}\n"));
    let refused = yard.run(&["add", "hungry.yaml", "recipe.yaml", "--json"]).ends(1).json();
    assert_eq!(refused["added"][0]["part"], "tiny-test-1.2.3");
    assert_eq!(refused["refused"][0]["code"], "does-not-fit");
    assert_eq!(
        refused["refused"][0]["lacks"][0],
        json!({"what": "device", "needed": 8e10, "there": 0.0, "place": "the node file's `gpu_vram_gb`"})
    );
    yard.node_file(|text| text.replace("# memory_limit_gb = 8", "memory_limit_gb = 0.001"));
    let small = yard.run(&["add", "recipe.yaml", "--name", "small"]).ends(3);
    assert!(small.out.contains("of memory, `memory_limit_gb` of the node file has 1.00 MB"), "{}", small.out);
    yard.node_file(|text| text.replace("memory_limit_gb", "memory_limit"));
    let broken = yard.run(&["add", "recipe.yaml", "--name", "small"]).ends(3);
    assert!(
        broken.err.contains("factory_node.toml:") && broken.err.contains("did you mean `memory_limit_gb`?"),
        "{}",
        broken.err
    );
    let worker = yard.run(&["work", "--drain"]).ends(3);
    assert!(worker.err.contains("did you mean"), "a worker fell back to something: {}", worker.err);
}

#[test]
fn a_worker_killed_in_the_middle_costs_the_stage_it_was_in() {
    let yard = Yard::new();
    yard.run(&["add", "recipe.yaml"]).ends(0);
    let mut worker = yard.worker(&[]);
    let progress = yard.path("work/tiny-test-1.2.3/progress.jsonl");
    let told = || fs::read_to_string(&progress).unwrap_or_default();
    wait_for("a finished stage", || told().contains("stage-finished"));
    let before: Vec<Value> = told().lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut parts: Vec<u32> = children(worker.id());
    parts.extend(parts.clone().into_iter().flat_map(children));
    kill_process(pid(&worker), Signal::KILL).unwrap();
    worker.wait().unwrap();
    wait_for("the end of the part's process", || parts.iter().all(|part| !PathBuf::from(format!("/proc/{part}")).exists()));
    if yard.stands("assembly").is_empty() {
        // The machine was quicker than the kill; the part is finished and nothing is left to show.
        assert_eq!(yard.stands("finished").len(), 1);
        return;
    }
    let status = yard.run(&["status", "--json"]).ends(1).json();
    assert_eq!((&status["workers"][0]["staleHeartbeat"], &status["workers"][0]["state"]), (&json!(true), &Value::Null));
    assert_eq!(status["alerts"][0]["kind"], "stale-heartbeat");
    let worked = yard.run(&["work", "--drain", "--json", "--threads", "1"]).ends(0).events();
    assert_eq!(worked.last().unwrap()["recovered"], 1);
    assert_eq!(yard.stands("finished"), ["tiny-test-1.2.3.retry1.alloy.json".to_owned()].into());
    assert_eq!(yard.outcomes("tiny-test-1.2.3"), ["enqueued", "started", "recovered", "started", "finished"]);
    let done: Vec<&Value> =
        before.iter().filter(|event| event["event"] == "stage-finished").map(|event| &event["step"]).collect();
    for event in told().lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        if event["event"] == "stage-finished" && done.contains(&&event["step"]) {
            assert_eq!(event["cached"], true, "a finished stage ran again: {event}");
        }
    }
    assert!(yard.path("line/finished/tiny-test-1.2.3.retry1.origin.json").exists(), "the bundle was torn");
}

#[test]
fn asked_to_stop_a_worker_ends_in_order_and_the_part_goes_on_later() {
    let yard = Yard::new();
    yard.run(&["add", "recipe.yaml"]).ends(0);
    let mut worker = yard.worker(&[]);
    wait_for("a stage", || {
        fs::read_to_string(yard.path("work/tiny-test-1.2.3/progress.jsonl")).is_ok_and(|text| text.contains("stage-started"))
    });
    let part = children(worker.id());
    kill_process(pid(&worker), Signal::TERM).unwrap();
    assert_eq!(worker.wait().unwrap().code(), Some(130));
    assert!(part.iter().all(|part| !PathBuf::from(format!("/proc/{part}")).exists()), "the part's process outlived its worker");
    assert_eq!(yard.json("line/.heartbeat.json")["state"], "offline");
    assert!(!yard.path("line/.worker.pid").exists());
    assert_eq!(yard.stands("assembly").len() + yard.stands("finished").len(), 1);
    yard.run(&["work", "--drain", "--threads", "1"]).ends(0);
    assert_eq!(yard.stands("finished").len(), 1);
}

#[test]
fn limits_end_a_part_in_rework_with_the_reason_and_the_next_is_built() {
    let yard = Yard::new();
    // Adding checks the plan against the limit, so the limits come once both wait.
    yard.run(&["add", "recipe.yaml"]).ends(0);
    yard.node_file(|text| text.replace("# time_limit_minutes = 720", "time_limit_minutes = 0.002"));
    let worked = yard.run(&["work", "--once", "--json", "--threads", "1"]).ends(1).events();
    assert_eq!(worked.last().unwrap()["failed"], 1);
    let error = yard.json("line/rework/tiny-test-1.2.3.error.json");
    assert!(error["error"].as_str().unwrap().starts_with("time-limit: the part took longer"), "{error}");
    // Every process may take no more than a few megabytes: whichever runs out first says so.
    yard.node_file(|text| text.replace("time_limit_minutes = 0.002", "memory_limit_gb = 0.004"));
    yard.run(&["retry", "tiny-test-1.2.3"]).ends(0);
    yard.run(&["work", "--once", "--threads", "1"]).ends(1);
    let error = yard.json("line/rework/tiny-test-1.2.3.error.json");
    let text = error["error"].as_str().unwrap();
    assert!(text.contains("out-of-memory") || text.contains("memory-too-small") || text.contains("recipe-refused"), "{error}");
    assert!(yard.path("line/rework/tiny-test-1.2.3.error.1.json").exists(), "the first error was lost");
    let list = yard.run(&["list", "rework"]).ends(0);
    assert!(list.out.contains(text.split(':').next().unwrap()), "{}", list.out);
    yard.node_file(|text| text.replace("memory_limit_gb = 0.004", "memory_limit_gb = 4"));
    yard.run(&["promote", "tiny-test-1.2.3"]).ends(0);
    yard.run(&["work", "--drain", "--threads", "1"]).ends(0);
    assert_eq!(yard.outcomes("tiny-test-1.2.3").last().unwrap(), "finished");
}

#[test]
fn no_credential_reaches_the_process_of_a_part() {
    let yard = Yard::new();
    yard.run(&["add", "recipe.yaml"]).ends(0);
    let secrets = [
        "HF_TOKEN",
        "HUGGING_FACE_HUB_TOKEN",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AZURE_STORAGE_ACCOUNT_KEY",
        "GOOGLE_APPLICATION_CREDENTIALS",
        "FORGE_OCI_PASSWORD",
        "FORGE_API_TOKENS",
        "SOMETHING_ELSE",
    ];
    let mut command = yard.command(&["work", "--drain", "--json", "--threads", "1"]);
    for name in secrets {
        command.env(name, "hunter2-hunter2");
    }
    let mut worker = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let mut seen = BTreeSet::new();
    let mut looked = 0;
    let by = Instant::now() + PATIENCE;
    while worker.try_wait().unwrap().is_none() {
        assert!(Instant::now() < by);
        for part in children(worker.id()) {
            for process in children(part).into_iter().chain([part]) {
                let Ok(environment) = fs::read(format!("/proc/{process}/environ")) else { continue };
                let text = String::from_utf8_lossy(&environment).into_owned();
                // Between being started and becoming the program, a process still has its parent's.
                let is_ours = fs::read_to_string(format!("/proc/{process}/cmdline")).unwrap_or_default();
                if text.is_empty() || !(is_ours.contains("line-part") || is_ours.contains("worker")) {
                    continue;
                }
                looked += 1;
                assert!(!text.contains("hunter2"), "a credential reached a process: {text}");
                seen.extend(text.split('\0').filter_map(|pair| Some(pair.split_once('=')?.0.to_owned())));
            }
        }
        sleep(Duration::from_millis(1));
    }
    assert!(looked > 0 && seen.contains("ALLOYWORKS_HOME"), "no process of a part was seen: {seen:?}");
    assert_eq!(yard.stands("finished").len(), 1);
    let everything = Command::new("grep").args(["-rl", "hunter2-hunter2"]).arg(yard.bench.folder.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&everything.stdout), "", "a credential was written down");
}

#[test]
fn a_stranger_drops_parts_by_the_protocol_and_garbage_is_told() {
    let yard = Yard::new();
    // The recipe's relative paths start at the root for a part without an origin.
    for name in ["model", "code.jsonl", "prose.jsonl"] {
        std::os::unix::fs::symlink(yard.bench.path(name), yard.path(name)).unwrap();
    }
    yard.run(&["add", "recipe.yaml", "--name", "taken"]).ends(0);
    let part = fs::read(yard.path("line/intake/taken.alloy.json")).unwrap();
    fs::write(yard.bench.path("part.json"), &part).unwrap();
    let script = "
import os, sys
part, intake = open(sys.argv[1], 'rb').read(), sys.argv[2]
def drop(name, data):
    tmp = os.path.join(intake, '.' + name + '.tmp')
    with open(tmp, 'wb') as f:
        f.write(data); f.flush(); os.fsync(f.fileno())
    os.rename(tmp, os.path.join(intake, name + '.alloy.json'))
drop('foreign', part)
drop('broken', b'{\"name\": ')
drop('empty', b'{}')
open(os.path.join(intake, 'note.txt'), 'w').write('hello')
os.mkdir(os.path.join(intake, 'folder.alloy.json'))
os.symlink('/etc/passwd', os.path.join(intake, 'link.alloy.json'))
";
    let Some(python) = python() else { return };
    let made = Command::new(python)
        .arg("-c")
        .arg(script)
        .arg(yard.bench.path("part.json"))
        .arg(yard.path("line/intake"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let list = yard.run(&["list", "--json"]).ends(0).json();
    assert!(list["oddities"].as_array().unwrap().len() >= 3, "{list}");
    yard.run(&["work", "--drain", "--json", "--threads", "1"]).ends(1);
    assert_eq!(yard.stands("finished"), ["foreign.alloy.json".to_owned(), "taken.alloy.json".to_owned()].into());
    assert_eq!(yard.stands("rework"), ["broken.alloy.json".to_owned(), "empty.alloy.json".to_owned()].into());
    let error = yard.json("line/rework/empty.error.json");
    assert!(error["traceback"].as_str().unwrap().contains("missing field"), "{error}");
    assert!(error.get("stage").is_none(), "work was begun on what is no recipe");
    assert_eq!(yard.outcomes("foreign"), ["enqueued", "started", "finished"]);
    assert_eq!(fs::read(yard.path("line/finished/foreign.alloy.json")).unwrap(), part);
    assert_eq!(fs::read_to_string(yard.path("line/intake/note.txt")).unwrap(), "hello");
}

/// Python, which the tests of the project need in several places; its absence is told.
fn python() -> Option<PathBuf> {
    let python = PathBuf::from("/usr/bin/python3");
    let found = std::env::var_os("ALLOYWORKS_PYTHON").map(PathBuf::from).or_else(|| python.exists().then_some(python));
    if found.is_none() {
        eprintln!("SKIPPED: there is no Python to write a foreign producer in");
    }
    found
}

#[test]
fn two_workers_build_twenty_parts_and_none_twice() {
    let yard = Yard::new();
    for number in 0..20 {
        yard.recipe(&format!("part-{number:02}"), |text| text.replace("seed: 7", &format!("seed: {number}")));
    }
    fs::create_dir(yard.bench.path("folder")).unwrap();
    let names: Vec<String> = (0..20).map(|number| format!("part-{number:02}.yaml")).collect();
    yard.bench.write("list.txt", &names.join("\n"));
    let added = yard.run(&["add", "--list", "list.txt", "--json"]).ends(0).json();
    assert_eq!(added["added"].as_array().unwrap().len(), 20);
    let worked = yard.run(&["work", "--workers", "2", "--drain", "--threads", "1", "--json"]).ends(0).events();
    let last = worked.last().unwrap();
    assert_eq!((&last["finished"], &last["failed"]), (&json!(20), &json!(0)));
    assert_eq!(yard.stands("finished").len(), 20);
    for number in 0..20 {
        assert_eq!(yard.outcomes(&format!("part-{number:02}-1")), ["enqueued", "started", "finished"], "{number}");
    }
    let mut artifacts = BTreeSet::new();
    for name in yard.stands("finished") {
        let result = yard.json(&format!("line/finished/{}.result.json", name.trim_end_matches(".alloy.json")));
        artifacts.insert(result["artifactId"].as_str().unwrap().to_owned());
    }
    assert_eq!(artifacts.len(), 20, "two parts are one artifact");
    assert!(worked.iter().any(|event| event["what"] == "progress"), "nothing was seen of the workers' progress");
}

#[test]
fn a_worker_of_several_that_dies_is_started_again_and_none_outlives_its_starter() {
    let yard = Yard::new();
    let crew = yard.worker(&["--workers", "2"]);
    let worker = |name: &str| -> Option<u32> {
        fs::read_to_string(yard.path(&format!("line/.worker.{name}.pid"))).ok()?.split_whitespace().next()?.parse().ok()
    };
    let beats = |name: &str| yard.path(&format!("line/.heartbeat.{name}.json")).exists();
    wait_for("two workers", || ["w1", "w2"].iter().all(|name| worker(name).is_some() && beats(name)));
    let first = worker("w1").unwrap();
    kill_process(Pid::from_raw(i32::try_from(first).unwrap()).unwrap(), Signal::KILL).unwrap();
    wait_for("a new first worker", || worker("w1").is_some_and(|pid| pid != first));
    yard.recipe("vase", |text| text);
    yard.run(&["add", "vase.yaml"]).ends(0);
    wait_for("the part", || yard.stands("finished").len() == 1);
    let members = children(crew.id());
    assert_eq!(members.len(), 2, "{members:?}");
    let mut crew = crew;
    kill_process(pid(&crew), Signal::KILL).unwrap();
    crew.wait().unwrap();
    // Asked to stop as by Ctrl-C: each takes its file away and writes that it has gone.
    wait_for("an end of both workers", || worker("w1").is_none() && worker("w2").is_none());
    let status = yard.run(&["status", "--json"]).json();
    assert!(status["workers"].as_array().unwrap().iter().all(|worker| worker["state"] == "offline"), "{status:#}");
}

#[test]
fn parts_are_parked_reordered_cancelled_and_a_second_worker_is_refused() {
    let yard = Yard::new();
    for name in ["one", "two", "three"] {
        yard.recipe(name, |text| text);
    }
    yard.run(&["add", "one.yaml", "two.yaml", "three.yaml"]).ends(0);
    let order = yard.run(&["move", "three-1.2.3", "--before", "two-1.2.3", "--json"]).ends(0).json();
    assert_eq!(order["order"], json!(["one-1.2.3", "three-1.2.3", "two-1.2.3"]));
    yard.run(&["move", "three-1.2.3", "--first", "--last"]).ends(2);
    yard.run(&["defer", "one-1.2.3", "--reason", "not tonight"]).ends(0);
    let dry = yard.run(&["cancel", "two-1.2.3", "--dry-run", "--json"]).ends(0).json();
    assert_eq!(dry["moved"][0]["to"], "off the line");
    assert_eq!(yard.stands("intake").len(), 2);
    yard.run(&["cancel", "two-1.2.3", "--reason", "nobody wants it"]).ends(0);
    yard.run(&["cancel", "two-1.2.3"]).ends(3);
    assert_eq!(yard.outcomes("two-1"), ["enqueued", "cancelled"]);
    yard.run(&["promote", "one-1.2.3"]).ends(0);
    assert_eq!(yard.outcomes("one-1"), ["enqueued", "deferred", "undeferred"]);
    let mut worker = yard.worker(&[]);
    wait_for("a worker", || yard.path("line/.worker.pid").exists() && yard.path("line/.heartbeat.json").exists());
    let second = yard.run(&["work", "--once"]).ends(3);
    assert!(second.err.contains("a worker is at work on this root"), "{}", second.err);
    wait_for("both parts", || yard.stands("finished").len() == 2);
    // An idle worker takes nothing: half a second of processor time in three seconds would be seen.
    let used = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", worker.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    sleep(Duration::from_millis(500));
    let before = used();
    sleep(Duration::from_secs(3));
    assert!(used() - before <= 10, "an idle worker took {} ticks in three seconds", used() - before);
    kill_process(pid(&worker), Signal::TERM).unwrap();
    assert_eq!(worker.wait().unwrap().code(), Some(130));
}

#[test]
fn damaged_files_in_every_station_are_told_and_end_nothing() {
    let yard = Yard::new();
    yard.run(&["add", "recipe.yaml"]).ends(0);
    for station in ["intake", "assembly", "finished", "rework", "deferred"] {
        let folder = yard.path("line").join(station);
        fs::write(folder.join("no json.alloy.json"), "{").unwrap();
        fs::write(folder.join(format!("bad-{station}.alloy.json")), [0xff, 0x00]).unwrap();
        fs::write(folder.join(format!("bad-{station}.result.json")), "[").unwrap();
        fs::write(folder.join("stray.error.json"), "").unwrap();
    }
    fs::write(yard.path("line/.heartbeat.json"), "{\"pid\": \"x\"}").unwrap();
    fs::write(yard.path("line/.worker.pid"), "what").unwrap();
    for verb in [&["list"][..], &["status"], &["evict", "--dry-run"], &["doctor"], &["watch", "--seconds", "1", "--from-start"]] {
        let ran = yard.run(verb);
        assert!(matches!(ran.code, Some(0 | 1)), "{verb:?} {:?}: {}", ran.code, ran.err);
    }
    let list = yard.run(&["list", "--json"]).ends(0).json();
    assert!(list["oddities"].as_array().unwrap().len() >= 10, "{list}");
    let worked = yard.run(&["work", "--drain", "--json", "--threads", "1"]);
    assert_eq!(worked.code, Some(1), "{}", worked.err);
    assert!(yard.stands("finished").contains("tiny-test-1.2.3.alloy.json"), "good parts wait behind bad ones");
    assert!(yard.stands("rework").contains("bad-intake.alloy.json"));
}
