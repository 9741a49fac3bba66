//! Generated files under the real compilers. Skipped, loudly, where these are not installed.

mod broken;
mod exchange;
pub mod hostile;
mod ontologies;
pub mod second;

use std::path::{Path, PathBuf};

use codegen::emit::{Emitted, Emitter, Options, Profile, Target};
use codegen::model::Model;
use codegen::smoke::{Smoke, Toolchain};

/// The compilers: `ALLOYWORKS_CODEGEN_TOOLS`, else what `.ci/codegen-tools` installed.
pub fn toolchain() -> Toolchain {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let named = std::env::var_os("ALLOYWORKS_CODEGEN_TOOLS").map(PathBuf::from);
    let tools = named.unwrap_or_else(|| root.join("target/codegen-tools"));
    let path = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let environment = ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"];
    let environment = environment.into_iter().filter_map(|name| Some((name.into(), std::env::var_os(name)?))).collect();
    let mut toolchain = Toolchain::new(tools.canonicalize().ok(), path, root.join("target/codegen-smoke"));
    toolchain.environment = environment;
    toolchain
}

/// Compiles a target's files; `None`, and a word about it, where there is no compiler.
pub fn compiled(emitted: &Emitted) -> Option<Smoke> {
    match toolchain().smoke(emitted).unwrap() {
        Smoke::Skipped { missing } => {
            eprintln!("skipped: {} is not compiled without {missing}", emitted.target);
            None
        }
        smoke => Some(smoke),
    }
}

/// Every language and both profiles of a model compile.
pub fn compiles(model: &Model) {
    for profile in Profile::ALL {
        let options = Options { profile, ..Options::new("0.1.0") };
        let emitter = Emitter::new(model, &options).unwrap();
        for target in Target::LANGUAGES {
            let emitted = emitter.emit(target).unwrap_or_else(|errors| panic!("{profile} {target}: {errors:#?}"));
            if let Some(Smoke::Failed { tool, findings }) = compiled(&emitted) {
                let text = String::from_utf8_lossy(&emitted.files[0].bytes).into_owned();
                let numbered: String = text.lines().zip(1..).map(|(line, at)| format!("{at:4} {line}\n")).collect();
                panic!("{profile} {target}, {tool}: {findings:#?}\n{numbered}");
            }
        }
    }
}
