//! Lines over two axes, with intervals.

use super::scale::{Axis, Placed, number};
use super::svg::{CHARACTER, Svg, line_colour};

/// A chart of lines.
#[derive(Clone, Debug)]
pub struct LineChart {
    /// What it shows, in a few words.
    pub title: String,
    /// What it shows, in a sentence or two, for those who do not see it.
    pub description: String,
    /// The axis across.
    pub x: Axis,
    /// The axis up.
    pub y: Axis,
    /// The lines; their order gives colours and marks.
    pub series: Vec<Series>,
}

/// One line.
#[derive(Clone, Debug)]
pub struct Series {
    /// What it is called.
    pub name: String,
    /// Which colour and mark it has; lines that belong together share one.
    pub look: usize,
    /// Whether it is dashed and its marks are hollow.
    pub dashed: bool,
    /// Its points, by rising x.
    pub points: Vec<Point>,
}

/// A measured point.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Place across.
    pub x: f64,
    /// Place up.
    pub y: f64,
    /// Ends of its interval, where it has one.
    pub interval: Option<(f64, f64)>,
}

const PLOT: (f64, f64) = (560.0, 340.0);
const LEFT: f64 = 78.0;
const TOP: f64 = 52.0;
const BELOW: f64 = 62.0;
const LEGEND_ROW: f64 = 22.0;
/// Pixels between the intervals of neighbouring lines, and between the first and the last at most: at the same place they would hide
/// each other, and too far from it they would say another size.
const APART: (f64, f64) = (5.0, 30.0);

impl LineChart {
    /// Draws the chart.
    #[must_use]
    pub fn to_svg(&self) -> String {
        let longest = self.series.iter().map(|series| series.name.chars().count()).max().unwrap_or(0);
        let legend = 64.0 + longest as f64 * CHARACTER;
        let height = (TOP + PLOT.1 + BELOW).max(TOP + self.series.len() as f64 * LEGEND_ROW + 20.0);
        let mut svg = Svg::new(LEFT + PLOT.0 + 20.0 + legend, height, &self.title, &self.description);
        let points = || self.series.iter().flat_map(|series| &series.points);
        let x = self.x.place(points().map(|point| point.x), (LEFT, LEFT + PLOT.0));
        let ends = points().flat_map(|point| {
            let (low, high) = point.interval.unwrap_or((point.y, point.y));
            [point.y, low, high]
        });
        let y = self.y.place(ends, (TOP + PLOT.1, TOP));
        svg.text("title", "start", (LEFT, 28.0), &self.title);
        self.axes(&mut svg, &x, &y);
        for (index, series) in self.series.iter().enumerate() {
            let aside = if points().any(|point| point.interval.is_some()) {
                let steps = self.series.len() as f64 - 1.0;
                (index as f64 - steps / 2.0) * APART.0.min(APART.1 / steps.max(1.0))
            } else {
                0.0
            };
            draw(&mut svg, series, |point| (x.at(point.x) + aside, y.at(point.y)), &y);
            let row = TOP + 8.0 + index as f64 * LEGEND_ROW;
            let left = LEFT + PLOT.0 + 24.0;
            svg.path(line_colour(series.look), series.dashed, &[(left, row), (left + 30.0, row)]);
            svg.mark(series.look, series.dashed, (left + 15.0, row));
            svg.text("small", "start", (left + 38.0, row + 4.0), &series.name);
        }
        svg.finish()
    }

    fn axes(&self, svg: &mut Svg, x: &Placed, y: &Placed) {
        let (right, bottom) = (LEFT + PLOT.0, TOP + PLOT.1);
        for tick in y.ticks() {
            svg.line("grid", (LEFT, y.at(tick)), (right, y.at(tick)));
            svg.text("small", "end", (LEFT - 8.0, y.at(tick) + 4.0), &number(tick));
        }
        for tick in x.ticks() {
            svg.line("grid", (x.at(tick), TOP), (x.at(tick), bottom));
            svg.text("small", "middle", (x.at(tick), bottom + 18.0), &number(tick));
        }
        svg.line("axis", (LEFT, bottom), (right, bottom));
        svg.line("axis", (LEFT, TOP), (LEFT, bottom));
        svg.text("faint", "middle", (LEFT + PLOT.0 / 2.0, bottom + 42.0), &self.x.label);
        svg.upright("faint", (22.0, TOP + PLOT.1 / 2.0), &self.y.label);
    }
}

fn draw(svg: &mut Svg, series: &Series, place: impl Fn(&Point) -> (f64, f64), y: &Placed) {
    let colour = line_colour(series.look);
    let places: Vec<(f64, f64)> = series.points.iter().map(&place).collect();
    svg.path(colour, series.dashed, &places);
    for (point, (left, up)) in series.points.iter().zip(&places) {
        if let Some((low, high)) = point.interval {
            let (low, high) = (y.at(low), y.at(high));
            svg.stroke(colour, 1.4, (*left, low), (*left, high));
            for end in [low, high] {
                svg.stroke(colour, 1.4, (left - 3.0, end), (left + 3.0, end));
            }
        }
        svg.mark(series.look, series.dashed, (*left, *up));
    }
}

#[cfg(test)]
mod tests {
    use super::super::Scale;
    use super::*;

    fn axis(label: &str) -> Axis {
        Axis { label: label.into(), scale: Scale::Linear, covers: Vec::new(), ticks: None }
    }

    #[test]
    fn a_point_higher_up_is_drawn_higher_up_and_everything_is_named() {
        let points = [0.0, 1.0, 2.0].map(|n| Point { x: n, y: n * n, interval: Some((n * n - 0.5, n * n + 0.5)) });
        let series = |name: &str, look| Series { name: name.into(), look, dashed: look > 0, points: points.to_vec() };
        let chart = LineChart {
            title: "size & quality".into(),
            description: "two lines".into(),
            x: axis("size"),
            y: axis("loss"),
            series: vec![series("count", 0), series("random <1>", 1)],
        };
        let text = chart.to_svg();
        for named in ["size &amp; quality", "two lines", ">size<", ">loss<", ">count<", "random &lt;1&gt;"] {
            assert!(text.contains(named), "{named}");
        }
        let centres: Vec<f64> = text
            .lines()
            .filter(|line| line.starts_with("<circle"))
            .filter_map(|line| line.split("cy=\"").nth(1)?.split('"').next()?.parse().ok())
            .collect();
        assert_eq!(centres.len(), 4, "three points and the legend");
        assert!(centres[0] > centres[1] && centres[1] > centres[2], "{centres:?}");
        assert_eq!(text, chart.to_svg(), "equal figures, equal bytes");
    }

    #[test]
    fn a_chart_of_nothing_is_still_a_chart() {
        let chart = LineChart { title: "t".into(), description: "d".into(), x: axis("x"), y: axis("y"), series: Vec::new() };
        let text = chart.to_svg();
        assert!(text.ends_with("</svg>\n") && !text.contains("NaN") && !text.contains("inf"), "{text}");
    }
}
