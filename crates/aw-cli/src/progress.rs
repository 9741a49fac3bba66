//! What happens while a command goes: bars on a terminal, now and then a line elsewhere, or a line of JSON each.

use std::io::IsTerminal;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use aw_commands::{ProgressUnit, RunEvent, words};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value;

use crate::page::{Page, Style};
use crate::printer::Printer;
use crate::render;

/// Where there is no terminal, progress is told at most this often.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// In JSON, progress is told at most this often; everything else always.
const JSON_EVERY: Duration = Duration::from_millis(100);
/// How often a bar's clock moves while a stage says nothing.
const TICK: Duration = Duration::from_millis(250);

/// Tells what happens.
pub(crate) struct Progress<'a> {
    printer: &'a Printer,
    mode: Mode,
    state: Mutex<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Bars,
    Lines,
    Json,
    Silent,
}

#[derive(Default)]
struct State {
    bar: Option<ProgressBar>,
    /// What the bar or the lines are about, such as `2/5 expert-prune`.
    label: String,
    told: Option<Instant>,
}

impl<'a> Progress<'a> {
    pub(crate) fn new(printer: &'a Printer, json: bool, quiet: bool) -> Self {
        let mode = match (json, quiet) {
            (true, _) => Mode::Json,
            (_, true) => Mode::Silent,
            _ if std::io::stderr().is_terminal() => Mode::Bars,
            _ => Mode::Lines,
        };
        Self { printer, mode, state: Mutex::default() }
    }

    /// Tells one event.
    pub(crate) fn event(&self, event: RunEvent) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match self.mode {
            Mode::Silent => {}
            Mode::Json => self.json(&event, &mut state),
            Mode::Bars | Mode::Lines => self.tell(event, &mut state),
        }
    }

    /// Takes what is drawn off the terminal.
    pub(crate) fn clear(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn json(&self, event: &RunEvent, state: &mut State) {
        let frequent =
            matches!(event, RunEvent::StageProgress { .. } | RunEvent::SourceHashing { .. } | RunEvent::SourceFetching { .. })
                || matches!(event, RunEvent::Line { what, details, .. } if what == "progress" && is_progress(details));
        if frequent && state.told.is_some_and(|told| told.elapsed() < JSON_EVERY) {
            return;
        }
        if frequent {
            state.told = Some(Instant::now());
        }
        if let Ok(line) = serde_json::to_string(event) {
            // A reader that went away does not stop the run; the last line's failure decides.
            let _ = self.printer.out(&format!("{line}\n"));
        }
    }

    fn tell(&self, event: RunEvent, state: &mut State) {
        match event {
            RunEvent::Planned(plan) => {
                let mut page = self.printer.page_err();
                render::plan(&plan, &mut page);
                page.gap();
                self.say(state, page);
            }
            RunEvent::SourceFetching { doing, done, total, unit } => {
                if state.label != "fetch" {
                    self.begin(state, "fetch");
                }
                self.moved(state, &doing, done, total, unit);
            }
            RunEvent::SourceHashing { done_bytes, total_bytes } => {
                if state.label != "source" {
                    self.begin(state, "source");
                }
                self.moved(state, "hashing", done_bytes, Some(total_bytes), ProgressUnit::Bytes);
            }
            RunEvent::SourceReady { root, bytes } => {
                self.end(state, Style::Good, "source", &format!("{}, root {}", words::bytes(bytes), short(&root)))
            }
            RunEvent::ServiceReady { address } => self.end(state, Style::Good, "serving", &format!("http://{address}")),
            RunEvent::ServiceLog { what, details } => self.end(state, Style::Good, "service", &format!("{what} {details}")),
            RunEvent::StageStarted { step, steps, stage } => self.begin(state, &format!("{step}/{steps} {stage}")),
            RunEvent::StageProgress { doing, done, total, unit, .. } => self.moved(state, &doing, done, total, unit),
            RunEvent::StageFinished { step, steps, stage, cached, seconds, .. } => {
                let how = if cached { "cached".to_owned() } else { words::duration(seconds) };
                self.end(state, Style::Good, &format!("{step}/{steps} {stage}"), &how);
            }
            RunEvent::StageDamaged { stage, reason, .. } => {
                self.end(
                    state,
                    Style::Warn,
                    "damaged",
                    &format!("{stage} is in the store but not whole, it runs again: {reason}"),
                );
            }
            RunEvent::Sealed { unchanged: true, .. } => {
                self.end(state, Style::Good, "sealed", "the very artifact that was kept already")
            }
            RunEvent::Sealed { output, .. } => self.end(state, Style::Good, "sealed", &format!("output root {}", short(&output))),
            RunEvent::Placed { folder } => self.end(state, Style::Good, "placed", &folder),
            RunEvent::Line { what, part, details } => self.line_event(state, &what, part.as_deref(), &details),
            RunEvent::Result(_) | RunEvent::Error(_) => {}
            other => {
                let text = serde_json::to_string(&other).unwrap_or_default();
                self.end(state, Style::Plain, "event", &text);
            }
        }
    }

    /// What happens on a line: how far a part is moves the bar, everything else is a line of its own.
    fn line_event(&self, state: &mut State, what: &str, part: Option<&str>, details: &Value) {
        let part = part.unwrap_or_default();
        if what == "progress" {
            let stage = details["stage"].as_str().unwrap_or_default();
            match details["event"].as_str() {
                Some("stage-finished") => {
                    let how = if details["cached"] == true {
                        "cached".to_owned()
                    } else {
                        words::duration(details["seconds"].as_f64().unwrap_or(0.0))
                    };
                    self.end(state, Style::Good, &format!("{part} {stage}"), &how);
                }
                Some("stage-progress") => {
                    let count = |name: &str| details[name].as_u64();
                    let doing = details["doing"].as_str().unwrap_or_default();
                    self.moved(state, doing, count("done").unwrap_or(0), count("total"), ProgressUnit::Steps);
                }
                Some("stage-started") => self.begin(state, &format!("{part} {stage}")),
                Some(_) => {}
                None => {
                    let label = format!("{part} {stage}");
                    if state.label != label {
                        self.begin(state, &label);
                    }
                    if let Some(fraction) = details["fraction"].as_f64() {
                        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of 0 to 1")]
                        let percent = (fraction.clamp(0.0, 1.0) * 100.0) as u64;
                        self.moved(state, "percent", percent, Some(100), ProgressUnit::Steps);
                    }
                }
            }
            return;
        }
        let text = |name: &str| details[name].as_str().unwrap_or_default().to_owned();
        let (style, how) = match what {
            "finished" => (Style::Good, text("forged_dir")),
            "rework" => (Style::Bad, text("error")),
            "recovered" => (Style::Warn, text("to")),
            "refused" | "worker-lost" => (Style::Warn, text("reason")),
            "odd" | "bad-line" => (Style::Warn, format!("{}: {}", text("path"), text("reason"))),
            "evict-failed" => (Style::Warn, text("message")),
            "evicted" => (Style::Good, format!("{} {}: {}", text("action"), text("path"), text("reason"))),
            "left" => (Style::Warn, "stopped; it goes on at the next start".into()),
            _ => (Style::Plain, [text("at"), text("reason")].join(" ").trim().to_owned()),
        };
        let label = if part.is_empty() { what.to_owned() } else { format!("{what} {part}") };
        self.end(state, style, &label, &how);
        if what == "rework" && !text("details").is_empty() {
            let mut page = self.printer.page_err();
            text("details").lines().for_each(|line| page.line(&format!("  {line}")));
            self.printer.talk(&page.into_text());
        }
    }

    fn begin(&self, state: &mut State, label: &str) {
        label.clone_into(&mut state.label);
        // What is quick is told by its end alone.
        state.told = Some(Instant::now());
        if self.mode == Mode::Bars {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
            bar.set_style(spinner());
            bar.set_prefix(label.to_owned());
            bar.enable_steady_tick(TICK);
            if let Some(before) = state.bar.replace(bar) {
                before.finish_and_clear();
            }
        }
    }

    fn moved(&self, state: &mut State, doing: &str, done: u64, total: Option<u64>, unit: ProgressUnit) {
        if let Some(bar) = &state.bar {
            if let Some(total) = total.filter(|total| *total > 0 && bar.length() != Some(*total)) {
                bar.set_length(total);
                bar.set_style(measured());
            }
            bar.set_position(done);
            bar.set_message(format!("{doing}, {}", amount(done, total, unit)));
        } else if state.told.is_none_or(|told| told.elapsed() >= LINE_EVERY) {
            state.told = Some(Instant::now());
            self.printer.talk(&self.line(Style::Plain, &state.label, &format!("{doing}, {}", amount(done, total, unit))));
        }
    }

    fn end(&self, state: &mut State, style: Style, label: &str, how: &str) {
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        state.label.clear();
        self.printer.talk(&self.line(style, label, how));
    }

    fn say(&self, state: &State, page: Page) {
        let text = page.into_text();
        match &state.bar {
            Some(bar) => bar.suspend(|| self.printer.talk(&text)),
            None => self.printer.talk(&text),
        }
    }

    fn line(&self, style: Style, label: &str, how: &str) -> String {
        let mut page = self.printer.page_err();
        page.marked(style, &format!("{label:<33}"), &format!(" {how}"));
        page.into_text()
    }
}

/// Whether particulars are of the kind that comes many times within a stage.
fn is_progress(details: &Value) -> bool {
    match details["event"].as_str() {
        None => !details["fraction"].is_null(),
        Some(event) => matches!(event, "stage-progress" | "source-hashing" | "source-fetching"),
    }
}

fn short(digest: &str) -> String {
    digest.chars().take(23).collect()
}

fn amount(done: u64, total: Option<u64>, unit: ProgressUnit) -> String {
    let write = |count: u64| if unit == ProgressUnit::Bytes { words::bytes(count) } else { count.to_string() };
    let noun = match unit {
        ProgressUnit::Bytes => "",
        ProgressUnit::Tokens => " tokens",
        ProgressUnit::Files => " files",
        ProgressUnit::Steps => "",
    };
    match total {
        Some(total) => format!("{} of {}{noun}", write(done), write(total)),
        None => format!("{}{noun}", write(done)),
    }
}

fn spinner() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:<33} {spinner} {elapsed}  {msg}").expect("a constant template")
}

fn measured() -> ProgressStyle {
    ProgressStyle::with_template("{prefix:<33} [{bar:20}] {percent:>3}%  {elapsed}, {eta} to go  {msg}")
        .expect("a constant template")
        .progress_chars("=> ")
}
