//! The canonicalisation algorithm itself (RDFC-1.0, sections 4.4 to 4.9), with each step counted.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::hash::Algorithm;
use super::issuer::{Blank, Issuer};
use super::nquads::{Statement, Statements};
use super::{CanonicalError, Limits};

/// The canonical labels of all blank nodes, by number.
///
/// # Errors
/// When the limits are reached.
pub fn canonical(statements: &Statements, algorithm: Algorithm, limits: &Limits) -> Result<Vec<String>, CanonicalError> {
    let count = statements.of_blank.len();
    let blanks = 0..Blank::try_from(count).unwrap_or(Blank::MAX);
    let first_degree: Vec<String> = blanks.clone().map(|it| first_degree(statements, algorithm, it)).collect();
    let mut by_hash: BTreeMap<&str, Vec<Blank>> = BTreeMap::new();
    for blank in blanks.clone() {
        by_hash.entry(&first_degree[blank as usize]).or_default().push(blank);
    }
    let mut issuer = Issuer::default();
    for group in by_hash.values().filter(|it| it.len() == 1) {
        issuer.issue(group[0]);
    }
    let alike: Vec<&Vec<Blank>> = by_hash.values().filter(|it| it.len() > 1).collect();
    let mut search = Search {
        statements,
        algorithm,
        limits,
        first_degree: &first_degree,
        canonical: issuer,
        steps: 0,
        alike: alike.iter().map(|it| it.len()).sum(),
    };
    for group in alike {
        let mut results = Vec::new();
        for blank in group {
            if search.canonical.number(*blank).is_none() {
                let mut temporary = Issuer::default();
                temporary.issue(*blank);
                results.push(search.n_degree(*blank, &temporary, 0)?);
            }
        }
        results.sort_by(|a, b| a.hash.cmp(&b.hash));
        for result in results {
            for blank in result.issuer.order() {
                search.canonical.issue(*blank);
            }
        }
    }
    Ok(blanks.map(|blank| format!("c14n{}", search.canonical.issue(blank))).collect())
}

/// Hash First Degree Quads (section 4.6).
fn first_degree(statements: &Statements, algorithm: Algorithm, reference: Blank) -> String {
    let mut lines: Vec<String> = Vec::new();
    for number in &statements.of_blank[reference as usize] {
        let mut line = String::new();
        statements.open[*number].write(|blank| if blank == reference { "a" } else { "z" }, &mut line);
        lines.push(line);
    }
    lines.sort_unstable();
    algorithm.hex(lines.concat().as_bytes())
}

struct Search<'a> {
    statements: &'a Statements,
    algorithm: Algorithm,
    limits: &'a Limits,
    first_degree: &'a [String],
    canonical: Issuer,
    steps: u64,
    alike: usize,
}

/// What Hash N-Degree Quads gives.
struct Hashed {
    hash: String,
    issuer: Issuer,
}

impl Search<'_> {
    fn step(&mut self, by: usize) -> Result<(), CanonicalError> {
        self.steps = self.steps.saturating_add(by as u64);
        if self.steps > self.limits.steps {
            return Err(CanonicalError::Steps { alike: self.alike, limit: self.limits.steps });
        }
        Ok(())
    }

    /// Hash Related Blank Node (section 4.7).
    fn related(&self, related: Blank, statement: &Statement, issuer: &Issuer, position: char) -> String {
        let mut input = String::from(position);
        if position != 'g' {
            input.push_str(&statement.predicate);
        }
        if !self.write_name(related, issuer, &mut input) {
            input.push_str(&self.first_degree[related as usize]);
        }
        self.algorithm.hex(input.as_bytes())
    }

    /// Writes the name a blank node has, canonical or for the time being; says whether it has one.
    fn write_name(&self, blank: Blank, issuer: &Issuer, out: &mut String) -> bool {
        let (prefix, number) = match (self.canonical.number(blank), issuer.number(blank)) {
            (Some(number), _) => ("c14n", number),
            (None, Some(number)) => ("b", number),
            (None, None) => return false,
        };
        let _ = write!(out, "_:{prefix}{number}");
        true
    }

    /// Hash N-Degree Quads (section 4.8).
    fn n_degree(&mut self, blank: Blank, issuer: &Issuer, depth: usize) -> Result<Hashed, CanonicalError> {
        if depth >= self.limits.depth {
            return Err(CanonicalError::Depth { limit: self.limits.depth });
        }
        let mut issuer = issuer.clone();
        let mut by_hash: BTreeMap<String, Vec<Blank>> = BTreeMap::new();
        let statements = self.statements;
        for number in &statements.of_blank[blank as usize] {
            let statement = &statements.open[*number];
            for (position, component) in &statement.components {
                if let Some(other) = component.blank().filter(|it| *it != blank) {
                    self.step(1)?;
                    by_hash.entry(self.related(other, statement, &issuer, *position)).or_default().push(other);
                }
            }
        }
        let mut data = String::new();
        for (hash, mut related) in by_hash {
            data.push_str(&hash);
            related.sort_unstable();
            let mut chosen: Option<(String, Issuer)> = None;
            loop {
                self.step(1 + related.len() + issuer.order().len())?;
                if let Some(better) = self.path(&related, &issuer, chosen.as_ref().map(|it| it.0.as_str()), depth)? {
                    chosen = Some(better);
                }
                if !next_permutation(&mut related) {
                    break;
                }
            }
            if let Some((path, with)) = chosen {
                data.push_str(&path);
                issuer = with;
            }
        }
        Ok(Hashed { hash: self.algorithm.hex(data.as_bytes()), issuer })
    }

    /// One order of related blank nodes (section 4.8, step 5.4): its path and issuer, unless the chosen path comes before it.
    fn path(
        &mut self,
        order: &[Blank],
        issuer: &Issuer,
        chosen: Option<&str>,
        depth: usize,
    ) -> Result<Option<(String, Issuer)>, CanonicalError> {
        let worse = |path: &str| chosen.is_some_and(|chosen| path.len() >= chosen.len() && path > chosen);
        let mut issuer = issuer.clone();
        let mut path = String::new();
        let mut open = Vec::new();
        for related in order {
            if !self.write_name(*related, &issuer, &mut path) {
                open.push(*related);
                let _ = write!(path, "_:b{}", issuer.issue(*related));
            }
            if worse(&path) {
                return Ok(None);
            }
        }
        for related in open {
            let found = self.n_degree(related, &issuer, depth + 1)?;
            let _ = write!(path, "_:b{}<{}>", issuer.issue(related), found.hash);
            issuer = found.issuer;
            if worse(&path) {
                return Ok(None);
            }
        }
        Ok(chosen.is_none_or(|chosen| path.as_str() < chosen).then_some((path, issuer)))
    }
}

/// The next order by number; false behind the last one.
fn next_permutation(items: &mut [Blank]) -> bool {
    let Some(pivot) = items.windows(2).rposition(|it| it[0] < it[1]) else { return false };
    let swap = items.iter().rposition(|it| *it > items[pivot]).unwrap_or(pivot);
    items.swap(pivot, swap);
    items[pivot + 1..].reverse();
    true
}
