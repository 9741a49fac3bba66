//! Source files made of a model, one emitter a target.
//!
//! [`emit`] takes a checked model and gives files, what they do not say of the model, and the symbols they declare. Nothing here reads a
//! file, a clock or the environment: the same model and options give the same bytes anywhere.
//!
//! # Source
//! Codegen, sections 5, 9 and 14.

mod bpmn;
mod cacao;
mod csharp;
mod flow;
mod header;
mod json_schema;
mod language;
mod losses;
mod names;
mod python;
mod resolve;
mod rust;
mod sql;
mod target;
mod template;
mod text;
mod typescript;
mod view;

pub use header::{HeaderError, HeaderTemplate};
pub use sql::Bindings;
pub use target::{Profile, Target};
pub use template::{TemplateError, Templates};

use crate::diagnostic::{self, Diagnostic};
use crate::model::{Model, ModelDigest};
use header::Meta;
use language::Language;
use resolve::Resolved;

/// What an emission depends on beside the model.
#[derive(Clone, Debug)]
pub struct Options {
    /// What produces the files, named in their headers.
    pub producer: String,
    /// Its version, named in their headers.
    pub forge_version: String,
    /// How members are named on the wire.
    pub profile: Profile,
    /// What stands at the head of every source file instead of the built-in header.
    pub header: Option<HeaderTemplate>,
    /// Templates that write files instead of the built-in renderers.
    pub templates: Templates,
    /// Where types are in databases; the target `sql` is made of it.
    pub bindings: Option<Bindings>,
    /// Where the ontology was read; only a header template can name it.
    pub source_uri: String,
}

impl Options {
    /// The usual options: the wire profile and the built-in header, which names this forge and its version.
    pub fn new(forge_version: impl Into<String>) -> Self {
        Self {
            producer: "alloyworks-forge".to_owned(),
            forge_version: forge_version.into(),
            profile: Profile::default(),
            header: None,
            templates: Templates::default(),
            bindings: None,
            source_uri: String::new(),
        }
    }
}

/// One generated file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its path below the target's folder.
    pub path: String,
    /// What it holds: UTF-8 with line feeds, ending in one.
    pub bytes: Vec<u8>,
}

/// A name that a file declares.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Symbol {
    /// What it stands for in the model: `Type`, `Type.member`, or `Type=value` of a state or enumeration.
    pub subject: String,
    /// Its name in the target's language, members after their type and a dot.
    pub name: String,
}

/// What a target was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Emitted {
    /// For which target.
    pub target: Target,
    /// Its files, by path.
    pub files: Vec<File>,
    /// What the files do not say of the model, and what they say otherwise; sorted, no errors.
    pub diagnostics: Vec<Diagnostic>,
    /// The types, values and own members that the files declare, in the order of the files.
    pub symbols: Vec<Symbol>,
}

/// The files of one target.
///
/// # Errors
/// Every error of the target at once, sorted: names that collide, values that have no name in the language, a model that the target
/// cannot hold.
pub fn emit(model: &Model, target: Target, options: &Options) -> Result<Emitted, Vec<Diagnostic>> {
    Emitter::new(model, options)?.emit(target)
}

/// A model made ready for several targets.
#[derive(Debug)]
pub struct Emitter<'m> {
    resolved: Resolved<'m>,
    meta: Meta<'m>,
    options: &'m Options,
}

impl<'m> Emitter<'m> {
    /// Resolves what types inherit.
    ///
    /// # Errors
    /// A superclass that is not declared or a cycle of superclasses, which a checked model does not have.
    pub fn new(model: &'m Model, options: &'m Options) -> Result<Self, Vec<Diagnostic>> {
        let meta = Meta::new(options, &model.version, ModelDigest::of(model).key());
        Ok(Self { resolved: Resolved::new(model)?, meta, options })
    }

    /// The files of one target.
    ///
    /// # Errors
    /// As [`emit`].
    pub fn emit(&self, target: Target) -> Result<Emitted, Vec<Diagnostic>> {
        let profile = self.options.profile;
        let mut emitted = match target {
            Target::Csharp => self.language(&csharp::Csharp { profile }),
            Target::Typescript => self.language(&typescript::Typescript { profile }),
            Target::Python => {
                let late = !self.resolved.model.is_first_revision();
                self.language(&python::Python { profile, late })
            }
            Target::Rust => self.language(&rust::Rust { profile }),
            Target::Sql => self.sql(),
            Target::Bpmn => bpmn::emit(self.resolved.model).map(|made| several(target, made)),
            Target::Cacao => cacao::emit(self.resolved.model).map(|made| several(target, made)),
            Target::JsonSchema | Target::Openapi => {
                let (file, symbols, diagnostics) = json_schema::emit(&self.resolved, target, &self.meta);
                Ok(several(target, (vec![file], symbols, diagnostics)))
            }
        }
        .map_err(|mut errors| {
            diagnostic::sort(&mut errors);
            errors
        })?;
        diagnostic::sort(&mut emitted.diagnostics);
        Ok(emitted)
    }

    fn sql(&self) -> Result<Emitted, Vec<Diagnostic>> {
        let (file, symbols, diagnostics) = sql::emit(&self.resolved, self.options.bindings.as_ref())?;
        Ok(several(Target::Sql, (vec![file], symbols, diagnostics)))
    }

    fn language<L: Language>(&self, language: &L) -> Result<Emitted, Vec<Diagnostic>> {
        let profile = self.options.profile;
        let header = self.meta.header(language.comment());
        let names = view::names(&self.resolved, language);
        let pool = view::Pool::new(&self.resolved, language, &names);
        let view = view::View::new(&self.resolved, language, &names, &pool, header, profile.name())?;
        let text = match self.options.templates.render(L::TARGET, &view) {
            Some(rendered) => rendered?,
            None => language.render(&view),
        };
        let mut diagnostics = losses::of(&self.resolved, L::TARGET, profile);
        diagnostics.extend(view.diagnostics);
        let file = File { path: L::TARGET.file().to_owned(), bytes: text::one_newline_at_end(text).into_bytes() };
        Ok(Emitted { target: L::TARGET, files: vec![file], diagnostics, symbols: view.symbols })
    }
}

/// Files, what they declare and what they leave out.
type Made = (Vec<File>, Vec<Symbol>, Vec<Diagnostic>);

fn several(target: Target, (files, symbols, diagnostics): Made) -> Emitted {
    Emitted { target, files, diagnostics, symbols }
}
