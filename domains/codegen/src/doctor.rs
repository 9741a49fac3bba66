//! Whether a forge works here: seven checks, each passed, failed or skipped with its reason.
//!
//! # Source
//! Codegen, section 13.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aw_alloy::digest::Digest;
use aw_alloy::keys::SecretKey;
use schemars::JsonSchema;
use serde::Serialize;

use crate::delivery::{ArtifactName, Consumer, Directory, Settings as ConsumerSettings};
use crate::emit::{Options, Profile, Target, emit};
use crate::forge::{Forge, GenerateRequest, Reading, Settings, Targets};
use crate::input::{self, Format, ReadOptions};
use crate::net::Network;
use crate::smoke::{Smoke, Toolchain};
use crate::source::{Location, Sources, file_uri};

/// The reference ontology: two types, `User` and `Document`.
pub const REFERENCE: &str = include_str!("../../../recipes/contracts/reference.ttl");

/// What the reference model gives under forge version `0.1.0`.
///
/// # Source
/// Codegen, section 9.
const VECTORS: [(Profile, Target, &str); 8] = [
    (Profile::Plain, Target::Csharp, "65e2d5ceb2b1f7ca4be86d15b09c27f4b9c8548cc0ae348745025a3b483548b1"),
    (Profile::Plain, Target::Typescript, "4f2a1473d3fd60088b768d92cea0b03d50093501b329066f09556f97454c53ba"),
    (Profile::Plain, Target::Python, "6c68df4319a8db7fc5a0825cb054ee05f30c1650d3cc01b52a959450a77d4718"),
    (Profile::Plain, Target::Rust, "76c123785af58e91dee8afae75e03f4ec01fc9333c5bd7a14d6d1aa0a39bc171"),
    (Profile::Wire, Target::Csharp, "7e99acb402b53ee12f204cbe6e19ef4246ed4eb9c92df05d8b1d3df9e116cf72"),
    (Profile::Wire, Target::Typescript, "f7b7ca9eed98cad810d56d6fce5c61315213d3fef68392e69f8693405d6663a6"),
    (Profile::Wire, Target::Python, "d034d9cecd038f4920a0470609b2099e65288635a5680818255a89f9f014544f"),
    (Profile::Wire, Target::Rust, "652c874dee813c297dee70e1110ea0214be107761c1fc926b34e725f41d58a30"),
];

/// What is checked with.
pub struct Patient {
    /// The address of a running service; without one, that check is skipped.
    pub service: Option<String>,
    /// The compilers.
    pub toolchain: Toolchain,
    /// An object to read from an object store; without one, only its address is understood.
    pub object: Option<String>,
    /// An empty folder to work in.
    pub scratch: PathBuf,
    /// What the trial artifact is signed with.
    pub signing_key: Arc<SecretKey>,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CheckState {
    /// It works.
    Pass,
    /// It does not.
    Fail,
    /// It could not be tried. Never counts as passed.
    Skip,
}

/// One check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// What came of it.
    pub state: CheckState,
    /// What was seen, or why it was skipped.
    pub detail: String,
}

type Seen = Result<String, String>;

/// Does the seven checks, in their order.
pub fn examine(patient: &Patient) -> Vec<Check> {
    let told = |name: &str, seen: Seen| match seen {
        Ok(detail) => Check { name: name.to_owned(), state: CheckState::Pass, detail },
        Err(detail) => Check { name: name.to_owned(), state: CheckState::Fail, detail },
    };
    let skipped = |name: &str, why: &str| Check { name: name.to_owned(), state: CheckState::Skip, detail: why.to_owned() };
    let mut checks = vec![
        match &patient.service {
            Some(service) => told("service", health(service)),
            None => skipped("service", "no address of a running service was given"),
        },
        told("HTTP source", over_http()),
        told("file source", from_a_file(&patient.scratch)),
        match &patient.object {
            Some(object) => told("object store", from_an_object(object)),
            None => match Location::parse("s3://bucket/ontology.ttl") {
                Ok(_) => skipped("object store", "no object was named to read; addresses are understood"),
                Err(error) => told("object store", Err(error.to_string())),
            },
        },
        told("byte vectors", vectors()),
    ];
    checks.extend(compilers(&patient.toolchain));
    checks.push(told("delivery", delivery(patient)));
    checks
}

fn health(service: &str) -> Seen {
    let agent = ureq::Agent::config_builder().timeout_global(Some(std::time::Duration::from_secs(15))).build().new_agent();
    let url = format!("{}/healthz", service.trim_end_matches('/'));
    let answer = agent.get(&url).call().map_err(|error| format!("{url}: {error}"))?;
    Ok(format!("{url} answers {}", answer.status().as_u16()))
}

/// Serves the reference ontology once on a loopback port and reads it from there.
fn over_http() -> Seen {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept()?;
        let mut request = [0; 4096];
        let _ = stream.read(&mut request)?;
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: text/turtle\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
            REFERENCE.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(REFERENCE.as_bytes())
    });
    let allowed = Network::origins(&format!("http://{address}")).map_err(|error| error.to_string())?;
    let sources = Sources { network: Network { allowed: Some(allowed), ..Network::default() }, ..Sources::default() };
    let seen = types(&sources, &format!("http://{address}/reference"));
    if seen.is_ok() {
        // It answered, so it has ended or is about to.
        let _ = server.join();
    }
    seen
}

fn from_a_file(scratch: &Path) -> Seen {
    let path = scratch.join("reference.ttl");
    fs::write(&path, REFERENCE).map_err(|error| format!("{}: {error}", path.display()))?;
    types(&Sources::default(), &file_uri(&path))
}

fn from_an_object(object: &str) -> Seen {
    let location = Location::parse(object).map_err(|error| error.to_string())?;
    let fetched = Sources::default().fetch(&location, None).map_err(|error| error.to_string())?;
    Ok(format!("{object}: {} bytes", fetched.bytes.len()))
}

/// Reads a source and says its types, which are those of the reference.
fn types(sources: &Sources, place: &str) -> Seen {
    let location = Location::parse(place).map_err(|error| error.to_string())?;
    let fetched = sources.fetch(&location, None).map_err(|error| error.to_string())?;
    let format = Format::stated(fetched.content_type.as_deref(), location.name()).map_err(|unknown| unknown.message)?;
    let ontology = input::read(&fetched.bytes, format, &ReadOptions::default())
        .map_err(|found| found.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; "))?;
    let names: Vec<&str> = ontology.model.types.iter().map(|object| object.name.as_str()).collect();
    if names == ["User", "Document"] { Ok(names.join(" and ")) } else { Err(format!("{names:?} instead of User and Document")) }
}

fn vectors() -> Seen {
    let ontology = input::read(REFERENCE.as_bytes(), Format::Turtle, &ReadOptions::default())
        .map_err(|found| found.iter().map(|one| one.message.as_str()).collect::<Vec<_>>().join("; "))?;
    for (profile, target, expected) in VECTORS {
        let options = Options { profile, ..Options::new("0.1.0") };
        let emitted = emit(&ontology.model, target, &options).map_err(|found| format!("{target}: {} errors", found.len()))?;
        let found: Vec<String> = emitted.files.iter().map(|file| Digest::of(&file.bytes).hex()).collect();
        if found != [expected] {
            return Err(format!("{target} in the {profile} profile: SHA-256 {found:?}, expected {expected}"));
        }
    }
    Ok(format!("{} files as the specification has them", VECTORS.len()))
}

fn compilers(toolchain: &Toolchain) -> Vec<Check> {
    let made = input::read(REFERENCE.as_bytes(), Format::Turtle, &ReadOptions::default());
    let one = |target: Target| {
        let name = format!("compiler of {target}");
        let of = |state, detail: String| Check { name: name.clone(), state, detail };
        let Ok(ontology) = &made else { return of(CheckState::Fail, "the reference ontology is not read".to_owned()) };
        let Ok(emitted) = emit(&ontology.model, target, &Options::new("0.1.0")) else {
            return of(CheckState::Fail, "nothing was generated".to_owned());
        };
        match toolchain.smoke(&emitted) {
            Ok(Smoke::Passed { tool, version }) => of(CheckState::Pass, format!("{tool} {version}")),
            Ok(Smoke::Skipped { missing }) => of(CheckState::Skip, missing),
            Ok(Smoke::Failed { tool, findings }) => {
                let first = findings.first().map(|finding| finding.message.clone()).unwrap_or_default();
                of(CheckState::Fail, format!("{tool}: {first}"))
            }
            Err(error) => of(CheckState::Fail, error.to_string()),
        }
    };
    Target::LANGUAGES.into_iter().map(one).collect()
}

/// Publishes the reference, changes it, publishes again, and lets a consumer go forth and back.
fn delivery(patient: &Patient) -> Seen {
    let folder = patient.scratch.join("delivery");
    let artifacts = Directory::new(folder.join("artifacts"));
    let store = Arc::new(artifacts);
    let forge = Forge::new(Settings {
        store: folder.join("store"),
        out_root: None,
        sources: Sources::default(),
        toolchain: patient.toolchain.clone(),
        artifacts: store.clone(),
        signing_key: Some(Arc::clone(&patient.signing_key)),
        upstream: None,
    });
    let ontology = folder.join("reference.ttl");
    let text = |error: &dyn std::error::Error| error.to_string();
    fs::create_dir_all(&folder).map_err(|error| text(&error))?;
    let consumer = Consumer::new(folder.join("consumer"));
    fs::create_dir_all(folder.join("consumer")).map_err(|error| text(&error))?;
    let mut names = Vec::new();
    for version in ["1.0.0", "1.0.1"] {
        let changed = REFERENCE.replace("1.0.0", version).replace("Platform user", &format!("Platform user {version}"));
        fs::write(&ontology, changed).map_err(|error| text(&error))?;
        let request = GenerateRequest {
            publish: true,
            target: Targets::One(Target::Rust.name().to_owned()),
            allow_unverified: vec![Target::Rust.name().to_owned()],
            reading: Reading::default(),
            ..GenerateRequest::of_source(&file_uri(&ontology))
        };
        let generated = forge.generate(&request).map_err(|fault| text(&fault))?;
        let artifact = generated.artifact.ok_or("nothing was published")?;
        let name: ArtifactName = artifact.artifact.parse().map_err(|error: crate::delivery::NameError| text(&error))?;
        let settings = ConsumerSettings {
            targets: vec![Target::Rust.name().to_owned()],
            keys: vec![patient.signing_key.public()],
            ..ConsumerSettings::default()
        };
        consumer.stage(&*store, &name, &settings).map_err(|error| text(&error))?;
        names.push(name);
    }
    let adopted = consumer.adopt().map_err(|error| text(&error))?;
    let back = consumer.rollback().map_err(|error| text(&error))?;
    if adopted.in_use().artifact != names[1] || back.in_use().artifact != names[0] {
        return Err("the consumer does not use what it was told to".to_owned());
    }
    Ok("published twice, staged, adopted and rolled back".to_owned())
}
