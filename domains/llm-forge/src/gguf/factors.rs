//! Tables that stretch a rotary embedding: `rope_scaling` kinds that GGUF holds as tensors and not as keys.
//!
//! # Source
//! `generate_extra_tensors` of `conversion/llama.py` and `conversion/phi.py` of llama.cpp.

use std::f64::consts::PI;

use serde_json::Value;

use super::error::GgufError;
use super::hparams::{Hparams, Keys};
use super::rules::Planned;
use super::view::View;

/// Which of them a family may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Factors {
    /// None.
    None,
    /// `llama3`: long waves are stretched, short ones are not.
    Llama3,
    /// `longrope`: two published tables, one for short and one for long contexts.
    Long,
}

impl Factors {
    /// The `rope_type`s it stands for.
    pub(crate) fn kinds(self) -> &'static [&'static str] {
        match self {
            Self::None => &[],
            Self::Llama3 => &["llama3"],
            Self::Long => &["longrope", "su"],
        }
    }

    /// The tables of a model, and the keys that belong to them.
    ///
    /// # Errors
    /// When a number they are made of is missing or out of its range.
    pub(crate) fn write(self, hparams: &Hparams, keys: &mut Keys) -> Result<Vec<Planned>, GgufError> {
        if !hparams.rope_kind().is_some_and(|kind| self.kinds().contains(&kind)) {
            return Ok(Vec::new());
        }
        match self {
            Self::None => Ok(Vec::new()),
            Self::Llama3 => Ok(vec![table("rope_freqs.weight", llama3(hparams)?)]),
            Self::Long => {
                let half = hparams.head_dim()? / 2;
                keys.set("rope.scaling.attn_factor", attention_factor(hparams)?);
                let long = table("rope_factors_long.weight", listed(hparams, "long_factor", half)?);
                Ok(vec![long, table("rope_factors_short.weight", listed(hparams, "short_factor", half)?)])
            }
        }
    }
}

fn table(name: &str, values: Vec<f32>) -> Planned {
    let view = View::made(name.to_owned(), values);
    Planned { name: name.to_owned(), dims: view.dims.clone(), pieces: vec![view], packed: false }
}

fn wrong(key: &str, expected: &str, got: &str) -> GgufError {
    GgufError::Field { field: format!("rope_parameters.{key}"), expected: expected.to_owned(), got: got.to_owned() }
}

fn listed(hparams: &Hparams, key: &str, count: u32) -> Result<Vec<f32>, GgufError> {
    let list = hparams.rope().and_then(|rope| rope.get(key)).and_then(Value::as_array);
    #[expect(clippy::cast_possible_truncation, reason = "GGUF holds these as f32")]
    let values: Option<Vec<f32>> = list.map(|list| list.iter().filter_map(Value::as_f64).map(|value| value as f32).collect());
    let got = list.map_or("nothing".to_owned(), |list| format!("a list of {}", list.len()));
    values
        .filter(|values| values.len() as u64 == u64::from(count) && values.iter().all(|value| value.is_finite() && *value > 0.0))
        .ok_or_else(|| wrong(key, &format!("{count} numbers above 0, one for each pair of a head"), &got))
}

/// What attention is scaled with in contexts longer than the model was trained with.
fn attention_factor(hparams: &Hparams) -> Result<f32, GgufError> {
    let trained = f64::from(hparams.trained_positions()?);
    let scale = f64::from(hparams.count("max_position_embeddings")?) / trained;
    if trained <= 1.0 {
        return Err(wrong("original_max_position_embeddings", "more than 1", &format!("`{trained}`")));
    }
    #[expect(clippy::cast_possible_truncation, reason = "GGUF holds it as f32")]
    let factor = libm::sqrt(1.0 + libm::log(scale.max(1.0)) / libm::log(trained)) as f32;
    Ok(factor)
}

/// What each pair's frequency is divided by.
fn llama3(hparams: &Hparams) -> Result<Vec<f32>, GgufError> {
    let needed = |key: &str| hparams.rope_number(key)?.ok_or_else(|| wrong(key, "a number above 0", "nothing"));
    let theta = needed("rope_theta")?;
    let (factor, low, high) = (needed("factor")?, needed("low_freq_factor")?, needed("high_freq_factor")?);
    let trained = needed("original_max_position_embeddings")?;
    for (key, value) in [("rope_theta", theta), ("factor", factor), ("low_freq_factor", low), ("high_freq_factor", high)] {
        if value <= 0.0 {
            return Err(wrong(key, "a number above 0", &format!("`{value}`")));
        }
    }
    let width = hparams.head_dim()?;
    let factor_of = |pair: u32| {
        #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "computed in f32 by every reader")]
        let (share, power) = {
            let share = (2 * pair) as f32 / width as f32;
            (share, libm::pow(f64::from(theta), f64::from(share)) as f32)
        };
        debug_assert!((0.0..1.0).contains(&share));
        #[expect(clippy::cast_possible_truncation, reason = "computed in f32 by every reader")]
        let wave = 2.0 * PI as f32 / (1.0 / power);
        if wave < trained / high {
            1.0
        } else if wave > trained / low {
            factor
        } else {
            let smooth = (trained / wave - low) / (high - low);
            1.0 / ((1.0 - smooth) / factor + smooth)
        }
    };
    let factors: Vec<f32> = (0..width / 2).map(factor_of).collect();
    if factors.iter().any(|factor| !factor.is_finite()) {
        return Err(wrong("high_freq_factor", "more than `low_freq_factor`", &format!("`{high}`")));
    }
    Ok(factors)
}
