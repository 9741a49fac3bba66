//! How a worker of this program builds a part: room is made, the recipe is read, a process of its own builds it, and what it made is
//! taken down beside the part.

use std::cell::RefCell;
use std::path::Path;
use std::time::Duration;

use aw_domain::Registry;
use aw_line::evict::{FULL_PERCENT, Options, evict, fullness};
use aw_line::node::NodeFile;
use aw_line::{Builder, Control, Failed, Finished, Job, Root};
use serde_json::{Value, json};

use super::child::{self, Failure, Program};
use super::part::{Built, PartJob};
use super::{cleaning, progress, recipe};
use crate::report::Report;
use crate::size::MemoryLimit;

/// The report that a halted run leaves in its work folder, and what it is called beside the part.
const HALT: (&str, &str) = ("artifact.REGRESSION_HALT.json", "REGRESSION_HALT.json");

/// Builds parts in processes of this program.
pub(super) struct Forge<'a> {
    pub(super) root: &'a Root,
    pub(super) file: &'a NodeFile,
    pub(super) registry: &'a Registry,
    pub(super) program: Program,
    /// Memory each process of a part may take.
    pub(super) memory: Option<MemoryLimit>,
    pub(super) threads: usize,
    pub(super) offline: bool,
    /// Told what is not about a part.
    pub(super) tell: &'a (dyn Fn(&str, Value) + Sync),
}

impl Forge<'_> {
    /// What each process may take: what was asked for, what the node file says, or most of what is available now.
    fn memory_bytes(&self) -> Option<u64> {
        match self.memory {
            Some(MemoryLimit::Bytes(bytes)) => Some(bytes),
            Some(MemoryLimit::None) => None,
            None => self.file.forge.memory_limit_bytes().or_else(|| crate::machine::Memory::now().default_limit()),
        }
    }

    fn make_room(&self) -> Result<(), Report> {
        let hot = self.file.storage.hot.folder(self.root.folder());
        let floor = self.file.storage.hot.min_free_bytes();
        let (percent, free) = fullness(&hot).map_err(super::support::disk)?;
        if percent <= FULL_PERCENT && free >= floor {
            return Ok(());
        }
        let scene = cleaning::scene(self.root, self.file)?;
        let (trust, now) = cleaning::trust(self.root, true)?;
        let options = Options { dry_run: false, when_full: true, cancelled: &|| false };
        let log = &mut |evicted: &aw_line::evict::Evicted| cleaning::log(self.root, evicted);
        let done = evict(&scene, now, &trust, options, log).map_err(super::support::disk)?;
        for evicted in done.folders.iter().filter(|evicted| evicted.action != aw_line::evict::Action::Kept) {
            (self.tell)("evicted", serde_json::to_value(evicted).unwrap_or(Value::Null));
        }
        Ok(())
    }

    fn finished(&self, job: &Job, built: Built) -> Result<Finished, Failed> {
        let forged_dir = Root::artifact(&job.part);
        let document = job.root.folder().join(&forged_dir).join(&built.document);
        let bytes = aw_disk::read(&document, recipe::SIDECAR_BYTES_MAX).map_err(|error| Failed::new(error.to_string()))?;
        let bytes = bytes.ok_or_else(|| Failed::new(format!("the artifact's document `{}` is gone", document.display())))?;
        let mut result = built.result;
        result.insert("alloy_path".into(), json!(format!("{forged_dir}/{}", built.document)));
        let model_hash = result.get("modelHash").and_then(Value::as_str).map(str::to_owned);
        Ok(Finished { forged_dir, model_hash, result, sidecars: vec![("artifact.json".into(), bytes)] })
    }
}

impl Builder for Forge<'_> {
    fn before_part(&self) {
        // Cleaning up that fails never fails a part; it is told.
        if let Err(report) = self.make_room() {
            (self.tell)("evict-failed", json!({"message": report.message}));
        }
    }

    fn check(&self, job: &Job) -> Result<(), Failed> {
        let read = recipe::parse_part(&job.bytes, &job.file, self.registry).map(drop);
        read.and_then(|()| folder(job).map(drop)).map_err(|report| failed(&report, None))
    }

    fn build(&self, job: &Job, control: &Control<'_>) -> Result<Finished, Failed> {
        let folder = folder(job).map_err(|report| failed(&report, None))?;
        let disk = |error: aw_disk::DiskError| Failed::new(error.to_string());
        if job.work.symlink_metadata().is_ok_and(|meta| !meta.is_dir()) {
            let message = format!("work-folder: `{}` is no folder of its own; move it away", job.work.display());
            return Err(Failed::new(message));
        }
        aw_disk::ensure_dir(&job.work).map_err(disk)?;
        let asked = PartJob {
            root: job.root.folder().to_owned(),
            file: job.file.clone(),
            folder,
            work: job.work.clone(),
            memory_bytes: self.memory_bytes(),
            threads: self.threads,
            offline: self.offline,
        };
        // The report of an earlier attempt says nothing of this one.
        aw_disk::remove(&job.work.join(HALT.0)).map_err(disk)?;
        let place = RefCell::new(Place::default());
        let mut progress = progress::Writer::new(&job.work);
        let mut event = |event: &Value| {
            progress.write(event);
            if let Some((stage, fraction)) = place.borrow_mut().see(event) {
                control.progress(&stage, fraction);
            }
        };
        let limit: Option<Duration> = self.file.forge.time_limit();
        let built = child::build(&self.program, &asked, limit, &|| control.is_stopped(), &mut event);
        match built {
            Ok(built) => self.finished(job, built),
            Err(failure) => Err(failed_build(&job.work, failure, place.into_inner().stage)),
        }
    }
}

/// The stage a build is at.
#[derive(Default)]
struct Place {
    stage: Option<String>,
}

impl Place {
    fn see(&mut self, event: &Value) -> Option<(String, Option<f64>)> {
        let (stage, fraction) = progress::place(event)?;
        if !stage.is_empty() {
            self.stage = Some(stage);
        }
        Some((self.stage.clone()?, fraction))
    }
}

/// Where the part's relative paths start.
fn folder(job: &Job) -> Result<std::path::PathBuf, Report> {
    let beside = job.file.with_file_name(job.part.beside(recipe::ORIGIN));
    Ok(recipe::folder_of(recipe::origin(&beside)?.as_ref(), job.root.folder()))
}

/// Why a part that was not begun failed.
fn failed(report: &Report, stage: Option<String>) -> Failed {
    let mut lines: Vec<String> = Vec::new();
    for problem in &report.problems {
        let place = problem.place.as_ref();
        let at = place.map(|place| format!("{place}: ")).unwrap_or_default();
        let member = place.and_then(|place| place.member.as_ref()).map(|member| format!("`{member}`: ")).unwrap_or_default();
        lines.push(format!("{at}{member}{}", problem.message));
        lines.extend(problem.hints.iter().map(|hint| format!("hint: {hint}")));
    }
    lines.extend(report.causes.iter().map(|cause| format!("because: {cause}")));
    lines.extend(report.hints.iter().map(|hint| format!("hint: {hint}")));
    let error = format!("{}: {}", report.code, report.message);
    Failed { error, traceback: lines.join("\n"), stage, sidecars: Vec::new() }
}

fn failed_build(work: &Path, failure: Failure, stage: Option<String>) -> Failed {
    let halt = aw_disk::read(&work.join(HALT.0), recipe::SIDECAR_BYTES_MAX).ok().flatten();
    Failed {
        error: format!("{}: {}", failure.code, failure.message),
        traceback: failure.details,
        stage,
        sidecars: halt.map(|bytes| (HALT.1.to_owned(), bytes)).into_iter().collect(),
    }
}
