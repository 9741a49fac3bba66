//! A file that does not compile is said to be so, with its place.

use codegen::emit::{Options, Target, emit};
use codegen::smoke::{Smoke, Toolchain};

use super::{compiled, compiles, toolchain};
use crate::reference;

#[test]
fn the_reference_model_compiles() {
    compiles(&reference::model());
}

#[test]
fn a_broken_file_fails_at_its_line() {
    for (target, from, to) in [
        (Target::Csharp, "string Handle,", "strin Handle,"),
        (Target::Typescript, "handle: z.string()", "handle: z.strin()"),
        (Target::Python, "handle: str", "handle: strin"),
        (Target::Rust, "handle: String", "handle: Strin"),
    ] {
        let mut emitted = emit(&reference::model(), target, &Options::new("0.1.0")).unwrap();
        let text = String::from_utf8(emitted.files[0].bytes.clone()).unwrap();
        let line = text.lines().position(|line| line.contains(from)).unwrap() as u64 + 1;
        emitted.files[0].bytes = text.replace(from, to).into_bytes();
        let Some(smoke) = compiled(&emitted) else { continue };
        let Smoke::Failed { findings, .. } = smoke else { panic!("{target}: {smoke:?}") };
        assert_eq!(findings[0].file, target.file(), "{findings:?}");
        // Python only learns of it when it makes the class.
        if target != Target::Python {
            assert_eq!(findings[0].line, Some(line), "{target}: {findings:?}");
        }
        assert!(findings[0].message.contains("strin") || findings[0].message.contains("Strin"), "{findings:?}");
    }
}

#[test]
fn without_a_compiler_it_is_skipped_and_says_what_is_missing() {
    let nothing = Toolchain::new(None, Vec::new(), toolchain().work);
    for target in Target::LANGUAGES {
        let emitted = emit(&reference::model(), target, &Options::new("0.1.0")).unwrap();
        let smoke = nothing.smoke(&emitted).unwrap();
        assert!(matches!(&smoke, Smoke::Skipped { missing } if !missing.is_empty()), "{target}: {smoke:?}");
        assert!(!smoke.passed());
    }
}
