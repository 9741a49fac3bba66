//! Artifacts of the reference model, as tests of delivery need them.

use aw_alloy::digest::Digest;
use aw_alloy::keys::SecretKey;
use codegen::delivery::{Artifact, BuildError, Contents, Manifest, TargetContents};
use codegen::diagnostic::Diagnostic;
use codegen::diff::{Renames, diff};
use codegen::emit::{Options, Target, emit};
use codegen::model::{Field, Model, Scalar};
use codegen::smoke::Smoke;

use crate::reference;

pub fn key() -> SecretKey {
    SecretKey::from_bytes(&[7; 32])
}

/// The reference model, a minor version later: a field more.
pub fn second() -> Model {
    let mut model = reference::model();
    model.version = "1.1.0".to_owned();
    model.types[0].fields.push(Field { optional: true, ..reference::field("nick", Scalar::String) });
    model
}

/// The reference model, a major version later: a field less.
pub fn third() -> Model {
    let mut model = reference::model();
    model.version = "2.0.0".to_owned();
    model.types[0].fields.remove(1);
    model
}

/// Real files of the model for Python and Rust.
pub fn targets(model: &Model) -> Vec<TargetContents> {
    let options = Options::new("0.1.0");
    let emitted = [Target::Python, Target::Rust].map(|target| emit(model, target, &options).unwrap());
    emitted
        .into_iter()
        .map(|emitted| TargetContents {
            name: emitted.target.name().to_owned(),
            files: emitted.files.into_iter().map(|file| (file.path, file.bytes)).collect(),
            smoke: Smoke::Passed { tool: "test".to_owned(), version: "1".to_owned() },
            removed_symbols: Vec::new(),
        })
        .collect()
}

pub fn contents<'a>(model: &'a Model, diagnostics: &'a [Diagnostic]) -> Contents<'a> {
    Contents {
        model,
        graph_digest: Some(Digest::of(b"graph")),
        forge_version: "0.1.0",
        profile: "wire",
        source_uri: "file:///model.ttl",
        targets: targets(model),
        allow_unverified: &[],
        base: None,
        allow_destructive: &[],
        lossy_ranges: &[],
        diagnostics,
    }
}

/// The artifact of a model.
pub fn artifact(model: &Model) -> Artifact {
    Artifact::build(contents(model, &[]), &key()).unwrap()
}

/// The artifact of a model, compared with the one before.
pub fn next(old: &Model, base: &Manifest, new: &Model, allowed: &[String]) -> Result<Artifact, BuildError> {
    let diff = diff(old, new, &Renames::default());
    Artifact::build(Contents { base: Some((base, diff)), allow_destructive: allowed, ..contents(new, &[]) }, &key())
}

/// The manifest of an artifact.
pub fn manifest(artifact: &Artifact) -> Manifest {
    let bytes = artifact.files().iter().find(|(path, _)| path.as_str() == Manifest::FILE).unwrap().1;
    Manifest::read(bytes).unwrap()
}
