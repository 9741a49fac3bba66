//! The one place that prints: data to standard output, talk to standard error.

#![allow(clippy::print_stderr, clippy::print_stdout)]

use std::io::{self, IsTerminal, Write};

use crate::page::Page;

/// When colours are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// Prints.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    quiet: bool,
    color_out: bool,
    color_err: bool,
}

impl Printer {
    pub(crate) fn new(quiet: bool, color: Color) -> Self {
        let wanted = |terminal: bool| match color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => terminal && aw_commands::variables::NO_COLOR.value().is_none(),
        };
        Self { quiet, color_out: wanted(io::stdout().is_terminal()), color_err: wanted(io::stderr().is_terminal()) }
    }

    /// An empty page for standard output.
    pub(crate) fn page_out(&self) -> Page {
        Page::new(self.color_out)
    }

    /// An empty page for standard error.
    pub(crate) fn page_err(&self) -> Page {
        Page::new(self.color_err)
    }

    /// Prints data.
    pub(crate) fn out(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()
    }

    /// Prints talk, unless it is to be quiet.
    pub(crate) fn talk(&self, text: &str) {
        if !self.quiet {
            self.error(text);
        }
    }

    /// Prints what must be said even when it is to be quiet.
    pub(crate) fn error(&self, text: &str) {
        // When standard error is gone there is nobody left to tell.
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
}
