//! How a judgement looks: criteria and gates as tables, every failure with its reason, the answer last.

use aw_commands::{Coverage, CoverageState as State, GateOutcome as Outcome, JudgeResult, Rule, words};

use crate::page::{Page, Style};

pub(crate) fn judge(result: &JudgeResult, page: &mut Page) {
    let verdicts = &result.verdicts;
    page.heading("acceptance");
    if verdicts.acceptance.criteria.is_empty() {
        page.line("  the document states no acceptance criteria");
    } else {
        let rows: Vec<Vec<String>> = verdicts.acceptance.criteria.iter().map(|rule| row(None, rule)).collect();
        page.table(&["criterion", ">measured", "bound", "outcome"], &rows);
    }
    page.heading("gates");
    let rows = verdicts.gates.iter().flat_map(|gate| gate.rules.iter().map(|rule| row(Some(&gate.gate), rule)));
    page.table(&["gate", "rule", ">measured", "bound", "outcome"], &rows.collect::<Vec<_>>());
    page.gap();
    for (gate, rule) in verdicts.failures() {
        page.marked(Style::Bad, "FAIL    ", &format!("{gate}, {}: {}", rule.rule, rule.message));
    }
    coverage(&result.coverage, page);
    page.gap();
    let document = result.document.display();
    let (style, word, sentence) = match verdicts.outcome {
        Outcome::Pass => (Style::Good, "SHIPS", "every criterion is met and every gate passes".to_owned()),
        Outcome::Fail => {
            (Style::Bad, "REFUSED", format!("it may not ship: {}", words::count(verdicts.failures().count(), "failure")))
        }
        Outcome::NotApplicable => {
            (Style::Warn, "UNKNOWN", "no gate fails, and without acceptance criteria nobody said what it must meet".to_owned())
        }
    };
    page.marked(style, &format!("{word:<8}"), &format!("{document}: {sentence}"));
    page.pairs(&[("judged", format!("{} ({})", verdicts.artifact.name, verdicts.artifact.file_hash))]);
    if let Some(written) = &result.written {
        page.pairs(&[("verdict", written.display().to_string())]);
    }
}

/// The score with everything that lowers it, by name.
pub(super) fn coverage(coverage: &Coverage, page: &mut Page) {
    let count = |state| coverage.in_state(state).count();
    let capped = coverage.capped_by.as_ref().map(|name| format!(", capped by `{name}`")).unwrap_or_default();
    page.heading("coverage");
    page.line(&format!(
        "  {} % of {} ({} covered, {} weak, {} without evidence){capped}",
        coverage.percent,
        words::count(coverage.elements.len(), "element"),
        count(State::Covered),
        count(State::Weak),
        count(State::Gap) + count(State::Compromised),
    ));
    for (state, style, word) in
        [(State::Compromised, Style::Bad, "broken"), (State::Weak, Style::Warn, "weak"), (State::Gap, Style::Warn, "gap")]
    {
        for element in coverage.in_state(state) {
            page.marked(style, &format!("  {word:<6}"), &format!("  {}: {}", element.name, element.reason));
        }
    }
}

fn row(gate: Option<&String>, rule: &Rule) -> Vec<String> {
    let bound = rule.bound.as_ref().map(|bound| format!("{} {bound}", rule.relation.map_or("", |relation| relation.sign())));
    let cells =
        [rule.rule.clone(), rule.measured.clone().unwrap_or_default(), bound.unwrap_or_default(), rule.outcome.name().into()];
    gate.cloned().into_iter().chain(cells).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use aw_alloy::document::Document;
    use aw_alloy::gates::{Evidence, judge as judged};

    fn shown(document: &str) -> String {
        let document = Document::read(document.as_bytes()).unwrap();
        let coverage = aw_alloy::coverage::score(document.node(), &Evidence::default());
        let result = JudgeResult {
            document: "x.alloy.json".into(),
            verdicts: judged(&document, &Evidence::default()),
            coverage,
            written: None,
        };
        let mut page = Page::new(false);
        judge(&result, &mut page);
        page.into_text()
    }

    #[test]
    fn each_criterion_stands_with_its_number_and_bound_and_failures_say_why() {
        let text = shown(
            r#"{"name": "x", "source": {"baseModel": "m"}, "acceptanceCriteria": {"benchmarks": {"b": {"min": 0.45, "anchorDelta": -3.0}}},
                "results": {"benchmarks": [{"name": "b", "score": 46.5, "baseScore": 49.6}]}}"#,
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "  criterion                 measured  bound  outcome");
        assert_eq!(lines[2], "  benchmarks.b.min              46.5  >= 45  pass");
        assert_eq!(lines[3], "  benchmarks.b.anchorDelta      -3.1  >= -3  fail");
        assert!(
            text.contains(
                "FAIL    acceptance, benchmarks.b.anchorDelta: `b` scored 46.5, the base 49.6: -3.1 points, -3 allowed\n"
            )
        );
        assert!(text.contains("  50 % of 2 elements (0 covered, 1 weak, 1 without evidence)\n"), "{text}");
        assert!(text.contains("REFUSED x.alloy.json: it may not ship"));
    }

    #[test]
    fn a_document_without_criteria_says_so() {
        let text = shown(r#"{"name": "x", "source": {}}"#);
        assert!(text.contains("states no acceptance criteria") && text.contains("UNKNOWN x.alloy.json: no gate fails"), "{text}");
    }
}
