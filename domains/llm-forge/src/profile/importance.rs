//! The file that carries one metric from a profile to a prune.

use super::{Metric, Profile};
use crate::families::ExpertGeometry;
use crate::prune::Scores;
use aw_alloy::text::{Limits, SyntaxError, json};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Longest importance file accepted, in bytes: a thousand layers of a thousand experts fit several times.
pub const MAX_IMPORTANCE_BYTES: u64 = 64 << 20;

/// Four times the values of the thousand layers of a thousand experts.
const LIMITS: Limits = Limits { bytes: MAX_IMPORTANCE_BYTES as usize, depth: 16, nodes: 4_000_000 };

/// Where an importance file comes from. Labels and hashes only: no times, no machine paths, so that a repeated profile writes
/// equal bytes.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Provenance {
    /// The model's label.
    pub model: String,
    /// The corpus file's name, without its folder.
    pub calibration_corpus: String,
    /// SHA-256 of the corpus.
    pub calibration_corpus_sha256: String,
    /// Examples used.
    pub calibration_examples: u64,
    /// Tokens used.
    pub calibration_tokens: u64,
    /// Program and version.
    pub tool: String,
    /// Hash of the source model's weights; absent in the older form.
    pub source_model_sha256: Option<String>,
    /// Tokens after which examples were cut; absent in the older form.
    pub max_length: Option<u64>,
    /// Precision of the pass; absent in the older form.
    pub precision: Option<String>,
    /// What ran the pass; absent in the older form.
    pub runtime: Option<String>,
}

/// An importance file.
#[derive(Clone, Debug, PartialEq)]
pub struct Importance {
    /// The metric.
    pub metric: Metric,
    /// Where it comes from.
    pub provenance: Provenance,
    /// Decoder layers of the model.
    pub num_hidden_layers: u64,
    /// Experts per sparse layer.
    pub num_experts: u64,
    /// Experts per token.
    pub num_experts_per_tok: u64,
    /// The scores.
    pub scores: Scores,
}

/// The model an importance file is to be used with.
#[derive(Clone, Copy, Debug)]
pub struct Expectation<'a> {
    /// The model's geometry.
    pub geometry: &'a ExpertGeometry,
    /// The hash of its weights, where known.
    pub source_model_sha256: Option<&'a str>,
}

/// Why an importance file is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportanceError {
    /// The file could not be read.
    #[error("cannot read importance file `{path}`: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is longer than any importance file.
    #[error("the importance file has {bytes} bytes, expected at most {MAX_IMPORTANCE_BYTES}")]
    TooLong {
        /// Its length.
        bytes: u64,
    },
    /// The file is not JSON, or says one thing twice.
    #[error("the importance file is not strict JSON: {source}")]
    NotJson {
        /// Place and reason.
        source: SyntaxError,
    },
    /// The file is not a JSON object.
    #[error("the importance file holds {got}, expected an object")]
    NotAnObject {
        /// What it holds.
        got: &'static str,
    },
    /// A required key is missing.
    #[error("the importance file has no `{key}`")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value has the wrong form.
    #[error("importance key `{key}`: {source}")]
    Form {
        /// The key, with the layer where it matters.
        key: String,
        /// What was expected and got.
        source: serde_json::Error,
    },
    /// The file holds another metric.
    #[error("importance file: expected `metric_version` `{expected}`, got `{got}`")]
    WrongMetric {
        /// The version asked for.
        expected: String,
        /// The version in the file.
        got: String,
    },
    /// The file was made from a model of another geometry.
    #[error("importance file: `{key}` is {got}, but the model has {expected}")]
    Geometry {
        /// The key.
        key: &'static str,
        /// The model's value.
        expected: u64,
        /// The file's value.
        got: u64,
    },
    /// The file was made from other weights.
    #[error("importance file: made from weights {got}, but the model's are {expected}")]
    Source {
        /// The model's hash.
        expected: String,
        /// The file's hash.
        got: String,
    },
    /// A layer is missing, extra, or of the wrong length.
    #[error("importance key `{key}`, layer {layer}: {problem}")]
    Layer {
        /// The key of the scores.
        key: &'static str,
        /// The layer, as the file spells it.
        layer: String,
        /// What is wrong.
        problem: LayerProblem,
    },
}

/// What is wrong with one layer's scores.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LayerProblem {
    /// The layer routes to experts and has no scores.
    #[error("the layer routes to experts, but has no scores")]
    Missing,
    /// The layer has scores and no experts.
    #[error("the layer has no router, but has scores (all-zero rows of the older form would be accepted)")]
    NoRouter,
    /// The model has no such layer.
    #[error("the model has no such layer")]
    NoSuchLayer,
    /// The number of scores is not the number of experts.
    #[error("expected {expected} scores, got {got}")]
    Length {
        /// Experts of the layer.
        expected: usize,
        /// Scores in the file.
        got: usize,
    },
    /// The counts do not add up to tokens times experts per token.
    #[error("the counts add up to {got}, expected `calibration_tokens` times `num_experts_per_tok` = {expected}")]
    Sum {
        /// Tokens times experts per token.
        expected: u64,
        /// Sum of the counts.
        got: u64,
    },
}

impl Importance {
    /// Takes one metric out of a profile.
    #[must_use]
    pub fn of(profile: &Profile, metric: Metric, num_hidden_layers: usize, provenance: Provenance) -> Importance {
        let values = |of: &dyn Fn(&super::LayerProfile) -> Vec<f64>| {
            Scores::Values(profile.layers.iter().map(|(layer, p)| (*layer, of(p))).collect())
        };
        let scores = match metric {
            Metric::ActivationCount => {
                Scores::Counts(profile.layers.iter().map(|(layer, p)| (*layer, p.activation_count.clone())).collect())
            }
            Metric::GateSum => values(&|p| p.gate_sum.clone()),
            Metric::GateWeightedSum => values(&|p| p.gate_weighted_sum.clone()),
            Metric::ExpertActivationNorm => values(&|p| p.activation_norm.clone()),
            Metric::Reap => values(&super::LayerProfile::reap),
            Metric::RouterL2 => values(&|p| p.router_l2.clone()),
        };
        Importance {
            metric,
            provenance: Provenance { calibration_examples: profile.examples, calibration_tokens: profile.tokens, ..provenance },
            num_hidden_layers: num_hidden_layers as u64,
            num_experts: profile.experts as u64,
            num_experts_per_tok: profile.top_k as u64,
            scores,
        }
    }

    /// Writes the file's bytes: fixed key order, layers ascending, one trailing line break.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let p = &self.provenance;
        let mut object = Map::new();
        let mut put = |key: &str, value: Value| object.insert(key.to_owned(), value);
        put("model", p.model.as_str().into());
        put("calibration_corpus", p.calibration_corpus.as_str().into());
        put("calibration_corpus_sha256", p.calibration_corpus_sha256.as_str().into());
        put("calibration_examples", p.calibration_examples.into());
        put("calibration_tokens", p.calibration_tokens.into());
        put("num_hidden_layers", self.num_hidden_layers.into());
        put("num_experts", self.num_experts.into());
        put("num_experts_per_tok", self.num_experts_per_tok.into());
        put(self.metric.key(), self.scores_value());
        put("metric_version", self.metric.version().into());
        put("tool", p.tool.as_str().into());
        let text = |value: &Option<String>| value.as_deref().map(Value::from);
        let optional = [
            ("source_model_sha256", text(&p.source_model_sha256)),
            ("max_length", p.max_length.map(Value::from)),
            ("precision", text(&p.precision)),
            ("runtime", text(&p.runtime)),
        ];
        for (key, value) in optional {
            if let Some(value) = value {
                put(key, value);
            }
        }
        let mut bytes = serde_json::to_vec_pretty(&object).expect("strings and finite numbers are JSON");
        bytes.push(b'\n');
        bytes
    }

    fn scores_value(&self) -> Value {
        fn rows<T: Copy + Into<Value>>(layers: &BTreeMap<usize, Vec<T>>) -> Value {
            layers.iter().map(|(layer, row)| (layer.to_string(), Value::from_iter(row.iter().copied()))).collect()
        }
        match &self.scores {
            Scores::Counts(layers) => rows(layers),
            Scores::Values(layers) => rows(layers),
        }
    }

    /// Reads a file and holds it against the model it is to be used with.
    ///
    /// # Errors
    /// As [`Importance::from_bytes`], and when the file cannot be read.
    pub fn read(path: &Path, metric: Metric, expected: Expectation<'_>) -> Result<Importance, ImportanceError> {
        use std::io::Read;
        let failed = |source| ImportanceError::Io { path: path.to_owned(), source };
        let file = std::fs::File::open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(MAX_IMPORTANCE_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        Importance::from_bytes(&bytes, metric, expected)
    }

    /// Reads a file's bytes and holds them against the model they are to be used with.
    ///
    /// # Errors
    /// When the bytes are no importance file of this metric, were made from another geometry or other weights, or miss a layer.
    pub fn from_bytes(bytes: &[u8], metric: Metric, expected: Expectation<'_>) -> Result<Importance, ImportanceError> {
        if bytes.len() as u64 > MAX_IMPORTANCE_BYTES {
            return Err(ImportanceError::TooLong { bytes: bytes.len() as u64 });
        }
        let node = json::parse(bytes, &LIMITS).map_err(|source| ImportanceError::NotJson { source })?;
        let Value::Object(object) = node.to_serde() else {
            return Err(ImportanceError::NotAnObject { got: node.value.kind() });
        };
        let fields = Fields(object);
        let version: String = fields.required("metric_version")?;
        if version != metric.version() {
            return Err(ImportanceError::WrongMetric { expected: metric.version(), got: version });
        }
        let importance = Importance {
            metric,
            provenance: fields.provenance()?,
            num_hidden_layers: fields.required("num_hidden_layers")?,
            num_experts: fields.required("num_experts")?,
            num_experts_per_tok: fields.required("num_experts_per_tok")?,
            scores: Scores::Counts(BTreeMap::new()),
        };
        importance.check_geometry(expected)?;
        let scores = match metric {
            Metric::ActivationCount => {
                Scores::Counts(fields.counts(metric, expected.geometry, importance.provenance.calibration_tokens)?)
            }
            _ => Scores::Values(fields.layers(metric, expected.geometry, |value: &f64| value.abs() > 0.0)?),
        };
        Ok(Importance { scores, ..importance })
    }

    fn check_geometry(&self, expected: Expectation<'_>) -> Result<(), ImportanceError> {
        let g = expected.geometry;
        let pairs = [
            ("num_hidden_layers", self.num_hidden_layers, g.layers),
            ("num_experts", self.num_experts, g.experts),
            ("num_experts_per_tok", self.num_experts_per_tok, g.top_k),
        ];
        if let Some((key, got, expected)) = pairs.into_iter().find(|(_, got, expected)| *got != *expected as u64) {
            return Err(ImportanceError::Geometry { key, expected: expected as u64, got });
        }
        match (expected.source_model_sha256, &self.provenance.source_model_sha256) {
            (Some(expected), Some(got)) if expected != got => {
                Err(ImportanceError::Source { expected: expected.to_owned(), got: got.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// The keys of a file.
struct Fields(Map<String, Value>);

impl Fields {
    fn required<T: DeserializeOwned>(&self, key: &'static str) -> Result<T, ImportanceError> {
        self.optional(key)?.ok_or(ImportanceError::Missing { key })
    }

    fn optional<T: DeserializeOwned>(&self, key: &'static str) -> Result<Option<T>, ImportanceError> {
        let read = |value: &Value| T::deserialize(value).map_err(|source| ImportanceError::Form { key: key.to_owned(), source });
        self.0.get(key).map(read).transpose()
    }

    fn provenance(&self) -> Result<Provenance, ImportanceError> {
        Ok(Provenance {
            model: self.required("model")?,
            calibration_corpus: self.required("calibration_corpus")?,
            calibration_corpus_sha256: self.required("calibration_corpus_sha256")?,
            calibration_examples: self.required("calibration_examples")?,
            calibration_tokens: self.required("calibration_tokens")?,
            tool: self.required("tool")?,
            source_model_sha256: self.optional("source_model_sha256")?,
            max_length: self.optional("max_length")?,
            precision: self.optional("precision")?,
            runtime: self.optional("runtime")?,
        })
    }

    /// Reads activation counts, which must add up.
    fn counts(
        &self,
        metric: Metric,
        geometry: &ExpertGeometry,
        tokens: u64,
    ) -> Result<BTreeMap<usize, Vec<u64>>, ImportanceError> {
        let layers = self.layers(metric, geometry, |count: &u64| *count > 0)?;
        let expected = tokens.saturating_mul(geometry.top_k as u64);
        for (layer, counts) in &layers {
            let got = counts.iter().fold(0u64, |sum, count| sum.saturating_add(*count));
            if got != expected {
                return Err(ImportanceError::Layer {
                    key: metric.key(),
                    layer: layer.to_string(),
                    problem: LayerProblem::Sum { expected, got },
                });
            }
        }
        Ok(layers)
    }

    /// Reads the scores of every sparse layer; rows of zeros are passed over for layers without a router.
    fn layers<T: DeserializeOwned>(
        &self,
        metric: Metric,
        geometry: &ExpertGeometry,
        is_set: impl Fn(&T) -> bool,
    ) -> Result<BTreeMap<usize, Vec<T>>, ImportanceError> {
        let key = metric.key();
        let rows: Map<String, Value> = self.required(key)?;
        let refused = |layer: &str, problem| ImportanceError::Layer { key, layer: layer.to_owned(), problem };
        let mut layers = BTreeMap::new();
        for (name, row) in &rows {
            let row: Vec<T> =
                Vec::deserialize(row).map_err(|source| ImportanceError::Form { key: format!("{key}.{name}"), source })?;
            // Only the canonical spelling: "07" next to "7" would be one layer twice.
            let layer = name.parse().ok().filter(|layer: &usize| *layer < geometry.layers && layer.to_string() == *name);
            let layer = layer.ok_or_else(|| refused(name, LayerProblem::NoSuchLayer))?;
            if row.len() != geometry.experts {
                return Err(refused(name, LayerProblem::Length { expected: geometry.experts, got: row.len() }));
            }
            match geometry.sparse[layer] {
                true => drop(layers.insert(layer, row)),
                false if row.iter().any(&is_set) => return Err(refused(name, LayerProblem::NoRouter)),
                false => (),
            }
        }
        let missing = (0..geometry.layers).find(|layer| geometry.sparse[*layer] && !layers.contains_key(layer));
        match missing {
            Some(layer) => Err(refused(&layer.to_string(), LayerProblem::Missing)),
            None => Ok(layers),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::families::family;

    fn read(text: &str) -> Result<Importance, ImportanceError> {
        let config = serde_json::json!({
            "num_hidden_layers": 1, "hidden_size": 8, "vocab_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1,
            "intermediate_size": 4, "num_local_experts": 2, "num_experts_per_tok": 1, "rms_norm_eps": 1e-6,
            "max_position_embeddings": 64
        });
        let geometry = family("mixtral").unwrap().experts(&config).unwrap();
        Importance::from_bytes(text.as_bytes(), Metric::Reap, Expectation { geometry: &geometry, source_model_sha256: None })
    }

    const GOOD: &str = r#"{"model": "m", "calibration_corpus": "c", "calibration_corpus_sha256": "s", "calibration_examples": 1,
        "calibration_tokens": 4, "num_hidden_layers": 1, "num_experts": 2, "num_experts_per_tok": 1,
        "reap": {"0": [0.5, 2]}, "metric_version": "v1.reap", "tool": "t"}"#;

    /// The fuzzer found that of two rows for one layer the last was taken without a word.
    #[test]
    fn what_stands_twice_is_refused() {
        assert_eq!(read(GOOD).unwrap().scores, Scores::Values([(0, vec![0.5, 2.0])].into()));
        for (once, twice) in
            [(r#""0": [0.5, 2]"#, r#""0": [0.5, 2], "0": [2, 0.5]"#), (r#""tool": "t""#, r#""tool": "t", "reap": {}"#)]
        {
            let error = read(&GOOD.replace(once, twice)).unwrap_err().to_string();
            assert!(error.contains("appears twice"), "{error}");
        }
        assert_eq!(read("[]").unwrap_err().to_string(), "the importance file holds array, expected an object");
    }
}
