//! How problems and remarks look: each at its place, then a line a file.

use aw_commands::{FileKind, ProblemView, ValidateResult, Validated, words};

use crate::page::{Page, Style};

pub(crate) fn validate(result: &ValidateResult, page: &mut Page) {
    for file in &result.files {
        for problem in &file.problems {
            one(Style::Bad, "problem", file, problem, page);
        }
        for remark in &file.remarks {
            one(Style::Warn, "remark", file, remark, page);
        }
        verdict(file, page);
    }
    if result.files.len() > 1 {
        page.gap();
        let files = words::count(result.files.len(), "file");
        page.line(&format!("{files}: {}, {}", words::count(result.problems, "problem"), words::count(result.remarks, "remark")));
    }
}

fn one(style: Style, word: &str, file: &Validated, problem: &ProblemView, page: &mut Page) {
    let numbers = [problem.line, problem.column].into_iter().flatten().map(|number| format!(":{number}"));
    let place = format!("{}{}", file.file.display(), numbers.collect::<String>());
    let member = if problem.path.is_empty() { String::new() } else { format!("`{}`: ", problem.path) };
    page.marked(style, &format!("{word:<8}"), &format!("{place}: {member}{}  [{}]", problem.message, problem.code));
    if let Some(hint) = &problem.hint {
        page.marked(Style::Warn, "  hint: ", hint);
    }
}

fn verdict(file: &Validated, page: &mut Page) {
    let kind = match file.kind {
        FileKind::Recipe => "recipe",
        FileKind::Document => "document",
        FileKind::Artifact => "artifact",
    };
    let (style, word) = if file.problems.is_empty() { (Style::Good, "VALID") } else { (Style::Bad, "INVALID") };
    let named = match (&file.name, &file.version) {
        (Some(name), Some(version)) => format!("{kind} {name} {version}"),
        (Some(name), None) => format!("{kind} {name}"),
        _ => kind.into(),
    };
    let counts = format!("{}, {}", words::count(file.problems.len(), "problem"), words::count(file.remarks.len(), "remark"));
    page.marked(style, &format!("{word:<8}"), &format!("{}: {named}: {counts}", file.file.display()));
}
