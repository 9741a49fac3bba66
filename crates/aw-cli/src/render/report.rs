//! How a report looks: problems of a document first, each at its place, then what they add up to.

use aw_commands::{Report, Severity};

use crate::page::{Page, Style};

pub(crate) fn report(report: &Report, page: &mut Page) {
    for problem in &report.problems {
        let mut head = problem.place.as_ref().map(ToString::to_string).unwrap_or_default();
        let member = problem.place.as_ref().filter(|place| place.file.is_some()).and_then(|place| place.member.as_ref());
        if !head.is_empty() {
            head.push_str(": ");
        }
        let member = member.map(|member| format!("`{member}`: ")).unwrap_or_default();
        page.marked(Style::Bold, &head, &format!("{member}{}", problem.message));
        hints(problem, page);
    }
    let (style, word) = match report.severity {
        Severity::Error => (Style::Bad, "error"),
        Severity::Warning => (Style::Warn, "warning"),
    };
    let place = report.place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default();
    page.marked(style, word, &format!(": {place}{}", report.message));
    for cause in &report.causes {
        page.line(&format!("  because: {cause}"));
    }
    hints(report, page);
}

fn hints(report: &Report, page: &mut Page) {
    for hint in &report.hints {
        page.marked(Style::Warn, "  hint: ", hint);
    }
}
