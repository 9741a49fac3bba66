//! File names by the naming convention of GGUF: `BaseName-SizeLabel-FineTune-Version-Encoding-Type-Shard.gguf`.

use std::fmt;

use crate::TensorType;
use crate::mix::FileType;

/// The parts of a file name. All but the base may be absent; the convention asks for size label and version too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileName {
    /// The model's name, for example `Mixtral`.
    pub base: String,
    /// Its size, for example `8x7B`; see [`size_label`].
    pub size_label: Option<String>,
    /// What it was tuned for, for example `Instruct`.
    pub fine_tune: Option<String>,
    /// Its version, for example `v0.1`.
    pub version: Option<String>,
    /// How it is stored, for example `Q4_K_M`.
    pub encoding: Option<String>,
    /// `LoRA` or `vocab` for files that are no models.
    pub kind: Option<String>,
    /// Number of the shard and of all shards, both counted from 1.
    pub shard: Option<(u32, u32)>,
}

impl FileName {
    /// Takes a name apart; `None` where it does not end with `.gguf` or nothing is left for the base.
    ///
    /// Many published names leave out the version, and are read too: the encoding is then told by its spelling.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let mut parts: Vec<&str> = name.strip_suffix(".gguf")?.split('-').collect();
        let mut result = Self::default();
        if let [.., number, "of", all] = parts[..]
            && let (Some(number), Some(all)) = (shard_number(number), shard_number(all))
        {
            result.shard = Some((number, all));
            parts.truncate(parts.len() - 3);
        }
        let mut take = |fits: fn(&str) -> bool| match parts.split_last() {
            Some((last, rest)) if !rest.is_empty() && fits(last) => {
                let last = (*last).to_owned();
                parts.truncate(rest.len());
                Some(last)
            }
            _ => None,
        };
        result.kind = take(|part| matches!(part, "LoRA" | "vocab"));
        result.encoding = take(is_encoding);
        result.version = take(is_version);
        let size = parts.iter().skip(1).position(|part| is_size(part)).map(|at| at + 1);
        if let Some(at) = size {
            let end = if parts.get(at + 1).is_some_and(|part| is_size_attribute(part)) { at + 2 } else { at + 1 };
            result.size_label = Some(parts[at..end].join("-"));
            result.fine_tune = (end < parts.len()).then(|| parts[end..].join("-"));
            parts.truncate(at);
        }
        result.base = parts.join("-");
        (!result.base.is_empty()).then_some(result)
    }
}

impl fmt::Display for FileName {
    /// Writes the name as gguf-py's `naming_convention` does: spaces become hyphens, so do slashes of the base, the encoding is
    /// in upper case.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tidy = |text: &str| text.trim().replace(' ', "-");
        f.write_str(&tidy(&self.base).replace('/', "-"))?;
        for part in [&self.size_label, &self.fine_tune, &self.version].into_iter().flatten() {
            write!(f, "-{}", tidy(part))?;
        }
        if let Some(encoding) = &self.encoding {
            write!(f, "-{}", tidy(encoding).to_uppercase())?;
        }
        if let Some(kind) = &self.kind {
            write!(f, "-{}", tidy(kind))?;
        }
        if let Some((number, all)) = self.shard {
            write!(f, "-{number:05}-of-{all:05}")?;
        }
        f.write_str(".gguf")
    }
}

fn shard_number(part: &str) -> Option<u32> {
    if part.len() == 5 && part.bytes().all(|byte| byte.is_ascii_digit()) { part.parse().ok() } else { None }
}

fn is_encoding(part: &str) -> bool {
    FileType::from_name(part).is_some() || TensorType::from_name(part).is_some() || {
        let lower = part.to_ascii_lowercase();
        let bits = lower.strip_prefix("iq").or_else(|| lower.strip_prefix("tq")).or_else(|| lower.strip_prefix('q'));
        bits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) || lower == "mxfp4_moe"
    }
}

fn is_version(part: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    part.strip_prefix('v').is_some_and(|numbers| numbers.split('.').all(digits))
}

/// A number, perhaps with a fraction, and how many letters may follow.
fn is_amount(part: &str) -> bool {
    let Some((number, unit)) = part.split_at_checked(part.len().wrapping_sub(1)) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    digits(whole) && digits(fraction) && matches!(unit, "K" | "M" | "B" | "T" | "Q" | "k" | "m" | "b" | "t" | "q")
}

/// `7B`, `1.3B`, `8x7B`.
fn is_size(part: &str) -> bool {
    is_amount(part)
        || part.split_once('x').is_some_and(|(experts, amount)| {
            !experts.is_empty() && experts.bytes().all(|byte| byte.is_ascii_digit()) && is_amount(amount)
        })
}

/// What may follow a size, for example `A3B` for the active parameters.
fn is_size_attribute(part: &str) -> bool {
    part.strip_prefix(|c: char| c.is_ascii_alphabetic()).is_some_and(is_amount)
}

/// Returns the size label of a model as llama.cpp's converter computes it: for example `7B`, or `64x1.3B` with experts.
///
/// With experts, the amount counts what one token could at most see of a single expert: the shared parameters and the ones of
/// one expert.
///
/// # Units
/// Parameters. `expert`: parameters of one expert over all layers.
#[must_use]
pub fn size_label(total: u64, shared: u64, expert: u64, experts: u64) -> String {
    match experts {
        0 => rounded(total),
        _ => format!("{experts}x{}", rounded(shared.saturating_add(expert))),
    }
}

/// At least two digits of a number of parameters, in thousands, millions, billions or trillions.
fn rounded(parameters: u64) -> String {
    let count = parameters as f64;
    let (scaled, unit) = match count {
        c if c > 1e12 => (c * 1e-12, "T"),
        c if c > 1e9 => (c * 1e-9, "B"),
        c if c > 1e6 => (c * 1e-6, "M"),
        c => (c * 1e-3, "K"),
    };
    let whole = format!("{}", scaled.round_ties_even());
    let digits = whole.trim_start_matches('0').len();
    format!("{scaled:.*}{unit}", 2_usize.saturating_sub(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    /// The examples of the convention itself.
    #[test]
    fn names_are_taken_apart_and_put_together_again() {
        for (name, base, size, tune, version, encoding) in [
            ("Mixtral-8x7B-v0.1-KQ2.gguf", "Mixtral-8x7B-v0.1-KQ2", None, None, None, None),
            ("Mixtral-8x7B-v0.1-Q2_K.gguf", "Mixtral", some("8x7B"), None, some("v0.1"), some("Q2_K")),
            ("Hermes-2-Pro-Llama-3-8B-F16.gguf", "Hermes-2-Pro-Llama-3", some("8B"), None, None, some("F16")),
            ("Grok-100B-v1.0-Q4_0-00003-of-00009.gguf", "Grok", some("100B"), None, some("v1.0"), some("Q4_0")),
            (
                "Phi-3-mini-3.8B-ContextLength4k-instruct-v1.0.gguf",
                "Phi-3-mini",
                some("3.8B"),
                some("ContextLength4k-instruct"),
                some("v1.0"),
                None,
            ),
            ("Qwen3-Coder-30B-A3B-Instruct-Q4_K_M.gguf", "Qwen3-Coder", some("30B-A3B"), some("Instruct"), None, some("Q4_K_M")),
            ("OLMoE-48x1.3B-v1-BF16.gguf", "OLMoE", some("48x1.3B"), None, some("v1"), some("BF16")),
        ] {
            let parsed = FileName::parse(name).unwrap();
            if size.is_some() {
                let shown = (parsed.base.as_str(), &parsed.size_label, &parsed.fine_tune, &parsed.version, &parsed.encoding);
                assert_eq!(shown, (base, &size, &tune, &version, &encoding), "{name}");
            }
            assert_eq!(parsed.to_string(), name);
        }
        assert_eq!(FileName::parse("Grok-100B-v1.0-Q4_0-00003-of-00009.gguf").unwrap().shard, Some((3, 9)));
        for wrong in ["", ".gguf", "a.bin", "-.gguf".trim_start_matches('-')] {
            assert_eq!(FileName::parse(wrong), None, "{wrong}");
        }
    }

    /// What gguf-py 0.19 answers.
    #[test]
    fn size_labels_are_those_of_the_converter() {
        for (total, shared, expert, experts, label) in [
            (6_919_161_856, 476_217_344, 100_663_296, 64, "64x577M"),
            (46_702_792_704, 1_605_640_192, 5_637_144_576, 8, "8x7.2B"),
            (7_241_732_096, 0, 0, 0, "7.2B"),
            (999_999, 0, 0, 0, "1000K"),
            (1_050_000_000, 0, 0, 0, "1.1B"),
            (135_000_000, 0, 0, 0, "135M"),
            (400, 0, 0, 0, "0.40K"),
        ] {
            assert_eq!(size_label(total, shared, expert, experts), label);
        }
    }
}
