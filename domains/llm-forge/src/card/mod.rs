//! The model card: rendered from the artifact and nothing but the artifact.
//!
//! # Source
//! The alloy format, section 11.

mod files;
mod front_matter;
mod results;
#[cfg(test)]
mod tests;
mod text;
mod yaml;

use std::fmt::Write as _;

use aw_alloy::artifact::Artifact;
use aw_alloy::chain::{Chain, Link};
use aw_alloy::coverage::{State, score};
use aw_alloy::gates::Evidence;
use aw_alloy::text::Node;
use serde_json::Value;
use text::{cell, grouped, trimmed};

/// Renders the card of `artifact` as Markdown.
pub(crate) fn render(artifact: &Artifact) -> String {
    let (node, chain) = (artifact.node(), artifact.chain());
    Card { node, chain, id: artifact.id().to_string(), document: node.to_serde() }.render()
}

struct Card<'a> {
    node: &'a Node,
    chain: &'a Chain,
    id: String,
    document: Value,
}

impl Card<'_> {
    fn render(&self) -> String {
        let card = self;
        let parts = [
            card.front_matter(),
            card.headline(),
            card.trust(),
            card.summary(),
            card.benchmarks(),
            card.changes(),
            card.coverage(),
            card.files(),
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

    fn text(&self, pointer: &str) -> &str {
        self.document.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
    }

    fn list(&self, pointer: &str) -> Vec<&Value> {
        self.document.pointer(pointer).and_then(Value::as_array).map(|list| list.iter().collect()).unwrap_or_default()
    }

    fn link(&self, stage: &str) -> Option<&Link> {
        self.chain.links.iter().rev().find(|link| link.stage_type == stage)
    }

    fn headline(&self) -> String {
        let name = cell(self.text("/name"));
        let Some(prune) = self.link("expert-prune") else { return format!("# {name}\n") };
        let figures = &prune.measurements;
        let percent = trimmed(figures["prunePct"].as_f64().unwrap_or_default());
        let mut text = format!("# {name}: {percent}% Experts Pruned\n\n");
        let base = cell(self.text("/source/baseModel").rsplit('/').next().unwrap_or_default());
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
            self.id,
            self.text("/integrity/trustLevel"),
            self.chain.links.len(),
        )
    }

    fn summary(&self) -> String {
        match self.text("/userSummary") {
            "" => "A mixture-of-experts model with the experts its task does not use removed.\n".into(),
            summary => format!("{}\n", summary.trim()),
        }
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
            self.chain.links.iter().filter(|link| link.stage_type == "expert-activation-profile").collect();
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
                cell(figures["calibrationCorpus"].as_str().unwrap_or_default()),
                grouped(&figures["examples"]),
                grouped(&figures["tokens"])
            );
        }
        text
    }

    fn methodology(&self) -> String {
        let mut text = String::from("## Method\n\n");
        if !self.text("/description").is_empty() {
            let _ = writeln!(text, "{}\n", self.text("/description").trim());
        }
        for stage in self.node.get("stages").and_then(Node::as_array).unwrap_or_default() {
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
        let coverage = score(self.node, &Evidence::default());
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
        for link in &self.chain.links {
            let _ =
                writeln!(text, "| {} | {} | `{}` | `{}` |", link.index, link.stage_type, link.input.short(), link.output.short());
        }
        let rows = [
            ("source root", self.chain.source.root.to_string()),
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
