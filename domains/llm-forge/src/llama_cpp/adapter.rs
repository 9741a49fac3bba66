//! What the stages ask of llama.cpp, whichever way it is reached: by its own programs, or linked into this one.

use std::path::Path;

use super::error::LlamaCppError;
#[cfg(feature = "llama-cpp-linked")]
use super::linked;
use super::{Completion, KlDivergence, LlamaCpp, Server, ServerSettings, TextSettings, TokenLikelihood, Version};
use crate::tools::Tools;

/// llama.cpp, by its programs or linked in.
#[derive(Clone, Debug)]
pub enum Adapter {
    /// Its own programs.
    Programs(LlamaCpp),
    /// The library inside this program.
    #[cfg(feature = "llama-cpp-linked")]
    Linked,
}

impl Adapter {
    /// Linked where this program was built with it and no folder of programs is named in [`Tools::llama_cpp`]; else the programs of that
    /// folder, else those in [`Tools::path`].
    ///
    /// # Errors
    /// As [`LlamaCpp::find`]; of the linked library, when it was built for another processor.
    pub fn find(tools: &Tools) -> Result<Self, LlamaCppError> {
        #[cfg(feature = "llama-cpp-linked")]
        if Self::links(tools) {
            linked::check()?;
            return Ok(Self::Linked);
        }
        LlamaCpp::find(tools).map(Self::Programs)
    }

    /// Whether the linked library is what [`Adapter::find`] finds.
    #[must_use]
    pub fn links(tools: &Tools) -> bool {
        cfg!(feature = "llama-cpp-linked") && tools.llama_cpp.is_none()
    }

    /// Says which llama.cpp this is.
    ///
    /// # Errors
    /// As [`LlamaCpp::version`].
    pub fn version(&self) -> Result<Version, LlamaCppError> {
        match self {
            Self::Programs(programs) => programs.version(),
            #[cfg(feature = "llama-cpp-linked")]
            Self::Linked => Ok(linked::version()),
        }
    }

    /// Loads a GGUF file while `work` asks.
    ///
    /// # Errors
    /// Those of `work`, and when the file does not load (with what llama.cpp says), loading takes too long, or `cancelled` says so;
    /// `cancelled` is asked during every call of `work` too.
    pub fn with<T>(
        &self,
        gguf: &Path,
        settings: &ServerSettings,
        cancelled: &(dyn Fn() -> bool + Sync),
        work: impl FnOnce(&mut Loaded<'_, '_>) -> Result<T, LlamaCppError>,
    ) -> Result<T, LlamaCppError> {
        match self {
            Self::Programs(programs) => work(&mut Loaded(How::Served(&programs.server(gguf, settings, cancelled)?))),
            #[cfg(feature = "llama-cpp-linked")]
            Self::Linked => linked::with(gguf, settings, cancelled, |loaded| work(&mut Loaded(How::Linked(loaded)))),
        }
    }

    /// How far the predictions of `other` on a text are from those of `base`. The programs keep the text and the base's logits in `scratch`
    /// meanwhile: two bytes for each entry of the vocabulary for each scored token.
    ///
    /// # Errors
    /// When the two have different vocabularies, the text is too short, a file does not load, it takes too long or is cancelled.
    pub fn divergence(
        &self,
        [base, other]: [&Path; 2],
        text: &str,
        scratch: &Path,
        settings: &TextSettings,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<KlDivergence, LlamaCppError> {
        match self {
            Self::Programs(programs) => {
                let (file, logits) = (scratch.join("text.txt"), scratch.join("logits.bin"));
                std::fs::write(&file, text).map_err(|source| LlamaCppError::Write { path: file.clone(), source })?;
                programs.write_logits(base, &file, &logits, settings, cancelled)?;
                let measured = programs.kl_divergence(other, &logits, settings, cancelled)?;
                std::fs::remove_file(&logits).map_err(|source| LlamaCppError::Write { path: logits, source })?;
                Ok(measured)
            }
            #[cfg(feature = "llama-cpp-linked")]
            Self::Linked => linked::divergence([base, other], text, settings, cancelled),
        }
    }
}

/// A loaded file.
pub struct Loaded<'l, 'w>(How<'l, 'w>);

enum How<'l, 'w> {
    Served(&'l Server<'w>),
    #[cfg(feature = "llama-cpp-linked")]
    Linked(&'l mut linked::Loaded<'w>),
}

impl Loaded<'_, '_> {
    /// As [`Server::tokenize`].
    ///
    /// # Errors
    /// When llama.cpp fails.
    pub fn tokenize(&mut self, text: &str, special: bool) -> Result<Vec<u32>, LlamaCppError> {
        match &mut self.0 {
            How::Served(server) => server.tokenize(text, special),
            #[cfg(feature = "llama-cpp-linked")]
            How::Linked(loaded) => loaded.tokenize(text, special),
        }
    }

    /// As [`Server::chat_prompt`]; `None` of the linked library, which has no engine for templates.
    ///
    /// # Errors
    /// When llama.cpp fails, or the template does.
    pub fn chat_prompt(&mut self, message: &str) -> Result<Option<String>, LlamaCppError> {
        match &mut self.0 {
            How::Served(server) => server.chat_prompt(message).map(Some),
            #[cfg(feature = "llama-cpp-linked")]
            How::Linked(_) => Ok(None),
        }
    }

    /// As [`Server::complete_tokens`].
    ///
    /// # Errors
    /// When the prompt and `tokens_max` are longer than the context, or llama.cpp fails.
    pub fn complete_tokens(&mut self, prompt: &[u32], tokens_max: usize, stop: &[&str]) -> Result<Completion, LlamaCppError> {
        match &mut self.0 {
            How::Served(server) => server.complete_tokens(prompt, tokens_max, stop),
            #[cfg(feature = "llama-cpp-linked")]
            How::Linked(loaded) => loaded.complete_tokens(prompt, tokens_max, stop),
        }
    }

    /// As [`Server::log_likelihood`].
    ///
    /// # Errors
    /// When `context` is empty, both together are longer than the context, or llama.cpp fails.
    pub fn log_likelihood(&mut self, context: &[u32], continuation: &[u32]) -> Result<Vec<TokenLikelihood>, LlamaCppError> {
        match &mut self.0 {
            How::Served(server) => server.log_likelihood(context, continuation),
            #[cfg(feature = "llama-cpp-linked")]
            How::Linked(loaded) => loaded.log_likelihood(context, continuation),
        }
    }
}
