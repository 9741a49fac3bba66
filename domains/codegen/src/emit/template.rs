//! Templates of users, in place of the built-in renderers.
//!
//! The built-in renderers are code, not templates: a file of 60,000 members is written in milliseconds, and its bytes are held by
//! vectors. Templates that write the same files are beside them, for users to start from or to replace a piece of. Either reads one view,
//! in which every name is already that of the language: a template need not know how names are made, and cannot make two of one.

use std::collections::BTreeMap;
use std::io;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value};
use serde::Serialize;

use crate::diagnostic::Diagnostic;

use super::{Target, text};

/// As much as a template may do, in its own instructions: many times what a file of 100,000 members takes.
const FUEL: u64 = 50_000_000;

/// As many bytes as a template may write.
const BYTES: usize = 256 << 20;

/// As many bytes as a template may have.
const SOURCE: usize = 1 << 20;

/// As many templates as are read.
const TEMPLATES: usize = 100;

/// What the built-in renderers write, as templates: name and text. `make_the_files_of_the_renderers` holds them to that.
const BUILT_IN: [(&str, &str); 5] = [
    ("csharp.j2", include_str!("templates/csharp.j2")),
    ("late.py", super::python::LATE),
    ("python.j2", include_str!("templates/python.j2")),
    ("rust.j2", include_str!("templates/rust.j2")),
    ("typescript.j2", include_str!("templates/typescript.j2")),
];

/// Templates in the language of Jinja: one a language, and others that those include, import or extend.
///
/// The built-in files are there as templates too, `builtin/<target>.j2`: a template that extends one of them replaces blocks and leaves
/// the rest as it is.
///
/// A template sees `header`, `namespace`, `version`, `revision`, `profile`, `uses` (what members of Python classes need: `late`,
/// `union`), `enumerations` (each `name`, `label`, `values`, these each
/// `name`, `value`, `literal`) and `types`: each `name`, `declared`, `label`, `bases` (`name`, `without`), `fields`, `relations` (all,
/// inherited ones first), `own_fields`, `own_relations` (those its bases do not bring) and `states` (as an enumeration, or none). A
/// member has `name`, `declared`, `type`, `schema`, `default`, `optional`, `list` and `hides`. The filters `xml`, `docstring`, `quoted`
/// and `single` escape text; `property`, `kebab` and `csharp_namespace` write names as TypeScript, serde and C# do. What is not there is
/// an error, never empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    files: BTreeMap<String, String>,
    by_target: BTreeMap<Target, String>,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Only languages have templates.
    #[error("`{0}` takes no template; csharp, typescript, python and rust do")]
    NoLanguage(Target),
    /// None of them writes a file.
    #[error("none of the templates is of a language; expected csharp.j2, typescript.j2, python.j2 or rust.j2")]
    NoneOfALanguage,
    /// There are too many.
    #[error("{0} templates, at most {TEMPLATES} are read")]
    TooMany(usize),
    /// It is longer than a template may be.
    #[error("{file}: the template has {bytes} bytes, at most {SOURCE} are read")]
    TooLong {
        /// Its name.
        file: String,
        /// How long it is.
        bytes: usize,
    },
    /// It is not well formed.
    #[error("{file}, line {line}: {reason}")]
    Syntax {
        /// Its name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It gives a block that what it extends does not have, and that would stand nowhere.
    #[error("{file}, line {line}: `{base}` has no block `{block}`; it has {known}")]
    UnknownBlock {
        /// Its name.
        file: String,
        /// The line, from 1.
        line: usize,
        /// The block.
        block: String,
        /// What it extends.
        base: String,
        /// The blocks that there are.
        known: String,
    },
}

impl Templates {
    /// Takes a template for a language; `file` is its name in errors.
    ///
    /// # Errors
    /// [`TemplateError`].
    pub fn set(&mut self, target: Target, file: &str, source: &str) -> Result<(), TemplateError> {
        if !Target::LANGUAGES.contains(&target) {
            return Err(TemplateError::NoLanguage(target));
        }
        self.add(file, source)?;
        self.by_target.insert(target, file.to_owned());
        Ok(())
    }

    /// Takes all templates of a folder by their names: `csharp.j2`, `typescript.j2`, `python.j2` and `rust.j2` write the files of their
    /// language, others are there for those to use.
    ///
    /// # Errors
    /// [`TemplateError`]; also when none of those four is among them.
    pub fn read(files: &BTreeMap<String, String>) -> Result<Self, TemplateError> {
        if files.len() > TEMPLATES {
            return Err(TemplateError::TooMany(files.len()));
        }
        let mut templates = Self::default();
        for (file, source) in files {
            templates.add(file, source)?;
        }
        for target in Target::LANGUAGES {
            let file = format!("{}.j2", target.name());
            if files.contains_key(&file) {
                templates.by_target.insert(target, file);
            }
        }
        if templates.by_target.is_empty() { Err(TemplateError::NoneOfALanguage) } else { Ok(templates) }
    }

    /// The templates that write what the built-in renderers write: name and text.
    pub fn built_in() -> impl Iterator<Item = (&'static str, &'static str)> {
        BUILT_IN.into_iter().filter(|(name, _)| name.ends_with(".j2"))
    }

    /// The templates by name.
    pub fn files(&self) -> &BTreeMap<String, String> {
        &self.files
    }

    fn add(&mut self, file: &str, source: &str) -> Result<(), TemplateError> {
        if source.len() > SOURCE {
            return Err(TemplateError::TooLong { file: file.to_owned(), bytes: source.len() });
        }
        let checked = environment(std::iter::once((file, source)));
        checked.map_err(|error| TemplateError::Syntax {
            file: file.to_owned(),
            line: error.line().unwrap_or(1),
            reason: reason(&error),
        })?;
        blocks_are_known(file, source)?;
        self.files.insert(file.to_owned(), source.to_owned());
        Ok(())
    }

    /// The file of a language, when it has a template.
    pub(super) fn render(&self, target: Target, view: &impl Serialize) -> Option<Result<String, Vec<Diagnostic>>> {
        let file = self.by_target.get(&target)?;
        let failed = |error: minijinja::Error| {
            let place = error.name().unwrap_or(file);
            let message = format!("{place}, line {}: {}", error.line().unwrap_or(1), reason(&error));
            vec![Diagnostic::new("E-TEMPLATE", file, message).for_target(target.name())]
        };
        let render = || {
            let environment = environment(self.files.iter().map(|(file, source)| (file.as_str(), source.as_str())))?;
            let mut out = Bounded(Vec::new());
            environment.get_template(file)?.render_captured_to(Value::from(Serde(view)), &mut out)?;
            String::from_utf8(out.0)
                .map_err(|error| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, error.to_string()))
        };
        Some(render().map_err(failed))
    }
}

/// Holds the blocks of a template that extends a built-in one against those that one has.
fn blocks_are_known(file: &str, source: &str) -> Result<(), TemplateError> {
    let extended = |tag: &'_ str| tag.strip_prefix("extends").map(|name| name.trim().trim_matches(['"', '\'']).to_owned());
    let Some(base) = tags(source).find_map(|(_, tag)| extended(tag)) else { return Ok(()) };
    let Some(base) = base.strip_prefix("builtin/") else { return Ok(()) };
    let Some((_, built_in)) = BUILT_IN.into_iter().find(|(name, _)| *name == base) else { return Ok(()) };
    let known: Vec<&str> = tags(built_in).filter_map(|(_, tag)| tag.strip_prefix("block ")).map(str::trim).collect();
    let mut depth = 0usize;
    for (line, tag) in tags(source) {
        if let Some(block) = tag.strip_prefix("block ").map(str::trim) {
            // A block within another is the template's own affair.
            if depth == 0 && !known.contains(&block) {
                let (block, base) = (block.to_owned(), format!("builtin/{base}"));
                return Err(TemplateError::UnknownBlock { file: file.to_owned(), line, block, base, known: known.join(", ") });
            }
            depth += 1;
        } else if tag.starts_with("endblock") {
            depth = depth.saturating_sub(1);
        }
    }
    Ok(())
}

/// What stands between `{%` and `%}` outside comments, with its line from 1.
fn tags(source: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let open = at + source[at..].find('{')?;
            let (close, tag) = match source.as_bytes().get(open + 1) {
                Some(b'#') => ("#}", None),
                Some(b'%') => ("%}", Some(open + 2)),
                _ => {
                    at = open + 1;
                    continue;
                }
            };
            let end = open + source[open..].find(close)?;
            at = end + close.len();
            if let Some(start) = tag.filter(|start| *start <= end) {
                let line = source[..open].matches('\n').count() + 1;
                return Some((line, source[start..end].trim_matches(['-', '+']).trim()));
            }
        }
    })
}

fn environment<'s>(files: impl Iterator<Item = (&'s str, &'s str)>) -> Result<Environment<'s>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("xml", |value: String| text::xml(&value));
    environment.add_filter("docstring", |value: String| text::docstring(&value));
    environment.add_filter("quoted", |value: String| text::literal(&value, '"', text::Escape::Fixed));
    environment.add_filter("single", |value: String| super::typescript::quoted(&value));
    environment.add_filter("property", |value: String| super::typescript::property(&value));
    environment.add_filter("kebab", |value: String| super::rust::kebab(&value));
    environment.add_filter("csharp_namespace", |value: String| super::csharp::namespace(&value));
    for (name, source) in BUILT_IN {
        environment.add_template_owned(format!("builtin/{name}"), source)?;
    }
    for (file, source) in files {
        environment.add_template(file, source)?;
    }
    Ok(environment)
}

fn reason(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Bytes up to a limit.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > BYTES {
            return Err(io::Error::other(format!("the template wrote more than {BYTES} bytes")));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
