//! Whether a GGUF tier works where people run it: it loads in llama.cpp, makes the right tokens, generates, and answers a message through
//! its own chat template.
//!
//! # Source
//! The foundry and line, section 5, gate 7.

use std::path::Path;

use aw_domain::{Context, Failure, Progress, Unit};
use aw_gguf::mix::FileType;
use aw_gguf::{Limits, Reader};
use serde::Serialize;

use super::failed;
use crate::llama_cpp::{Adapter, Completion, LlamaCppError, Loaded, ServerSettings, StopReason};
use crate::tokenizer::Tokenizer;

/// Tokens of context a tier is loaded with to see that it works: room for the words that a template puts around a message.
const CONTEXT: usize = 2048;
/// Tokens it must go on with.
const TOKENS: usize = 16;
/// What is tokenised by both and gone on with.
const PROBE: &str =
    "def area(width, height):\n    return width * height  # 12.5 × 3\n\nThe café's owner said: \"it's 1,234 m².\"\n";
/// What a user says to it. Templates may cut white space around it and change nothing of it.
const MESSAGE: &str = "Which of the numbers 12 and 7 is the larger one?";
/// The key of a GGUF file's chat template.
const TEMPLATE: &str = "tokenizer.chat_template";

/// What was tried of a tier, as the link's measurements have it. A tier that has one loaded, and went on with a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Smoke {
    /// What it was loaded in.
    runtime: &'static str,
    /// Tokens that it makes of the text it went on with.
    probe_tokens: usize,
    /// What became of a message to it.
    template: Template,
}

/// What became of a message put through a file's chat template.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum Template {
    /// It was answered.
    #[serde(rename = "answered")]
    Answered,
    /// The file has no template.
    #[serde(rename = "none")]
    None,
    /// The file has one, and this llama.cpp cannot apply it.
    #[serde(rename = "not tried")]
    NotTried,
}

/// What is wrong with a tier, with what to do about it.
type Wrong = (String, Option<&'static str>);

/// Loads a file in llama.cpp, holds its tokens against the model's own, makes it generate and answer.
///
/// # Errors
/// [`Failure`] when any of that fails, or when it is cancelled.
pub(crate) fn try_out(
    llama_cpp: &Adapter,
    file: &Path,
    tier: FileType,
    tokenizer: Option<&Tokenizer>,
    context: &Context<'_>,
) -> Result<Smoke, Failure> {
    let doing = format!("loading {} in llama.cpp", tier.name());
    context.progress(Progress { doing, done: 0, total: None, unit: Unit::Steps });
    let cancelled = || context.is_cancelled();
    let settings = ServerSettings::new(CONTEXT, context.threads());
    let has_template = has_template(file)?;
    let tried = llama_cpp.with(file, &settings, &cancelled, |loaded| {
        let tokens = loaded.tokenize(PROBE, true)?;
        if let Some(expected) =
            tokenizer.and_then(|tokenizer| tokenizer.encode(PROBE).ok()).filter(|expected| *expected != tokens)
        {
            return Ok(Err(other_tokens(&expected, &tokens)));
        }
        if loaded.complete_tokens(&tokens, TOKENS, &[])?.tokens.is_empty() {
            return Ok(Err(("it generates nothing".to_owned(), None)));
        }
        let template = if has_template { answer(loaded)? } else { Ok(Template::None) };
        Ok(template.map(|template| Smoke { runtime: "llama.cpp", probe_tokens: tokens.len(), template }))
    });
    context.check_cancelled()?;
    let failure =
        |why: String| Failure::new("tier-unusable", format!("the {} file does not work in llama.cpp: {why}", tier.name()));
    match tried {
        Ok(Ok(smoke)) => Ok(smoke),
        Ok(Err((why, Some(hint)))) => Err(failure(why).with_hint(hint)),
        Ok(Err((why, None))) => Err(failure(why)),
        Err(error) => Err(failure(error.to_string())),
    }
}

/// Whether the file that was written holds a chat template.
fn has_template(file: &Path) -> Result<bool, Failure> {
    let opened = std::fs::File::open(file).map_err(failed("gguf"))?;
    let bytes = opened.metadata().map_err(failed("gguf"))?.len();
    let reader = Reader::read(std::io::BufReader::new(opened), bytes, Limits::default()).map_err(failed("gguf"))?;
    Ok(reader.metadata().get(TEMPLATE).is_some())
}

fn other_tokens(expected: &[u32], found: &[u32]) -> Wrong {
    let at = expected.iter().zip(found).take_while(|(a, b)| a == b).count();
    let why = format!(
        "llama.cpp makes other tokens of a text than the model's own tokenizer: {} and {} in all, the first differs at {at}",
        found.len(),
        expected.len()
    );
    (why, Some("name how the tokenizer splits text in `preTokenizer`, if llama.cpp has a name for it"))
}

/// Puts a message through the file's own template, and has it answered.
fn answer(loaded: &mut Loaded<'_, '_>) -> Result<Result<Template, Wrong>, LlamaCppError> {
    const HINT: &str = "correct the model's chat template, in `tokenizer_config.json` or `chat_template.jinja`";
    let Some(prompt) = loaded.chat_prompt(MESSAGE)? else { return Ok(Ok(Template::NotTried)) };
    if !prompt.contains(MESSAGE) {
        return Ok(Err(("its chat template makes a prompt that does not hold the user's message".to_owned(), Some(HINT))));
    }
    let tokens = loaded.tokenize(&prompt, true)?;
    let completion = loaded.complete_tokens(&tokens, TOKENS, &[])?;
    Ok(if is_empty(&completion) {
        let why = "asked through its own chat template, it answers nothing".to_owned();
        Err((why, Some("a model that was not trained with its chat template ships without one, or with its own")))
    } else {
        Ok(Template::Answered)
    })
}

/// Whether nothing was generated but the end.
fn is_empty(completion: &Completion) -> bool {
    completion.tokens.len() <= usize::from(completion.stop == StopReason::Eos)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_alone_is_no_answer() {
        let completion =
            |tokens: &[u32], stop| Completion { text: String::new(), tokens: tokens.to_vec(), stop, prompt_tokens: 4 };
        assert!(is_empty(&completion(&[], StopReason::Eos)) && is_empty(&completion(&[2], StopReason::Eos)));
        assert!(is_empty(&completion(&[], StopReason::Limit)));
        assert!(!is_empty(&completion(&[7, 2], StopReason::Eos)) && !is_empty(&completion(&[7], StopReason::Limit)));
    }
}
