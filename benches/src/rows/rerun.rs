//! Running the demonstration recipe again: unchanged, with another prune ratio, and as parts of a line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::{Bench, Keep, Row, remove, silent, stages, write};
use crate::contest::{Contender, Sample, last_json, nothing};
use crate::error::{At, BenchError};
use crate::process::{Ended, measure};
use crate::report::{Section, Target, median, of, wall};

const RECIPE: &str = "recipes/tiny-moe";
/// What the recipe says, and what the changed one says in its place.
const CHANGE: (&str, &str) = ("keepExpertsPerLayer: 8", "keepExpertsPerLayer: 10");

const FIRST: &str = "first run";
const AGAIN: &str = "again, nothing changed";
const CHANGED: &str = "again, 10 experts in place of 8";
const BY_RUN: &str = "20 of other names, by `run` one after the other";
const BY_LINE: &str = "20 of other names, by a worker of a line";
/// How many these are.
const PARTS: usize = 20;

/// The row.
pub const ROW: Row = Row { name: "rerun", contenders: &[FIRST, AGAIN, CHANGED, BY_RUN, BY_LINE], run, section };

fn run(bench: &Bench, keep: Keep<'_>) -> Result<(), BenchError> {
    let scratch = bench.scratch(ROW.name)?;
    let (home, out, recipe) = (scratch.join("home"), scratch.join("out"), scratch.join("recipe.yaml"));
    let original = bench.root.join(RECIPE);
    if !original.join("corpora/calibration-code.jsonl").is_file() {
        return Err(BenchError::Missing { path: original.join("corpora"), hint: "write the corpora with `cargo xtask corpora`" });
    }
    for folder in ["model", "corpora"] {
        copy(&original.join(folder), &scratch.join(folder))?;
    }
    let file = original.join("compact.yaml");
    let text = fs::read_to_string(&file).at("read", &file)?;
    let changed = text.replacen(CHANGE.0, CHANGE.1, 1);
    if changed == text {
        return Err(BenchError::Missing {
            path: file,
            hint: "the row changes `keepExpertsPerLayer: 8`; say there what it says now",
        });
    }
    let command = || bench.alloyworks_run(&home, &recipe, &out);
    let fresh = || remove(&home).and_then(|()| remove(&out)).and_then(|()| write(&recipe, &text));
    let change = || write(&recipe, &changed);
    let parts: Vec<PathBuf> = (0..PARTS).map(|n| scratch.join(format!("part-{n}.yaml"))).collect();
    let write_parts = || {
        let named = |n: usize| text.replacen("name: ", &format!("name: part-{n}-"), 1);
        parts.iter().enumerate().try_for_each(|(n, part)| write(part, &named(n)))
    };
    let by_run = || {
        let mut command = Command::new("sh");
        command.args(["-c", r#"program=$1 home=$2 out=$3; shift 3; for recipe do "$program" --json --home "$home" run "$recipe" --out "$out" || exit; done"#]);
        command.arg("sh").arg(&bench.program).args([&home, &out]).args(&parts);
        command
    };
    let line = scratch.join("line");
    let submit = || {
        write_parts()?;
        remove(&line)?;
        measure(bench.alloyworks(&home, "line").arg("init").arg(&line))?;
        measure(bench.alloyworks(&home, "line").arg("add").args(&parts).arg("--root").arg(&line)).map(drop)
    };
    let by_line = || {
        let mut command = bench.alloyworks(&home, "line");
        command.args(["work", "--drain", "--root"]).arg(&line);
        command
    };
    let finished = |ended: &Ended| {
        let last = last_json(ended)?;
        if last["finished"] == PARTS {
            Ok(json!({"finished": last["finished"]}))
        } else {
            Err(BenchError::Answer { command: "line work".into(), expected: "all parts finished", got: last.to_string() })
        }
    };
    let contenders = [
        Contender { name: FIRST, prepare: Box::new(fresh), command: Box::new(command), read: Box::new(stages) },
        Contender { name: AGAIN, prepare: Box::new(nothing), command: Box::new(command), read: Box::new(stages) },
        Contender { name: CHANGED, prepare: Box::new(change), command: Box::new(command), read: Box::new(stages) },
        Contender { name: BY_RUN, prepare: Box::new(write_parts), command: Box::new(by_run), read: Box::new(silent) },
        Contender { name: BY_LINE, prepare: Box::new(submit), command: Box::new(by_line), read: Box::new(finished) },
    ];
    bench.contest(&ROW, &contenders, 10, keep)?;
    remove(&scratch)
}

fn copy(from: &Path, to: &Path) -> Result<(), BenchError> {
    fs::create_dir_all(to).at("make", to)?;
    for entry in fs::read_dir(from).at("list", from)? {
        let entry = entry.at("list", from)?;
        fs::copy(entry.path(), to.join(entry.file_name())).at("copy", &entry.path())?;
    }
    Ok(())
}

/// Types of the stages that ran, in order.
fn ran(sample: &Sample) -> Vec<&str> {
    let stages = sample.said["stages"].as_array().into_iter().flatten();
    stages.filter(|stage| stage["cached"] == serde_json::Value::Bool(false)).filter_map(|stage| stage["stage"].as_str()).collect()
}

fn section(samples: &[Sample]) -> Section {
    let mut section = Section::new("Run again", samples, ROW.contenders);
    section.say(
        "The demonstration recipe, `recipes/tiny-moe`: two profiles, a prune, an evaluation with three controls, a package. Every round starts from \
         an empty home, then runs the same again, then keeps another number of experts; then runs the first again under twenty names, by the command \
         and by a worker that builds each part in a process of its own: what that takes longer is the line's share.",
    );
    section.figure("stages that ran", |samples| match samples.first().map(|sample| ran(sample)) {
        Some(names) if names.is_empty() => "none".to_owned(),
        Some(names) => names.join(", "),
        None => String::new(),
    });
    let again = of(samples, AGAIN).map(wall);
    let slowest = of(samples, AGAIN).map(wall).reduce(f64::max);
    section.target(Target::at_most("a run in which nothing changed, median", Some(median(again)), 0.3, " s"));
    section.target(Target::at_most("a run in which nothing changed, slowest", slowest, 0.3, " s"));
    let most = |contender, counted: fn(&&str) -> bool| {
        of(samples, contender).map(|sample| ran(sample).iter().filter(|name| counted(name)).count() as f64).reduce(f64::max)
    };
    section.target(Target::at_most("stages that ran when nothing changed", most(AGAIN, |_| true), 0.0, ""));
    let profile: fn(&&str) -> bool = |name| *name == "expert-activation-profile";
    section.target(Target::at_most("profiles that ran when the prune ratio changed", most(CHANGED, profile), 0.0, ""));
    let taken = |name: &str| median(of(samples, name).map(wall));
    let share = Some((taken(BY_LINE) - taken(BY_RUN)) / PARTS as f64).filter(|share| !share.is_nan());
    section.target(Target::at_most("the line's share of a part, its process included", share, 0.050, " s"));
    section
}
