//! The quantised files: what there is, and how to run it.

use std::fmt::Write as _;

use serde_json::Value;

use super::Card;
use super::text::{cell, grouped, shell, trimmed};

/// A quantised file, as the `quant` stage measured it.
pub(super) struct Tier<'a> {
    /// Its type, such as `Q4_K_M`.
    pub(super) quant: &'a str,
    /// Its path in the artifact.
    pub(super) path: String,
    /// Its length.
    bytes: &'a Value,
    /// Its content.
    sha256: &'a str,
    /// Memory of the smallest device that takes it, in GB.
    fits: Option<f64>,
}

impl Card<'_> {
    /// The quantised files of the last `quant` stage, the smallest first.
    pub(super) fn tiers(&self) -> Vec<Tier<'_>> {
        let tiers = self.link("quant").and_then(|link| link.measurements["tiers"].as_object());
        let tiers = tiers.into_iter().flatten().filter_map(|(name, tier)| self.tier(name, tier));
        let mut tiers: Vec<Tier<'_>> = tiers.collect();
        tiers.sort_by_key(|tier| tier.bytes.as_u64());
        tiers
    }

    fn tier<'a>(&'a self, quant: &'a str, tier: &'a Value) -> Option<Tier<'a>> {
        let hash = tier["sha256"].as_str().unwrap_or_default();
        Some(Tier {
            quant,
            path: self.placed(tier["file"].as_str()?),
            bytes: &tier["bytes"],
            sha256: hash.strip_prefix("sha256:").unwrap_or(hash),
            fits: tier["fitsVramGb"].as_f64(),
        })
    }

    /// Where packaging put a file.
    fn placed(&self, path: &str) -> String {
        let carries = self.link("package").into_iter().flat_map(|link| &link.carries);
        let moved = carries.into_iter().find(|carry| carry.from.as_str() == path);
        moved.map_or_else(|| path.to_owned(), |carry| carry.path.as_str().to_owned())
    }

    /// The table of quantised files.
    pub(super) fn files(&self) -> String {
        let tiers = self.tiers();
        if tiers.is_empty() {
            return String::new();
        }
        let mut text = String::from("## Files\n\n| file | type | bytes | fits in | SHA-256 |\n|---|---|---:|---:|---|\n");
        for tier in &tiers {
            let fits = tier.fits.map_or(String::new(), |gb| format!("{} GB", trimmed(gb)));
            let _ = writeln!(
                text,
                "| {} | {} | {} | {fits} | `{}` |",
                cell(&tier.path),
                cell(tier.quant),
                grouped(tier.bytes),
                cell(tier.sha256)
            );
        }
        text.push_str("\nEach of them was loaded by llama.cpp and made to generate before it was counted.\n");
        text
    }

    /// How to run what there is.
    pub(super) fn quick_start(&self) -> String {
        let mut parts = Vec::new();
        let tiers = self.tiers();
        // The usual first choice, where there is one.
        if let Some(tier) = tiers.iter().find(|tier| tier.quant == "Q4_K_M").or(tiers.first()) {
            let (path, name) = (shell(&tier.path), shell(&self.local_name()));
            let file = if tier.path.starts_with('/') { tier.path.clone() } else { format!("./{}", tier.path) };
            parts.push(format!(
                "With llama.cpp, a server with a chat page on <http://127.0.0.1:8080>, or in the terminal:\n\n\
                 ```sh\nllama-server -m {path}\nllama-cli -m {path}\n```\n"
            ));
            parts.push(format!("With LM Studio:\n\n```sh\nlms import {path}\n```\n"));
            parts.push(format!(
                "With Ollama:\n\n```sh\nprintf 'FROM %s\\n' {} > Modelfile\nollama create {name} -f Modelfile\nollama run {name}\n```\n",
                shell(&file)
            ));
        }
        if self.has_safetensors() {
            parts.push(
                "With transformers, in this folder:\n\n```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n\
                 model = AutoModelForCausalLM.from_pretrained(\".\")\ntokenizer = AutoTokenizer.from_pretrained(\".\")\n\
                 tokens = tokenizer(\"Once\", return_tensors=\"pt\")\n\
                 print(tokenizer.decode(model.generate(tokens[\"input_ids\"], max_new_tokens=40)[0]))\n```\n"
                    .into(),
            );
        }
        if parts.is_empty() { String::new() } else { format!("## Quick start\n\n{}", parts.join("\n")) }
    }

    /// Whether the artifact holds the model as safetensors at its root.
    pub(super) fn has_safetensors(&self) -> bool {
        self.link("package").is_some_and(|link| link.carries.iter().any(|carry| carry.path.as_str() == "config.json"))
    }

    /// The artifact's name as a local model's: lower case letters, digits, `-`, `_` and `.`.
    fn local_name(&self) -> String {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let name: String = self.text("/name").to_ascii_lowercase().chars().map(|c| if plain(c) { c } else { '-' }).collect();
        match name.trim_matches(|c: char| !c.is_ascii_alphanumeric()) {
            "" => "model".into(),
            name => name.to_owned(),
        }
    }
}
