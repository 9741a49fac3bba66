//! The byte vectors of the specification (codegen, section 9).

use aw_alloy::digest::Digest;
use codegen::emit::{Options, Profile, Target, emit};

use crate::reference;

/// Profile, target, bytes, SHA-256.
const VECTORS: [(Profile, Target, usize, &str); 8] = [
    (Profile::Plain, Target::Csharp, 992, "65e2d5ceb2b1f7ca4be86d15b09c27f4b9c8548cc0ae348745025a3b483548b1"),
    (Profile::Plain, Target::Typescript, 782, "4f2a1473d3fd60088b768d92cea0b03d50093501b329066f09556f97454c53ba"),
    (Profile::Plain, Target::Python, 837, "6c68df4319a8db7fc5a0825cb054ee05f30c1650d3cc01b52a959450a77d4718"),
    (Profile::Plain, Target::Rust, 724, "76c123785af58e91dee8afae75e03f4ec01fc9333c5bd7a14d6d1aa0a39bc171"),
    (Profile::Wire, Target::Csharp, 1340, "7e99acb402b53ee12f204cbe6e19ef4246ed4eb9c92df05d8b1d3df9e116cf72"),
    (Profile::Wire, Target::Typescript, 810, "f7b7ca9eed98cad810d56d6fce5c61315213d3fef68392e69f8693405d6663a6"),
    (Profile::Wire, Target::Python, 925, "d034d9cecd038f4920a0470609b2099e65288635a5680818255a89f9f014544f"),
    (Profile::Wire, Target::Rust, 829, "652c874dee813c297dee70e1110ea0214be107761c1fc926b34e725f41d58a30"),
];

#[test]
fn every_file_of_the_reference_model_is_that_of_the_specification() {
    for (profile, target, bytes, sha256) in VECTORS {
        let options = Options { profile, ..Options::new("0.1.0") };
        let emitted = emit(&reference::model(), target, &options).unwrap();
        let [file] = emitted.files.as_slice() else { panic!("{target}: one file") };
        let text = String::from_utf8(file.bytes.clone()).unwrap();
        assert_eq!((file.bytes.len(), Digest::of(&file.bytes).hex().as_str()), (bytes, sha256), "{profile} {target}:\n{text}");
    }
}
