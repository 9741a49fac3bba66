//! The child process of a stage, for a domain that exists in the tests: what a program must do to run heavy stages apart.
#![allow(clippy::unwrap_used, dead_code, reason = "shares the tests' domain, of which it needs the stages only")]

#[path = "../tests/it/pottery.rs"]
mod pottery;

fn main() -> std::io::Result<()> {
    let registry = pottery::registry(std::sync::Arc::default());
    aw_foundry::serve(&registry, std::io::stdin(), std::io::stdout())
}
