//! `seal/export`: what a document says, in formats that others read.

use std::path::{Path, PathBuf};

use aw_alloy::export::{cyclonedx, provenance, qr, verdicts};
use aw_alloy::text::{Limits, json};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::seal_support::{document, file_place, not_in_artifact, signing_key, write};
use crate::environment::Environment;
use crate::exit::ExitCode;
use crate::recipe_file::read_bounded;
use crate::registry::{About, Command, Example, Outcome, Reach, Surface};
use crate::report::{Place, Report};

pub(super) fn command() -> Command {
    let about = About {
        name: "seal/export",
        summary: "Writes what a document says in a format that others read",
        details: "`in-toto`: how an artifact was made, as SLSA provenance in a signed DSSE envelope. `verdicts`: what the gates said of \
                  it, in another. `cyclonedx`: a CycloneDX 1.6 bill of materials. `qr`: a picture of the link to its identity, PNG or \
                  SVG by the name of the file. Bills and pictures can be made of any alloy document; nothing of it is verified, but \
                  provenance is only stated of an artifact that is as it was sealed.",
        reach: Reach::Local,
        examples: &[
            Example {
                what: "provenance, signed with a key of this node",
                line: "seal export ./compact-1.0.0 --format in-toto --key release",
            },
            Example { what: "a bill of materials", line: "seal export ./compact-1.0.0 --format cyclonedx" },
            Example {
                what: "the gates' verdicts",
                line: "seal export ./compact-1.0.0 --format verdicts --verdicts verdicts.json --key release",
            },
            Example { what: "a picture of the link", line: "seal export ./compact-1.0.0 --format qr --out alloy-qr.svg" },
        ],
        exit_codes: &[ExitCode::Ok, ExitCode::Refused, ExitCode::Unknown, ExitCode::Environment],
    };
    Command::new(about, run)
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Parameters {
    /// An artifact's folder, or a document (`*.alloy.json`).
    #[schemars(extend("x-position" = 1))]
    document: PathBuf,
    /// What to write.
    #[schemars(with = "String", extend("enum" = ["in-toto", "verdicts", "cyclonedx", "qr"]))]
    format: ExportFormat,
    /// Where it goes; a name made from the document's in the current folder when not given.
    #[schemars(extend("x-value-name" = "FILE"))]
    out: Option<PathBuf>,
    /// Name of the key to sign statements with, as `alloyworks key list` has it.
    key: Option<String>,
    /// A private key of your own instead, in PKCS#8 PEM, readable by nobody else.
    #[schemars(extend("x-value-name" = "FILE"))]
    private_key: Option<PathBuf>,
    /// The gates' verdicts, as `alloyworks judge --out` writes them; for `--format verdicts`.
    #[schemars(extend("x-value-name" = "FILE"))]
    verdicts: Option<PathBuf>,
    /// The verification page that links lead to; for `--format qr`.
    #[schemars(extend("x-value-name" = "URL"))]
    page: Option<String>,
}

/// A format that others read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ExportFormat {
    /// SLSA provenance in an in-toto statement, in a signed DSSE envelope.
    InToto,
    /// The gates' verdicts in an in-toto statement, in a signed DSSE envelope.
    Verdicts,
    /// A CycloneDX bill of materials.
    Cyclonedx,
    /// A picture of the link to the document's identity.
    Qr,
}

/// What was written.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SealExportResult {
    /// The format.
    pub format: ExportFormat,
    /// The document it is of.
    pub document: PathBuf,
    /// Where it is.
    pub file: PathBuf,
    /// Its bytes.
    pub bytes: u64,
    /// The claim a statement makes.
    pub predicate_type: Option<String>,
    /// Files a statement is about.
    pub subjects: Option<usize>,
    /// Short name of the key a statement is signed with.
    pub key_id: Option<String>,
    /// The link in a picture.
    pub link: Option<String>,
}

impl Outcome for SealExportResult {}

fn run(environment: &Environment, parameters: Parameters, _: &Surface<'_>) -> Result<SealExportResult, Report> {
    let (document, place, name) = document(&parameters.document)?;
    only_where_it_means_something(&parameters)?;
    let format = parameters.format;
    let file = parameters.out.clone().unwrap_or_else(|| default_name(document.name(), format));
    not_in_artifact(&file)?;
    let mut result = SealExportResult {
        format,
        document: place.clone(),
        file: file.clone(),
        bytes: 0,
        predicate_type: None,
        subjects: None,
        key_id: None,
        link: None,
    };
    let statement = match format {
        ExportFormat::InToto => Some(provenance::provenance(document.to_bytes(), &name).map_err(|error| {
            Report::from_error(ExitCode::Refused, "not-sealed", &error)
                .at(file_place(&place))
                .hint("`alloyworks verify` tells everything that is wrong")
        })?),
        ExportFormat::Verdicts => Some(verdicts_statement(&parameters, document.to_bytes(), &name)?),
        ExportFormat::Cyclonedx | ExportFormat::Qr => None,
    };
    let bytes = match &statement {
        Some(statement) => {
            let key = signing_key(environment, parameters.key.as_deref(), parameters.private_key.as_deref())?;
            result.predicate_type = Some(statement.predicate_type.clone());
            result.subjects = Some(statement.subject.len());
            result.key_id = Some(key.public().id());
            statement.envelope().signed(&key).to_bytes()
        }
        None if format == ExportFormat::Cyclonedx => cyclonedx::bill_of_materials(&document, &name),
        None => {
            let link = qr::link(&document, parameters.page.as_deref());
            let bytes = picture(&link, &file)?;
            result.link = Some(link);
            bytes
        }
    };
    write(&file, &bytes)?;
    result.bytes = bytes.len() as u64;
    Ok(result)
}

/// A parameter that would change nothing is a mistake, not a wish.
fn only_where_it_means_something(parameters: &Parameters) -> Result<(), Report> {
    use ExportFormat::{InToto, Qr, Verdicts};
    let given: [(&str, bool, &[ExportFormat]); 4] = [
        ("key", parameters.key.is_some(), &[InToto, Verdicts]),
        ("privateKey", parameters.private_key.is_some(), &[InToto, Verdicts]),
        ("verdicts", parameters.verdicts.is_some(), &[Verdicts]),
        ("page", parameters.page.is_some(), &[Qr]),
    ];
    match given.into_iter().find(|(_, given, formats)| *given && !formats.contains(&parameters.format)) {
        Some((member, ..)) => {
            let place = Place { member: Some(member.into()), ..Place::default() };
            Err(Report::new(ExitCode::Usage, "parameters", format!("`{member}` means nothing for this format")).at(place))
        }
        None => Ok(()),
    }
}

fn default_name(name: &str, format: ExportFormat) -> PathBuf {
    let safe: String = name.chars().map(|c| if matches!(c, '/' | '\\' | '\0') { '-' } else { c }).collect();
    match format {
        ExportFormat::InToto => format!("{safe}.provenance.intoto.json").into(),
        ExportFormat::Verdicts => format!("{safe}.verdicts.intoto.json").into(),
        ExportFormat::Cyclonedx => format!("{safe}.cdx.json").into(),
        ExportFormat::Qr => "alloy-qr.png".into(),
    }
}

fn verdicts_statement(
    parameters: &Parameters,
    document: &[u8],
    name: &str,
) -> Result<aw_alloy::export::statement::Statement, Report> {
    let Some(path) = &parameters.verdicts else {
        let place = Place { member: Some("verdicts".into()), ..Place::default() };
        return Err(Report::new(ExitCode::Usage, "parameters", "`verdicts` is missing: there is nothing to state")
            .at(place)
            .hint("`alloyworks judge --out FILE` writes them"));
    };
    let refuse =
        |problems| Report::problems(ExitCode::Refused, "verdicts-refused", "the verdicts are refused for", Some(path), problems);
    let bytes = read_bounded(path, "verdicts")?;
    let node = json::parse(&bytes, &Limits::DOCUMENT).map_err(|error| refuse(vec![error.into()]))?;
    verdicts::statement(document, name, &node).map_err(refuse)
}

fn picture(link: &str, file: &Path) -> Result<Vec<u8>, Report> {
    let picture = qr::Picture::of(link).map_err(|error| Report::from_error(ExitCode::Refused, "too-long", &error))?;
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("png") => Ok(picture.png()),
        Some("svg") => Ok(picture.svg().into_bytes()),
        _ => {
            let message = format!("the name of `{}` does not say what kind of picture it is", file.display());
            Err(Report::new(ExitCode::Usage, "out", message).hint("a picture's file ends in `.png` or `.svg`"))
        }
    }
}
