//! Axes: from a figure to a place, and where the ticks stand.

/// How figures are spread along an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences are equally far apart.
    Linear,
    /// Equal ratios are equally far apart; figures must be above zero.
    Logarithmic,
}

/// An axis.
#[derive(Clone, Debug)]
pub struct Axis {
    /// What it shows, with its unit.
    pub label: String,
    /// How figures are spread.
    pub scale: Scale,
    /// Figures the axis covers whatever is drawn, such as 0 and 1 for a share.
    pub covers: Vec<f64>,
    /// Figures the ticks stand at; chosen by the chart where absent.
    pub ticks: Option<Vec<f64>>,
}

/// An axis laid out: covered figures, and the pixels they lie between.
pub(super) struct Placed {
    scale: Scale,
    from: f64,
    to: f64,
    pixels: (f64, f64),
    ticks: Vec<f64>,
}

impl Axis {
    /// Lays the axis out so that it covers `figures`.
    pub(super) fn place(&self, figures: impl Iterator<Item = f64>, pixels: (f64, f64)) -> Placed {
        let fits = |figure: &f64| figure.is_finite() && (self.scale == Scale::Linear || *figure > 0.0);
        let all: Vec<f64> = figures.chain(self.covers.iter().copied()).filter(fits).collect();
        let (low, high) = all.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
        let (low, high) = if low <= high { (low, high) } else { (1.0, 2.0) };
        let (from, to) = self.rounded(low, high);
        let ticks = self.ticks.clone().unwrap_or_else(|| match self.scale {
            Scale::Linear => linear_ticks(from, to),
            Scale::Logarithmic => logarithmic_ticks(from, to),
        });
        Placed { scale: self.scale, from, to, pixels, ticks }
    }

    /// The covered range with a little room, so that nothing lies on the edge.
    fn rounded(&self, low: f64, high: f64) -> (f64, f64) {
        match self.scale {
            Scale::Linear => {
                let room = if high > low { (high - low) * 0.04 } else { low.abs().max(1.0) * 0.5 };
                (low - room, high + room)
            }
            Scale::Logarithmic => {
                let room = libm::pow(if high > low { high / low } else { 4.0 }, 0.04);
                (low / room, high * room)
            }
        }
    }
}

impl Placed {
    /// The pixel of a figure.
    pub(super) fn at(&self, figure: f64) -> f64 {
        let share = match self.scale {
            Scale::Linear => (figure - self.from) / (self.to - self.from),
            Scale::Logarithmic => libm::log(figure / self.from) / libm::log(self.to / self.from),
        };
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// Ticks inside the axis.
    pub(super) fn ticks(&self) -> impl Iterator<Item = f64> + '_ {
        self.ticks.iter().copied().filter(|tick| (self.from..=self.to).contains(tick))
    }
}

/// Multiples of 1, 2 or 5 times a power of ten, eight at most.
fn linear_ticks(from: f64, to: f64) -> Vec<f64> {
    let power = libm::pow(10.0, libm::floor(libm::log10((to - from) / 8.0)));
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|times| times * power).find(|step| (to - from) / step <= 8.0);
    let step = step.unwrap_or(to - from);
    let (first, last) = (libm::ceil(from / step), libm::floor(to / step));
    (0..=(last - first).max(0.0) as usize).map(|n| (first + n as f64) * step).collect()
}

/// 1, 2 and 5 times every power of ten.
fn logarithmic_ticks(from: f64, to: f64) -> Vec<f64> {
    let (first, last) = (libm::floor(libm::log10(from)) as i32, libm::ceil(libm::log10(to)) as i32);
    let all = (first..=last).flat_map(|power| [1.0, 2.0, 5.0].map(|times| times * libm::pow(10.0, f64::from(power))));
    all.filter(|tick| (from..=to).contains(tick)).collect()
}

/// A figure with three significant digits at most, and no zeros behind the last.
pub(super) fn number(figure: f64) -> String {
    if figure.abs() >= 100.0 || figure.abs() < 1e-12 {
        return format!("{figure:.0}");
    }
    let decimals = (2.0 - libm::floor(libm::log10(figure.abs()))).clamp(0.0, 9.0) as usize;
    let text = format!("{figure:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_within() {
        let shown = |ticks: Vec<f64>| ticks.into_iter().map(number).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(linear_ticks(-0.05, 1.3)), "0 0.2 0.4 0.6 0.8 1 1.2");
        assert_eq!(shown(linear_ticks(37.0, 101.0)), "40 50 60 70 80 90 100");
        assert_eq!(shown(logarithmic_ticks(0.03, 2.4)), "0.05 0.1 0.2 0.5 1 2");
        assert_eq!(shown(logarithmic_ticks(64.0, 20_000.0)), "100 200 500 1000 2000 5000 10000 20000");
    }

    #[test]
    fn figures_lie_where_they_should() {
        let axis = |scale| Axis { label: String::new(), scale, covers: Vec::new(), ticks: None };
        let linear = axis(Scale::Linear).place([0.0, 10.0].into_iter(), (0.0, 100.0));
        assert!((linear.at(5.0) - 50.0).abs() < 1e-9);
        let log = axis(Scale::Logarithmic).place([1.0, 100.0, -1.0].into_iter(), (100.0, 0.0));
        assert!((log.at(10.0) - 50.0).abs() < 1e-9 && log.at(1.0) > log.at(100.0));
        let single = axis(Scale::Linear).place(std::iter::once(3.0), (0.0, 10.0));
        assert!((single.at(3.0) - 5.0).abs() < 1e-9);
        assert!(axis(Scale::Logarithmic).place(std::iter::empty(), (0.0, 1.0)).at(1.5).is_finite());
    }
}
