//! A comparison as lines for people.

use std::fmt::Write as _;

use super::{Class, Diff, Edge, Facts, Reach};

/// Items of one kind that are written out; the rest is counted. The JSON form has all.
const SHOWN_MAX: usize = 200;

pub(super) fn text(diff: &Diff) -> String {
    let mut out = String::new();
    let class = diff.class.map_or("nothing differs", Class::name);
    let _ = writeln!(out, "{} to {}: {class}, version step {}", diff.old.version, diff.new.version, diff.step.name());
    for class in [Class::Destructive, Class::Breaking, Class::Additive, Class::Cosmetic] {
        let changes: Vec<_> = diff.of_class(class).collect();
        if changes.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\n{} ({})", class.name(), changes.len());
        for change in changes.iter().take(SHOWN_MAX) {
            let _ = write!(out, "  {} {}", change.what.name(), change.subject);
            if !change.detail.is_empty() {
                let _ = write!(out, ", {}", change.detail);
            }
            if !change.with.is_empty() {
                let _ = write!(out, ", with {} of its own", change.with.len());
            }
            for (who, reach) in [("old readers", change.old_readers), ("old writers", change.old_writers)] {
                match reach {
                    Reach::All => {}
                    Reach::None => out.push_str(&format!("; {who} are cut off")),
                    Reach::AllButTypescript => out.push_str(&format!("; {who} are cut off in TypeScript")),
                }
            }
            out.push('\n');
        }
        rest(&mut out, changes.len());
    }
    facts(&mut out, "the ontology no longer says", &diff.facts.removed);
    if !diff.deletions.is_empty() {
        let _ = writeln!(out, "\nfiles that go ({})", diff.deletions.len());
        diff.deletions.iter().take(SHOWN_MAX).for_each(|path| line(&mut out, 2, path));
        rest(&mut out, diff.deletions.len());
    }
    out
}

fn line(out: &mut String, indent: usize, text: &str) {
    let _ = writeln!(out, "{:indent$}{text}", "");
}

fn rest(out: &mut String, count: usize) {
    if count > SHOWN_MAX {
        let _ = writeln!(out, "  and {} more", count - SHOWN_MAX);
    }
}

fn facts(out: &mut String, title: &str, facts: &Facts) {
    if facts.is_empty() {
        return;
    }
    let _ = writeln!(out, "\n{title}");
    let mut section = |name: &str, items: Vec<String>| {
        if !items.is_empty() {
            let _ = writeln!(out, "  {name} ({})", items.len());
            items.iter().take(SHOWN_MAX).for_each(|item| line(out, 4, item));
            if items.len() > SHOWN_MAX {
                let _ = writeln!(out, "    and {} more", items.len() - SHOWN_MAX);
            }
        }
    };
    let edge = |verb: &str, edges: &std::collections::BTreeSet<Edge>| {
        edges.iter().map(|(from, to)| format!("{from} {verb} {to}")).collect()
    };
    section("types", facts.types.iter().cloned().collect());
    section("properties", facts.properties.iter().cloned().collect());
    section("domains", edge("of", &facts.domains));
    section("ranges", edge("holds", &facts.ranges));
    section("superclasses", edge("is a", &facts.superclasses));
}
