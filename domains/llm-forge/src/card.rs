//! The model card: rendered from the artifact and nothing but the artifact.
//!
//! # Source
//! The alloy format, section 11.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use aw_alloy::artifact::Artifact;
use aw_alloy::chain::Link;
use aw_alloy::coverage::{State, score};
use aw_alloy::gates::Evidence;
use aw_alloy::text::Node;
use serde_json::Value;

/// Renders the card of `artifact` as Markdown.
pub(crate) fn render(artifact: &Artifact) -> String {
    let card = Card { artifact, document: artifact.node().to_serde() };
    let parts = [
        card.front_matter(),
        card.headline(),
        card.trust(),
        card.summary(),
        card.benchmarks(),
        card.changes(),
        card.coverage(),
        card.quick_start(),
        card.methodology(),
        card.limitations(),
        card.evidence(),
        card.custody(),
        card.license(),
    ];
    let mut text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

struct Card<'a> {
    artifact: &'a Artifact,
    document: Value,
}

impl Card<'_> {
    fn text(&self, pointer: &str) -> &str {
        self.document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn list(&self, pointer: &str) -> Vec<&Value> {
        self.document.pointer(pointer).and_then(Value::as_array).map(|list| list.iter().collect()).unwrap_or_default()
    }

    fn link(&self, stage: &str) -> Option<&Link> {
        self.artifact.chain().links.iter().rev().find(|link| link.stage_type == stage)
    }

    fn front_matter(&self) -> String {
        let mut tags: BTreeSet<&str> = self.list("/tags").into_iter().filter_map(Value::as_str).collect();
        tags.extend(["alloyworks", self.text("/source/architecture")]);
        if self.link("expert-prune").is_some() {
            tags.insert("expert-pruning");
        }
        let mut text = String::from("---\n");
        // JSON strings are YAML strings: whatever a recipe says stays one value.
        let quoted = |text: &str| Value::from(text).to_string();
        let _ = writeln!(text, "base_model: {}", quoted(self.text("/source/baseModel")));
        if !self.text("/license").is_empty() {
            let _ = writeln!(text, "license: {}", quoted(self.text("/license")));
        }
        text.push_str("pipeline_tag: text-generation\ntags:\n");
        for tag in tags.into_iter().filter(|tag| !tag.is_empty()) {
            let _ = writeln!(text, "- {}", quoted(tag));
        }
        text.push_str("---\n");
        text
    }

    fn headline(&self) -> String {
        let name = self.text("/name");
        let Some(prune) = self.link("expert-prune") else { return format!("# {name}\n") };
        let figures = &prune.measurements;
        let percent = trimmed(figures["prunePct"].as_f64().unwrap_or_default());
        let mut text = format!("# {name}: {percent}% Experts Pruned\n\n");
        let base = self.text("/source/baseModel").rsplit('/').next().unwrap_or_default();
        let how = match (figures["strategy"].as_str().unwrap_or_default(), figures["calibrationCorpus"].as_str()) {
            (strategy, Some(corpus)) => format!("{strategy} on corpus `{corpus}`"),
            (strategy, None) => strategy.to_owned(),
        };
        let _ = writeln!(
            text,
            "**{base}**, {} of {} experts kept in every layer, chosen by {how}.",
            figures["keepExpertsPerLayer"], figures["originalExpertsPerLayer"]
        );
        text
    }

    fn trust(&self) -> String {
        let benchmarks = self.list("/results/benchmarks").len();
        format!(
            "> Artifact `{}` · trust level **{}** (the signer vouches for it; detects any later change) · {} stages, {benchmarks} benchmarks\n>\n> Check every byte: `alloyworks verify <this folder>`\n",
            self.artifact.id(),
            self.text("/integrity/trustLevel"),
            self.artifact.chain().links.len(),
        )
    }

    fn summary(&self) -> String {
        match self.text("/userSummary") {
            "" => "A mixture-of-experts model with the experts its task does not use removed.\n".into(),
            summary => format!("{}\n", summary.trim()),
        }
    }

    fn benchmarks(&self) -> String {
        let benchmarks = self.list("/results/benchmarks");
        let Some(eval) = self.link("eval").filter(|_| !benchmarks.is_empty()) else { return String::new() };
        let variants: Vec<&str> = eval
            .measurements
            .pointer("/benchmarks/0/variants")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let mut text = format!(
            "## Benchmarks\n\nPerplexity, lower is better; every column measured in the same run.\n\n| corpus | {} | forged against base | verified |\n|---|{}---:|---|\n",
            variants.join(" | "),
            "---:|".repeat(variants.len())
        );
        for benchmark in benchmarks {
            let value = |variant: &str| benchmark["metrics"][variant].as_f64();
            let cells: Vec<String> =
                variants.iter().map(|variant| value(variant).map_or("not run".into(), |value| format!("{value:.4}"))).collect();
            let change = match (value("base"), value("forged")) {
                (Some(base), Some(forged)) => format!("{:+.2}%", (forged - base) / base * 100.0),
                _ => "no base".into(),
            };
            let verified = if benchmark.get("resultHash").is_some() { "per-example results hashed" } else { "self-reported" };
            let _ = writeln!(
                text,
                "| {} | {} | {change} | {verified} |",
                benchmark["subset"].as_str().unwrap_or_default(),
                cells.join(" | ")
            );
        }
        text
    }

    fn changes(&self) -> String {
        let Some(prune) = self.link("expert-prune") else { return String::new() };
        let figures = &prune.measurements;
        let row = |what: &str, before: &Value, after: &Value| format!("| {what} | {} | {} |\n", grouped(before), grouped(after));
        let mut text = String::from("## What changed\n\n| | base | this model |\n|---|---:|---:|\n");
        text += &row("experts per layer", &figures["originalExpertsPerLayer"], &figures["keepExpertsPerLayer"]);
        text += &row("parameters", &figures["parametersBefore"], &figures["parametersAfter"]);
        text += &row("active parameters per token", &figures["activeParameters"], &figures["activeParameters"]);
        text += &row("bytes of weights", &figures["bytesBefore"], &figures["bytesAfter"]);
        text
    }

    fn coverage(&self) -> String {
        let profiles: Vec<&Link> =
            self.artifact.chain().links.iter().filter(|link| link.stage_type == "expert-activation-profile").collect();
        if profiles.is_empty() {
            return String::new();
        }
        let mut text = String::from(
            "## Calibration\n\n| corpus | examples | tokens | tokens of the least visited expert | experts never visited |\n|---|---:|---:|---:|---:|\n",
        );
        for profile in profiles {
            let figures = &profile.measurements;
            let layers = figures["coverage"].as_array().cloned().unwrap_or_default();
            let fewest = layers.iter().filter_map(|layer| layer["fewestTokens"].as_u64()).min().unwrap_or_default();
            let never: u64 = layers.iter().filter_map(|layer| layer["expertsBelow"]["1"].as_u64()).sum();
            let _ = writeln!(
                text,
                "| {} | {} | {} | {fewest} | {never} |",
                figures["calibrationCorpus"].as_str().unwrap_or_default(),
                grouped(&figures["examples"]),
                grouped(&figures["tokens"])
            );
        }
        text
    }

    fn quick_start(&self) -> String {
        if self.link("package").is_none() {
            return String::new();
        }
        "## Quick start\n\n```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\nmodel = AutoModelForCausalLM.from_pretrained(\"<this folder>\")\ntokenizer = AutoTokenizer.from_pretrained(\"<this folder>\")\ntokens = tokenizer(\"Once\", return_tensors=\"pt\")\nprint(tokenizer.decode(model.generate(tokens[\"input_ids\"], max_new_tokens=40)[0]))\n```\n".into()
    }

    fn methodology(&self) -> String {
        let mut text = String::from("## Method\n\n");
        if !self.text("/description").is_empty() {
            let _ = writeln!(text, "{}\n", self.text("/description").trim());
        }
        for stage in self.artifact.node().get("stages").and_then(Node::as_array).unwrap_or_default() {
            let _ = writeln!(text, "- `{}`", stage.get("type").and_then(Node::as_str).unwrap_or_default());
            for line in stage.get("notes").and_then(Node::as_str).unwrap_or_default().lines() {
                let _ = writeln!(text, "  > {line}");
            }
        }
        let url = self.text("/methodologyPaperUrl");
        if !url.is_empty() {
            let _ = writeln!(text, "\nThe method: {url}");
        }
        text
    }

    fn limitations(&self) -> String {
        let mut text = String::from("## Limitations\n\n");
        let stated = self.list("/limitations");
        for limitation in stated.iter().filter_map(|value| value.as_str()) {
            let _ = writeln!(text, "- {limitation}");
        }
        if stated.is_empty() {
            text.push_str("- The recipe states none, which is not to say there are none.\n");
        }
        if self.link("expert-prune").is_some() {
            text.push_str(
                "- Experts that the calibration corpus does not use are gone: expect worse results on anything unlike it.\n",
            );
        }
        text
    }

    /// How much of the making carries evidence, and what does not, by name.
    fn evidence(&self) -> String {
        let coverage = score(self.artifact.node(), &Evidence::default());
        let count = |state| coverage.in_state(state).count();
        let mut text = format!(
            "## Evidence\n\n**Coverage {}%**: of {} elements (source, calibration corpora, stages, planned benchmarks, inference check) {} are covered, {} weak, {} without evidence.\n",
            coverage.percent,
            coverage.elements.len(),
            count(State::Covered),
            count(State::Weak),
            count(State::Gap)
        );
        for (state, word) in [(State::Weak, "weak"), (State::Gap, "gap")] {
            for element in coverage.in_state(state) {
                let _ = write!(text, "\n- {word}: {}, {}", element.name, element.reason);
            }
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    fn custody(&self) -> String {
        let mut text = String::from("## Chain of custody\n\n| link | stage | input | output |\n|---:|---|---|---|\n");
        for link in &self.artifact.chain().links {
            let _ =
                writeln!(text, "| {} | {} | `{}` | `{}` |", link.index, link.stage_type, link.input.short(), link.output.short());
        }
        let rows = [
            ("source root", self.artifact.chain().source.root.to_string()),
            ("weights (modelHash)", self.text("/integrity/modelHash").into()),
            ("pipeline (alloyHash)", self.text("/integrity/alloyHash").into()),
            ("made by", format!("{} {}", self.text("/integrity/code/runner"), self.text("/integrity/code/version"))),
            ("program", self.text("/integrity/code/binaryHash").into()),
            ("forged at", self.text("/forgedAt").into()),
        ];
        text.push('\n');
        for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) {
            let _ = writeln!(text, "- {name}: `{value}`");
        }
        text
    }

    fn license(&self) -> String {
        match self.text("/license") {
            "" => "## Licence\n\nThe recipe states none; the base model's own terms bind.\n".into(),
            license => format!("## Licence\n\n{license}\n"),
        }
    }
}

/// A number without trailing zeros.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A whole number with its thousands apart.
fn grouped(value: &Value) -> String {
    let digits = value.as_u64().map(|number| number.to_string()).unwrap_or_default();
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}
