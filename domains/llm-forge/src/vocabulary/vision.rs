//! Stages of vision pipelines, here until a vision domain takes them over.

use aw_alloy::document::members::BenchmarkDef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::defaults::jpeg_sequence;

/// `cv-ingest`: image sequences of a dataset.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CvIngest {
    /// The dataset.
    pub dataset: String,
    /// Which part of it.
    pub subset: Option<String>,
    /// How frames are stored.
    #[serde(default = "jpeg_sequence")]
    pub frame_format: String,
    /// Sequences after which it is left.
    pub max_sequences: Option<u64>,
}

/// `cv-eval`: a vision pipeline measured on benchmarks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CvEval {
    /// The pipeline.
    pub pipeline: String,
    /// Its own configuration, passed on as it is.
    #[serde(default)]
    pub pipeline_config: Map<String, Value>,
    /// What is measured.
    #[serde(default)]
    #[schemars(extend("default" = []))]
    pub benchmarks: Vec<BenchmarkDef>,
    /// How what it says travels.
    pub transport: Option<Transport>,
}

/// How what a pipeline says travels.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Transport {
    /// What happened.
    #[serde(default)]
    pub events: Delivery,
    /// How it goes.
    #[serde(default)]
    pub telemetry: Delivery,
}

/// Whether something may be lost on the way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Delivery {
    /// It may not.
    #[default]
    Reliable,
    /// It may.
    BestEffort,
}
