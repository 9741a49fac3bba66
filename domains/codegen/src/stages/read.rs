//! `read-ontology`: from the ontology's file to the model.

use aw_alloy::digest::Digest;
use aw_alloy::recipe::Recipe;
use aw_alloy::text::{Node, canonical};
use aw_domain::{Context, Estimate, Failure, FileInput, Inputs, Output, PlanRequest, Problem, Reads, Stage};
use serde_json::{Value, json};

use super::configurations::{PinnedFile, ReadOntology as Config, VocabularyName};
use super::{MODEL_FILE, ONTOLOGY, config, no_model, planned_config, refused, written};
use crate::input::{self, Document, Format, ReadOptions, Vocabulary};
use crate::model::{ModelDigest, Scalar, ir_json};

/// Reads the ontology.
pub(crate) struct ReadOntology;

impl Stage for ReadOntology {
    fn code_version(&self) -> u32 {
        1
    }

    fn reads(&self, stage: &Value, _: &Recipe) -> Result<Reads, Vec<Problem>> {
        let config: Config = config(stage)?;
        let mut problems = Vec::new();
        lossy_ranges(&config, &mut problems);
        let files = config
            .shapes
            .iter()
            .enumerate()
            .filter_map(|(at, file)| pinned(file, &format!("shapes[{at}]"), &mut problems))
            .collect();
        if problems.is_empty() {
            Ok(Reads { folders: vec![ONTOLOGY.to_owned()], files, ..Reads::default() })
        } else {
            Err(problems)
        }
    }

    fn plan(&self, request: &PlanRequest<'_>) -> Result<Estimate, Vec<Problem>> {
        Ok(Estimate { seconds: Some(1.0), memory_bytes: 256 << 20, facts: request.facts.clone(), ..Estimate::default() })
    }

    fn run(&self, stage: &Value, inputs: &Inputs, context: &mut Context<'_>) -> Result<Output, Failure> {
        context.check_cancelled()?;
        let config: Config = planned_config(stage)?;
        let file = inputs.entries.iter().find_map(|entry| entry.path.as_str().strip_prefix("ontology/"));
        let name = file.ok_or_else(|| no_model("the tree has no ontology"))?;
        let folder = inputs.folders.get(ONTOLOGY).ok_or_else(|| no_model("the tree has no ontology"))?;
        let format = Format::stated(None, name).map_err(|unknown| refused(&[unknown]))?;
        let bytes = bytes(&folder.join(name))?;
        let options = options(&config, inputs)?;
        let ontology = input::read(&bytes, format, &options).map_err(|found| refused(&found))?;
        let digest = ModelDigest::of(&ontology.model);
        let model = canonical::to_bytes(&Node::from_serde(&ir_json(&ontology.model)));
        let model = model.map_err(|error| Failure::from_error("model", &error))?;
        let mut writes = vec![written(context, MODEL_FILE, &model)?];
        if let Some(rdf) = format.rdf() {
            let text = graph(&bytes, rdf)?;
            writes.push(written(context, "model/graph.nt", text.as_bytes())?);
        }
        let diagnostics = serde_json::to_vec_pretty(&ontology.diagnostics).map_err(|error| Failure::from_error("bug", &error))?;
        writes.push(written(context, "model/diagnostics.json", &diagnostics)?);
        let measurements = json!({
            "ontology": digest.ontology(),
            "version": ontology.model.version,
            "modelDigest": digest.to_string(),
            "graphDigest": ontology.graph_digest.map(|digest: Digest| digest.hex()),
            "types": ontology.model.types.len(),
            "enumerations": ontology.model.enumerations.len(),
            "processes": ontology.model.processes.len(),
            "triples": ontology.accounting.triples,
            "triplesReported": ontology.accounting.reported,
            "warnings": ontology.diagnostics.len(),
        });
        Ok(Output { writes, measurements, observations: json!({}), ..Output::default() })
    }
}

fn options(config: &Config, inputs: &Inputs) -> Result<ReadOptions, Failure> {
    let mut problems = Vec::new();
    let lossy_ranges = lossy_ranges(config, &mut problems);
    let mut shapes = Vec::new();
    for file in &config.shapes {
        let place =
            inputs.files.get(&file.path).ok_or_else(|| Failure::new("bug", format!("`{}` was not brought", file.path)))?;
        let format = Format::stated(None, &file.path).map_err(|unknown| refused(&[unknown]))?;
        shapes.push(Document { name: file.path.clone(), bytes: bytes(place)?, format });
    }
    Ok(ReadOptions {
        vocabulary: match config.vocabulary {
            VocabularyName::Forge => Vocabulary::Forge,
            VocabularyName::Ontology => Vocabulary::Ontology,
        },
        version: config.ontology_version.clone(),
        namespace: config.namespace.clone(),
        lossy_ranges,
        shapes,
        strict: config.strict,
        ..ReadOptions::default()
    })
}

pub(super) fn bytes(file: &std::path::Path) -> Result<Vec<u8>, Failure> {
    let read = crate::delivery::disk::read(file, crate::source::SOURCE_BYTES_MAX)
        .map_err(|error| Failure::from_error("source", &error))?;
    read.ok_or_else(|| Failure::new("source", format!("`{}` is gone", file.display())))
}

fn graph(bytes: &[u8], format: aw_rdf::Format) -> Result<String, Failure> {
    let document = aw_rdf::read(bytes, format, &aw_rdf::Limits::default(), None)
        .map_err(|problems| Failure::new("ontology", problems.first().map(ToString::to_string).unwrap_or_default()))?;
    aw_rdf::canonical::ntriples(&document.graph, &aw_rdf::canonical::Limits::default())
        .map_err(|error| Failure::from_error("ontology", &error))
}

fn lossy_ranges(config: &Config, problems: &mut Vec<Problem>) -> std::collections::BTreeMap<String, Scalar> {
    let mut ranges = std::collections::BTreeMap::new();
    for (at, text) in config.lossy_ranges.iter().enumerate() {
        let read = text.rsplit_once('=').and_then(|(iri, name)| Some((iri.trim_matches(['<', '>']), Scalar::from_name(name)?)));
        match read {
            Some((iri, scalar)) => {
                ranges.insert(iri.to_owned(), scalar);
            }
            None => problems.push(
                Problem::new("lossy-range", format!("lossyRanges[{at}]"), format!("`{text}` is no lossy range"))
                    .hint("write `<iri>=string`, or another scalar"),
            ),
        }
    }
    ranges
}

/// A pinned file as the foundry asks for it.
pub(super) fn pinned(file: &PinnedFile, at: &str, problems: &mut Vec<Problem>) -> Option<FileInput> {
    match Digest::from_hex(&file.sha256) {
        Ok(digest) => {
            Some(FileInput { name: file.path.clone(), path: file.path.clone(), digest: Some(digest), declared_at: at.to_owned() })
        }
        Err(error) => {
            problems.push(Problem::new("digest", format!("{at}.sha256"), error.to_string()));
            None
        }
    }
}
