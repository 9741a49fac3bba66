//! Names that documents use for one another. For lookups only: nothing is ever rewritten.

/// Names that mean the same; the first is the one to write.
const BENCHMARKS: &[&[&str]] = &[&["humaneval_plus", "humaneval+", "humanevalplus"], &["mbpp_plus", "mbpp+", "mbppplus"]];
/// Names of metrics in the open bag that mean the same.
const METRICS: &[&[&str]] = &[&["improvement", "improvement_pct"]];
/// Members that mean the same.
const MEMBERS: &[&[&str]] = &[
    &["methodologyPaperUrl", "methodologyUrl"],
    &["runProgression", "fourRunProgression"],
    &["contentHash", "hashSha256"],
    &["rank", "loraRank"],
    &["alpha", "loraAlpha"],
    &["metric", "metricVersion"],
];

/// The name to write for a benchmark: letters, separators and `+` as documents spell them, otherwise the name itself.
pub fn benchmark(name: &str) -> &str {
    first_of(BENCHMARKS, name)
}

/// Whether two names are of one benchmark.
pub fn same_benchmark(one: &str, other: &str) -> bool {
    benchmark(one) == benchmark(other)
}

/// The name to write for a metric of the open bag.
pub fn metric(name: &str) -> &str {
    first_of(METRICS, name)
}

/// Every name a member goes by, the one to write first.
pub fn member(name: &str) -> Vec<&str> {
    match MEMBERS.iter().find(|names| names.contains(&name)) {
        Some(names) => names.to_vec(),
        None => vec![name],
    }
}

fn first_of<'a>(table: &'static [&'static [&'static str]], name: &'a str) -> &'a str {
    table.iter().find(|names| names.contains(&name)).map_or(name, |names| names[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_are_found_and_other_names_stay() {
        assert!(same_benchmark("humaneval+", "humaneval_plus") && !same_benchmark("humaneval", "humaneval_plus"));
        assert_eq!(
            (benchmark("humaneval+"), benchmark("gsm8k"), metric("improvement_pct")),
            ("humaneval_plus", "gsm8k", "improvement")
        );
        assert_eq!(member("loraRank"), ["rank", "loraRank"]);
        assert_eq!(member("notes"), ["notes"]);
        // Two groups that shared a name would make lookups depend on the order of the table.
        for table in [BENCHMARKS, METRICS, MEMBERS] {
            let mut names: Vec<&str> = table.iter().flat_map(|names| names.iter().copied()).collect();
            let count = names.len();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), count);
        }
    }
}
