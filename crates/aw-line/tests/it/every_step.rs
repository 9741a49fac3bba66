//! Every transition, stopped before every single step: by death, by a power cut, by a full disk.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use aw_disk::Step;
use aw_line::{
    Builder, Control, Failed, Finished, Job, LineError, Origin, Root, Station, Stop, Turn, Until, WorkerLock, WorkerName,
    WorkerOptions, work,
};

use crate::journal::{Chance, cut_power, journalling, judge};
use crate::support::{folder, name, new};

struct Good;

impl Builder for Good {
    fn check(&self, _: &Job) -> Result<(), Failed> {
        Ok(())
    }

    fn build(&self, job: &Job, _: &Control<'_>) -> Result<Finished, Failed> {
        let text = String::from_utf8_lossy(&job.bytes);
        let artifact = vec![("artifact.json".to_owned(), b"{}".to_vec())];
        match text.contains("bad") {
            true => Err(Failed { sidecars: vec![("HALT.json".to_owned(), b"{}".to_vec())], ..Failed::new("it is bad") }),
            false => Ok(Finished { forged_dir: Root::artifact(&job.part), sidecars: artifact, ..Finished::default() }),
        }
    }
}

fn parts() -> Vec<aw_line::NewPart> {
    let origin = Origin {
        recipe: "r.yaml".into(),
        folder: "/".into(),
        sha256: aw_alloy::digest::Digest::of(b"r"),
        more: Default::default(),
    };
    ["a", "bad", "c", "d"].map(|stem| aw_line::NewPart { origin: Some(origin.clone()), ..new(stem) }).to_vec()
}

fn drain(root: &Root) -> Result<(), LineError> {
    let options = WorkerOptions { until: Until::Drained, max_retries: 100, ..WorkerOptions::default() };
    work(root, &Good, &options, &Stop::default(), &|_| {}).map(drop)
}

/// All there is to do on a line, and which parts were acknowledged by the time it ended.
fn everything(root: &Root, acknowledged: &mut Vec<&'static str>) -> Result<(), LineError> {
    for outcome in root.enqueue(&parts(), Turn::Last)? {
        outcome?;
    }
    acknowledged.extend(["a", "bad", "c", "d"]);
    {
        let held = root.hold()?;
        held.defer(&name("c"), Some("later"))?;
        acknowledged.retain(|stem| *stem != "d");
        held.cancel(&name("d"), None)?;
    }
    let worker = WorkerLock::take(root, WorkerName::default())?;
    root.hold()?.claim(&name("a"), &worker, None, false)?;
    drop(worker);
    root.hold()?.recover_dead(100, None)?;
    drain(root)?;
    let held = root.hold()?;
    let (_, bad) = held.find("bad", &[Station::Rework])?;
    held.retry(&bad)?;
    held.undefer(&name("c"), None)?;
    drop(held);
    drain(root)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Death,
    PowerCut,
    FullDisk,
    /// Full for one step only.
    Hiccup,
}

/// Works with a fault before step `at`; whether there was such a step.
fn with_fault(fault: Fault, at: usize) -> bool {
    let place = folder();
    let root = Root::init(place.path().join("root")).unwrap();
    let journal = place.path().join("journal");
    std::fs::create_dir(&journal).unwrap();
    let struck = Rc::new(Cell::new(false));
    let mut acknowledged = Vec::new();
    let outcome = {
        let struck = struck.clone();
        let before = move |number: usize, step: &Step<'_>| {
            let takes_space = matches!(step, Step::Create(_) | Step::Write(_));
            let is_now = match fault {
                Fault::Hiccup => number == at && takes_space,
                Fault::FullDisk => number >= at && takes_space,
                Fault::Death | Fault::PowerCut => number >= at,
            };
            if !is_now {
                return Ok(());
            }
            struck.set(true);
            let kind =
                if matches!(fault, Fault::Death | Fault::PowerCut) { io::ErrorKind::Other } else { io::ErrorKind::StorageFull };
            Err(io::Error::from(kind))
        };
        let _watched = aw_disk::faults::watch_thread(journalling(&journal, before));
        everything(&root, &mut acknowledged)
    };
    if !struck.get() {
        assert!(outcome.is_ok() || fault == Fault::Hiccup, "{outcome:?}");
        return false;
    }
    if matches!(fault, Fault::FullDisk)
        && let Err(error) = &outcome
    {
        assert!(error.to_string().contains(&*root.folder().to_string_lossy()), "the error names its place: {error}");
    }
    if fault == Fault::PowerCut {
        cut_power(&journal, &mut Chance(at as u64 * 7919 + 1));
    }
    drain(&root).unwrap_or_else(|error| panic!("{fault:?} at step {at}: {error}"));
    let found = std::panic::catch_unwind(|| judge(&root)).unwrap_or_else(|_| panic!("{fault:?} at step {at}"));
    for stem in acknowledged {
        assert!(found.contains_key(stem), "{fault:?} at step {at}: `{stem}` was acknowledged and is lost: {found:?}");
    }
    for (stem, station) in found {
        let is_final = match stem.as_str() {
            "bad" => station == Station::Rework,
            _ => matches!(station, Station::Finished | Station::Deferred),
        };
        assert!(is_final, "{fault:?} at step {at}: {stem} is in {station}");
    }
    true
}

fn at_every_step(fault: Fault) {
    let mut at = 0;
    // A full disk is one whether it is found at this step or the next.
    let stride = if matches!(fault, Fault::FullDisk | Fault::Hiccup) { 3 } else { 1 };
    while with_fault(fault, at) || (fault == Fault::Hiccup && at < 300) {
        at += stride;
    }
    assert!(at > 200, "the work has only {at} steps: the hook is not called where the disk is changed");
}

#[test]
fn death_before_any_step_loses_nothing() {
    at_every_step(Fault::Death);
}

#[test]
fn a_power_cut_before_any_step_loses_nothing() {
    at_every_step(Fault::PowerCut);
}

#[test]
fn a_disk_that_is_full_from_any_step_on_loses_nothing() {
    at_every_step(Fault::FullDisk);
}

#[test]
fn a_disk_that_is_full_for_one_step_loses_nothing() {
    at_every_step(Fault::Hiccup);
}

/// A real file system of a megabyte, when this may be made.
struct Small(std::path::PathBuf);

impl Small {
    fn new(at: &std::path::Path) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let mount = std::process::Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(at).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(at.to_owned()));
        }
        println!("skipped: a small file system cannot be mounted here (only root may)");
        None
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_disk_that_is_really_full_refuses_and_loses_nothing() {
    let place = folder();
    let Some(disk) = Small::new(&place.path().join("disk")) else { return };
    let root = Root::init(disk.0.join("root")).unwrap();
    // Space that is given back in the end.
    std::fs::write(disk.0.join("ballast"), vec![0; 800 << 10]).unwrap();
    let mut promised = Vec::new();
    let error = 'full: loop {
        let batch: Vec<_> = (0..7).map(|n| new(&format!("p{}-{n}", promised.len()))).collect();
        match root.enqueue(&batch, Turn::Last) {
            Ok(outcomes) => {
                for outcome in outcomes {
                    outcome.unwrap();
                }
                promised.extend(batch.into_iter().map(|part| part.name));
            }
            Err(error) => break 'full error,
        }
        assert!(promised.len() < 10_000, "the disk is never full");
    };
    assert!(error.to_string().contains("No space left on device") && error.to_string().contains("root/line"), "{error}");
    // A worker on the full disk stops with the reason, or does what needs no space.
    if let Err(error) = drain(&root) {
        assert!(error.to_string().contains("No space left on device"), "{error}");
    }
    std::fs::remove_file(disk.0.join("ballast")).unwrap();
    drain(&root).unwrap();
    let found = judge(&root);
    for part in promised {
        assert!(found.contains_key(part.stem()), "{part} was promised and is lost");
    }
}
