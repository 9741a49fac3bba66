//! Turtle and N-Triples: oxttl reads them, after a look at what its reading would cost.

mod scan;

use std::collections::BTreeMap;

use oxrdf::{GraphName, Triple};
use oxttl::{NTriplesParser, TurtleParser, TurtleSyntaxError};

use crate::intake::Intake;
use crate::problem::{Fault, Place, Problem};
use crate::{Limits, Places};

/// Reads Turtle into the intake; gives the prefixes.
pub(crate) fn read(
    text: &str,
    base: Option<&str>,
    limits: &Limits,
    intake: &mut Intake<'_>,
) -> Result<BTreeMap<String, String>, Vec<Problem>> {
    // oxttl keeps a stack without a bound and resolves each declared IRI at once. What that costs is added up first; up to the first
    // syntax error, where reading ends, the scan sees the tokens that oxttl sees.
    let declared = scan::cost(text, base.map_or(0, str::len), limits).map_err(|it| vec![it])?;
    intake.text(declared).map_err(|fault| vec![Problem::new(fault)])?;
    let mut parser = TurtleParser::new();
    if let Some(base) = base {
        let with_base = parser.with_base_iri(base);
        parser = with_base.map_err(|it| vec![Problem::new(Fault::Base { iri: base.into(), message: it.to_string() })])?;
    }
    let mut triples = parser.for_slice(text);
    for triple in &mut triples {
        take(triple, intake).map_err(|it| vec![it])?;
    }
    Ok(triples.prefixes().map(|(name, iri)| (name.to_owned(), iri.to_owned())).collect())
}

/// Reads N-Triples into the intake. Lines stand alone, so that the problems of several are told.
pub(crate) fn read_lines(text: &str, limits: &Limits, intake: &mut Intake<'_>) -> Result<(), Vec<Problem>> {
    scan::cost(text, 0, limits).map_err(|it| vec![it])?;
    let mut problems: Vec<Problem> = Vec::new();
    for triple in NTriplesParser::new().for_slice(text) {
        match take(triple, intake) {
            Ok(()) => {}
            Err(problem) => {
                let over = matches!(problem.fault, Fault::Limit { .. });
                problems.push(problem);
                if over || problems.len() >= limits.reports {
                    break;
                }
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn take(triple: Result<Triple, TurtleSyntaxError>, intake: &mut Intake<'_>) -> Result<(), Problem> {
    match triple {
        Ok(triple) => intake.quad(triple.in_graph(GraphName::DefaultGraph)).map_err(Problem::new),
        Err(error) => Err(Problem::at(Place::from(error.location().start), Fault::Syntax(error.message().to_owned()))),
    }
}

/// Where subjects are first written.
pub(crate) fn places(text: &str, base: Option<&str>, places: &mut Places<'_>) {
    scan::subjects(text, base, places);
}
