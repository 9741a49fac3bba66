//! Other machines, as far as artifacts need them.
//!
//! [`net`] is HTTP with bounds: where a request may go, how long it may take, how much of an answer is read. [`oci`] is a registry's
//! distribution protocol, [`objects`] (feature `object-stores`) are buckets of S3, Google Cloud Storage and Azure. What is uploaded is
//! streamed from files of any size and never sent where it is already; what is read is held against its digest by whoever asks, or here
//! where a digest is the name. Credentials are handed in: nothing here reads the environment, and no message shows one.

pub mod net;
#[cfg(feature = "object-stores")]
pub mod objects;
pub mod oci;
mod place;

pub use place::{ObjectLocation, Provider};
