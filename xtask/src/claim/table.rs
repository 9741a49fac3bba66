//! The Markdown table, and its place in the README.

use super::cost::{self, MATCHING_OF_ROUTER_L2_MAX, MISMATCHED_OF_MATCHING_MIN};
use super::figures::{Figures, geometric_mean};
use super::forge::{EXAMPLES, EXPERTS, KEEP, RANDOM_SEEDS};
use super::others;
use crate::corpora::Domain;

/// Stands before the table.
const START: &str = "<!-- claim table: written by cargo xtask claim -->";
/// Stands after the table.
const END: &str = "<!-- end of claim table -->";

const HEAD: &str = "\
| text | base | matching corpus | router L2 | mismatched corpora | random | matching below router L2 | router L2 below mismatched |
|---|---:|---:|---:|---:|---:|---:|---:|
";

/// Writes the table and how to read it: one row a text, means over the seeds.
pub fn write(all: &[Figures], seeds: &[u64]) -> String {
    let rows: String = Domain::ALL.into_iter().map(|domain| row(domain, all)).collect();
    format!("{HEAD}{rows}\n{}\n{}", explanation(all, seeds), costs(all))
}

fn row(domain: Domain, all: &[Figures]) -> String {
    let of: Vec<&Figures> = all.iter().filter(|figures| figures.domain == domain).collect();
    let mean = |value: &dyn Fn(&Figures) -> f64| geometric_mean(of.iter().map(|figures| value(figures)));
    let least = |value: fn(&Figures) -> f64| 100.0 * of.iter().map(|figures| value(figures)).fold(f64::INFINITY, f64::min);
    let each = others(domain).map(|other| format!("{} {:.3}", other.name(), mean(&|figures| mismatched_on(figures, other))));
    format!(
        "| {} | {:.3} | **{:.3}** | {:.3} | {:.3} ({}) | {:.3} | {:.1} % | {:.1} % |\n",
        domain.name(),
        mean(&|figures| figures.base),
        mean(&|figures| figures.matching),
        mean(&|figures| figures.router_l2),
        mean(&Figures::mismatched_mean),
        each.collect::<Vec<_>>().join(", "),
        mean(&Figures::random_mean),
        least(Figures::gain_of_matching),
        least(Figures::gain_of_router_l2),
    )
}

/// A row a seed, and what the rows have to hold.
fn costs(all: &[Figures]) -> String {
    let row = |cost: &cost::Cost| {
        format!(
            "| {} | {:.4} | {:.4} | {:.4} | {:.4} | {:.2} | {:.1} | {:.2} |\n",
            cost.seed,
            cost.matching,
            cost.reap,
            cost.router_l2,
            cost.mismatched,
            cost.matching_of_router_l2(),
            cost.mismatched_of_matching(),
            cost.reap_of_matching(),
        )
    };
    let rows: String = cost::of_seeds(all).iter().map(row).collect();
    format!(
        "\
What it costs, as log-perplexity above the base's, mean over the three texts (REAP on the matching corpus too). In every seed matching
costs at most {MATCHING_OF_ROUTER_L2_MAX} of router L2, mismatched at least {MISMATCHED_OF_MATCHING_MIN} times matching, REAP at most matching. Seeds
are of the corpora; the model is one.

| seed | matching | REAP | router L2 | mismatched | matching / router L2 | mismatched / matching | REAP / matching |
|---|---:|---:|---:|---:|---:|---:|---:|
{rows}"
    )
}

fn mismatched_on(figures: &Figures, other: Domain) -> f64 {
    let found = figures.mismatched.iter().find(|(domain, _)| *domain == other);
    found.map(|(_, value)| *value).expect("every other text was measured")
}

fn explanation(all: &[Figures], seeds: &[u64]) -> String {
    let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
    let held = all.iter().filter(|figures| figures.broken().is_empty()).count();
    let singles: usize = all.iter().map(|figures| figures.mismatched.len()).sum();
    let wins: usize = all.iter().map(Figures::router_l2_wins).sum();
    format!(
        "\
Perplexity on {EXAMPLES} examples, lower is better: the base, then with {KEEP} of its {EXPERTS} experts per layer. *Matching corpus* is the forged model:
it keeps the experts that a corpus of the same text uses most. The controls are the base with all but {KEEP} experts masked, keeping those
with the longest router rows, those that another text uses most (mean of both, and each), and a random choice (mean of {} draws).
Means are geometric. Values are means over the seeds; the last two columns are the smallest margin of any seed. Matching < router L2
< mismatched held in {held} of {} cases of seed and text; router L2 was also below the single mismatched corpus in {wins} of {singles}. No
example stands in two of training, calibration and evaluation.

`cargo xtask claim --seeds {seeds}` writes this; with `--check` it compares.
",
        RANDOM_SEEDS.count(),
        all.len(),
        seeds = seeds.join(",")
    )
}

/// What stands between the markers.
///
/// # Errors
/// When a marker is missing, stands there twice, or they are in the wrong order.
pub fn shown(readme: &str) -> Result<&str, String> {
    let wrong =
        |what: &str| Err(format!("claim: `README.md` {what}\nhint: the table is written between the lines\n  {START}\n  {END}"));
    for marker in [START, END] {
        match readme.matches(marker).count() {
            1 => {}
            0 => return wrong(&format!("lacks the marker `{marker}`")),
            more => return wrong(&format!("has the marker `{marker}` {more} times, expected once")),
        }
    }
    let (_, after) = readme.split_once(START).expect("it was counted above");
    match after.split_once(END) {
        Some((between, _)) => Ok(between),
        None => wrong("ends the table before it starts it"),
    }
}

/// The README with `table` between its markers.
///
/// # Errors
/// As [`shown`].
pub fn placed(readme: &str, table: &str) -> Result<String, String> {
    let between = shown(readme)?;
    let start = readme.find(START).expect("`shown` found it") + START.len();
    Ok(format!("{}{}{}", &readme[..start], framed(table), &readme[start + between.len()..]))
}

/// Checks that the README shows exactly `table`.
///
/// # Errors
/// Names the first line that differs; as [`shown`].
pub fn compare(readme: &str, table: &str) -> Result<(), String> {
    let (got, expected) = (shown(readme)?, framed(table));
    if got == expected {
        return Ok(());
    }
    let differs = expected.lines().zip(got.lines().chain(std::iter::repeat(""))).find(|(a, b)| a != b);
    let (measured, shown) = differs.unwrap_or(("", "more lines than were measured"));
    Err(format!(
        "claim: `README.md` shows another table than was measured\n  measured: {measured}\n  README:   {shown}\nhint: `cargo xtask claim` writes it"
    ))
}

/// Markdown needs blank lines around a table that stands beside comments.
fn framed(table: &str) -> String {
    format!("\n\n{table}\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::figures::tests::in_order;
    use super::*;

    fn three_seeds() -> Vec<Figures> {
        (0..3).flat_map(|seed| Domain::ALL.map(|domain| in_order(seed, domain))).collect()
    }

    fn readme(between: &str) -> String {
        format!("# T\n\nbefore\n{START}{between}{END}\nafter\n")
    }

    #[test]
    fn rows_show_the_mean_over_seeds_and_the_smallest_margin() {
        let mut all = three_seeds();
        // Code in seed 1: twice as bad, and router L2 nearer to both its neighbours (2.5 / 5 and 5 / 8 elsewhere).
        all[3] = Figures {
            matching: 16.0,
            router_l2: 20.0,
            mismatched: vec![(Domain::Prose, 32.0), (Domain::Arithmetic, 16.0)],
            ..all[3].clone()
        };
        let table = write(&all, &[0, 1, 2]);
        let row = table.lines().find(|line| line.starts_with("| code")).unwrap();
        // Cube roots: 2*16*2 = 64; 5*20*5 = 500; 8*22.627*8 = 1448.2; 4*32*4 = 512; 16*16*16.
        assert_eq!(
            row,
            "| code | 1.500 | **4.000** | 7.937 | 11.314 (prose 8.000, arithmetic 16.000) | 6.000 | 20.0 % | 11.6 % |"
        );
        assert!(table.contains("held in 9 of 9 cases") && table.contains("mismatched corpus in 9 of 18."), "{table}");
        assert!(table.contains("`cargo xtask claim --seeds 0,1,2`"), "{table}");
    }

    #[test]
    fn a_broken_order_is_counted() {
        let mut all = three_seeds();
        all[0].matching = 5.0;
        assert!(write(&all, &[0, 1, 2]).contains("held in 8 of 9 cases"));
    }

    #[test]
    fn a_table_is_placed_between_the_markers_and_nothing_else_changes() {
        let once = placed(&readme("\n"), "| new |\n").unwrap();
        assert_eq!(once, readme("\n\n| new |\n\n"));
        assert_eq!(placed(&once, "| newer |\n").unwrap(), readme("\n\n| newer |\n\n"));
        assert_eq!(placed(&once, "| new |\n").unwrap(), once);
    }

    #[test]
    fn missing_repeated_and_swapped_markers_are_refused() {
        for (text, said) in [
            (String::new(), "lacks the marker `<!-- claim table"),
            (START.to_owned(), "lacks the marker `<!-- end of"),
            (readme("\n").repeat(2), "2 times, expected once"),
            (format!("{END}\n{START}\n"), "ends the table before it starts it"),
        ] {
            let got = placed(&text, "x").unwrap_err();
            assert!(got.contains(said) && got.contains("hint: "), "{got}");
        }
    }

    #[test]
    fn any_difference_from_the_measured_table_is_reported_with_both_lines() {
        let table = write(&three_seeds(), &[0, 1, 2]);
        let good = placed(&readme("\n"), &table).unwrap();
        assert_eq!(compare(&good, &table), Ok(()));
        let edited = compare(&good.replacen("2.000", "1.999", 1), &table).unwrap_err();
        assert!(
            edited.contains("measured: | code | 1.500 | **2.000**") && edited.contains("README:   | code | 1.500 | **1.999**")
        );
        assert!(compare(&readme("\n"), &table).unwrap_err().contains("measured: "));
        assert!(compare(&good.replace(END, &format!("extra\n{END}")), &table).unwrap_err().contains("more lines"));
    }
}
