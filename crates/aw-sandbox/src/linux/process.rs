//! Starting the new process.

use std::fs::File;
use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use libc::{c_int, c_long, c_ulong};

use super::child::{self, Descriptors};
use super::prepare::{Closing, Start, raised};
use crate::{Refusal, Step};

/// A process that is killed and reaped when nobody wants it any more.
pub(super) struct Running {
    pid: libc::pid_t,
    pub(super) pidfd: OwnedFd,
    reaped: bool,
}

/// The caller's ends of the pipes.
pub(super) struct Pipes {
    pub(super) stdin: PipeWriter,
    pub(super) stdout: PipeReader,
    pub(super) stderr: PipeReader,
    pub(super) report: PipeReader,
    pub(super) failed: PipeReader,
}

impl Running {
    /// Kills the process, and with it whatever else is in its process namespace.
    pub(super) fn kill(&self) {
        // SAFETY: the descriptor is of our own child; a child that has ended already takes no signal.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.pidfd.as_raw_fd(), libc::SIGKILL, std::ptr::null::<()>(), 0) };
    }

    /// Waits for the end: the wait status and what was used.
    pub(super) fn wait(&mut self) -> io::Result<(c_int, libc::rusage)> {
        let mut status = 0;
        // SAFETY: all zeros are a valid value of this plain structure.
        let mut used: libc::rusage = unsafe { std::mem::zeroed() };
        loop {
            // SAFETY: both places live as long as the call. The child was not reaped before, so that its number is still its own.
            if unsafe { libc::wait4(self.pid, &raw mut status, 0, &raw mut used) } == self.pid {
                self.reaped = true;
                return Ok((status, used));
            }
            let error = io::Error::last_os_error();
            if error.kind() != io::ErrorKind::Interrupted {
                return Err(error);
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.kill();
            // Nothing can be done about a child that cannot be waited for.
            let _ = self.wait();
        }
    }
}

/// Starts a process that closes itself in and becomes the program; without one it ends with status 0.
pub(super) fn start(closing: &Closing, program: Option<&Start>) -> Result<(Running, Pipes), Refusal> {
    let prepared = |error: io::Error| Refusal::new(Step::Prepare, error);
    let (their_stdin, stdin) = io::pipe().map_err(prepared)?;
    let (stdout, their_stdout) = io::pipe().map_err(prepared)?;
    let (stderr, their_stderr) = io::pipe().map_err(prepared)?;
    let (report, their_report) = io::pipe().map_err(prepared)?;
    let (failed, their_failed) = io::pipe().map_err(prepared)?;
    let (their_ready, mut ready) = io::pipe().map_err(prepared)?;
    let theirs = [
        raised(their_stdin).map_err(prepared)?,
        raised(their_stdout).map_err(prepared)?,
        raised(their_stderr).map_err(prepared)?,
        raised(their_report).map_err(prepared)?,
    ];
    let (their_ready, their_failed) = (raised(their_ready).map_err(prepared)?, raised(their_failed).map_err(prepared)?);
    let descriptors = Descriptors {
        streams: theirs.each_ref().map(AsRawFd::as_raw_fd),
        ready: their_ready.as_raw_fd(),
        failed: their_failed.as_raw_fd(),
    };
    let ready_fd = ready.as_raw_fd();
    let running = clone(closing, program, &descriptors, ready_fd)?;
    if closing.namespaces.is_some() {
        map_user(running.pid).map_err(|error| Refusal::new(Step::User, error))?;
    }
    ready.write_all(&[1]).map_err(|error| Refusal::new(Step::User, error))?;
    Ok((running, Pipes { stdin, stdout, stderr, report, failed }))
}

/// Makes the process. The older call is used: containers that cannot look into the arguments of the newer one refuse it altogether.
fn clone(closing: &Closing, program: Option<&Start>, descriptors: &Descriptors, ready: c_int) -> Result<Running, Refusal> {
    let mut flags = libc::CLONE_PIDFD | libc::SIGCHLD;
    if closing.namespaces.is_some() {
        flags |= libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWPID | libc::CLONE_NEWNET;
        flags |= libc::CLONE_NEWIPC | libc::CLONE_NEWUTS | libc::CLONE_NEWCGROUP;
    }
    let mut pidfd: c_int = -1;
    // SAFETY: without CLONE_VM the child is a copy of this process with this one thread. It gets no stack of its own and the descriptor is
    // stored in this frame. The child does nothing but make system calls and never returns from here.
    let pid = unsafe {
        let flags = c_ulong::from(flags as u32);
        let none = 0 as c_ulong;
        libc::syscall(libc::SYS_clone, flags, none, &raw mut pidfd, none, none)
    };
    match pid {
        0 => {
            // So that the child sees the end of the pipe when its caller goes away before it is ready.
            // SAFETY: closes the child's own copy.
            unsafe { libc::close(ready) };
            child::run(closing, program, descriptors)
        }
        -1 => {
            let error = io::Error::last_os_error();
            Err(Refusal::new(if closing.namespaces.is_some() { Step::Namespaces } else { Step::Start }, error))
        }
        // SAFETY: the kernel has just made the descriptor for us.
        pid => Ok(Running { pid: pid as libc::pid_t, pidfd: unsafe { OwnedFd::from_raw_fd(pidfd) }, reaped: false }),
    }
}

/// Makes the process's one user, an unprivileged one in its namespace, stand for ours.
fn map_user(pid: libc::pid_t) -> io::Result<()> {
    let write =
        |name: &str, text: String| File::options().write(true).open(format!("/proc/{pid}/{name}"))?.write_all(text.as_bytes());
    // SAFETY: the calls cannot fail.
    let (user, group): (c_long, c_long) = unsafe { (libc::geteuid().into(), libc::getegid().into()) };
    write("setgroups", "deny".into())?;
    write("uid_map", format!("1000 {user} 1"))?;
    write("gid_map", format!("1000 {group} 1"))
}
