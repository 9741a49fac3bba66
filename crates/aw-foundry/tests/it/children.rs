//! Heavy stages in a process of their own: whatever happens there is an error message, and nothing else is lost.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use aw_foundry::{Event, Run, RunError, WorkerCommand};

use crate::pottery::{RECIPE, Workshop};

/// The example `pottery_worker`, which cargo builds beside the tests.
fn worker() -> WorkerCommand {
    let tests = std::env::current_exe().unwrap();
    let program = tests.parent().unwrap().parent().unwrap().join("examples/pottery_worker");
    assert!(
        program.is_file(),
        "`{}` is missing: `cargo test -p aw-foundry` builds it, `--test it` alone does not",
        program.display()
    );
    WorkerCommand { program, arguments: Vec::new() }
}

fn recipe(how: &str) -> String {
    RECIPE.replace("  - {type: weigh}", &format!("  - {{type: stumble, how: {how}}}\n  - {{type: weigh}}"))
}

fn run(shop: &Workshop, how: &str, limit: Option<u64>) -> Result<Run, RunError> {
    shop.run_in(Some(worker()), limit, &recipe(how), &|| false, &|_| ())
}

fn failure(shop: &Workshop, how: &str, limit: Option<u64>) -> (String, String) {
    match run(shop, how, limit) {
        Err(RunError::Stage { stage, failure, .. }) => {
            assert_eq!(stage, "stumble");
            (failure.code.clone(), failure.message.clone())
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_child_gives_what_this_process_gives() {
    let (alone, together) = (Workshop::new(), Workshop::new());
    let child = run(&alone, "not at all", Some(1 << 30)).unwrap();
    let here = together.run(&recipe("not at all")).unwrap();
    assert_eq!(child.artifact.output(), here.artifact.output());
    let peak = child.artifact.chain().links[1].observations["peakMemoryBytes"].as_u64().unwrap();
    assert!(peak > 100_000, "a process of its own has memory of its own: {peak}");
}

#[test]
fn running_out_of_memory_names_the_limit_and_loses_nothing() {
    let shop = Workshop::new();
    let (code, message) = failure(&shop, "memory", Some(256 << 20));
    assert_eq!((code.as_str(), message.contains("memory limit of 268435456 bytes")), ("out-of-memory", true), "{message}");
    assert!(!shop.out().exists());
    shop.ran();
    run(&shop, "not at all", Some(256 << 20)).unwrap();
    assert_eq!(shop.ran(), 2, "`fire` was kept; `weigh` and `pack` ran here, `stumble` in its child");
}

#[test]
fn a_crash_names_the_signal() {
    let shop = Workshop::new();
    assert_eq!(failure(&shop, "abort", None), ("crashed".into(), "the process of stage `stumble` crashed with signal 6".into()));
}

#[test]
fn what_a_child_says_comes_through() {
    let shop = Workshop::new();
    assert_eq!(failure(&shop, "sideways", None), ("stumble".into(), "cannot stumble `sideways`".into()));
}

#[test]
fn cancelling_stops_a_child_in_the_middle() {
    let shop = Workshop::new();
    let cancelled = AtomicBool::new(false);
    let seen = Mutex::new(Vec::new());
    let events = |event: Event| {
        if let Event::StageStarted { stage, .. } = event {
            cancelled.store(stage == "stumble", Ordering::SeqCst);
            seen.lock().unwrap().push(stage);
        }
    };
    let outcome = shop.run_in(Some(worker()), None, &recipe("hang"), &|| cancelled.load(Ordering::SeqCst), &events);
    assert!(matches!(outcome, Err(RunError::Cancelled)), "{outcome:?}");
    assert_eq!(*seen.lock().unwrap(), ["fire", "stumble"]);
}

#[test]
fn a_worker_that_cannot_start_is_named() {
    let shop = Workshop::new();
    let missing = WorkerCommand { program: "/nowhere/worker".into(), arguments: Vec::new() };
    let outcome = shop.run_in(Some(missing), None, &recipe("not at all"), &|| false, &|_| ());
    let message = outcome.unwrap_err().to_string();
    assert!(message.contains("(`/nowhere/worker`) cannot be started"), "{message}");
}
