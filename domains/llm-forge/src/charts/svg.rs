//! The few SVG elements the charts are made of.

use std::fmt::Write;

/// Colours of lines that people with any kind of colour vision tell apart.
///
/// # Source
/// Okabe and Ito, "Color Universal Design" (2008); the yellow is left out, which is too pale for lines on white.
const LINES: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c8c8c"];

/// Corners of a scale from dark blue over grey to yellow whose lightness rises evenly, also without red or green.
///
/// # Source
/// Nuñez, Anderton and Renslow, "Optimizing colormaps with consideration for color vision deficiency" (2018), cividis.
const HEAT: [[u8; 3]; 6] = [[0, 34, 78], [53, 69, 108], [102, 105, 112], [148, 142, 119], [200, 184, 102], [254, 232, 56]];

/// Text, ground and grid in light and dark.
const STYLE: &str = "text{font:12px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1b1f24}\
.title{font-size:15px;font-weight:600}.small{font-size:11px}.faint{fill:#57606a}\
.ground{fill:#fff}.grid{stroke:#d8dee4;stroke-width:1}.axis{stroke:#57606a;stroke-width:1}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.faint{fill:#9da7b3}.ground{fill:#0d1117}.grid{stroke:#30363d}.axis{stroke:#9da7b3}}";

/// Width of a character of the usual size, roughly, in pixels: SVG cannot measure text.
pub(super) const CHARACTER: f64 = 6.6;

/// An SVG document that grows.
pub(super) struct Svg(String);

impl Svg {
    /// Begins a document of so many pixels with a title and a description.
    pub(super) fn new(width: f64, height: f64, title: &str, description: &str) -> Self {
        let (title, description) = (escaped(title), escaped(description));
        Self(format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
             role=\"img\" aria-labelledby=\"title description\">\n<title id=\"title\">{title}</title>\n<desc id=\"description\">{description}</desc>\n\
             <style>{STYLE}</style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n"
        ))
    }

    /// Ends the document.
    pub(super) fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }

    /// An element without content.
    pub(super) fn element(&mut self, name: &str, attributes: &[(&str, &str)]) {
        let _ = write!(self.0, "<{name}");
        for (attribute, value) in attributes {
            let _ = write!(self.0, " {attribute}=\"{}\"", escaped(value));
        }
        self.0.push_str("/>\n");
    }

    /// A rectangle; with a text that a reader sees who points at it, when there is one.
    pub(super) fn cell(&mut self, (x, y, width, height): (f64, f64, f64, f64), fill: &str, told: Option<&str>) {
        let _ = write!(self.0, "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{fill}\"");
        match told {
            Some(told) => {
                let _ = writeln!(self.0, "><title>{}</title></rect>", escaped(told));
            }
            None => self.0.push_str("/>\n"),
        }
    }

    /// A straight line of a class.
    pub(super) fn line(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ = writeln!(self.0, "<line class=\"{class}\" x1=\"{x1:.2}\" y1=\"{y1:.2}\" x2=\"{x2:.2}\" y2=\"{y2:.2}\"/>");
    }

    /// A straight line of a colour and width.
    pub(super) fn stroke(&mut self, colour: &str, width: f64, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ = writeln!(
            self.0,
            "<line stroke=\"{colour}\" stroke-width=\"{width:.2}\" x1=\"{x1:.2}\" y1=\"{y1:.2}\" x2=\"{x2:.2}\" y2=\"{y2:.2}\"/>"
        );
    }

    /// A line through points; dashed where `dashed`.
    pub(super) fn path(&mut self, colour: &str, dashed: bool, points: &[(f64, f64)]) {
        let through: Vec<String> = points.iter().map(|(x, y)| format!("{x:.2},{y:.2}")).collect();
        let dash = if dashed { " stroke-dasharray=\"6 4\"" } else { "" };
        let _ = writeln!(
            self.0,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.8\" stroke-linejoin=\"round\"{dash} points=\"{}\"/>",
            through.join(" ")
        );
    }

    /// Text of a class; `anchor` is `start`, `middle` or `end`.
    pub(super) fn text(&mut self, class: &str, anchor: &str, (x, y): (f64, f64), text: &str) {
        let _ = writeln!(
            self.0,
            "<text class=\"{class}\" x=\"{x:.2}\" y=\"{y:.2}\" text-anchor=\"{anchor}\">{}</text>",
            escaped(text)
        );
    }

    /// Text that stands upright beside an axis, around its middle.
    pub(super) fn upright(&mut self, class: &str, (x, y): (f64, f64), text: &str) {
        let _ = writeln!(
            self.0,
            "<text class=\"{class}\" text-anchor=\"middle\" transform=\"translate({x:.2} {y:.2}) rotate(-90)\">{}</text>",
            escaped(text)
        );
    }

    /// A mark at a point, one of seven shapes, hollow where `hollow`.
    pub(super) fn mark(&mut self, which: usize, hollow: bool, (x, y): (f64, f64)) {
        let colour = line_colour(which);
        let fill = if hollow { "none" } else { colour };
        let shape = |corners: &[(f64, f64)]| {
            let corners: Vec<String> = corners.iter().map(|(dx, dy)| format!("{:.2},{:.2}", x + dx, y + dy)).collect();
            corners.join(" ")
        };
        let (r, common) = (4.2, [("fill", fill), ("stroke", colour), ("stroke-width", "1.6")]);
        let corners = match which % LINES.len() {
            0 => {
                let (x, y, r) = (format!("{x:.2}"), format!("{y:.2}"), format!("{r:.2}"));
                return self.element("circle", &[&[("cx", x.as_str()), ("cy", &y), ("r", &r)], &common[..]].concat());
            }
            1 => shape(&[(-r, -r), (r, -r), (r, r), (-r, r)]),
            2 => shape(&[(0.0, -r * 1.25), (r * 1.15, r * 0.85), (-r * 1.15, r * 0.85)]),
            3 => shape(&[(0.0, -r * 1.35), (r * 1.35, 0.0), (0.0, r * 1.35), (-r * 1.35, 0.0)]),
            4 => shape(&[(0.0, r * 1.25), (r * 1.15, -r * 0.85), (-r * 1.15, -r * 0.85)]),
            5 => shape(&[(-r * 1.3, -r * 0.6), (r * 1.3, -r * 0.6), (r * 1.3, r * 0.6), (-r * 1.3, r * 0.6)]),
            _ => shape(&[(-r * 0.6, -r * 1.3), (r * 0.6, -r * 1.3), (r * 0.6, r * 1.3), (-r * 0.6, r * 1.3)]),
        };
        self.element("polygon", &[&[("points", corners.as_str())], &common[..]].concat());
    }
}

/// The colour of the n-th line.
pub(super) fn line_colour(which: usize) -> &'static str {
    LINES[which % LINES.len()]
}

/// The colour of a value from 0 to 1.
pub(super) fn heat(value: f64) -> [u8; 3] {
    let place = value.clamp(0.0, 1.0) * (HEAT.len() - 1) as f64;
    let below = (place.floor() as usize).min(HEAT.len() - 2);
    let part = place - below as f64;
    let mix = |a: u8, b: u8| (f64::from(a) + part * (f64::from(b) - f64::from(a))).round() as u8;
    std::array::from_fn(|channel| mix(HEAT[below][channel], HEAT[below + 1][channel]))
}

/// A colour as SVG writes it.
pub(super) fn hex([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

/// Black or white, whichever stands out on a colour.
pub(super) fn on([red, green, blue]: [u8; 3]) -> &'static str {
    let light = 0.2126 * f64::from(red) + 0.7152 * f64::from(green) + 0.0722 * f64::from(blue);
    if light > 110.0 { "#000" } else { "#fff" }
}

/// Text as XML takes it, without characters that XML has no place for.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\t' | '\n' | '\r' => out.push(' '),
            control if control.is_control() || matches!(control, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_place() {
        assert_eq!(escaped("a<b & \"c\"\u{0}\n>"), "a&lt;b &amp; &quot;c&quot;\u{fffd} &gt;");
        let mut svg = Svg::new(10.0, 10.0, "</title><script>", "x");
        svg.text("small", "start", (0.0, 0.0), "<script>");
        let text = svg.finish();
        assert!(!text.contains("<script"), "{text}");
    }

    #[test]
    fn lightness_rises_evenly_and_marks_stand_out() {
        let light = |value| {
            let [red, green, blue] = heat(value).map(f64::from);
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let steps: Vec<f64> = (0..=10).map(|n| light(f64::from(n) / 10.0)).collect();
        assert!(steps.windows(2).all(|pair| pair[1] > pair[0] + 10.0), "{steps:?}");
        assert_eq!((on(heat(0.0)), on(heat(1.0))), ("#fff", "#000"));
        assert_eq!((hex(heat(-1.0)).as_str(), hex(heat(2.0)).as_str()), ("#00224e", "#fee838"));
    }
}
