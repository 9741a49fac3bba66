//! The sandbox on this machine: what gets out of it, and what happens where it cannot be had.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "tests panic when something is off and say what they skip"
)]

mod escapes;
mod fails_closed;
