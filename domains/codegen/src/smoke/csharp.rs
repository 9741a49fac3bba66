//! C#: compiled to an assembly against the reference assemblies of .NET.

use std::io;
use std::path::PathBuf;

use crate::emit::Emitted;

use super::process::run;
use super::scratch::Scratch;
use super::{Smoke, Toolchain, findings, skipped, with};

/// The compiler and the folder of its reference assemblies, or what to install.
pub(super) fn find(toolchain: &Toolchain) -> Result<(PathBuf, PathBuf), &'static str> {
    let installed = || Some((toolchain.tool("csharp/csc")?, toolchain.tool("csharp/references")?));
    toolchain.csharp.clone().or_else(installed).ok_or(installed!("a C# 10 compiler and .NET reference assemblies"))
}

pub(super) fn smoke(toolchain: &Toolchain, emitted: &Emitted) -> io::Result<Smoke> {
    let (csc, references) = match find(toolchain) {
        Ok(found) => found,
        Err(missing) => return Ok(skipped(missing)),
    };
    let scratch = Scratch::with(&toolchain.work, emitted)?;
    let mut assemblies: Vec<_> =
        std::fs::read_dir(&references)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    assemblies.retain(|path| path.extension().is_some_and(|extension| extension == "dll"));
    assemblies.sort();
    // A file of arguments, because there are more than a command line should have.
    let mut listed = String::new();
    for assembly in &assemblies {
        let Some(path) = assembly.to_str().filter(|path| !path.contains('"')) else { continue };
        listed.push_str(&format!("-reference:\"{path}\"\n"));
    }
    std::fs::write(scratch.path().join("references.rsp"), listed)?;
    let mut arguments: Vec<_> =
        ["-nologo", "-noconfig", "-nostdlib", "-target:library", "-nullable:enable", "-langversion:10", "-out:contracts.dll"]
            .map(Into::into)
            .into();
    arguments.push("@references.rsp".into());
    arguments.extend(emitted.files.iter().map(|file| with("", file.path.as_ref())));
    let environment = || toolchain.environment.iter().cloned();
    let ended = run(&csc, arguments, scratch.path(), environment(), toolchain.limits)?;
    let version = run(&csc, ["-version".into()], scratch.path(), environment(), toolchain.limits)?;
    Ok(findings::outcome("csc", version.text.trim().to_owned(), &ended, findings::parenthesised))
}
