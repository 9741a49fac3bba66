//! The new process, from its first instruction to the program's. It only makes system calls: its caller may have had threads, and
//! whatever lock one of them held is never released here.

use std::os::fd::{AsRawFd, RawFd};

use libc::{c_char, c_int, c_long, c_ulong};

use super::prepare::{Closing, Fill, Start};
use crate::Step;

/// Where the descriptors of the new process are while it closes itself in.
pub(super) struct Descriptors {
    /// Standard input, output, error and the report pipe, which become 0 to 3.
    pub(super) streams: [RawFd; 4],
    /// One byte comes from here when the caller has set the process up.
    pub(super) ready: RawFd,
    /// A step that failed is told here. Closed when the program starts.
    pub(super) failed: RawFd,
}

type Outcome = Result<(), (Step, c_int)>;

fn errno() -> c_int {
    // SAFETY: the location is the thread's own and always valid.
    unsafe { *libc::__errno_location() }
}

/// Turns the result of a system call into a step's outcome.
fn done(step: Step, result: c_long) -> Outcome {
    if result < 0 { Err((step, errno())) } else { Ok(()) }
}

/// Closes the process in and starts the program; without one, ends with status 0. Tells the step that failed.
pub(super) fn run(closing: &Closing, start: Option<&Start>, descriptors: &Descriptors) -> ! {
    let outcome = close(closing, descriptors).and_then(|()| match start {
        // SAFETY: the pointers are to texts that end in zero and lists that end in null, all alive in this copy of the caller's memory.
        Some(start) => done(Step::Start, unsafe {
            c_long::from(libc::execve(start.path.as_ptr(), start.arguments.as_ptr(), start.environment.as_ptr()))
        }),
        None => Ok(()),
    });
    let mut status = 0;
    if let Err((step, errno)) = outcome {
        status = 127;
        let errno = errno.to_ne_bytes();
        let message = [step as u8, errno[0], errno[1], errno[2], errno[3]];
        // SAFETY: the message is five bytes long. Nothing is left to do when it cannot be told: the caller sees the status.
        unsafe { libc::write(descriptors.failed, message.as_ptr().cast(), message.len()) };
    }
    // SAFETY: ends the process.
    unsafe { libc::_exit(status) }
}

fn close(closing: &Closing, descriptors: &Descriptors) -> Outcome {
    // SAFETY: plain system calls on numbers and on texts that end in zero.
    unsafe {
        done(Step::DieWithCaller, libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong, 0, 0, 0).into())?;
        let mut byte = 0u8;
        if libc::read(descriptors.ready, (&raw mut byte).cast(), 1) != 1 {
            return Err((Step::User, libc::EPIPE));
        }
        done(Step::Session, libc::setsid().into())?;
        signals()?;
        if let Some(steps) = &closing.namespaces {
            file_system(closing.root_options.as_ptr(), steps)?;
        }
        for (wanted, descriptor) in descriptors.streams.iter().enumerate() {
            done(Step::Descriptors, libc::dup2(*descriptor, wanted as c_int).into())?;
        }
        const CLOSE_RANGE_CLOEXEC: c_ulong = 4;
        done(
            Step::Descriptors,
            libc::syscall(libc::SYS_close_range, 4 as c_ulong, c_ulong::from(u32::MAX), CLOSE_RANGE_CLOEXEC),
        )?;
        for (resource, soft, hard) in &closing.limits {
            let limit = libc::rlimit { rlim_cur: *soft, rlim_max: *hard };
            done(Step::Limits, libc::setrlimit(*resource as _, &raw const limit).into())?;
        }
        done(Step::FileSystem, libc::chdir(closing.folder.as_ptr()).into())?;
        libc::umask(0o077);
        done(Step::NoNewPrivileges, libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1 as c_ulong, 0, 0, 0).into())?;
        if let Some(ruleset) = &closing.landlock {
            done(Step::Landlock, libc::syscall(libc::SYS_landlock_restrict_self, ruleset.as_raw_fd(), 0))?;
        }
        capabilities()?;
    }
    seccompiler::apply_filter(&closing.filter).map_err(|_| (Step::SystemCalls, errno()))
}

/// Gives every signal its default action and blocks none.
unsafe fn signals() -> Outcome {
    // SAFETY: an empty set is a valid set, and the default action a valid action. Two signals belong to the C library and two cannot be
    // changed; nothing was done to those.
    unsafe {
        for signal in 1..=64 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        done(Step::Signals, libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut()).into())
    }
}

/// Gives up every capability, also those a program of the superuser would get back.
unsafe fn capabilities() -> Outcome {
    #[repr(C)]
    struct Header {
        version: u32,
        pid: c_int,
    }
    const VERSION_3: u32 = 0x2008_0522;
    // SAFETY: the header and the two empty sets after it are what the third version of the call takes.
    unsafe {
        for capability in 0..64 as c_ulong {
            if libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) < 0 {
                match errno() {
                    // Past the kernel's last capability.
                    libc::EINVAL => break,
                    // Who is not the superuser gets none back.
                    libc::EPERM if libc::geteuid() != 0 => break,
                    error => return Err((Step::Capabilities, error)),
                }
            }
        }
        let ambient = libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL as c_ulong, 0, 0, 0);
        done(Step::Capabilities, ambient.into())?;
        let mut header = Header { version: VERSION_3, pid: 0 };
        let none = [[0u32; 3]; 2];
        done(Step::Capabilities, libc::syscall(libc::SYS_capset, &raw mut header, none.as_ptr()))
    }
}

const NONE: *const c_char = std::ptr::null();

unsafe fn mount(from: *const c_char, to: *const c_char, kind: *const c_char, flags: c_ulong, options: *const c_char) -> Outcome {
    // SAFETY: the caller's texts end in zero or are null.
    done(Step::FileSystem, unsafe { libc::mount(from, to, kind, flags, options.cast()) }.into())
}

/// Makes a mount read only, without devices and privileged programs.
unsafe fn seal(path: *const c_char, below_too: bool) -> Outcome {
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    // MOUNT_ATTR_RDONLY, MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV.
    let attributes = Attributes { set: 1 | 2 | 4, clear: 0, propagation: 0, user_namespace: 0 };
    const AT_RECURSIVE: c_int = 0x8000;
    let flags = if below_too { AT_RECURSIVE } else { 0 };
    let size = size_of::<Attributes>();
    // SAFETY: the attributes are laid out as the call takes them, and their size is given.
    let sealed = unsafe { libc::syscall(libc::SYS_mount_setattr, libc::AT_FDCWD, path, flags, &raw const attributes, size) };
    done(Step::FileSystem, sealed)
}

unsafe fn folder(path: *const c_char) -> Outcome {
    // SAFETY: the caller's text ends in zero.
    match done(Step::FileSystem, unsafe { libc::mkdir(path, 0o755) }.into()) {
        Err((_, libc::EEXIST)) => Ok(()),
        outcome => outcome,
    }
}

/// Replaces the file system by one that holds what `steps` show, and nothing else.
unsafe fn file_system(options: *const c_char, steps: &[Fill]) -> Outcome {
    let tmpfs = c"tmpfs".as_ptr();
    let pivot = |new: *const c_char, old: *const c_char| {
        // SAFETY: both texts end in zero.
        done(Step::FileSystem, unsafe { libc::syscall(libc::SYS_pivot_root, new, old) })
    };
    let enter = |path: *const c_char| {
        // SAFETY: the text ends in zero.
        done(Step::FileSystem, unsafe { libc::chdir(path) }.into())
    };
    // SAFETY: system calls on texts that end in zero. `/tmp` is only where the new file system is put for a moment; the old one is then
    // below `/old`, its own `/tmp` included.
    unsafe {
        mount(NONE, c"/".as_ptr(), NONE, libc::MS_REC | libc::MS_PRIVATE, NONE)?;
        mount(tmpfs, c"/tmp".as_ptr(), tmpfs, libc::MS_NOSUID | libc::MS_NODEV, options)?;
        folder(c"/tmp/new".as_ptr())?;
        folder(c"/tmp/old".as_ptr())?;
        pivot(c"/tmp".as_ptr(), c"/tmp/old".as_ptr())?;
        enter(c"/".as_ptr())?;
        mount(c"/new".as_ptr(), c"/new".as_ptr(), NONE, libc::MS_BIND, NONE)?;
        for step in steps {
            match step {
                Fill::Folder(path) => folder(path.as_ptr())?,
                Fill::File(path) => {
                    let made = libc::open(path.as_ptr(), libc::O_CREAT | libc::O_RDONLY | libc::O_CLOEXEC, 0o644);
                    done(Step::FileSystem, made.into())?;
                    libc::close(made);
                }
                Fill::Show { from, to } => {
                    mount(from.as_ptr(), to.as_ptr(), NONE, libc::MS_BIND | libc::MS_REC, NONE)?;
                    seal(to.as_ptr(), true)?;
                }
                Fill::Scratch { to, options } => {
                    let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
                    mount(tmpfs, to.as_ptr(), tmpfs, flags, options.as_ptr())?;
                }
            }
        }
        done(Step::FileSystem, libc::umount2(c"/old".as_ptr(), libc::MNT_DETACH).into())?;
        enter(c"/new".as_ptr())?;
        pivot(c".".as_ptr(), c".".as_ptr())?;
        done(Step::FileSystem, libc::umount2(c".".as_ptr(), libc::MNT_DETACH).into())?;
        enter(c"/".as_ptr())?;
        seal(c"/".as_ptr(), false)
    }
}
