//! The alloy document and its rules: text with positions, digests, trees, recipe, artifact, chain and seal.
//!
//! Pure: this crate reads no file, clock, environment or random source; whatever it needs is handed in. Files and
//! caches live in `aw-store`, stages in domains, running in `aw-foundry`.
//!
//! ```
//! use aw_alloy::digest::Digest;
//! use aw_alloy::tree::{Tree, TreeEntry, TreePath};
//!
//! let content = b"hello";
//! let entry = TreeEntry { path: TreePath::new("greeting.txt")?, digest: Digest::of(content), bytes: 5 };
//! let tree = Tree::new(vec![entry])?;
//! assert_eq!(tree.get("greeting.txt").map(|entry| entry.bytes), Some(5));
//! println!("{}", tree.root());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod acceptance;
pub mod artifact;
pub mod chain;
pub mod coverage;
pub mod decimal;
pub mod digest;
pub mod document;
pub mod export;
pub mod gates;
pub mod keys;
mod moment;
pub mod recipe;
pub mod signing;
pub mod text;
pub mod tree;

pub use moment::Moment;
