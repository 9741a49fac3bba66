//! Watching a process to its end.

use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use libc::c_int;

use super::process::{Pipes, Running};
use crate::{End, Limits, Outcome, Refusal, RunError, Step};

/// How long a caller that wants to stop may have to wait.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Bytes read from a pipe at once.
const BLOCK: usize = 16 << 10;

/// A pipe that is read up to a limit.
struct Stream<R> {
    pipe: Option<R>,
    bytes: Vec<u8>,
}

impl<R: Read + AsRawFd> Stream<R> {
    fn new(pipe: R) -> io::Result<Self> {
        unblocked(pipe.as_raw_fd())?;
        Ok(Self { pipe: Some(pipe), bytes: Vec::new() })
    }

    /// Reads what is there now; false past the limit.
    fn read(&mut self, limit: usize) -> io::Result<bool> {
        let Some(pipe) = &mut self.pipe else { return Ok(true) };
        let mut block = [0; BLOCK];
        loop {
            match pipe.read(&mut block) {
                Ok(0) => {
                    self.pipe = None;
                    return Ok(true);
                }
                Ok(read) => {
                    let room = limit - self.bytes.len();
                    self.bytes.extend_from_slice(&block[..read.min(room)]);
                    if read > room {
                        return Ok(false);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn descriptor(&self) -> RawFd {
        self.pipe.as_ref().map_or(-1, AsRawFd::as_raw_fd)
    }
}

fn unblocked(descriptor: RawFd) -> io::Result<()> {
    // SAFETY: changes a flag of an open descriptor of our own.
    match unsafe { libc::fcntl(descriptor, libc::F_SETFL, libc::O_NONBLOCK) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Feeds a process, keeps what it writes, and kills it at its limits.
pub(super) fn watch(
    mut running: Running,
    pipes: Pipes,
    input: &[u8],
    limits: Limits,
    cancelled: &dyn Fn() -> bool,
) -> Result<Outcome, RunError> {
    let started = Instant::now();
    unblocked(pipes.stdin.as_raw_fd())?;
    let (mut stdin, mut left) = (Some(pipes.stdin), input);
    let mut failed = Stream::new(pipes.failed)?;
    let mut streams = [Stream::new(pipes.stdout)?, Stream::new(pipes.stderr)?, Stream::new(pipes.report)?];
    let mut killed = None;
    loop {
        if let Some(pipe) = &mut stdin
            && !feed(pipe, &mut left)?
        {
            stdin = None;
        }
        let mut within = true;
        for stream in &mut streams {
            within &= stream.read(limits.output_bytes)?;
        }
        killed = killed.or_else(|| match () {
            () if !within => Some(End::Output),
            () if started.elapsed() >= limits.wall => Some(End::WallTime),
            () if cancelled() => Some(End::Cancelled),
            () => None,
        });
        if killed.is_some() {
            running.kill();
            break;
        }
        let wait = limits.wall.saturating_sub(started.elapsed()).min(LOOK_EVERY) + Duration::from_millis(1);
        let readers = [running.pidfd.as_raw_fd(), streams[0].descriptor(), streams[1].descriptor(), streams[2].descriptor()];
        if ended(readers, stdin.as_ref().map_or(-1, AsRawFd::as_raw_fd), wait)? {
            break;
        }
    }
    let (status, used) = running.wait()?;
    for stream in &mut streams {
        let within = stream.read(limits.output_bytes)?;
        killed = killed.or((!within).then_some(End::Output));
    }
    failed.read(BLOCK)?;
    if let [step, errno @ ..] = failed.bytes.as_slice()
        && let (Some(step), Ok(errno)) = (Step::of_number(*step), <[u8; 4]>::try_from(errno))
    {
        return Err(Refusal::new(step, io::Error::from_raw_os_error(i32::from_ne_bytes(errno))).into());
    }
    let time = |time: libc::timeval| Duration::new(time.tv_sec as u64, time.tv_usec as u32 * 1000);
    let [stdout, stderr, report] = streams.map(|stream| stream.bytes);
    let end = killed.unwrap_or_else(|| end_of(status));
    Ok(Outcome { end, stdout, stderr, report, wall: started.elapsed(), cpu: time(used.ru_utime) + time(used.ru_stime) })
}

/// Writes what the pipe takes now; false when there is no more to write or nobody reads.
fn feed(pipe: &mut impl Write, left: &mut &[u8]) -> io::Result<bool> {
    while !left.is_empty() {
        match pipe.write(left) {
            Ok(written) => *left = &left[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

/// Waits until something can be done; true when the process, the first of the readers, has ended.
fn ended(readers: [RawFd; 4], writer: RawFd, wait: Duration) -> io::Result<bool> {
    let entry = |fd: RawFd, events| libc::pollfd { fd, events, revents: 0 };
    let [a, b, c, d] = readers.map(|fd| entry(fd, libc::POLLIN));
    let mut entries = [a, b, c, d, entry(writer, libc::POLLOUT)];
    let wait = wait.as_millis().try_into().unwrap_or(c_int::MAX);
    // SAFETY: the entries live as long as the call, and their number is given; the kernel skips those with negative descriptors.
    if unsafe { libc::poll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, wait) } < 0 {
        let error = io::Error::last_os_error();
        return if error.kind() == io::ErrorKind::Interrupted { Ok(false) } else { Err(error) };
    }
    Ok(entries[0].revents != 0)
}

fn end_of(status: c_int) -> End {
    if libc::WIFEXITED(status) { End::Exited(libc::WEXITSTATUS(status)) } else { End::Signalled(libc::WTERMSIG(status)) }
}
