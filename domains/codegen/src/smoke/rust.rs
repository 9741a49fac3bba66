//! Rust: `cargo check` with serde and serde_json.

use std::io;
use std::path::PathBuf;

use crate::emit::Emitted;

use super::process::{Ended, run};
use super::{Smoke, Toolchain, findings, skipped};

const MANIFEST: &str = include_str!("rust/manifest.toml");
const LOCK: &str = include_str!("rust/lock.toml");

/// Cargo, or what to install.
pub(super) fn find(toolchain: &Toolchain) -> Result<PathBuf, &'static str> {
    toolchain.program("cargo").ok_or("Rust: `cargo` is not on the path")
}

pub(super) fn smoke(toolchain: &Toolchain, emitted: &Emitted) -> io::Result<Smoke> {
    let cargo = match find(toolchain) {
        Ok(found) => found,
        Err(missing) => return Ok(skipped(missing)),
    };
    // One package for every check, so that the libraries are compiled once; one check at a time.
    let package = toolchain.work.join("rust");
    std::fs::create_dir_all(package.join("src"))?;
    let lock = std::fs::File::create(package.join("busy"))?;
    lock.lock()?;
    std::fs::write(package.join("Cargo.toml"), MANIFEST)?;
    std::fs::write(package.join("Cargo.lock"), LOCK)?;
    let mut modules = String::new();
    for (at, file) in emitted.files.iter().enumerate() {
        std::fs::write(package.join("src").join(&file.path), &file.bytes)?;
        modules.push_str(&format!("#[path = {:?}]\npub mod contracts{at};\n", file.path));
    }
    std::fs::write(package.join("src/lib.rs"), modules)?;
    let check = |more: &[&str]| -> io::Result<Ended> {
        let arguments = ["check", "--locked", "--quiet", "--message-format=short", "--target-dir", "target"].iter().chain(more);
        let environment = toolchain.environment.iter().cloned();
        run(&cargo, arguments.map(Into::into), &package, environment, toolchain.limits)
    };
    let mut ended = check(&["--offline"])?;
    if !ended.success && ended.text.contains("--offline") {
        ended = check(&[])?;
    }
    let environment = toolchain.environment.iter().cloned();
    let version = run(&cargo, ["--version".into()], &package, environment, toolchain.limits)?;
    Ok(findings::outcome("cargo check", version.text.trim().to_owned(), &ended, findings::colons))
}
