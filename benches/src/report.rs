//! Turns raw results into `RESULTS.md`. Every figure in it is computed here from the recorded runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::contest::Sample;
use crate::machine::Machine;
use crate::results::Measured;
use crate::rows::Row;

/// One contender's line of a table.
struct Line {
    name: &'static str,
    /// `None` when it was not measured.
    figures: Option<Figures>,
}

struct Figures {
    runs: usize,
    wall: [f64; 3],
    processor_s: f64,
    resident_mb: f64,
    anonymous_mb: f64,
    own: String,
}

/// A comparison, pair by pair: the runs of the same round.
struct Ratio {
    label: &'static str,
    pairs: Vec<f64>,
}

/// A stated aim and what was found.
pub struct Target {
    what: String,
    found: Option<f64>,
    bound: f64,
    at_least: bool,
    unit: &'static str,
}

impl Target {
    /// Reached from `bound` up.
    pub fn at_least(what: &str, found: Option<f64>, bound: f64, unit: &'static str) -> Self {
        Self { what: what.into(), found, bound, at_least: true, unit }
    }

    /// Reached up to `bound`.
    pub fn at_most(what: &str, found: Option<f64>, bound: f64, unit: &'static str) -> Self {
        Self { what: what.into(), found, bound, at_least: false, unit }
    }

    fn verdict(&self) -> &'static str {
        match self.found {
            None => "not measured",
            Some(found) if (self.at_least && found >= self.bound) || (!self.at_least && found <= self.bound) => "reached",
            Some(_) => "**not reached**",
        }
    }
}

/// What is concluded from a row's runs.
pub struct Section {
    title: &'static str,
    text: Vec<String>,
    lines: Vec<Line>,
    ratios: Vec<Ratio>,
    targets: Vec<Target>,
    samples: Vec<Sample>,
    own: &'static str,
    others: [f64; 2],
    load: [f64; 2],
}

impl Section {
    /// Starts with the table of times and memory.
    pub fn new(title: &'static str, samples: &[Sample], contenders: &[&'static str]) -> Self {
        let lines = contenders.iter().map(|name| Line { name, figures: figures(samples, name) }).collect();
        let share = |sample: &Sample| sample.taken.others_s / sample.taken.wall_s;
        Self {
            title,
            text: Vec::new(),
            lines,
            ratios: Vec::new(),
            targets: Vec::new(),
            samples: samples.to_vec(),
            own: "",
            others: [median(samples.iter().map(share)), samples.iter().map(share).fold(0.0, f64::max)],
            load: [
                median(samples.iter().map(|sample| sample.load)),
                samples.iter().map(|sample| sample.load).fold(0.0, f64::max),
            ],
        }
    }

    /// Adds a paragraph above the table.
    pub fn say(&mut self, text: impl Into<String>) {
        self.text.push(text.into());
    }

    /// Fills the table's last column from each contender's runs.
    pub fn figure(&mut self, heading: &'static str, of_runs: impl Fn(&[&Sample]) -> String) {
        self.own = heading;
        for line in &mut self.lines {
            let runs: Vec<&Sample> = of(&self.samples, line.name).collect();
            if let Some(figures) = &mut line.figures {
                figures.own = of_runs(&runs);
            }
        }
    }

    /// Adds a comparison of two contenders, round by round.
    pub fn ratio(&mut self, samples: &[Sample], label: &'static str, over: &str, under: &str, value: fn(&Sample) -> f64) {
        let pairs = of(samples, over).filter_map(|sample| {
            let other = of(samples, under).find(|other| other.round == sample.round)?;
            Some(value(sample) / value(other))
        });
        self.ratios.push(Ratio { label, pairs: pairs.collect() });
    }

    /// The median of a ratio added before.
    pub fn median_ratio(&self, label: &str) -> Option<f64> {
        let ratio = self.ratios.iter().find(|ratio| ratio.label == label && !ratio.pairs.is_empty())?;
        Some(median(ratio.pairs.iter().copied()))
    }

    /// Adds an aim.
    pub fn target(&mut self, target: Target) {
        self.targets.push(target);
    }

    /// The section in Markdown.
    pub fn markdown(&self, machine: &Machine) -> String {
        let mut page = format!("## {}\n\n", self.title);
        for text in &self.text {
            let _ = writeln!(page, "{text}\n");
        }
        page.push_str(&self.table());
        page.push_str(&self.comparisons());
        let priority = if machine.nice == 0 { String::new() } else { format!(" at niceness {}", machine.nice) };
        let _ = writeln!(
            page,
            "Taken {} at commit {}: `cargo run --release -p benches -- {}`{priority}. Meanwhile everything else on the machine, writing back to \
             the disk included, used {:.2} processors (median; at most {:.2}); load before a run {:.1} (at most {:.1}).\n",
            machine.session, machine.commit, machine.arguments, self.others[0], self.others[1], self.load[0], self.load[1]
        );
        page
    }

    fn table(&self) -> String {
        let mut page = format!(
            "| | runs | wall s: min / median / max | processor s | peak resident MB | peak anonymous MB | {} |\n|---|---|---|---|---|---|---|\n",
            self.own
        );
        for line in &self.lines {
            let _ = match &line.figures {
                None => writeln!(page, "| {} | 0 | not measured: what it needs was not given or not there | | | | |", line.name),
                Some(f) => writeln!(
                    page,
                    "| {} | {} | {} / **{}** / {} | {} | {:.0} | {:.0} | {} |",
                    line.name,
                    f.runs,
                    short(f.wall[0]),
                    short(f.wall[1]),
                    short(f.wall[2]),
                    short(f.processor_s),
                    f.resident_mb,
                    f.anonymous_mb,
                    f.own
                ),
            };
        }
        page.push('\n');
        page
    }

    fn comparisons(&self) -> String {
        let mut page = String::new();
        let measured: Vec<&Ratio> = self.ratios.iter().filter(|ratio| !ratio.pairs.is_empty()).collect();
        if !measured.is_empty() {
            page.push_str("| ratio | median | round by round |\n|---|---|---|\n");
        }
        for ratio in measured {
            let pairs: Vec<String> = ratio.pairs.iter().map(|pair| short(*pair)).collect();
            let _ =
                writeln!(page, "| {} | **{}** | {} |", ratio.label, short(median(ratio.pairs.iter().copied())), pairs.join(" "));
        }
        page.push('\n');
        page
    }

    /// The section's lines of the table of aims.
    fn aims(&self) -> String {
        let mut page = String::new();
        for target in &self.targets {
            let sign = if target.at_least { "≥" } else { "≤" };
            let found = target.found.map_or_else(|| "–".to_owned(), |found| format!("{}{}", short(found), target.unit));
            let _ = writeln!(
                page,
                "| {} | {} | {sign} {}{} | {found} | {} |",
                self.title,
                target.what,
                short(target.bound),
                target.unit,
                target.verdict()
            );
        }
        page
    }
}

/// The whole page, from every row's newest session.
pub fn page(rows: &[Row], measured: &BTreeMap<String, Measured>) -> String {
    let found: Vec<(&Measured, Section)> = rows
        .iter()
        .filter_map(|row| measured.get(row.name).map(|measured| (measured, (row.section)(&measured.samples))))
        .collect();
    let mut page =
        "# Results\n\nGenerated from the newest lines of `results/`; do not edit. A row's contenders take turns, as whole \
                    processes with two threads each, and are compared round by round.\n\n"
            .to_owned();
    let mut machines: Vec<String> = found.iter().map(|(measured, _)| described(&measured.machine)).collect();
    machines.sort();
    machines.dedup();
    for machine in machines {
        let _ = writeln!(page, "Machine: {machine}.\n");
    }
    page.push_str("| row | aim | bound | found | |\n|---|---|---|---|---|\n");
    page.extend(found.iter().map(|(_, section)| section.aims()));
    page.push('\n');
    page.extend(found.iter().map(|(measured, section)| section.markdown(&measured.machine)));
    page.truncate(page.trim_end().len());
    page.push('\n');
    page
}

fn described(machine: &Machine) -> String {
    format!(
        "{}, {} cores, {:.0} GB of memory, Linux {}, {}",
        machine.processor,
        machine.cores,
        machine.memory_bytes as f64 / 1e9,
        machine.kernel,
        machine.file_system
    )
}

fn figures(samples: &[Sample], contender: &str) -> Option<Figures> {
    let runs: Vec<&Sample> = of(samples, contender).collect();
    let walls = || runs.iter().map(|sample| wall(sample));
    (!runs.is_empty()).then(|| Figures {
        runs: runs.len(),
        wall: [walls().fold(f64::INFINITY, f64::min), median(walls()), walls().fold(0.0, f64::max)],
        processor_s: median(runs.iter().map(|sample| sample.taken.user_s + sample.taken.system_s)),
        resident_mb: median(runs.iter().map(|sample| sample.taken.peak_resident_bytes as f64 / 1e6)),
        anonymous_mb: runs.iter().map(|sample| sample.taken.peak_anonymous_bytes as f64 / 1e6).fold(0.0, f64::max),
        own: String::new(),
    })
}

/// The runs of one contender.
pub fn of<'a>(samples: &'a [Sample], contender: &str) -> impl Iterator<Item = &'a Sample> {
    samples.iter().filter(move |sample| sample.contender == contender)
}

/// A run's time.
pub fn wall(sample: &Sample) -> f64 {
    sample.taken.wall_s
}

/// A number the contender said of itself.
pub fn said(sample: &Sample, name: &str) -> Option<f64> {
    sample.said.get(name)?.as_f64()
}

/// The middle value, or the mean of the two in the middle; not a number of nothing.
pub fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => f64::NAN,
        n if n % 2 == 1 => values[n / 2],
        n => f64::midpoint(values[n / 2 - 1], values[n / 2]),
    }
}

/// Three digits that matter.
fn short(value: f64) -> String {
    if value.abs() < 1e-9 {
        return "0".into();
    }
    let decimals = match value.abs() {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        value if value >= 0.1 => 2,
        _ => 3,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::process::Taken;

    fn sample(contender: &str, round: usize, wall_s: f64) -> Sample {
        let taken = Taken { wall_s, ..Taken::default() };
        Sample {
            row: "r".into(),
            contender: contender.into(),
            round,
            command: String::new(),
            load: 0.0,
            taken,
            said: Value::Null,
        }
    }

    #[test]
    fn medians_and_pairs_are_of_the_same_round() {
        assert_eq!(short(median([3.0, 1.0, 2.0].into_iter())), "2.00");
        assert_eq!(short(median([4.0, 1.0].into_iter())), "2.50");
        assert!(median(std::iter::empty()).is_nan());
        let samples = [sample("a", 1, 2.0), sample("b", 1, 1.0), sample("b", 2, 4.0), sample("a", 2, 2.0), sample("a", 3, 9.0)];
        let mut section = Section::new("T", &samples, &["a", "b", "c"]);
        section.ratio(&samples, "a / b", "a", "b", wall);
        assert_eq!(section.ratios[0].pairs.iter().map(|pair| short(*pair)).collect::<Vec<_>>(), ["2.00", "0.50"]);
        assert!(section.table().contains("| a | 3 | 2.00 / **2.00** / 9.00 |"), "{}", section.table());
        assert!(section.table().contains("| c | 0 | not measured"), "{}", section.table());
    }

    #[test]
    fn a_missed_aim_and_one_not_measured_are_said() {
        let verdicts = [
            Target::at_least("", Some(0.8), 0.8, "").verdict(),
            Target::at_least("", Some(0.79), 0.8, "").verdict(),
            Target::at_most("", Some(65.0), 64.0, "").verdict(),
            Target::at_most("", Some(64.0), 64.0, "").verdict(),
            Target::at_most("", None, 64.0, "").verdict(),
        ];
        assert_eq!(verdicts, ["reached", "**not reached**", "**not reached**", "reached", "not measured"]);
    }
}
