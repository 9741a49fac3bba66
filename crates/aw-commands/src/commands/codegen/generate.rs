//! `codegen/generate`: contracts of an ontology, in files.

use std::path::PathBuf;

use codegen::forge::{GenerateRequest, Generated, Targets};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::settings::forge;
use super::support::{EmissionParameters, ReadingParameters, folder, report, source};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/generate",
        summary: "Generates typed contracts from an ontology",
        details: "Reads Turtle, N-Triples, JSON-LD or the YAML model from a file, HTTP or an object store; holds it against the shapes; compares \
                  it with what was generated from it last; and writes C#, TypeScript with Zod, Python with Pydantic, Rust with serde, and \
                  what else is asked for. Nothing is generated when nothing changed. Changes that destroy are refused unless each is \
                  named. The same ontology gives the same bytes on every machine.",
        reach: Reach::Local,
        examples: &[
            Example { what: "every language", line: "codegen generate ontology.ttl --out generated" },
            Example {
                what: "two languages, compiled before they are taken",
                line: "codegen generate ontology.ttl --target typescript --target python --smoke --out generated",
            },
            Example {
                what: "with templates of one's own, and queries for a database",
                line: "codegen generate ontology.ttl --templates templates --sql-bindings bindings.yaml --out generated",
            },
            Example {
                what: "an ontology as it is found",
                line: "codegen generate schemaorg.ttl --vocabulary ontology --namespace SchemaOrg --ontology-version 30.0.0 --out generated",
            },
        ],
        exit_codes: &[
            ExitCode::Ok,
            ExitCode::No,
            ExitCode::Usage,
            ExitCode::Refused,
            ExitCode::Stage,
            ExitCode::Unknown,
            ExitCode::Environment,
        ],
    };
    Command::new(about, run).meaning(super::MEANINGS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The ontology: a file, or file://, http(s)://, s3://, gs://, az:// or azureblob://.
    #[schemars(extend("x-position" = 1))]
    source: String,
    /// A target: `csharp`, `typescript`, `python`, `rust`, `sql`, `bpmn`, `cacao`, `jsonschema`, `openapi`. May be given several times;
    /// every language when not given, with `sql` where there are bindings and `bpmn` and `cacao` where there are processes.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "TARGET"))]
    target: Vec<String>,
    /// How members are named in JSON: `wire`, as the ontology declares them in every language, or `plain`, as each language writes them.
    #[schemars(extend("x-value-name" = "PROFILE"))]
    profile: Option<String>,
    /// The folder that gets the files, a folder for each target. Without it nothing is written.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    out: Option<PathBuf>,
    /// Something that may be destroyed: `Type`, `Type.field`, as the comparison names it. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "NAME"))]
    allow_destructive: Vec<String>,
    /// Whether the files are compiled with the real compilers.
    #[serde(default)]
    smoke: bool,
    /// Whether the program ends with 5 when nothing changed.
    #[serde(default)]
    exit_no_change: bool,
    #[serde(flatten)]
    emission: EmissionParameters,
    #[serde(flatten)]
    reading: ReadingParameters,
}

/// How members are named in JSON when nobody says.
const PROFILE: &str = "wire";

/// The profile of a request; the forge refuses a name that is none.
pub(super) fn profile(named: Option<String>) -> String {
    named.unwrap_or_else(|| PROFILE.to_owned())
}

/// The targets of a request: those that are named, or every language.
pub(super) fn targets(named: Vec<String>) -> Targets {
    if named.is_empty() { Targets::default() } else { Targets::Several(named) }
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
struct GenerateResult {
    #[serde(flatten)]
    generated: Generated,
    /// Whether the caller asked to be told by the exit code that nothing changed.
    #[serde(skip)]
    exit_no_change: bool,
}

impl Outcome for GenerateResult {
    fn exit_code(&self) -> ExitCode {
        if self.exit_no_change && self.generated.no_change.is_some() { ExitCode::Unknown } else { ExitCode::Ok }
    }
}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<GenerateResult, Report> {
    let request = GenerateRequest {
        target: targets(parameters.target),
        profile: profile(parameters.profile),
        out: parameters.out.as_deref().map(folder).transpose()?,
        allow_destructive: parameters.allow_destructive,
        smoke: parameters.smoke,
        bindings: parameters.emission.bindings()?,
        templates: parameters.emission.templates()?,
        reading: parameters.reading.reading()?,
        ..GenerateRequest::of_source(&source(&parameters.source)?)
    };
    let generated = forge(environment, None, false)?.generate(&request).map_err(report)?;
    Ok(GenerateResult { generated, exit_no_change: parameters.exit_no_change })
}
