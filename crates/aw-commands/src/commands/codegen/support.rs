//! What several of the verbs take, and how a fault of the forge is told.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use codegen::delivery::ConsumerError;
use codegen::diagnostic::{Diagnostic, Severity as Weight};
use codegen::emit::Templates;
use codegen::forge::{Fault, FaultKind, Reading};
use codegen::input::Vocabulary;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::exit::ExitCode;
use crate::report::{Place, Report, Severity};

/// How an ontology is read.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReadingParameters {
    /// What RDF is read as: `forge`, the constrained vocabulary with its `f:Model`; `ontology`, RDFS, OWL, SHACL and schema.org as they are
    /// found; `auto`, the first when any of its terms is used.
    #[schemars(extend("x-value-name" = "VOCABULARY"))]
    vocabulary: Option<String>,
    /// The model's version, for ontologies that do not say it.
    #[schemars(extend("x-value-name" = "VERSION"))]
    ontology_version: Option<String>,
    /// The namespace of generated code, for ontologies that do not say it.
    #[schemars(extend("x-value-name" = "NAME"))]
    namespace: Option<String>,
    /// A range that has no scalar of its own, and the scalar that stands for it, as `<iri>=string`. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "IRI=SCALAR"))]
    lossy_range: Vec<String>,
    /// Shapes the ontology has to satisfy besides the built-in ones. May be given several times.
    #[serde(default)]
    #[schemars(extend("x-value-name" = "SOURCE"))]
    shapes: Vec<String>,
    /// Whether what is ignored is an error.
    #[serde(default)]
    strict: bool,
}

impl ReadingParameters {
    pub(super) fn reading(&self) -> Result<Reading, Report> {
        Ok(Reading {
            vocabulary: Some(self.vocabulary.as_deref().map_or(Ok(Vocabulary::Forge), vocabulary)?),
            version: self.ontology_version.clone(),
            namespace: self.namespace.clone(),
            lossy_ranges: self.lossy_range.clone(),
            shapes: self.shapes.iter().map(|shapes| source(shapes)).collect::<Result<_, _>>()?,
            strict: self.strict,
        })
    }
}

fn vocabulary(name: &str) -> Result<Vocabulary, Report> {
    match name {
        "forge" => Ok(Vocabulary::Forge),
        "ontology" => Ok(Vocabulary::Ontology),
        "auto" => Ok(Vocabulary::Auto),
        other => {
            let message = format!("`{other}` is no vocabulary; expected `forge`, `ontology` or `auto`");
            Err(Report::new(ExitCode::Usage, "vocabulary", message))
        }
    }
}

/// What files are made with, besides the ontology.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct EmissionParameters {
    /// A folder of templates (`csharp.j2`, `typescript.j2`, `python.j2`, `rust.j2`, and others those use) that write files in place of the
    /// built-in renderers; `codegen templates` writes some to start from.
    #[schemars(extend("x-value-name" = "FOLDER"))]
    templates: Option<PathBuf>,
    /// Where types are in databases, in YAML or JSON: `Type: {postgres: {relation: …, columns: {field: column}}}`. The target `sql` is made
    /// of it.
    #[schemars(extend("x-value-name" = "FILE"))]
    sql_bindings: Option<PathBuf>,
}

/// Longest template or file of bindings, in bytes.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Most files of a folder of templates.
const TEMPLATES_MAX: usize = 100;

impl EmissionParameters {
    /// The templates of the folder.
    pub(super) fn templates(&self) -> Result<Templates, Report> {
        let Some(folder) = &self.templates else { return Ok(Templates::default()) };
        let odd = |path: &Path, why: &dyn std::fmt::Display| unreadable("templates", path, why);
        let entries =
            std::fs::read_dir(folder).and_then(|entries| entries.take(TEMPLATES_MAX + 1).collect::<Result<Vec<_>, _>>());
        let mut files = BTreeMap::new();
        for entry in entries.map_err(|error| odd(folder, &error))? {
            let path = entry.path();
            let name = entry.file_name().into_string().ok().filter(|name| name.ends_with(".j2") && path.is_file());
            let name = name.ok_or_else(|| odd(&path, &"expected nothing but files whose names end in .j2"))?;
            files.insert(name, text_of("templates", &path)?);
        }
        Templates::read(&files).map_err(|error| odd(folder, &error))
    }

    /// The text of the bindings.
    pub(super) fn bindings(&self) -> Result<Option<String>, Report> {
        self.sql_bindings.as_deref().map(|path| text_of("sql-bindings", path)).transpose()
    }
}

fn unreadable(code: &str, path: &Path, why: &dyn std::fmt::Display) -> Report {
    let place = Place { file: Some(path.display().to_string()), ..Place::default() };
    Report::new(ExitCode::Refused, code, why.to_string()).at(place)
}

/// The text of a small file.
fn text_of(code: &str, path: &Path) -> Result<String, Report> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(code, path, &error))?;
    file.take(TEXT_BYTES_MAX + 1).read_to_string(&mut text).map_err(|error| unreadable(code, path, &error))?;
    match text.len() as u64 > TEXT_BYTES_MAX {
        true => Err(unreadable(code, path, &format!("it has more than {TEXT_BYTES_MAX} bytes, the most that is read"))),
        false => Ok(text),
    }
}

/// A source as the forge names it: what has no scheme is a file of the working folder.
pub(super) fn source(text: &str) -> Result<String, Report> {
    if text.contains("://") {
        return Ok(text.to_owned());
    }
    let path = std::fs::canonicalize(text).map_err(|error| {
        let place = Place { file: Some(text.to_owned()), ..Place::default() };
        Report::new(ExitCode::Refused, "source", format!("the source cannot be read: {error}")).at(place)
    })?;
    Ok(codegen::source::file_uri(&path))
}

/// A folder to write to, from wherever the program was started.
pub(super) fn folder(path: &Path) -> Result<PathBuf, Report> {
    std::path::absolute(path).map_err(|error| Report::from_error(ExitCode::Environment, "folder", &error))
}

/// How the program ends for a fault.
///
/// # Source
/// Codegen, section 12.
fn exit_code(kind: FaultKind) -> ExitCode {
    match kind {
        FaultKind::Destructive => ExitCode::Refused,
        FaultKind::Shapes => ExitCode::Stage,
        FaultKind::Request => ExitCode::Usage,
        FaultKind::Environment => ExitCode::Environment,
        FaultKind::Cancelled => ExitCode::Cancelled,
        FaultKind::Forbidden
        | FaultKind::Missing
        | FaultKind::Conflict
        | FaultKind::TooLarge
        | FaultKind::Format
        | FaultKind::Ontology
        | FaultKind::Smoke
        | FaultKind::Upstream => ExitCode::No,
    }
}

/// A fault as the surface shows it, with every single thing that was wrong.
pub(super) fn report(fault: Fault) -> Report {
    let code = exit_code(fault.kind);
    // The problems stand beside it, each at its place: what one of them says is not said again.
    let repeated = fault.diagnostics.iter().any(|it| it.is_error() && fault.detail.contains(&it.message));
    let message = if repeated { summary(&fault) } else { fault.detail };
    let mut report = Report::new(code, fault.kind.name(), message);
    report.problems = fault.diagnostics.into_iter().map(|diagnostic| problem(diagnostic, code)).collect();
    report
}

/// What a fault is, and how many problems it has.
fn summary(fault: &Fault) -> String {
    let title = fault.kind.title();
    let title: String = title.chars().take(1).flat_map(char::to_lowercase).chain(title.chars().skip(1)).collect();
    let errors = fault.diagnostics.iter().filter(|it| it.is_error()).count();
    format!("{title}: {errors} problem{}", if errors == 1 { "" } else { "s" })
}

fn problem(diagnostic: Diagnostic, code: ExitCode) -> Report {
    let target = diagnostic.target.map(|target| format!(" ({target})")).unwrap_or_default();
    let mut report = Report::new(code, &diagnostic.code, format!("{}{target}", diagnostic.message));
    report.severity = if diagnostic.severity == Weight::Error { Severity::Error } else { Severity::Warning };
    report.at(Place { member: Some(diagnostic.subject), ..Place::default() })
}

/// Why a consumer could not be changed.
pub(super) fn consumer_report(error: ConsumerError) -> Report {
    let code = match &error {
        ConsumerError::Disk(_) => ExitCode::Environment,
        _ => ExitCode::No,
    };
    Report::from_error(code, "consumer", &error)
}
