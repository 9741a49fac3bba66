//! `codegen/publish`: contracts as a signed artifact that consumers pin.

use codegen::forge::{GenerateRequest, Generated};
use schemars::JsonSchema;
use serde::Deserialize;

use super::generate::{profile, targets};
use super::settings::forge;
use super::support::{EmissionParameters, ReadingParameters, report, source};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::Report;

pub(super) fn command() -> Command {
    let about = About {
        name: "codegen/publish",
        summary: "Generates contracts, compiles them, and publishes them as one signed artifact",
        details: "The artifact is named by the ontology's content, `ontology@<key>+forge.<version>.<profile>`, and never changes: the same \
                  bytes again are fine, others are refused. A target that nothing compiled is not published unless it is named. It is \
                  signed with the key file that `FORGE_SIGNING_KEY` names, else with the node's identity.",
        reach: Reach::Local,
        examples: &[
            Example { what: "to the home folder's own store", line: "codegen publish ontology.ttl" },
            Example { what: "to a registry", line: "codegen publish ontology.ttl --to oci://registry.example.org/contracts" },
            Example { what: "to a bucket", line: "codegen publish ontology.ttl --to s3://contracts/team" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::No, ExitCode::Usage, ExitCode::Refused, ExitCode::Stage, ExitCode::Environment],
    };
    Command::new(about, run).meaning(super::MEANINGS)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// The ontology: a file, or file://, http(s)://, s3://, gs://, az:// or azureblob://.
    #[schemars(extend("x-position" = 1))]
    source: String,
    /// Where it goes: a folder, `oci://host/name`, `s3://bucket/name`, `gs://bucket/name` or `az://container/name`; the home folder's own
    /// store when not given.
    #[schemars(extend("x-value-name" = "STORE"))]
    to: Option<String>,
    /// A target. May be given several times; every language when not given.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "TARGET"))]
    target: Vec<String>,
    /// How members are named in JSON: `wire` or `plain`.
    #[schemars(extend("x-value-name" = "PROFILE"))]
    profile: Option<String>,
    /// Something that may be destroyed, as the comparison names it. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "NAME"))]
    allow_destructive: Vec<String>,
    /// A target that may be published although nothing compiled it. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "TARGET"))]
    allow_unverified: Vec<String>,
    #[serde(flatten)]
    emission: EmissionParameters,
    #[serde(flatten)]
    reading: ReadingParameters,
}

impl Outcome for Generated {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<Generated, Report> {
    let request = GenerateRequest {
        target: targets(parameters.target),
        profile: profile(parameters.profile),
        allow_destructive: parameters.allow_destructive,
        allow_unverified: parameters.allow_unverified,
        publish: true,
        bindings: parameters.emission.bindings()?,
        templates: parameters.emission.templates()?,
        reading: parameters.reading.reading()?,
        ..GenerateRequest::of_source(&source(&parameters.source)?)
    };
    forge(environment, parameters.to.as_deref(), true)?.generate(&request).map_err(report)
}
