//! The line: parts stand in stations, which are folders, and move by renaming; a worker builds them, and no crash loses one.
//!
//! The file system is the queue and the interface: whoever follows the protocol may read the line or put parts into it. What is here
//! is one implementation of it. A part that moves takes all that belongs to it along; whatever is cut off in the middle is ended or
//! taken back by whoever comes next.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use aw_line::{NewPart, PartName, Root, Station, Turn};
//!
//! let folder = tempfile::tempdir()?;
//! let root = Root::init(folder.path())?;
//! let part = NewPart { name: PartName::new("first")?, bytes: b"{}".to_vec(), origin: None };
//! for outcome in root.enqueue(&[part], Turn::Last)? {
//!     outcome?;
//! }
//! assert_eq!(root.list(Station::Intake)?.parts[0].name.file(), "first.alloy.json");
//! # Ok(())
//! # }
//! ```

pub mod alerts;
mod alive;
mod beat;
mod clock;
mod enqueue;
mod error;
pub mod evict;
mod held;
mod intent;
mod listing;
mod log;
mod name;
pub mod needs;
pub mod node;
mod order;
mod root;
mod settle;
mod station;
mod transitions;
mod view;
mod watch;
mod worker;

pub use alive::{Heartbeat, Process, Seen, WorkLock, WorkerLock, WorkerState, living};
pub use clock::spell;
pub use enqueue::{NewPart, Origin, PART_BYTES_MAX, Turn};
pub use error::{LineError, Oddity};
pub use held::{Held, find};
pub use listing::{Listing, Part, Summary};
pub use log::{Entry, Line, Log, Outcome};
pub use name::{NameError, PART_ENDING, PartName, STEM_BYTES_MAX};
pub use order::{Position, waiting};
pub use root::{NoWorker, Root, WorkerName};
pub use station::{NoStation, Station};
pub use transitions::{Cancelled, Claimed, Failed, Finished, Recovered};
pub use watch::Stop;
pub use worker::{Builder, Control, Event, Job, Until, Worked, WorkerOptions, work};
