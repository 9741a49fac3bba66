//! Everything the new process needs, prepared before it exists: between its start and the program's it must not allocate.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use libc::{c_char, rlim_t};
use seccompiler::BpfProgram;

use super::{filter, landlocked};
use crate::{Isolation, Limits, Program, Refusal, Step, View};

/// Where the new root lies, and where the old one, while the new one is filled.
pub(super) const NEW: &str = "/new";
pub(super) const OLD: &str = "/old";
/// The folder a program may write in.
const SCRATCH: &str = "/scratch";
/// Most entries of the file system a program sees that are not in its view: the folders above it.
const ROOT_OPTIONS: &str = "size=1m,nr_inodes=4096,mode=755";

/// One step of filling the new root.
#[derive(Debug)]
pub(super) enum Fill {
    /// An empty folder.
    Folder(CString),
    /// An empty file, to mount on.
    File(CString),
    /// A file or folder of the old root, read only.
    Show {
        /// Below the old root.
        from: CString,
        /// Below the new root.
        to: CString,
    },
    /// The folder to write in.
    Scratch {
        /// Below the new root.
        to: CString,
        /// Its size, as a mount option.
        options: CString,
    },
}

/// What closes a process in.
pub(super) struct Closing {
    /// The steps of filling a new root, where it has one.
    pub(super) namespaces: Option<Vec<Fill>>,
    /// Options of the new root.
    pub(super) root_options: CString,
    /// The ruleset, where there is one.
    pub(super) landlock: Option<OwnedFd>,
    pub(super) filter: BpfProgram,
    pub(super) limits: Vec<(u32, rlim_t, rlim_t)>,
    /// Where the program starts.
    pub(super) folder: CString,
}

fn text(path: impl AsRef<Path>) -> Result<CString, Refusal> {
    let path = path.as_ref();
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| Refusal::new(Step::Prepare, format!("`{}` holds a zero byte", path.display())))
}

impl Closing {
    pub(super) fn new(view: &View, limits: Limits, isolation: Isolation) -> Result<Closing, Refusal> {
        let shown = shown(view)?;
        let real: Vec<PathBuf> = shown.iter().map(|(_, real)| real.clone()).collect();
        let namespaced = isolation != Isolation::Landlock;
        let landlock = match landlocked::ruleset(&real) {
            Ok(ruleset) => Some(raised(ruleset).map_err(|error| Refusal::new(Step::Prepare, error))?),
            Err(_) if namespaced => None,
            Err(refusal) => return Err(refusal),
        };
        // The folder to write in does not exist before the new root does, so that no ruleset made here can name it.
        let landlock = landlock.filter(|_| limits.scratch_bytes == 0);
        Ok(Closing {
            namespaces: if namespaced { Some(fill(&shown, limits)?) } else { None },
            root_options: text(ROOT_OPTIONS)?,
            landlock,
            filter: filter::compile()?,
            limits: resources(limits),
            folder: text(if limits.scratch_bytes > 0 { SCRATCH } else { "/" })?,
        })
    }
}

/// Gives a descriptor a number above those that the program's streams take in the new process.
pub(super) fn raised(descriptor: impl AsFd) -> io::Result<OwnedFd> {
    // SAFETY: the descriptor is open; the call makes a new one, which nobody else owns.
    unsafe {
        match libc::fcntl(descriptor.as_fd().as_raw_fd(), libc::F_DUPFD_CLOEXEC, 10) {
            -1 => Err(io::Error::last_os_error()),
            raised => Ok(OwnedFd::from_raw_fd(raised)),
        }
    }
}

/// The paths of a view with where they really are, without what does not exist and what lies in another's folder.
fn shown(view: &View) -> Result<Vec<(PathBuf, PathBuf)>, Refusal> {
    let mut shown: Vec<(PathBuf, PathBuf)> = Vec::new();
    let mut paths = view.read_only.clone();
    paths.sort();
    for path in paths {
        let plain = path.is_absolute() && path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if !plain || path == Path::new("/") {
            let problem = format!("`{}` cannot be shown: expected an absolute path below the root, without `..`", path.display());
            return Err(Refusal::new(Step::Prepare, problem));
        }
        if shown.iter().any(|(above, _)| path.starts_with(above)) {
            continue;
        }
        if let Ok(real) = path.canonicalize() {
            shown.push((path, real));
        }
    }
    Ok(shown)
}

fn fill(shown: &[(PathBuf, PathBuf)], limits: Limits) -> Result<Vec<Fill>, Refusal> {
    let below = |root: &str, path: &Path| text(format!("{root}{}", path.display()));
    let mut fill = Vec::new();
    for (path, real) in shown {
        for above in path.ancestors().skip(1).collect::<Vec<_>>().into_iter().rev().filter(|above| above.parent().is_some()) {
            fill.push(Fill::Folder(below(NEW, above)?));
        }
        let to = below(NEW, path)?;
        fill.push(if real.is_dir() { Fill::Folder(to.clone()) } else { Fill::File(to.clone()) });
        fill.push(Fill::Show { from: below(OLD, real)?, to });
    }
    if limits.scratch_bytes > 0 {
        let to = below(NEW, Path::new(SCRATCH))?;
        fill.push(Fill::Folder(to.clone()));
        let options = text(format!("size={},nr_inodes=4096,mode=700", limits.scratch_bytes))?;
        fill.push(Fill::Scratch { to, options });
    }
    Ok(fill)
}

fn resources(limits: Limits) -> Vec<(u32, rlim_t, rlim_t)> {
    let cpu = limits.cpu.as_secs() + u64::from(limits.cpu.subsec_nanos() > 0);
    let both = |resource, limit| (resource, limit, limit);
    vec![
        both(libc::RLIMIT_AS, limits.memory_bytes),
        (libc::RLIMIT_CPU, cpu, cpu + 1),
        both(libc::RLIMIT_FSIZE, limits.scratch_bytes),
        both(libc::RLIMIT_NOFILE, limits.open_files),
        both(libc::RLIMIT_NPROC, 1),
        both(libc::RLIMIT_CORE, 0),
        both(libc::RLIMIT_MEMLOCK, 0),
        both(libc::RLIMIT_MSGQUEUE, 0),
        both(libc::RLIMIT_SIGPENDING, 64),
    ]
}

/// A program in the form the kernel takes it.
pub(super) struct Start {
    pub(super) path: CString,
    pub(super) arguments: Pointers,
    pub(super) environment: Pointers,
}

/// Texts and the list of pointers to them that ends in a null pointer.
pub(super) struct Pointers {
    _texts: Vec<CString>,
    list: Vec<*const c_char>,
}

impl Pointers {
    fn new(texts: Vec<CString>) -> Pointers {
        let list = texts.iter().map(|text| text.as_ptr()).chain([std::ptr::null()]).collect();
        Pointers { _texts: texts, list }
    }

    pub(super) fn as_ptr(&self) -> *const *const c_char {
        self.list.as_ptr()
    }
}

impl Start {
    pub(super) fn new(program: &Program) -> Result<Start, Refusal> {
        let path = text(&program.path)?;
        let mut arguments = vec![path.clone()];
        for argument in &program.arguments {
            arguments.push(text(argument)?);
        }
        let environment: Result<Vec<CString>, Refusal> = program.environment.iter().map(text).collect();
        Ok(Start { path, arguments: Pointers::new(arguments), environment: Pointers::new(environment?) })
    }
}
