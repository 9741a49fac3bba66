//! How a forward pass is run. Nothing here changes a result.

use super::ForwardError;

/// How a forward pass is run; no field changes a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// Threads to compute with.
    pub threads: usize,
    /// Tokens pushed through the layers together, at least one sequence. Weights are read once per wave, and a wave holds about
    /// five times its hidden states in memory.
    pub wave_tokens: usize,
}

impl Options {
    /// Tokens of a wave where nothing else is asked for: large enough that reading weights costs little beside using them.
    pub const WAVE_TOKENS: usize = 8192;

    /// Makes options with the default wave.
    #[must_use]
    pub fn with_threads(threads: usize) -> Options {
        Options { threads, wave_tokens: Self::WAVE_TOKENS }
    }

    /// Checks that both numbers are above zero.
    pub(super) fn check(self) -> Result<(), ForwardError> {
        match self {
            Options { threads: 0, .. } => Err(ForwardError::Option { name: "threads" }),
            Options { wave_tokens: 0, .. } => Err(ForwardError::Option { name: "wave_tokens" }),
            _ => Ok(()),
        }
    }
}
