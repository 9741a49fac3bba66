//! TypeScript: `tsc --noEmit`, strict.

use std::io;
use std::path::PathBuf;

use crate::emit::Emitted;

use super::process::run;
use super::scratch::Scratch;
use super::{Smoke, Toolchain, findings, skipped};

/// Node.js and the folder of packages, or what to install.
pub(super) fn find(toolchain: &Toolchain) -> Result<(PathBuf, PathBuf), &'static str> {
    let node = toolchain.program("node").ok_or("Node.js: `node` is not on the path")?;
    let modules = toolchain.node_modules.clone().or_else(|| toolchain.tool("node")).map(|folder| folder.join("node_modules"));
    let whole = modules.filter(|folder| folder.join("typescript/lib/tsc.js").is_file() && folder.join("zod").is_dir());
    Ok((node, whole.ok_or(installed!("TypeScript 5.7 and Zod 3.24 (npm packages `typescript` and `zod`)"))?))
}

pub(super) fn smoke(toolchain: &Toolchain, emitted: &Emitted) -> io::Result<Smoke> {
    let (node, modules) = match find(toolchain) {
        Ok(found) => found,
        Err(missing) => return Ok(skipped(missing)),
    };
    let modules = modules.canonicalize()?;
    let scratch = Scratch::with(&toolchain.work, emitted)?;
    std::os::unix::fs::symlink(&modules, scratch.path().join("node_modules"))?;
    let mut arguments = vec![modules.join("typescript/lib/tsc.js").into_os_string()];
    let flags = "--noEmit --strict --target ES2022 --module ESNext --moduleResolution node --skipLibCheck --pretty false";
    arguments.extend(flags.split(' ').map(Into::into));
    arguments.extend(emitted.files.iter().map(|file| (&file.path).into()));
    let environment = toolchain.environment.iter().cloned();
    let ended = run(&node, arguments, scratch.path(), environment, toolchain.limits)?;
    let version = format!("{} with zod {}", version(&modules.join("typescript"))?, version(&modules.join("zod"))?);
    Ok(findings::outcome("tsc", version, &ended, findings::parenthesised))
}

fn version(package: &std::path::Path) -> io::Result<String> {
    let text = std::fs::read_to_string(package.join("package.json"))?;
    let package: serde_json::Value = serde_json::from_str(&text)?;
    Ok(package["version"].as_str().unwrap_or("of no stated version").to_owned())
}
