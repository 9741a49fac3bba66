//! Templates of users, in place of the built-in renderers.
//!
//! The built-in renderers are code, not templates: a file of 60,000 members is written in milliseconds, and its bytes are held by
//! vectors. A template replaces the whole file of a language and reads the same view that the built-in renderer reads, in which every
//! name is already that of the language: it need not know how names are made, and cannot make two of one.

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

/// Templates, at most one a language (`templates/<target>.j2`, say), in the language of Jinja.
///
/// A template sees `header`, `namespace`, `version`, `profile`, `enumerations` (each `name`, `label`, `values`, these each `name`,
/// `value`, `literal`) and `types`: each `name`, `declared`, `label`, `bases` (`name`, `without`), `fields`, `relations` (all, inherited
/// ones first), `own_fields`, `own_relations` (those its bases do not bring) and `states` (as an enumeration, or none). A member has
/// `name`, `declared`, `type`, `schema`, `default`, `optional`, `list` and `hides`. The filters `xml`, `docstring` and `quoted` escape
/// text. What is not there is an error, never empty text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Templates {
    by_target: BTreeMap<Target, (String, String)>,
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Only languages have templates.
    #[error("`{0}` takes no template; csharp, typescript, python and rust do")]
    NoLanguage(Target),
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
        if source.len() > SOURCE {
            return Err(TemplateError::TooLong { file: file.to_owned(), bytes: source.len() });
        }
        environment(file, source).map_err(|error| TemplateError::Syntax {
            file: file.to_owned(),
            line: error.line().unwrap_or(1),
            reason: reason(&error),
        })?;
        self.by_target.insert(target, (file.to_owned(), source.to_owned()));
        Ok(())
    }

    /// The file of a language, when it has a template.
    pub(super) fn render(&self, target: Target, view: &impl Serialize) -> Option<Result<String, Vec<Diagnostic>>> {
        let (file, source) = self.by_target.get(&target)?;
        let failed = |error: minijinja::Error| {
            let message = format!("{file}, line {}: {}", error.line().unwrap_or(1), reason(&error));
            vec![Diagnostic::new("E-TEMPLATE", file, message).for_target(target.name())]
        };
        let render = || {
            let environment = environment(file, source)?;
            let mut out = Bounded(Vec::new());
            environment.get_template(file)?.render_captured_to(Value::from(Serde(view)), &mut out)?;
            String::from_utf8(out.0)
                .map_err(|error| minijinja::Error::new(minijinja::ErrorKind::BadSerialization, error.to_string()))
        };
        Some(render().map_err(failed))
    }
}

fn environment<'s>(file: &'s str, source: &'s str) -> Result<Environment<'s>, minijinja::Error> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| minijinja::AutoEscape::None);
    environment.set_fuel(Some(FUEL));
    environment.set_syntax(SyntaxConfig::builder().keep_trailing_newline(true).trim_blocks(true).lstrip_blocks(true).build()?);
    environment.add_filter("xml", |value: String| text::xml(&value));
    environment.add_filter("docstring", |value: String| text::docstring(&value));
    environment.add_filter("quoted", |value: String| text::literal(&value, '"', text::Escape::Fixed));
    environment.add_template(file, source)?;
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
