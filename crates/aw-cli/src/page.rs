//! Text for people: lines, marks and tables. What others wrote cannot steer the terminal from here.

/// How a word looks. Never the only sign of what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Good,
    Bad,
    Warn,
    Faint,
}

impl Style {
    fn code(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Bold => Some("1"),
            Self::Good => Some("32"),
            Self::Bad => Some("1;31"),
            Self::Warn => Some("33"),
            Self::Faint => Some("2"),
        }
    }
}

/// A text that grows.
#[derive(Debug)]
pub(crate) struct Page {
    color: bool,
    text: String,
}

impl Page {
    pub(crate) fn new(color: bool) -> Self {
        Self { color, text: String::new() }
    }

    pub(crate) fn into_text(self) -> String {
        self.text
    }

    /// One line.
    pub(crate) fn line(&mut self, text: &str) {
        self.marked(Style::Plain, "", text);
    }

    /// An empty line, unless the page is empty or has one.
    pub(crate) fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// A line in bold.
    pub(crate) fn heading(&mut self, text: &str) {
        self.gap();
        self.marked(Style::Bold, text, "");
    }

    /// A line that begins with a mark in a style.
    pub(crate) fn marked(&mut self, style: Style, mark: &str, rest: &str) {
        self.styled(style, mark);
        self.text.push_str(&clean(rest));
        self.text.push('\n');
    }

    /// Text as it is, over several lines.
    pub(crate) fn raw(&mut self, text: &str) {
        for line in text.lines() {
            self.line(line);
        }
    }

    /// Two columns: names, and what they are.
    pub(crate) fn pairs(&mut self, pairs: &[(&str, String)]) {
        let width = pairs.iter().map(|(name, _)| width(name)).max().unwrap_or(0);
        for (name, value) in pairs {
            self.marked(Style::Faint, &format!("  {name:width$}"), &format!("  {value}"));
        }
    }

    /// A table; cells of a column whose heading starts with `>` stand to the right.
    pub(crate) fn table(&mut self, head: &[&str], rows: &[Vec<String>]) {
        let cell = |row: &Vec<String>, column: usize| row.get(column).map_or(String::new(), |cell| clean(cell));
        let kept: Vec<usize> = (0..head.len()).filter(|column| rows.iter().any(|row| !cell(row, *column).is_empty())).collect();
        let name = |column: usize| head[column].trim_start_matches('>');
        let widths: Vec<usize> = kept
            .iter()
            .map(|&column| rows.iter().map(|row| width(&cell(row, column))).chain([width(name(column))]).max().unwrap_or(0))
            .collect();
        let line = |text: &dyn Fn(usize) -> String| {
            let cells =
                kept.iter().zip(&widths).map(|(&column, &width)| pad(&text(column), width, head[column].starts_with('>')));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let titles = line(&|column| name(column).to_owned());
        self.marked(Style::Faint, &format!("  {titles}"), "");
        for row in rows {
            self.line(&format!("  {}", line(&|column| cell(row, column))));
        }
    }

    fn styled(&mut self, style: Style, text: &str) {
        let text = clean(text);
        match style.code().filter(|_| self.color && !text.is_empty()) {
            Some(code) => self.text.push_str(&format!("\x1b[{code}m{text}\x1b[0m")),
            None => self.text.push_str(&text),
        }
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn pad(text: &str, to: usize, right: bool) -> String {
    let space = " ".repeat(to.saturating_sub(width(text)));
    if right { format!("{space}{text}") } else { format!("{text}{space}") }
}

/// Control characters, and those that turn the direction of text, written out.
fn clean(text: &str) -> String {
    let steers = |c: char| {
        (c.is_control() && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}')
    };
    if !text.contains(steers) {
        return text.to_owned();
    }
    text.chars().flat_map(|c| if steers(c) { c.escape_unicode().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        let mut page = Page::new(true);
        page.marked(Style::Bad, "BAD\x1b[2J", "a\u{202e}b\rc\nd");
        assert_eq!(page.into_text(), "\x1b[1;31mBAD\\u{1b}[2J\x1b[0ma\\u{202e}b\\u{d}c\\u{a}d\n");
    }

    #[test]
    fn tables_line_up_and_leave_empty_columns_out() {
        let mut page = Page::new(false);
        page.table(
            &["name", "none", ">n"],
            &[vec!["é".into(), String::new(), "1".into()], vec!["long".into(), String::new(), "100".into()]],
        );
        assert_eq!(page.into_text(), "  name    n\n  é       1\n  long  100\n");
    }
}
