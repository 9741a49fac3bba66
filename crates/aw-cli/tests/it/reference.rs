//! The pages in `docs/reference` say what the program says. `UPDATE_REFERENCE=1` writes them anew.

use std::fs;
use std::path::Path;

use crate::support::Bench;

#[test]
fn the_reference_is_what_the_program_says() {
    let bench = Bench::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference");
    let mut differ = Vec::new();
    for (page, file) in [("cli", "cli.md"), ("commands", "commands.json"), ("exit-codes", "exit-codes.md")] {
        let said = bench.run(&["reference", page]).ends(0).out;
        let path = folder.join(file);
        if std::env::var_os("UPDATE_REFERENCE").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &said).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != said {
            differ.push(file);
        }
    }
    assert!(
        differ.is_empty(),
        "{differ:?} in docs/reference differ; write them anew with UPDATE_REFERENCE=1 cargo test -p aw-cli reference"
    );
}
