//! The campaign: several workers on one root, producers, builds in processes of their own, and hundreds of deaths at any step and at any
//! moment, with power cuts between them. Afterwards every part is in exactly one station and nothing that was promised is lost.
//!
//! `AW_LINE_SEED` repeats a campaign's choices, `AW_LINE_KILLS` makes it longer (200 by default).

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use aw_alloy::digest::Digest;
use aw_line::{
    Builder, Control, Failed, Finished, Job, NewPart, PartName, Root, Station, Stop, Turn, Until, WorkLock, WorkerOptions, work,
};

use crate::journal::{Chance, cut_power, journalling, judge};
use crate::support::folder;

const KILLS: u64 = 200;
const WORKERS: u64 = 3;
/// Parts that producers bring at most: all of them are to be built in the end.
const PARTS_MAX: usize = 150;

/// What a process of the campaign is told, by the environment.
fn told(name: &str) -> Option<String> {
    std::env::var_os(format!("AW_LINE_{name}")).map(|value| value.into_string().unwrap())
}

struct Place {
    base: PathBuf,
}

impl Place {
    fn root(&self) -> Root {
        Root::open(self.base.join("root")).unwrap()
    }

    fn journal(&self) -> PathBuf {
        self.base.join("journal")
    }

    /// A process of the campaign: this program again, in another role.
    fn start(&self, role: &str, name: &str, dies_at: Option<u64>) -> Command {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["campaign::a_process_of_the_campaign", "--exact", "--nocapture"]);
        command.env("AW_LINE_ROLE", role).env("AW_LINE_BASE", &self.base).env("AW_LINE_NAME", name);
        match dies_at {
            Some(step) => command.env("AW_LINE_DIES_AT", step.to_string()),
            None => command.env_remove("AW_LINE_DIES_AT"),
        };
        // A process group of its own: the builds of a worker that is killed are killed with it by the system, not by us.
        command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).process_group(0);
        command
    }

    fn write_down(&self, file: &str, line: &str) {
        let mut file = fs::File::options().create(true).append(true).open(self.base.join(file)).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn written(&self, file: &str) -> Vec<String> {
        fs::read_to_string(self.base.join(file)).unwrap_or_default().lines().map(str::to_owned).collect()
    }
}

fn content(bytes: &[u8]) -> String {
    format!("built of {}\n", Digest::of(bytes))
}

/// Builds in a process of its own, as the real line does.
struct InChild<'p>(&'p Place);

impl Builder for InChild<'_> {
    fn check(&self, _: &Job) -> Result<(), Failed> {
        Ok(())
    }

    fn build(&self, job: &Job, control: &Control<'_>) -> Result<Finished, Failed> {
        let mut dies_at = told("CHILD_DIES_AT").and_then(|step| step.parse().ok());
        loop {
            let mut command = self.0.start("build", &job.part.to_string(), dies_at.take());
            let mut child = command.env("AW_LINE_PARENT", std::process::id().to_string()).spawn().unwrap();
            let status = loop {
                if let Some(status) = child.try_wait().unwrap() {
                    break status;
                }
                if control.is_stopped() {
                    child.kill().unwrap();
                    child.wait().unwrap();
                    return Err(Failed::new("stopped"));
                }
                control.progress("only", None);
                std::thread::sleep(Duration::from_millis(1));
            };
            if status.signal().is_some() {
                // Killed alone: what it was at is done again, as a foundry does.
                self.0.write_down("kills", "child");
                continue;
            }
            if job.bytes.windows(3).any(|window| window == b"bad") {
                return Err(Failed::new("it is bad"));
            }
            assert!(status.success());
            let text = fs::read(job.work.join("artifact/out")).unwrap();
            return Ok(Finished {
                forged_dir: Root::artifact(&job.part),
                model_hash: Some(Digest::of(&text).to_string()),
                sidecars: vec![("artifact.json".to_owned(), b"{}".to_vec())],
                ..Finished::default()
            });
        }
    }
}

fn build(place: &Place, part: &PartName) {
    let root = place.root();
    let work = root.work(part);
    let Ok(Some(_lock)) = WorkLock::take(&work, || true) else { panic!("no lock on the work") };
    let bytes = fs::read(root.part(Station::Assembly, part)).unwrap();
    let running = work.join("running");
    fs::File::options().write(true).create_new(true).open(&running).expect("nobody else builds this part");
    fs::remove_file(running).unwrap();
    let artifact = work.join("artifact");
    aw_disk::ensure_dir(&artifact).unwrap();
    let text = content(&bytes);
    aw_disk::write_aside(&artifact.join("out.tmp"), text.as_bytes()).unwrap();
    aw_disk::rename(&artifact.join("out.tmp"), &artifact.join("out")).unwrap();
    aw_disk::sync_dir(&artifact).unwrap();
    place.write_down("built", &format!("{} {}", part.stem(), Digest::of(text.as_bytes())));
}

fn part(stem: &str) -> NewPart {
    NewPart { name: PartName::new(stem).unwrap(), bytes: format!("{{\"name\":\"{stem}\"}}").into_bytes(), origin: None }
}

fn produce(place: &Place, name: &str) {
    let root = place.root();
    for batch in 0.. {
        let count = batch % 4 + 1;
        let stem = |n: usize| format!("{}-{name}-{batch}-{n}", if (batch + n) % 7 == 6 { "bad" } else { "good" });
        let parts: Vec<NewPart> = (0..count).map(|n| part(&stem(n))).collect();
        for outcome in root.enqueue(&parts, Turn::Last).unwrap() {
            outcome.unwrap();
        }
        place.write_down("promised", &parts.iter().map(|part| part.name.to_string()).collect::<Vec<_>>().join("\n"));
        if place.written("promised").len() > PARTS_MAX {
            return;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Does nothing unless it was started as a process of the campaign.
#[test]
fn a_process_of_the_campaign() {
    let Some(role) = told("ROLE") else { return };
    let place = Place { base: told("BASE").unwrap().into() };
    let name = told("NAME").unwrap();
    let dies_at: Option<usize> = told("DIES_AT").map(|step| step.parse().unwrap());
    if role == "build" {
        // The end of the worker is the end of the build, also when the worker ended before this was said.
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL)).unwrap();
        let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get().to_string());
        if parent != told("PARENT") {
            return;
        }
    }
    let die = move |number: usize, _: &aw_disk::Step<'_>| {
        if dies_at == Some(number) {
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL)?;
            std::thread::sleep(Duration::from_secs(60));
        }
        Ok(())
    };
    aw_disk::faults::watch_process(journalling(&place.journal(), die));
    match role.as_str() {
        "work" => {
            let options = WorkerOptions {
                name: name.parse().unwrap(),
                max_retries: 10_000,
                interval: Duration::from_millis(50),
                until: if told("DRAIN").is_some() { Until::Drained } else { Until::Stopped },
                max_parts: None,
            };
            work(&place.root(), &InChild(&place), &options, &Stop::default(), &|_| {}).unwrap();
        }
        "produce" => produce(&place, &name),
        "build" => build(&place, &name.parse().unwrap()),
        other => panic!("no role {other}"),
    }
}

/// The reader that was written from the specification alone, in another language.
struct Reader {
    child: Child,
    report: PathBuf,
}

impl Reader {
    fn start(python: &Path, place: &Place) -> Self {
        let report = place.base.join("report");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reader.py");
        let mut command = Command::new(python);
        command.arg(script).arg(place.base.join("root")).arg(&report).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "looking\n");
        Self { child, report }
    }

    /// Ends it; what it saw: how often it looked, and how many lines it read.
    fn end(mut self) -> (u64, u64) {
        drop(self.child.stdin.take());
        assert!(self.child.wait().unwrap().success(), "the reader ends well");
        let report: serde_json::Value = serde_json::from_slice(&fs::read(&self.report).unwrap()).unwrap();
        assert_eq!(report["violations"], serde_json::json!([]), "the reader saw what the protocol forbids");
        (report["looks"].as_u64().unwrap(), report["lines"].as_u64().unwrap())
    }
}

/// What another program does: half a file, a whole one by renaming, and things that are none.
fn strangers(place: &Place, round: u64) {
    let intake = place.root().station(Station::Intake);
    let stem = format!("stranger-{round}");
    fs::write(intake.join(format!(".{stem}.tmp")), format!("{{\"name\":\"{stem}\"}}")).unwrap();
    fs::rename(intake.join(format!(".{stem}.tmp")), intake.join(format!("{stem}.alloy.json"))).unwrap();
    place.write_down("promised", &stem);
    fs::write(intake.join(format!("garbage {round}.alloy.json")), "{").unwrap();
    fs::write(intake.join(format!("garbage{round}.json")), "").unwrap();
}

fn is_killed(child: &mut Child) -> Option<bool> {
    child.try_wait().unwrap().map(|status| status.signal() == Some(9))
}

#[test]
fn nothing_is_lost_and_nothing_built_twice_however_often_everybody_dies() {
    let clock = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    let seed = told("SEED").map_or(clock, |seed| seed.parse().unwrap());
    let wanted = told("KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    println!("campaign: AW_LINE_SEED={seed}");
    let mut chance = Chance(seed);
    let held = folder();
    let place = Place { base: held.path().to_owned() };
    let root = Root::init(place.base.join("root")).unwrap();
    fs::create_dir(place.journal()).unwrap();
    let python = aw_testkit::python_with("json");
    let started = Instant::now();
    let mut kills = [0u64; 3];
    let (mut cuts, mut undone, mut torn, mut looks, mut lines) = (0, 0, 0, 0, 0);
    let total = |kills: &[u64; 3], place: &Place| kills.iter().sum::<u64>() + place.written("kills").len() as u64;
    let (mut round, mut strange) = (0, 0);
    while total(&kills, &place) < wanted {
        round += 1;
        let mut reader = python.as_ref().map(|python| Reader::start(python, &place));
        let until_power_cut = 2 + chance.below(3);
        for _ in 0..until_power_cut {
            strange += 1;
            strangers(&place, strange);
            let mut children = Vec::new();
            for worker in 0..WORKERS {
                let mut command = place.start("work", &format!("w{worker}"), Some(1 + chance.below(250)));
                if chance.below(3) == 0 {
                    command.env("AW_LINE_CHILD_DIES_AT", chance.below(6).to_string());
                }
                children.push(command.spawn().unwrap());
            }
            let wants_more = place.written("promised").len() < PARTS_MAX;
            if wants_more {
                let name = format!("{round}x{}", total(&kills, &place));
                children.push(place.start("produce", &name, Some(1 + chance.below(150))).spawn().unwrap());
            }
            let strike = Instant::now() + Duration::from_millis(150 + chance.below(500));
            while Instant::now() < strike && children.iter_mut().any(|child| is_killed(child).is_none()) {
                std::thread::sleep(Duration::from_millis(2));
            }
            for mut child in children {
                match is_killed(&mut child) {
                    Some(true) => kills[0] += 1,
                    Some(false) => {}
                    None => {
                        child.kill().unwrap();
                        child.wait().unwrap();
                        kills[1] += 1;
                    }
                }
            }
        }
        if let Some((more_looks, more_lines)) = reader.take().map(Reader::end) {
            looks += more_looks;
            lines += more_lines;
        }
        wait_for_builds(&place);
        if chance.below(3) > 0 {
            let (names, files) = cut_power(&place.journal(), &mut chance);
            (cuts, undone, torn) = (cuts + 1, undone + names, torn + files);
        }
    }
    let reader = python.as_ref().map(|python| Reader::start(python, &place));
    let last: Vec<Child> =
        (0..2).map(|n| place.start("work", &format!("last{n}"), None).env("AW_LINE_DRAIN", "1").spawn().unwrap()).collect();
    for mut child in last {
        assert!(child.wait().unwrap().success(), "seed {seed}");
    }
    if let Some((more_looks, more_lines)) = reader.map(Reader::end) {
        looks += more_looks;
        lines += more_lines;
    }
    println!(
        "campaign: {} kills at steps, {} from outside, {} of builds; {cuts} power cuts took back {undone} names and {torn} files; \
         the reader looked {looks} times and read {lines} lines; {:.0?}",
        kills[0],
        kills[1],
        place.written("kills").len(),
        started.elapsed()
    );
    assert!(python.is_none() || (looks > 50 && lines > 100), "the reader hardly looked");
    assert!(cuts > 0 && undone > 0, "the power was never cut");
    let found = judge(&root);
    for stem in place.written("promised") {
        let station = found.get(&stem).unwrap_or_else(|| panic!("`{stem}` was promised and is lost; seed {seed}"));
        let expected = if stem.starts_with("bad") { Station::Rework } else { Station::Finished };
        assert_eq!(*station, expected, "{stem}; seed {seed}");
    }
    let mut built: BTreeMap<String, String> = BTreeMap::new();
    for line in place.written("built") {
        let (stem, digest) = line.split_once(' ').unwrap();
        let before = built.insert(stem.to_owned(), digest.to_owned());
        assert!(before.is_none_or(|before| before == digest), "{stem} was built to different results; seed {seed}");
    }
    for (stem, station) in found.iter().filter(|(_, station)| **station == Station::Finished) {
        let (_, name) = root.hold().unwrap().find(stem, &[*station]).unwrap();
        let bytes = fs::read(root.part(*station, &name)).unwrap();
        assert_eq!(fs::read_to_string(root.folder().join(Root::artifact(&name)).join("out")).unwrap(), content(&bytes), "{stem}");
    }
    assert!(found.len() > 20, "{} parts are too few to say anything", found.len());
}

/// Builds die with their workers; the system needs a moment to see to it.
fn wait_for_builds(place: &Place) {
    let work = place.base.join("root/work");
    for entry in fs::read_dir(work).unwrap() {
        let folder = entry.unwrap().path();
        let patience = Instant::now() + Duration::from_secs(10);
        let lock = WorkLock::take(&folder, || Instant::now() < patience).unwrap();
        assert!(lock.is_some(), "a build outlived its worker: {}", folder.display());
    }
}
