//! `cargo xtask check`: what has to hold before a change goes in. `make test` and CI run this and nothing else.

use std::path::Path;
use std::process::Command;

/// The name of a step, the arguments of `cargo`, and an environment variable it needs.
type Step = (&'static str, &'static [&'static str], Option<(&'static str, &'static str)>);

/// Cheapest first. The repository rules (`tidy`) are ordinary tests of this crate and run with the rest.
const STEPS: [Step; 4] = [
    ("format", &["fmt", "--all", "--check"], None),
    ("clippy", &["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"], None),
    ("documentation", &["doc", "--workspace", "--no-deps"], Some(("RUSTDOCFLAGS", "-D warnings"))),
    ("tests", &["test", "--workspace"], None),
];

/// Runs every step, also after one has failed, and names those that did.
///
/// # Errors
/// Names the steps that failed or could not be started.
pub fn run(root: &Path) -> Result<(), String> {
    let failed: Vec<&str> = STEPS.iter().filter(|step| !passes(step, root)).map(|(name, ..)| *name).collect();
    if failed.is_empty() {
        println!("check: {} steps passed", STEPS.len());
        return Ok(());
    }
    Err(format!("{} of {} steps failed: {}", failed.len(), STEPS.len(), failed.join(", ")))
}

fn passes((name, arguments, variable): &Step, root: &Path) -> bool {
    println!("check: {name}: cargo {}", arguments.join(" "));
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo).args(*arguments).envs(*variable).current_dir(root).status();
    match status {
        Ok(status) => status.success(),
        Err(e) => {
            eprintln!("check: cannot start cargo for {name}: {e}");
            false
        }
    }
}
