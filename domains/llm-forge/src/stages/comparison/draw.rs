//! The charts of a comparison.

use aw_domain::{Failure, Inputs};

use super::config::{AllocationName, ComparisonConfig, slug};
use super::measure::Candidate;
use super::report::{CorpusView, Report};
use crate::charts::{Axis, HeatMap, HeatRow, LineChart, Point, Scale, Series};
use crate::comparison::{converge, values};
use crate::profile::{GROWTH_FILE, Growth};
use crate::stages::{IMPORTANCE, failed};

/// Name and text of every chart.
pub(super) fn charts(
    comparison: &ComparisonConfig,
    report: &Report,
    candidates: &[Candidate],
    inputs: &Inputs,
) -> Result<Vec<(String, String)>, Failure> {
    let mut charts = Vec::new();
    for candidate in candidates.iter().filter(|candidate| candidate.choice.seed.is_none()) {
        let choice = &candidate.choice;
        charts.push((format!("experts.{}.{}.svg", slug(&choice.criterion), slug(&choice.budget)), heat_map(candidate).to_svg()));
    }
    for corpus in &report.corpora {
        charts.push((format!("quality.{}.svg", corpus.id), quality(comparison, report, corpus).to_svg()));
    }
    for corpus in comparison.calibration_corpora() {
        let folder = &inputs.folders[&format!("{IMPORTANCE}/{corpus}")];
        let growth = Growth::read(&folder.join(GROWTH_FILE)).map_err(failed("convergence"))?;
        charts.push((format!("convergence.{corpus}.svg"), convergence(corpus, report, &growth).to_svg()));
    }
    Ok(charts)
}

fn heat_map(candidate: &Candidate) -> HeatMap {
    let choice = &candidate.choice;
    let row = |(layer, scores): (usize, Vec<f64>)| {
        let kept = &choice.kept[&layer];
        let kept = (0..scores.len()).map(|expert| kept.binary_search(&expert).is_ok()).collect();
        HeatRow { layer, scores, kept }
    };
    HeatMap {
        title: format!("{}: {} experts kept per layer", choice.criterion, choice.budget),
        description: format!(
            "Every expert of every layer, coloured by the score `{}` gives it, from none to the most of its layer; dropped experts are struck through.",
            choice.criterion
        ),
        measure: format!("score by {}", choice.criterion),
        rows: values(&candidate.scores).into_iter().map(row).collect(),
    }
}

/// Size across, excess up: a line a criterion, dashed where the budget is adaptive.
fn quality(comparison: &ComparisonConfig, report: &Report, corpus: &CorpusView) -> LineChart {
    let mut series = Vec::new();
    for (look, criterion) in comparison.criteria.iter().enumerate() {
        for (allocation, more) in [(AllocationName::Uniform, ""), (AllocationName::Adaptive, ", adaptive")] {
            let of = |(index, _): &(usize, &super::report::BudgetView)| comparison.budgets[*index].allocation == allocation;
            let budgets = report.budgets.iter().enumerate().filter(of);
            let point = |(_, budget): (usize, &super::report::BudgetView)| {
                let result = corpus.results.iter().find(|it| it.criterion == criterion.name && it.budget == budget.name)?;
                let excess = result.figure.excess;
                Some(Point { x: budget.share_of_bytes * 100.0, y: excess.estimate, interval: Some((excess.low, excess.high)) })
            };
            let mut points: Vec<Point> = budgets.filter_map(point).collect();
            points.sort_by(|a, b| a.x.total_cmp(&b.x));
            let dashed = allocation == AllocationName::Adaptive;
            if !points.is_empty() {
                series.push(Series { name: format!("{}{more}", criterion.name), look, dashed, points });
            }
        }
    }
    let all = || series.iter().flat_map(|series| &series.points).filter_map(|point| Some((point.y, point.interval?.0)));
    let scale = if all().all(|(y, low)| y > 0.0 && low > 0.0) { Scale::Logarithmic } else { Scale::Linear };
    LineChart {
        title: format!("Size against quality on {}", corpus.id),
        description: format!(
            "How much each way of choosing experts costs on the corpus {} at each size, as log-perplexity above the base's {:.3} \
             perplexity, with 95 % intervals; lower is better.",
            corpus.id, corpus.base_perplexity
        ),
        x: Axis { label: "weights, % of the base's bytes".into(), scale: Scale::Linear, covers: Vec::new(), ticks: None },
        y: Axis { label: "log-perplexity above the base, nats per token".into(), scale, covers: Vec::new(), ticks: None },
        series,
    }
}

/// Agreement with the final counts after ever more tokens.
fn convergence(corpus: &str, report: &Report, growth: &Growth) -> LineChart {
    let mut keeps: Vec<usize> = report.budgets.iter().map(|budget| budget.keep_experts_per_layer).collect();
    keeps.sort_unstable();
    keeps.dedup();
    let found = converge(growth, &keeps);
    let line = |name: String, look: usize, of: &dyn Fn(usize) -> Option<f64>| {
        let point = |index: usize| Some(Point { x: found.points[index].tokens as f64, y: of(index)?, interval: None });
        Series { name, look, dashed: false, points: (0..found.points.len()).filter_map(point).collect() }
    };
    let mut series = vec![line("rank correlation".into(), 0, &|index| found.points[index].rank_correlation)];
    for (place, keep) in keeps.iter().enumerate() {
        series.push(line(format!("kept already, of {keep}"), place + 1, &|index| Some(found.points[index].overlap[place])));
    }
    let tokens = found.points.last().map_or(0, |point| point.tokens);
    LineChart {
        title: format!("Convergence of the counts on {corpus}"),
        description: format!(
            "How far activation counts after the first tokens of {corpus} agree with those of all {tokens}: their rank correlation, \
             and the share of finally kept experts that would be kept already, as means over the layers."
        ),
        x: Axis {
            label: "calibration tokens".into(),
            scale: Scale::Logarithmic,
            covers: Vec::new(),
            ticks: Some(
                found.points.iter().map(|point| point.tokens as f64).filter(|tokens| is_power_of_four(*tokens)).collect(),
            ),
        },
        y: Axis { label: "agreement with all tokens".into(), scale: Scale::Linear, covers: vec![0.0, 1.0], ticks: None },
        series,
    }
}

/// Whether it is 16, 64, 256 and so on.
fn is_power_of_four(tokens: f64) -> bool {
    let tokens = tokens as u64;
    tokens.is_power_of_two() && tokens.trailing_zeros().is_multiple_of(2)
}
