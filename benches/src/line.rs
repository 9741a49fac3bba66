//! What the row `line` measures, as jobs of this program: the library at work on a root of its own.

use std::cell::RefCell;
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use aw_line::{
    Builder, Control, Event, Failed, Finished, Job, NewPart, PartName, Root, Station, Stop, Turn, Until, WorkerOptions, work,
};
use serde_json::{Value, json};

/// Parts that are taken out of those that wait.
pub const TAKEN: u64 = 200;
/// Parts that are submitted.
pub const SUBMITTED: usize = 100;

/// Builds nothing: what is left is the line.
struct Nothing;

impl Builder for Nothing {
    fn check(&self, _: &Job) -> Result<(), Failed> {
        Ok(())
    }

    fn build(&self, job: &Job, _: &Control<'_>) -> Result<Finished, Failed> {
        Ok(Finished { forged_dir: Root::artifact(&job.part), ..Finished::default() })
    }
}

fn text(n: usize) -> Vec<u8> {
    format!("{{\"name\":\"part {n}\",\"notes\":\"{}\"}}", "x".repeat(2000)).into_bytes()
}

/// Has a worker take some of many waiting parts; how long taking one lasted, and all of the line's share of one.
///
/// # Errors
/// When the line would not.
pub fn take(folder: &Path, waiting: usize) -> Result<Value, Box<dyn Error>> {
    let root = Root::init(folder)?;
    for n in 0..waiting {
        fs::write(root.station(Station::Intake).join(format!("part-{n:06}.alloy.json")), text(n))?;
    }
    rustix::fs::sync();
    let marks = RefCell::new(Vec::new());
    let options = WorkerOptions { until: Until::Drained, max_parts: Some(TAKEN), ..WorkerOptions::default() };
    let started = Instant::now();
    work(&root, &Nothing, &options, &Stop::default(), &|event| match event {
        Event::Started(_) => marks.borrow_mut().push((true, Instant::now())),
        Event::Finished(..) => marks.borrow_mut().push((false, Instant::now())),
        _ => {}
    })?;
    let marks = marks.into_inner();
    let first = marks.first().ok_or("nothing was taken")?.1;
    let last = marks.last().ok_or("nothing was taken")?.1;
    let claims: Vec<f64> = marks.windows(2).filter(|pair| pair[1].0).map(|pair| (pair[1].1 - pair[0].1).as_secs_f64()).collect();
    let claim = claims.iter().sum::<f64>() / claims.len() as f64;
    Ok(json!({
        "startSeconds": (first - started).as_secs_f64(),
        "claimsPerSecond": 1.0 / claim,
        "secondsPerPart": (last - first).as_secs_f64() / TAKEN as f64,
    }))
}

/// Submits parts, durably, together or each by itself.
///
/// # Errors
/// When the line would not.
pub fn submit(folder: &Path, together: bool) -> Result<Value, Box<dyn Error>> {
    let root = Root::init(folder)?;
    let parts: Vec<NewPart> = (0..SUBMITTED)
        .map(|n| Ok(NewPart { name: PartName::new(&format!("part-{n}"))?, bytes: text(n), origin: None }))
        .collect::<Result<_, Box<dyn Error>>>()?;
    let started = Instant::now();
    for chunk in parts.chunks(if together { SUBMITTED } else { 1 }) {
        root.enqueue(chunk, Turn::Last)?.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(json!({"seconds": started.elapsed().as_secs_f64()}))
}

/// The least a durable submission can cost: write, sync, rename, sync the folder; one by one, or each of these for all at once.
///
/// # Errors
/// When the disk would not.
pub fn limit(folder: &Path, together: bool) -> Result<Value, Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    let paths: Vec<(PathBuf, PathBuf)> =
        (0..SUBMITTED).map(|n| (folder.join(format!("aside-{n}")), folder.join(n.to_string()))).collect();
    let started = Instant::now();
    for chunk in paths.chunks(if together { SUBMITTED } else { 1 }) {
        for (n, (aside, _)) in chunk.iter().enumerate() {
            let mut file = File::create_new(aside)?;
            file.write_all(&text(n))?;
            if !together {
                file.sync_all()?;
            }
        }
        if together {
            rustix::fs::syncfs(File::open(folder)?)?;
        }
        for (aside, path) in chunk {
            fs::rename(aside, path)?;
        }
        File::open(folder)?.sync_all()?;
    }
    Ok(json!({"seconds": started.elapsed().as_secs_f64()}))
}

/// Has a worker wait for parts that do not come.
///
/// # Errors
/// When the line would not.
pub fn idle(folder: &Path, seconds: u64) -> Result<Value, Box<dyn Error>> {
    let root = Root::init(folder)?;
    let stop = Stop::default();
    let used = std::thread::scope(|scope| {
        let watch = scope.spawn(|| {
            let before = cpu().map_err(|error| error.to_string());
            std::thread::sleep(Duration::from_secs(seconds));
            // Before its threads end and take their figures with them.
            let after = cpu().map_err(|error| error.to_string());
            stop.set();
            before.and_then(|before| after.map(|after| after - before))
        });
        work(&root, &Nothing, &WorkerOptions::default(), &stop, &|_| {})?;
        let used = watch.join().map_err(|_| "the thread that measures ended badly")?;
        Ok::<f64, Box<dyn Error>>(used?)
    })?;
    Ok(json!({"cpuSeconds": used, "idleSeconds": seconds}))
}

/// Processor time of this process, in seconds.
fn cpu() -> Result<f64, Box<dyn Error>> {
    let schedstat = fs::read_dir("/proc/self/task")?
        .map(|task| fs::read_to_string(task?.path().join("schedstat")))
        .collect::<Result<Vec<String>, _>>()?;
    let nanos: u64 = schedstat.iter().filter_map(|text| text.split_ascii_whitespace().next()?.parse::<u64>().ok()).sum();
    Ok(nanos as f64 / 1e9)
}
