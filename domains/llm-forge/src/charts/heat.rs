//! Experts by layer: colour is importance, a stroke is a dropped expert.

use super::scale::number;
use super::svg::{CHARACTER, Svg, heat, hex, on};

/// A map of every expert of every layer.
#[derive(Clone, Debug)]
pub struct HeatMap {
    /// What it shows, in a few words.
    pub title: String,
    /// What it shows, in a sentence or two, for those who do not see it.
    pub description: String,
    /// What the colour stands for.
    pub measure: String,
    /// The layers, from the first.
    pub rows: Vec<HeatRow>,
}

/// One layer.
#[derive(Clone, Debug)]
pub struct HeatRow {
    /// The layer.
    pub layer: usize,
    /// Importance of each expert; not below zero.
    pub scores: Vec<f64>,
    /// Whether each expert is kept.
    pub kept: Vec<bool>,
}

const LEFT: f64 = 78.0;
const TOP: f64 = 64.0;
const BELOW: f64 = 96.0;
/// Most pixels the experts take across, and the bounds of one cell.
const ACROSS: f64 = 1000.0;
const CELL: (f64, f64) = (4.0, 34.0);
/// Most cells that say what they are when pointed at: beyond, the file would grow for nobody.
const TOLD_MAX: usize = 4096;

impl HeatMap {
    /// Draws the map.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let experts = self.rows.iter().map(|row| row.scores.len()).max().unwrap_or(0);
        let side = (ACROSS / experts.max(1) as f64).clamp(CELL.0, CELL.1);
        let tall = side.max(8.0);
        let (across, down) = (side * experts as f64, tall * self.rows.len() as f64);
        let width = (LEFT + across + 24.0).max(LEFT + self.title.chars().count() as f64 * 8.2).max(560.0);
        let mut svg = Svg::new(width, TOP + down + BELOW, &self.title, &self.description);
        svg.text("title", "start", (LEFT, 28.0), &self.title);
        let told = experts * self.rows.len() <= TOLD_MAX;
        for (index, row) in self.rows.iter().enumerate() {
            let top = TOP + index as f64 * tall;
            if tall >= 12.0 || index % 4 == 0 {
                svg.text("small", "end", (LEFT - 8.0, top + tall / 2.0 + 4.0), &row.layer.to_string());
            }
            row.draw(&mut svg, (top, side, tall), told);
        }
        self.labels(&mut svg, experts, (side, across, down));
        legend(&mut svg, TOP + down + 58.0, &self.measure);
        svg.finish()
    }

    fn labels(&self, svg: &mut Svg, experts: usize, (side, across, down): (f64, f64, f64)) {
        let every = [1, 2, 4, 8, 16, 32, 64].into_iter().find(|every| side * *every as f64 >= 3.2 * CHARACTER).unwrap_or(64);
        for expert in (0..experts).step_by(every) {
            svg.text("small", "middle", (LEFT + (expert as f64 + 0.5) * side, TOP - 7.0), &expert.to_string());
        }
        svg.text("faint", "middle", (LEFT + across / 2.0, TOP + down + 24.0), "expert");
        svg.upright("faint", (22.0, TOP + down / 2.0), "layer");
    }
}

impl HeatRow {
    fn draw(&self, svg: &mut Svg, (top, side, tall): (f64, f64, f64), told: bool) {
        let most = self.scores.iter().copied().fold(0.0, f64::max);
        let all: f64 = self.scores.iter().sum();
        let share = |score: f64, of: f64| if of > 0.0 { score / of } else { 0.0 };
        let gap = if side >= 10.0 { 1.0 } else { 0.25 };
        for (expert, (score, kept)) in self.scores.iter().zip(&self.kept).enumerate() {
            let left = LEFT + expert as f64 * side;
            let colour = heat(share(*score, most));
            let how = if *kept { "kept" } else { "dropped" };
            let percent = 100.0 * share(*score, all);
            let text = format!("layer {}, expert {expert}: {}, {percent:.1} % of the layer, {how}", self.layer, number(*score));
            svg.cell((left, top, side - gap, tall - gap), &hex(colour), told.then_some(text.as_str()));
            if !kept {
                let (right, bottom) = (left + side - gap, top + tall - gap);
                let inset = (side * 0.12).min(3.0);
                let stroke = if side >= 10.0 { 1.6 } else { 0.8 };
                svg.stroke(on(colour), stroke, (left + inset, bottom - inset), (right - inset, top + inset));
            }
        }
    }
}

fn legend(svg: &mut Svg, top: f64, measure: &str) {
    const STEPS: usize = 24;
    const STEP: f64 = 6.0;
    for step in 0..STEPS {
        let colour = hex(heat(step as f64 / (STEPS - 1) as f64));
        svg.cell((LEFT + step as f64 * STEP, top, STEP + 0.3, 14.0), &colour, None);
    }
    let end = LEFT + STEPS as f64 * STEP;
    svg.text("small faint", "start", (LEFT, top + 28.0), "none");
    svg.text("small faint", "end", (end, top + 28.0), "the layer's most");
    svg.text("small", "start", (end + 10.0, top + 11.0), measure);
    let sample = end + 10.0 + measure.chars().count() as f64 * 6.2 + 22.0;
    let colour = heat(0.2);
    svg.cell((sample, top, 14.0, 14.0), &hex(colour), None);
    svg.stroke(on(colour), 1.6, (sample + 2.0, top + 12.0), (sample + 12.0, top + 2.0));
    svg.text("small", "start", (sample + 20.0, top + 11.0), "dropped");
    svg.cell((sample + 82.0, top, 14.0, 14.0), &hex(colour), None);
    svg.text("small", "start", (sample + 102.0, top + 11.0), "kept");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(layers: usize, experts: usize) -> HeatMap {
        let row = |layer| HeatRow {
            layer,
            scores: (0..experts).map(|expert| expert as f64).collect(),
            kept: (0..experts).map(|expert| expert >= experts / 2).collect(),
        };
        HeatMap {
            title: "experts".into(),
            description: "which stay".into(),
            measure: "tokens".into(),
            rows: (0..layers).map(row).collect(),
        }
    }

    #[test]
    fn every_expert_is_a_cell_and_every_dropped_one_has_a_stroke() {
        let text = map(3, 8).to_svg();
        let cells = text.matches("<rect x=").count();
        let strokes = text.matches("<line stroke=").count();
        assert_eq!((cells, strokes), (3 * 8 + 24 + 2, 3 * 4 + 1), "cells and the legend's");
        assert!(text.contains("layer 2, expert 7: 7, 25.0 % of the layer, kept"), "{text}");
        assert!(text.contains("layer 0, expert 0: 0, 0.0 % of the layer, dropped"));
    }

    #[test]
    fn large_models_and_layers_without_a_token_are_drawn_too() {
        let large = map(58, 256).to_svg();
        assert!(large.len() < 3_000_000 && !large.contains("expert 7:"));
        let mut empty = map(1, 4);
        empty.rows[0].scores = vec![0.0; 4];
        let text = empty.to_svg();
        assert!(!text.contains("NaN"), "{text}");
    }
}
