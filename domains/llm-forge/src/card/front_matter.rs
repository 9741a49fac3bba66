//! The card's front matter: what the Hub shows, filters and links by.
//!
//! # Source
//! The Hub's model card metadata: `base_model` with `base_model_relation` (`adapter`, `merge`, `quantized`, `finetune`), `quantized_by`,
//! `license` (an identifier of its list, else `other` with `license_name`), `library_name`, `pipeline_tag`, `tags`, `model-index`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::{Card, yaml};

/// The Hub's licence identifiers. Another licence is `other`, by its name.
const LICENSES: &[&str] = &[
    "afl-3.0",
    "agpl-3.0",
    "apache-2.0",
    "apple-amlr",
    "apple-ascl",
    "artistic-2.0",
    "bigcode-openrail-m",
    "bigscience-bloom-rail-1.0",
    "bigscience-openrail-m",
    "bsd",
    "bsd-2-clause",
    "bsd-3-clause",
    "bsd-3-clause-clear",
    "bsl-1.0",
    "c-uda",
    "cc",
    "cc-by-2.0",
    "cc-by-2.5",
    "cc-by-3.0",
    "cc-by-4.0",
    "cc-by-nc-2.0",
    "cc-by-nc-3.0",
    "cc-by-nc-4.0",
    "cc-by-nc-nd-3.0",
    "cc-by-nc-nd-4.0",
    "cc-by-nc-sa-2.0",
    "cc-by-nc-sa-3.0",
    "cc-by-nc-sa-4.0",
    "cc-by-nd-4.0",
    "cc-by-sa-3.0",
    "cc-by-sa-4.0",
    "cc0-1.0",
    "cdla-permissive-1.0",
    "cdla-permissive-2.0",
    "cdla-sharing-1.0",
    "creativeml-openrail-m",
    "deepfloyd-if-license",
    "ecl-2.0",
    "epl-1.0",
    "epl-2.0",
    "etalab-2.0",
    "eupl-1.1",
    "eupl-1.2",
    "gemma",
    "gfdl",
    "gpl",
    "gpl-2.0",
    "gpl-3.0",
    "h-research",
    "intel-research",
    "isc",
    "lgpl",
    "lgpl-2.1",
    "lgpl-3.0",
    "lgpl-lr",
    "llama2",
    "llama3",
    "llama3.1",
    "llama3.2",
    "llama3.3",
    "llama4",
    "lppl-1.3c",
    "mit",
    "mpl-2.0",
    "ms-pl",
    "ncsa",
    "odbl",
    "odc-by",
    "ofl-1.1",
    "openrail",
    "openrail++",
    "osl-3.0",
    "other",
    "pddl",
    "postgresql",
    "unknown",
    "unlicense",
    "wtfpl",
    "zlib",
];

impl Card<'_> {
    pub(super) fn front_matter(&self) -> String {
        let mut members = Map::new();
        // Only a source with a revision is one of the Hub's; a folder's name would link to somebody else's model.
        if self.is_from_hub() {
            members.insert("base_model".into(), json!(self.text("/source/baseModel")));
            if let Some(relation) = self.relation() {
                members.insert("base_model_relation".into(), json!(relation));
            }
        }
        if let Some(library) = self.library() {
            members.insert("library_name".into(), json!(library));
        }
        let license = self.text("/license").trim();
        let known = license.to_ascii_lowercase();
        if LICENSES.contains(&known.as_str()) {
            members.insert("license".into(), json!(known));
        } else if !license.is_empty() {
            members.insert("license".into(), json!("other"));
            members.insert("license_name".into(), json!(license));
        }
        let index = self.model_index();
        if !index.is_null() {
            members.insert("model-index".into(), index);
        }
        members.insert("pipeline_tag".into(), json!("text-generation"));
        if !self.tiers().is_empty() && !self.text("/author").is_empty() {
            members.insert("quantized_by".into(), json!(self.text("/author")));
        }
        members.insert("tags".into(), self.tags().into());
        format!("---\n{}---\n", yaml::mapping(&members))
    }

    fn is_from_hub(&self) -> bool {
        !self.text("/source/revision").is_empty()
    }

    /// How the Hub calls what was done to the base.
    ///
    /// It has no word for pruning. A pruned model's weights are a new set derived from the base's, which is what the Hub files under
    /// `finetune`; `quantized` says the same weights in fewer bits, and holds only when nothing was removed.
    fn relation(&self) -> Option<&'static str> {
        if self.link("expert-prune").is_some() {
            Some("finetune")
        } else if self.tiers().is_empty() {
            None
        } else {
            Some("quantized")
        }
    }

    /// The library that loads the files: `transformers` when safetensors are packaged, `gguf` when there are only tiers.
    fn library(&self) -> Option<&'static str> {
        if self.has_safetensors() {
            Some("transformers")
        } else if self.tiers().is_empty() {
            None
        } else {
            Some("gguf")
        }
    }

    fn tags(&self) -> Vec<&str> {
        let mut tags: BTreeSet<&str> = self.list("/tags").into_iter().filter_map(Value::as_str).collect();
        tags.extend(["alloyworks", "moe", self.text("/source/architecture")]);
        if self.link("expert-prune").is_some() {
            tags.insert("expert-pruning");
        }
        if !self.tiers().is_empty() {
            tags.extend(["gguf", "llama.cpp"]);
        }
        tags.into_iter().filter(|tag| !tag.is_empty()).collect()
    }

    /// The forged model's results in the form of `model-index`, each with the base's beside it in its name; `null` when there are none.
    fn model_index(&self) -> Value {
        let results: Vec<Value> = self.results().iter().filter_map(|result| result.indexed()).collect();
        if results.is_empty() { Value::Null } else { json!([{"name": self.text("/name"), "results": results}]) }
    }
}
