//! Being told of changes instead of looking for them: inotify where there is one. Elsewhere the stations are read again each time.

use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::{LineError, Root, Station};

/// Asks a worker to stop, from anywhere: a handler of signals, another thread.
#[derive(Clone, Debug)]
pub struct Stop(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    is_set: AtomicBool,
    ends: Option<(PipeReader, PipeWriter)>,
}

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(Inner { is_set: AtomicBool::new(false), ends: std::io::pipe().ok() }))
    }
}

impl Stop {
    /// Asks. Whoever waits is woken.
    pub fn set(&self) {
        if !self.0.is_set.swap(true, Ordering::SeqCst)
            && let Some((_, writer)) = &self.0.ends
        {
            // A pipe takes one byte; without one the worker looks every second.
            let mut writer = writer;
            let _ = writer.write_all(&[1]);
        }
    }

    /// Whether somebody asked.
    pub fn is_set(&self) -> bool {
        self.0.is_set.load(Ordering::SeqCst)
    }
}

/// What changed since it was asked before.
pub(crate) enum Changes {
    /// These files, more often than once perhaps.
    Some(Vec<(Station, String)>),
    /// Anything may have.
    Unknown,
}

/// Where the system tells of changes.
#[derive(Debug)]
pub(crate) struct Watch {
    #[cfg(target_os = "linux")]
    inotify: Option<linux::Inotify>,
}

impl Watch {
    /// Watches the stations. Where that cannot be done, nothing is known of changes.
    pub(crate) fn open(root: &Root) -> Self {
        #[cfg(target_os = "linux")]
        return Self { inotify: linux::Inotify::open(root).ok() };
        #[cfg(not(target_os = "linux"))]
        {
            let _ = root;
            Self {}
        }
    }

    pub(crate) fn changes(&mut self) -> Result<Changes, LineError> {
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &mut self.inotify {
            return Ok(inotify.changes());
        }
        Ok(Changes::Unknown)
    }

    /// Sleeps until something changes, somebody asks to stop, or the time is over.
    pub(crate) fn wait(&self, stop: &Stop, at_most: Duration) {
        let until = Instant::now() + at_most;
        let mut fds = Vec::with_capacity(2);
        #[cfg(target_os = "linux")]
        if let Some(inotify) = &self.inotify {
            fds.push(PollFd::from_borrowed_fd(inotify.fd.as_fd(), PollFlags::IN));
        }
        if let Some((reader, _)) = &stop.0.ends {
            fds.push(PollFd::from_borrowed_fd(reader.as_fd(), PollFlags::IN));
        }
        let blind = fds.len() < 2;
        while !stop.is_set() {
            let left = until.saturating_duration_since(Instant::now());
            let left = if blind { left.min(Duration::from_secs(1)) } else { left };
            let timeout = Timespec { tv_sec: left.as_secs().try_into().unwrap_or(i64::MAX), tv_nsec: left.subsec_nanos().into() };
            match poll(&mut fds, Some(&timeout)) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(0) if blind && Instant::now() < until && left > Duration::ZERO => {}
                Ok(_) | Err(_) => return,
            }
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

    use super::Changes;
    use crate::{Root, Station};

    #[derive(Debug)]
    pub(super) struct Inotify {
        pub(super) fd: OwnedFd,
        stations: Vec<(i32, Station)>,
    }

    impl Inotify {
        pub(super) fn open(root: &Root) -> rustix::io::Result<Self> {
            let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
            let mut stations = Vec::new();
            for station in Station::ALL {
                let moves = WatchFlags::CREATE | WatchFlags::DELETE | WatchFlags::MOVED_FROM | WatchFlags::MOVED_TO;
                // The order of intake is by time, and some write in place.
                let times = WatchFlags::ATTRIB | WatchFlags::CLOSE_WRITE;
                let flags = if station == Station::Intake { moves | times } else { moves };
                stations.push((inotify::add_watch(&fd, root.station(station), flags | WatchFlags::ONLYDIR)?, station));
            }
            Ok(Self { fd, stations })
        }

        pub(super) fn changes(&mut self) -> Changes {
            let mut buffer = [MaybeUninit::uninit(); 16 << 10];
            let mut reader = inotify::Reader::new(&self.fd, &mut buffer);
            let mut changes = Vec::new();
            let mut lost = false;
            loop {
                let event = match reader.next() {
                    Ok(event) => event,
                    Err(rustix::io::Errno::INTR) => continue,
                    Err(rustix::io::Errno::AGAIN) => break,
                    Err(_) => {
                        lost = true;
                        break;
                    }
                };
                lost |= event.events().intersects(ReadFlags::QUEUE_OVERFLOW | ReadFlags::IGNORED | ReadFlags::UNMOUNT);
                let station = self.stations.iter().find(|(watch, _)| *watch == event.wd());
                if let (Some((_, station)), Some(name)) = (station, event.file_name()) {
                    changes.extend(name.to_str().ok().map(|name| (*station, name.to_owned())));
                }
            }
            if lost { Changes::Unknown } else { Changes::Some(changes) }
        }
    }
}
