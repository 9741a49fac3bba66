//! `line/doctor`: whether the line is in order.

use std::path::PathBuf;

use aw_line::node::{Cold, FileSystem, NodeFile};
use aw_line::{Line, Root, Station};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::support;
use crate::commands::doctor::{Check, CheckState};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::machine::Memory;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;
use crate::words;

pub(super) fn command() -> Command {
    let about = About {
        name: "line/doctor",
        summary: "Says whether the line is in order: node file, folders, log, parts, tiers, limits",
        details: "Looks at everything a worker needs and at what only shows when it is needed: tiers that are not mounted, speeds that are \
                  not declared, limits above the machine, lines of the log that cannot be read, sidecars that are missing. Changes nothing.",
        reach: Reach::Local,
        examples: &[Example { what: "is everything in order for tonight", line: "line doctor --root line-1" }],
        exit_codes: &[ExitCode::Ok, ExitCode::No],
    };
    Command::new(about, run).meaning(&[(ExitCode::No, "Something is broken.")])
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The line's folder; the working folder when not given.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    root: Option<PathBuf>,
}

/// Whether a line is in order.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LineDoctorResult {
    /// The line's folder.
    pub root: PathBuf,
    /// What was looked at.
    pub checks: Vec<Check>,
}

impl Outcome for LineDoctorResult {
    fn exit_code(&self) -> ExitCode {
        let broken = self.checks.iter().any(|check| check.state == CheckState::Broken);
        if broken { ExitCode::No } else { ExitCode::Ok }
    }
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<LineDoctorResult, Report> {
    let folder = std::path::absolute(parameters.root.unwrap_or_else(|| PathBuf::from(".")))
        .map_err(|error| Report::from_error(ExitCode::Environment, "root", &error))?;
    let mut checks = Vec::new();
    let root = match Root::open(&folder) {
        Ok(root) => {
            checks.push(ok("stations", format!("five, in `{}`", root.line().display())));
            Some(root)
        }
        Err(error) => {
            let hint = Some("`alloyworks line init` makes a line".to_owned());
            checks.push(Check { what: "stations".into(), state: CheckState::Broken, detail: error.to_string(), hint });
            None
        }
    };
    let file = node_file(&folder, &mut checks);
    if let Some(root) = &root {
        log(root, &mut checks);
        parts(root, &mut checks);
        workers(root, &mut checks);
    }
    if let (Some(root), Some(file)) = (&root, &file) {
        disks(root, file, &mut checks);
        limits(environment, file, &mut checks);
    }
    Ok(LineDoctorResult { root: folder, checks })
}

fn ok(what: &str, detail: String) -> Check {
    Check { what: what.into(), state: CheckState::Ok, detail, hint: None }
}

fn note(what: &str, detail: String, hint: &str) -> Check {
    Check { what: what.into(), state: CheckState::Note, detail, hint: Some(hint.into()) }
}

fn broken(what: &str, detail: String, hint: &str) -> Check {
    Check { what: what.into(), state: CheckState::Broken, detail, hint: Some(hint.into()) }
}

fn node_file(folder: &std::path::Path, checks: &mut Vec<Check>) -> Option<NodeFile> {
    match NodeFile::read(folder) {
        Ok(read) => {
            checks.push(ok("node file", format!("`{}`, protocol {}", read.file.node.name, read.file.protocol.version)));
            for remark in &read.remarks {
                checks.push(note("node file", remark.to_string(), "a newer Alloyworks knows it"));
            }
            Some(read.file)
        }
        Err(error) => {
            let report = support::node(error);
            let mut detail = report.message.clone();
            for problem in &report.problems {
                let at = problem.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
                detail.push_str(&format!("; {at}{}", problem.message));
            }
            checks.push(broken("node file", detail, "put it right; no worker starts before"));
            None
        }
    }
}

fn log(root: &Root, checks: &mut Vec<Check>) {
    let (mut known, mut unknown, mut bad) = (0_u64, 0_u64, Vec::new());
    let read = root.throughput().read(0, |line| match line {
        Line::Known(_) => known += 1,
        Line::Unknown(_) => unknown += 1,
        Line::Bad(odd) => bad.push(odd.reason),
    });
    match (read, bad.first()) {
        (Err(error), _) => checks.push(broken("log", error.to_string(), "give this user the right to read it")),
        (Ok(_), Some(first)) => {
            let detail = format!("{} cannot be read; the first: {first}", words::count(bad.len(), "line"));
            checks.push(note("log", detail, "readers pass over them; find out what wrote them"));
        }
        (Ok(_), None) => {
            let more = if unknown == 0 { String::new() } else { format!(", {unknown} of kinds that are not known here") };
            checks.push(ok("log", format!("{known} events{more}")));
        }
    }
}

fn parts(root: &Root, checks: &mut Vec<Check>) {
    let mut counts = Vec::new();
    for station in Station::ALL {
        let listing = match root.list(station) {
            Ok(listing) => listing,
            Err(error) => {
                checks.push(broken(station.name(), error.to_string(), "give this user the right to read and write it"));
                continue;
            }
        };
        counts.push(format!("{} {station}", listing.parts.len()));
        for odd in listing.oddities {
            let detail = format!("`{}`: {}", odd.path.display(), odd.reason);
            checks.push(note(station.name(), detail, "move it out of the line's folders, or give it the name of a part"));
        }
        let needed = match station {
            Station::Finished => "result.json",
            Station::Rework => "error.json",
            _ => continue,
        };
        for part in &listing.parts {
            if support::sidecar(root, station, &part.name, needed).is_none() {
                let detail = format!("`{}` has no `{}` that can be read", part.name, part.name.beside(needed));
                checks.push(broken(
                    station.name(),
                    detail,
                    "the line writes it before the part arrives: somebody moved the part by hand",
                ));
            }
            if station == Station::Finished
                && let Some(result) = support::sidecar(root, station, &part.name, needed)
                && let Some(forged) = result["forged_dir"].as_str()
                && !root.folder().join(forged).is_dir()
            {
                let detail = format!("the artifact of `{}` is not in `{forged}`", part.name);
                checks.push(broken(station.name(), detail, "a tier that holds it may not be mounted"));
            }
        }
    }
    match root.duplicates() {
        Ok(twice) => checks.extend(twice.iter().map(|odd| {
            broken("parts", format!("`{}`: {}", odd.path.display(), odd.reason), "move one of the two out of the line's folders")
        })),
        Err(error) => checks.push(broken("parts", error.to_string(), "give this user the right to read the stations")),
    }
    checks.push(ok("parts", counts.join(", ")));
}

fn workers(root: &Root, checks: &mut Vec<Check>) {
    let Ok(names) = root.workers() else { return };
    for name in names {
        let detail = match aw_line::Heartbeat::look(root, &name) {
            Ok(Some(seen)) if seen.stale_heartbeat => {
                let hint = "the next worker, or `alloyworks line recover`, takes care of its part";
                checks.push(note("workers", format!("`{name}` is gone and did not say so"), hint));
                continue;
            }
            Ok(Some(seen)) => {
                format!("`{name}`: {}", seen.state.map_or("unknown".to_owned(), |state| format!("{state:?}").to_lowercase()))
            }
            Ok(None) => format!("`{name}` has no heartbeat"),
            Err(error) => error.to_string(),
        };
        checks.push(ok("workers", detail));
    }
}

fn disks(root: &Root, file: &NodeFile, checks: &mut Vec<Check>) {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &std::path::Path| std::fs::metadata(path).map(|meta| meta.dev());
    let hot = file.storage.hot.folder(root.folder());
    let work = root.folder().join("work");
    match (device(&hot), device(&work)) {
        (Err(error), _) => checks.push(broken("hot", format!("`{}`: {error}", hot.display()), "name a folder that is there")),
        (_, Err(error)) => checks.push(broken("work", format!("`{}`: {error}", work.display()), "make it again")),
        (Ok(hot_device), Ok(work_device)) if hot_device != work_device => {
            let detail = format!("`{}` is not the file system that work is done on", hot.display());
            checks.push(note("hot", detail, "floors and cleaning up are held against `path` of `[storage.hot]`"));
        }
        _ => space("hot", &hot, file.storage.hot.min_free_bytes(), checks),
    }
    for tier in &file.storage.cold {
        cold(root, tier, checks);
    }
    for tier in file.storage.network.iter().filter(|tier| tier.read_mb_per_sec.is_none()) {
        checks.push(note(
            &tier.name,
            "its speed is not declared".into(),
            "fill in `read_mb_per_sec`: estimates of time are made of it",
        ));
    }
}

fn cold(root: &Root, tier: &Cold, checks: &mut Vec<Check>) {
    use std::os::unix::fs::MetadataExt;
    if tier.fs_type == FileSystem::S3 {
        checks.push(note(&tier.name, "an object store; work is not moved there".into(), "name a file system as well"));
        return;
    }
    let path = tier.folder(root.folder());
    let same = |meta: &std::fs::Metadata| std::fs::metadata(root.folder()).is_ok_and(|root| root.dev() == meta.dev());
    match std::fs::metadata(&path) {
        Err(error) => {
            checks.push(broken(&tier.name, format!("`{}`: {error}", path.display()), "mount it, or take it out of the node file"))
        }
        Ok(meta) if same(&meta) => {
            let detail = format!("`{}` lies on the hot file system", path.display());
            checks.push(broken(&tier.name, detail, "is it mounted? moving there would free nothing, so nothing is moved"));
        }
        Ok(_) => space(&tier.name, &path, tier.min_free_bytes(), checks),
    }
    if tier.read_mb_per_sec.is_none() || tier.write_mb_per_sec.is_none() {
        checks.push(note(&tier.name, "its speeds are not declared".into(), "fill in `read_mb_per_sec` and `write_mb_per_sec`"));
    }
}

fn space(what: &str, path: &std::path::Path, floor: u64, checks: &mut Vec<Check>) {
    match aw_line::evict::fullness(path) {
        Err(error) => checks.push(broken(what, error.to_string(), "mount it, or name another folder")),
        Ok((percent, free)) if free < floor => {
            let detail = format!("{percent} % full, {} free, its floor is {}", words::bytes(free), words::bytes(floor));
            checks.push(broken(
                what,
                detail,
                "`alloyworks line evict --dry-run` says what could go; `alloyworks gc` clears the store",
            ));
        }
        Ok((percent, free)) => {
            checks.push(ok(what, format!("{percent} % full, {} free, floor {}", words::bytes(free), words::bytes(floor))));
        }
    }
}

fn limits(environment: &Environment, file: &NodeFile, checks: &mut Vec<Check>) {
    let memory = Memory::now();
    let total = memory.container_limit_bytes.or(memory.total_bytes);
    match (file.forge.memory_limit_bytes(), total) {
        (Some(limit), Some(total)) if limit > total => {
            let detail = format!("`memory_limit_gb` allows {}, the machine has {}", words::bytes(limit), words::bytes(total));
            checks.push(note("memory", detail, "lower it, or the system decides what is ended"));
        }
        (Some(limit), _) => checks.push(ok("memory", format!("{} for each process of a part", words::bytes(limit)))),
        (None, _) => checks.push(ok("memory", "four fifths of what is available when a part starts".into())),
    }
    match file.forge.time_limit() {
        Some(limit) => checks.push(ok("time", format!("{} for a part", words::duration(limit.as_secs_f64())))),
        None => checks.push(note(
            "time",
            "no limit for a part".into(),
            "set `time_limit_minutes`, and one that hangs does not hold the line",
        )),
    }
    match environment.store() {
        Ok(_) => checks.push(ok("home", format!("`{}`", environment.home().display()))),
        Err(report) => checks.push(broken("home", report.message, "`alloyworks doctor` says more")),
    }
}
