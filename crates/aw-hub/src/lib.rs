//! Reads models from the Hugging Face Hub, or any server that speaks its HTTP interface, and uploads to it.
//!
//! A model is named by repository and commit; a branch or tag can only be asked for the commit it stands for. What a commit holds is
//! listed with sizes and content hashes, and every byte is held against them before anything uses it. Files rest in the cache that the
//! Hub's own clients use, in their layout: what was downloaded by one is found by the other. Downloads go on where they stopped.
//!
//! ```no_run
//! use aw_hub::{Hub, Settings};
//!
//! let hub = Hub::new(Settings::from_variables(&|name| std::env::var_os(name))?)?;
//! let go_on = || false;
//! let (repository, commit) = ("org/name".parse()?, "0123456789abcdef0123456789abcdef01234567".parse()?);
//! let snapshot = hub.snapshot(&repository, &commit, &go_on)?;
//! let config = snapshot.file("config.json").ok_or("no config")?;
//! hub.fetch(&snapshot, &[config], &|_| true)?;
//! println!("{}", hub.folder(&snapshot).join("config.json").display());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Security
//! Everything the server says is bounded and checked. The token goes to the endpoint's own origin and nowhere else: not to the hosts it
//! redirects to, not into messages. File names that lead out of a folder are refused.

mod cache;
mod content;
mod download;
mod error;
mod http;
mod hub;
mod listing;
mod names;
mod settings;
mod stand_in;
mod upload;
mod url;

pub use content::Content;
pub use error::HubError;
pub use hub::{Hub, Progress};
pub use listing::{RemoteFile, Snapshot};
pub use names::{Commit, NameError, RepositoryId};
pub use settings::{Patience, Settings, SettingsError, Token, VARIABLES};
pub use upload::{Committed, NewCommit, Outgoing, Told};
