//! What a `config.json` says, and the metadata keys of an architecture.

use serde_json::{Map, Value};

use super::error::GgufError;
use super::rules::GgufFamily;

/// A config with its `text_config` laid over it; `null` counts as absent.
#[derive(Clone, Debug)]
pub(crate) struct Hparams {
    values: Map<String, Value>,
}

impl Hparams {
    pub(crate) fn new(config: &Value) -> Self {
        let mut values = config.as_object().cloned().unwrap_or_default();
        if let Some(Value::Object(text)) = values.remove("text_config") {
            values.extend(text);
        }
        values.retain(|_, value| !value.is_null());
        Self { values }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.values.get(key)
    }

    /// The first of several spellings that is there.
    pub(crate) fn first<'k>(&self, keys: &[&'k str]) -> Option<&'k str> {
        keys.iter().copied().find(|key| self.values.contains_key(*key))
    }

    fn wrong(&self, key: &str, expected: &str) -> GgufError {
        let got = self.get(key).map_or("nothing".to_owned(), |value| format!("`{value}`"));
        GgufError::Field { field: key.to_owned(), expected: expected.to_owned(), got }
    }

    pub(crate) fn count_if(&self, key: &str) -> Result<Option<u32>, GgufError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        // Some published lists hold one number an expert kind; the text model's comes first.
        let value = value.as_array().and_then(|list| list.first()).unwrap_or(value);
        let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
        count.map(Some).ok_or_else(|| self.wrong(key, "a whole number"))
    }

    pub(crate) fn count(&self, key: &str) -> Result<u32, GgufError> {
        self.count_if(key)?.ok_or_else(|| self.wrong(key, "a whole number"))
    }

    pub(crate) fn count_or(&self, key: &str, default: u32) -> Result<u32, GgufError> {
        Ok(self.count_if(key)?.unwrap_or(default))
    }

    pub(crate) fn number_if(&self, key: &str) -> Result<Option<f32>, GgufError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        finite(value).map(Some).ok_or_else(|| self.wrong(key, "a number"))
    }

    pub(crate) fn number_or(&self, key: &str, default: f32) -> Result<f32, GgufError> {
        Ok(self.number_if(key)?.unwrap_or(default))
    }

    pub(crate) fn flag(&self, key: &str, default: bool) -> Result<bool, GgufError> {
        match self.get(key) {
            None => Ok(default),
            Some(value) => value.as_bool().ok_or_else(|| self.wrong(key, "`true` or `false`")),
        }
    }

    /// Width of an attention head.
    pub(crate) fn head_dim(&self) -> Result<u32, GgufError> {
        match self.count_if("head_dim")? {
            Some(width) => Ok(width),
            None => {
                let heads = self.count("num_attention_heads")?;
                self.count("hidden_size")?.checked_div(heads).ok_or_else(|| self.wrong("num_attention_heads", "at least 1"))
            }
        }
    }

    /// The rotary embedding's parameters: `rope_parameters`, else `rope_scaling`.
    pub(crate) fn rope(&self) -> Option<&Map<String, Value>> {
        ["rope_parameters", "rope_scaling"].iter().find_map(|key| self.get(key)).and_then(Value::as_object)
    }

    /// The kind of scaling of the rotary embedding, where one is named.
    pub(crate) fn rope_kind(&self) -> Option<&str> {
        self.rope().and_then(|rope| rope.get("rope_type").or_else(|| rope.get("type"))).and_then(Value::as_str)
    }

    /// Positions the rotary embedding was trained for, where its scaling says so, else those of the model.
    pub(crate) fn trained_positions(&self) -> Result<u32, GgufError> {
        let key = "original_max_position_embeddings";
        match self.rope().and_then(|rope| rope.get(key)).filter(|value| !value.is_null()) {
            Some(value) => {
                let count = value.as_u64().and_then(|count| u32::try_from(count).ok());
                count.ok_or_else(|| self.wrong("rope_parameters", &format!("a whole number as `{key}`")))
            }
            None => self.count_or(key, self.count("max_position_embeddings")?),
        }
    }

    /// A number of the rotary embedding's parameters, or of the config itself.
    pub(crate) fn rope_number(&self, key: &str) -> Result<Option<f32>, GgufError> {
        #[expect(clippy::cast_possible_truncation, reason = "GGUF holds these as f32")]
        self.rope_number_exact(key).map(|number| number.map(|number| number as f32))
    }

    /// As [`Hparams::rope_number`], as exactly as the config has it.
    pub(crate) fn rope_number_exact(&self, key: &str) -> Result<Option<f64>, GgufError> {
        let within = self.rope().and_then(|rope| rope.get(key)).filter(|value| !value.is_null());
        let Some(value) = within.or_else(|| self.get(key)) else { return Ok(None) };
        let field = if within.is_some() { "rope_parameters" } else { key };
        let number = value.as_f64().filter(|number| number.abs() <= f64::from(f32::MAX));
        number.map(Some).ok_or_else(|| self.wrong(field, &format!("a number as `{key}`")))
    }

    /// Refuses a field that says otherwise than what llama.cpp computes.
    pub(crate) fn must(
        &self,
        architecture: &'static str,
        key: &str,
        computed: &Value,
        computes: &'static str,
    ) -> Result<(), GgufError> {
        match self.get(key) {
            Some(value) if value != computed => {
                Err(GgufError::Unsupported { architecture, field: key.to_owned(), got: format!("`{value}`"), computes })
            }
            _ => Ok(()),
        }
    }
}

fn finite(value: &Value) -> Option<f32> {
    #[expect(clippy::cast_possible_truncation, reason = "GGUF holds these as f32")]
    value.as_f64().map(|number| number as f32).filter(|number| number.is_finite())
}

/// The metadata of a file that is being made; keys of the architecture are given without its name.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) architecture: &'static str,
    pub(crate) metadata: aw_gguf::Metadata,
}

impl Keys {
    pub(crate) fn set(&mut self, key: &str, value: impl Into<aw_gguf::Value>) {
        self.metadata.set(format!("{}.{key}", self.architecture), value);
    }

    pub(crate) fn set_if(&mut self, key: &str, value: Option<impl Into<aw_gguf::Value>>) {
        if let Some(value) = value {
            self.set(key, value);
        }
    }
}

/// How experts are scored, as llama.cpp numbers it.
pub(crate) mod gating {
    pub(crate) const SOFTMAX: u32 = 1;
    pub(crate) const SIGMOID: u32 = 2;
}

/// The keys every architecture has.
///
/// # Source
/// `set_gguf_parameters` of `conversion/base.py` of llama.cpp.
pub(crate) fn common(hparams: &Hparams, keys: &mut Keys, family: &GgufFamily) -> Result<(), GgufError> {
    keys.set("block_count", hparams.count("num_hidden_layers")?);
    keys.set("context_length", hparams.count("max_position_embeddings")?);
    keys.set("embedding_length", hparams.count("hidden_size")?);
    keys.set_if("feed_forward_length", hparams.count_if("intermediate_size")?);
    let heads = hparams.count("num_attention_heads")?;
    keys.set("attention.head_count", heads);
    keys.set("attention.head_count_kv", hparams.count_or("num_key_value_heads", heads)?);
    rope(hparams, keys, family)?;
    keys.set_if("attention.layer_norm_rms_epsilon", hparams.number_if("rms_norm_eps")?);
    let experts = hparams.first(&["num_local_experts", "num_experts", "n_routed_experts"]);
    keys.set_if("expert_count", experts.map(|key| hparams.count(key)).transpose()?);
    keys.set_if("expert_used_count", hparams.count_if("num_experts_per_tok")?);
    keys.set_if("expert_group_count", hparams.count_if("n_group")?);
    keys.set_if("expert_group_used_count", hparams.count_if("topk_group")?);
    if let Some(width) = hparams.count_if("head_dim")? {
        keys.set("attention.key_length", width);
        keys.set("attention.value_length", width);
    }
    Ok(())
}

fn rope(hparams: &Hparams, keys: &mut Keys, family: &GgufFamily) -> Result<(), GgufError> {
    let number = |key: &str| hparams.rope_number(key);
    let needed = |key: &str| {
        number(key)?.ok_or_else(|| GgufError::Field {
            field: format!("rope_parameters.{key}"),
            expected: "a number".into(),
            got: "nothing".into(),
        })
    };
    match hparams.rope_kind() {
        None | Some("default") => {}
        Some(kind) if family.factors.kinds().contains(&kind) => {}
        Some(kind @ ("linear" | "yarn")) => {
            keys.set("rope.scaling.type", kind);
            keys.set("rope.scaling.factor", needed("factor")?);
            if kind == "yarn" {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a number of tokens")]
                keys.set("rope.scaling.original_context_length", needed("original_max_position_embeddings")?.max(0.0) as u32);
                for (from, to) in [
                    ("extrapolation_factor", "rope.scaling.yarn_ext_factor"),
                    ("attention_factor", "rope.scaling.yarn_attn_factor"),
                    ("beta_fast", "rope.scaling.yarn_beta_fast"),
                    ("beta_slow", "rope.scaling.yarn_beta_slow"),
                ] {
                    keys.set_if(to, number(from)?);
                }
            }
        }
        Some(other) => {
            return Err(GgufError::Field {
                field: "rope_parameters.rope_type".into(),
                expected: ["default", "linear", "yarn"]
                    .iter()
                    .chain(family.factors.kinds())
                    .map(|kind| format!("`{kind}`"))
                    .collect::<Vec<_>>()
                    .join(", "),
                got: format!("`{other}`"),
            });
        }
    }
    keys.set("rope.freq_base", number("rope_theta")?.unwrap_or(family.rope_theta));
    Ok(())
}
