//! A run that dies, at any moment and in whatever way, costs the stage it was in and nothing else.
//!
//! The story each time: start a run, kill the program or the process of its stage after a while, start the same command again. What
//! was told as finished before the kill must not run again, and the end must be the artifact an undisturbed run makes.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Bench, finished, run};

/// Kills of each kind of victim.
const KILLS: usize = 25;

/// A small generator with a written seed: which moment is killed varies, which way does not.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victim {
    Program,
    Stage,
}

/// What a run told before it ended.
struct Told {
    finished: Vec<(usize, bool)>,
    last: Option<Value>,
    code: Option<i32>,
    took: Duration,
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap()
}

/// The process of the stage that goes on, when there is one.
fn stage_of(program: Pid) -> Option<Pid> {
    let program = program.as_raw_nonzero();
    let children = fs::read_dir(format!("/proc/{program}/task"))
        .ok()?
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    let text: String = children.collect();
    Pid::from_raw(text.split_whitespace().next()?.parse().ok()?)
}

/// Runs the recipe and kills the victim after `delay`, when it is still there; gives what was told and whether it was killed.
fn run_and_kill(bench: &Bench, victim: Victim, delay: Duration) -> (Told, bool) {
    let mut command = bench.command(&["run", "recipe.yaml", "--out", "out", "--json", "--threads", "1"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    let reader = std::thread::spawn(move || lines.lines().map_while(Result::ok).collect::<Vec<String>>());
    let program = pid(&child);
    let started = Instant::now();
    while started.elapsed() < delay && !ended(program) {
        sleep(Duration::from_micros(500).min(delay));
    }
    let killed = loop {
        // A program that has ended stays visible until it is waited for, so its number cannot be another's by now.
        if ended(program) {
            break false;
        }
        match victim {
            Victim::Program => break kill_process(program, Signal::KILL).is_ok(),
            Victim::Stage => match stage_of(program) {
                Some(stage) => break kill_process(stage, Signal::KILL).is_ok(),
                // Between two stages: the next one's process it is.
                None => sleep(Duration::from_micros(200)),
            },
        }
    };
    let code = child.wait().unwrap().code();
    let mut told = Told { finished: Vec::new(), last: None, code, took: started.elapsed() };
    for line in reader.join().unwrap() {
        // The last line of a killed program may be cut short.
        let Ok(event) = serde_json::from_str::<Value>(&line) else { continue };
        if event["event"] == "stage-finished" {
            let step = usize::try_from(event["step"].as_u64().unwrap()).unwrap();
            told.finished.push((step, event["cached"].as_bool().unwrap()));
        }
        told.last = Some(event);
    }
    (told, killed)
}

/// Whether a process of ours has ended and waits to be waited for.
fn ended(process: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).unwrap();
    stat.rsplit_once(')').unwrap().1.trim_start().starts_with('Z')
}

#[test]
fn with_the_program_killed_at_any_moment_a_run_goes_on_and_ends_the_same() {
    kill_again_and_again(Victim::Program);
}

#[test]
fn with_a_stage_s_process_killed_at_any_moment_a_run_goes_on_and_ends_the_same() {
    kill_again_and_again(Victim::Stage);
}

fn kill_again_and_again(victim: Victim) {
    let undisturbed = finished().0.run(&["verify", "made", "--json"]).json();
    let started = Instant::now();
    Bench::new().run(&["run", "recipe.yaml", "--out", "out", "--threads", "1"]).ends(0);
    let mut whole = micros(started.elapsed());
    let mut dice = Dice(20_261_120);
    let (mut kills, mut rounds) = (0, 0);
    let mut died_in: BTreeSet<usize> = BTreeSet::new();
    while kills < KILLS {
        rounds += 1;
        assert!(rounds < 10 * KILLS, "only {kills} kills in {rounds} rounds");
        let bench = Bench::new();
        let mut done: BTreeSet<usize> = BTreeSet::new();
        let mut in_vain = 0;
        let end = loop {
            // What is done is not done again, so what is left is shorter. How much shorter depends on the machine (starting and
            // sealing may cost more than any stage), so the wait grows with every kill that came before anything was finished.
            assert!(in_vain < 100, "{in_vain} kills one after another, and nothing finished after {done:?}");
            let left = whole * (5 - done.len() as u64) / 5 * (1 + in_vain);
            let (told, killed) = run_and_kill(&bench, victim, Duration::from_micros(dice.below(left)));
            for (step, cached) in &told.finished {
                assert!(*cached || !done.contains(step), "step {step} ran again after {done:?}, kill {kills}");
            }
            let before = done.len();
            done.extend(told.finished.iter().map(|(step, _)| step));
            in_vain = if done.len() > before { 0 } else { in_vain + 1 };
            // A stage's process can be done with its work when it is killed; the run then goes on unharmed.
            if told.code == Some(0) {
                if told.finished.iter().all(|(_, cached)| !cached) && !killed {
                    // A whole run that nothing disturbed: the machine may be less busy than when
                    // the first one was timed, and a kill after the end kills nothing.
                    whole = whole.min(micros(told.took));
                }
                break told.last.unwrap();
            }
            assert!(killed, "the run ended with {:?} though nothing was killed: {:?}", told.code, told.last);
            if victim == Victim::Stage {
                let last = told.last.unwrap();
                assert_eq!((told.code, &last["event"]), (Some(4), &"error".into()), "{last}");
                assert!(last["code"].as_str().unwrap().starts_with("stage-failed/"), "{last}");
            }
            kills += 1;
            died_in.insert(told.finished.len() + 1);
        };
        assert_eq!(end["event"], "result");
        assert_eq!(end["artifact"], undisturbed["artifact"]);
        assert_eq!(end["output"], output(&bench));
        let verified = bench.run(&["verify", "out", "--json"]).ends(0).json();
        assert_eq!((&verified["artifact"], &verified["verdict"]), (&undisturbed["artifact"], &"good".into()));
        assert_eq!(bench.run(&["gc", "--json"]).ends(0).json()["damaged"], serde_json::json!([]));
    }
    // Kills that all hit the same stage would prove little.
    assert!(died_in.len() >= 2, "{died_in:?}");
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap()
}

/// The output root of the undisturbed run, and that of this bench's document.
fn output(bench: &Bench) -> Value {
    let read = |path| -> Value {
        let document: Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
        document["chain"]["links"].as_array().unwrap().last().unwrap()["output"].clone()
    };
    let undisturbed = read(finished().0.path("made/tiny-test.alloy.json"));
    assert_eq!(read(bench.path("out/tiny-test.alloy.json")), undisturbed);
    undisturbed
}

#[test]
fn interrupted_a_run_ends_with_130_and_leaves_no_process_behind() {
    for signal in [Signal::INT, Signal::TERM] {
        let bench = Bench::new();
        let mut command = bench.command(&["run", "recipe.yaml", "--out", "out"]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let program = pid(&child);
        let by = Instant::now() + Duration::from_secs(60);
        let stage = loop {
            assert!(Instant::now() < by && child.try_wait().unwrap().is_none(), "no stage had a process of its own");
            if let Some(stage) = stage_of(program) {
                break stage;
            }
            sleep(Duration::from_millis(1));
        };
        kill_process(program, signal).unwrap();
        let ended = child.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(130), "{said}");
        assert!(said.contains("cancelled") && said.contains("hint: run the same command again"), "{said}");
        assert!(!fs::exists(format!("/proc/{}", stage.as_raw_nonzero())).unwrap(), "the stage's process outlived the run");
        assert!(!bench.path("out").exists());
        run(bench.command(&["run", "recipe.yaml", "--out", "out", "--quiet"])).ends(0);
    }
}
