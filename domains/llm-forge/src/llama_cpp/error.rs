//! Why llama.cpp did not do what it was asked.

use std::io;
use std::path::PathBuf;

/// Why llama.cpp did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LlamaCppError {
    /// A program is not on this machine.
    #[error("llama.cpp's `{program}` is not {}\nhint: {}", place(folder.as_ref()), super::HINT)]
    NotFound {
        /// The program.
        program: &'static str,
        /// The only folder it was looked for in, when one was named.
        folder: Option<PathBuf>,
    },
    /// A program could not be started, or not be read.
    #[error("cannot start llama.cpp's `{program}`: {source}")]
    Start {
        /// The program.
        program: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// A program ended, and should not have or not so.
    #[error("llama.cpp's `{program}` ended with {status}: {said}")]
    Ended {
        /// The program.
        program: &'static str,
        /// Its exit status in words.
        status: String,
        /// The end of what it wrote to standard error.
        said: String,
    },
    /// A program took longer than it may.
    #[error("llama.cpp's `{program}` did not finish {doing} within {seconds} s")]
    Timeout {
        /// The program.
        program: &'static str,
        /// What it was doing.
        doing: &'static str,
        /// The limit.
        seconds: u64,
    },
    /// The caller wants no more.
    #[error("cancelled")]
    Cancelled,
    /// The server refused a request, or the connection broke.
    #[error("llama.cpp's server did not answer `{path}`: {reason}")]
    Request {
        /// What was asked.
        path: &'static str,
        /// Why there is no answer.
        reason: String,
    },
    /// The server's answer is not what its documentation says.
    #[error("llama.cpp's server answered `{path}` with {got}; expected {expected}")]
    Answer {
        /// What was asked.
        path: &'static str,
        /// What was expected.
        expected: String,
        /// What came, shortened.
        got: String,
    },
    /// A program's output is not what its documentation says.
    #[error("llama.cpp's `{program}` wrote {got}; expected {expected}")]
    Output {
        /// The program.
        program: &'static str,
        /// What was expected.
        expected: String,
        /// What came, shortened.
        got: String,
    },
    /// The model was asked for something it cannot be.
    #[error("{what}")]
    Asked {
        /// What is wrong with the request.
        what: String,
    },
    /// The linked library failed.
    #[error("the linked llama.cpp could not {doing}: {said}")]
    Linked {
        /// What it was doing.
        doing: &'static str,
        /// What it says of it.
        said: String,
    },
    /// A file that is handed to a program could not be written.
    #[error("cannot write `{path}`: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
}

fn place(folder: Option<&PathBuf>) -> String {
    folder.map_or_else(|| "on PATH".to_owned(), |folder| format!("in `{}`", folder.display()))
}

/// The end of a text, for messages.
pub(super) fn shortened(text: &str) -> String {
    const KEPT: usize = 600;
    let text = text.trim();
    let from = text.char_indices().rev().take(KEPT).last().map_or(0, |(at, _)| at);
    if from == 0 { format!("`{text}`") } else { format!("`… {}`", &text[from..]) }
}
