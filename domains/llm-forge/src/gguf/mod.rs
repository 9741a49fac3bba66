//! GGUF files straight from a checkpoint: the tensors, metadata and vocabulary that llama.cpp reads, quantised on the way.
//!
//! Every tier is made from the exact weights. llama.cpp's own route rounds them to 16 bits first; a BF16 checkpoint loses nothing
//! either way.
//!
//! # Source
//! `conversion/` and `gguf-py` of llama.cpp b11434.

mod convert;
mod error;
mod factors;
mod families;
mod hparams;
mod importance;
mod rules;
mod source;
mod view;
mod vocabulary;

use std::path::Path;

use aw_gguf::Metadata;
use aw_gguf::mix::FileType;
use aw_gguf::name::{FileName, size_label};
use serde_json::Value;

use crate::checkpoint::Checkpoint;
use hparams::{Hparams, Keys, common};
use rules::Planned;

pub use convert::Conversion;
pub use error::GgufError;
pub(crate) use families::writable;
pub use families::{architecture_of, gguf_family};
pub use importance::Importance;
pub use rules::GgufFamily;
pub use vocabulary::PRE_TOKENIZERS;

pub(crate) use convert::MEMORY_BYTES;

/// What a file is told about its model beside what the checkpoint says.
#[derive(Clone, Debug, Default)]
pub struct Naming {
    /// The model's name.
    pub name: String,
    /// Name of llama.cpp's pre-tokenizer, where it cannot be found out.
    pub pre_tokenizer: Option<String>,
}

/// A model as GGUF has it: where every tensor goes and every metadata key, before any type is chosen.
pub struct GgufModel<'a> {
    checkpoint: &'a Checkpoint,
    tensors: Vec<Planned>,
    metadata: Metadata,
    name: String,
    size_label: String,
    architecture: &'static str,
    notes: Vec<String>,
}

impl<'a> GgufModel<'a> {
    /// Says where everything of the model in `folder` goes. Reads the tokenizer and no weights.
    ///
    /// # Errors
    /// [`GgufError`] when the family, the config, a tensor or the tokenizer has no place in a GGUF file.
    pub fn plan(
        folder: &Path,
        config: &Value,
        checkpoint: &'a Checkpoint,
        architecture: &str,
        naming: &Naming,
    ) -> Result<Self, GgufError> {
        let family = gguf_family(architecture).ok_or_else(|| GgufError::Family { architecture: architecture.to_owned() })?;
        let hparams = Hparams::new(config);
        let rules::Plan { mut tensors, further, others } = rules::plan(family, &hparams, checkpoint)?;
        let size_label = label(&tensors);
        let mut metadata = Metadata::new();
        metadata.set("general.architecture", family.architecture);
        metadata.set("general.type", "model");
        metadata.set("general.name", naming.name.as_str());
        metadata.set("general.size_label", size_label.as_str());
        let mut keys = Keys { architecture: family.architecture, metadata };
        common(&hparams, &mut keys, family)?;
        (family.keys)(&hparams, &mut keys)?;
        tensors.extend(family.factors.write(&hparams, &mut keys)?);
        let mut metadata = keys.metadata;
        metadata.set("general.quantization_version", 2_u32);
        vocabulary::write(folder, family.vocabulary, &hparams, naming.pre_tokenizer.as_deref(), &mut metadata)?;
        let (name, architecture) = (naming.name.clone(), family.architecture);
        let mut notes = Vec::new();
        if further > 0 {
            notes.push(format!(
                "{further} tensors of layers that predict further tokens are left out: llama.cpp generates without"
            ));
        }
        if others > 0 {
            notes.push(format!("{others} tensors of other parts than the text model are left out"));
        }
        if tensors.iter().any(|tensor| tensor.packed) {
            notes.push("experts stored as MXFP4 stay MXFP4 in every tier".to_owned());
        }
        notes.extend(family.differs.map(str::to_owned));
        Ok(Self { checkpoint, tensors, metadata, name, size_label, architecture, notes })
    }

    /// The same model with another number of experts a layer, for what a file of it would take. It cannot be written.
    pub(crate) fn with_experts(mut self, experts: u64) -> Self {
        const PER_EXPERT: [&str; 3] = ["ffn_gate_inp.weight", "ffn_gate_inp.bias", "exp_probs_b.bias"];
        let counted = |name: &str| is_expert(name) || PER_EXPERT.iter().any(|end| name.ends_with(end));
        for tensor in self.tensors.iter_mut().filter(|tensor| counted(&tensor.name)) {
            if let Some(count) = tensor.dims.first_mut() {
                *count = experts;
            }
        }
        self.metadata.set(format!("{}.expert_count", self.architecture), u32::try_from(experts).unwrap_or(u32::MAX));
        self.size_label = label(&self.tensors);
        self
    }

    /// The file of one type, ready to be written.
    ///
    /// # Errors
    /// When a tensor does not fit the type's rules.
    pub fn conversion(&self, file_type: FileType) -> Result<Conversion<'_>, GgufError> {
        Conversion::new(self.checkpoint, &self.tensors, &self.metadata, file_type)
    }

    /// The file's name by the naming convention: name, size, encoding.
    #[must_use]
    pub fn file_name(&self, file_type: FileType) -> String {
        let base: String =
            self.name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
        let base = base.trim_matches(|c| c == '-' || c == '.');
        let base = if base.is_empty() { "model".to_owned() } else { base.to_owned() };
        let (size_label, encoding) = (Some(self.size_label.clone()), Some(file_type.name().to_owned()));
        FileName { base, size_label, encoding, ..FileName::default() }.to_string()
    }

    /// What its files leave out, or llama.cpp computes otherwise, in words.
    #[must_use]
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Parameters of the model.
    #[must_use]
    pub fn parameters(&self) -> u64 {
        self.tensors.iter().map(Planned::elements).sum()
    }
}

fn is_expert(name: &str) -> bool {
    name.contains("_exps.")
}

/// The model's size in words, as `16x30M`.
///
/// # Source
/// `get_total_parameter_count` of `gguf-py/gguf/gguf_writer.py` of llama.cpp.
fn label(tensors: &[Planned]) -> String {
    let (mut total, mut shared, mut expert, mut counts, mut stacked) = (0, 0, 0, 0, 0);
    for tensor in tensors {
        let elements = tensor.elements();
        total += elements;
        if is_expert(&tensor.name) {
            let experts = tensor.dims.first().copied().unwrap_or(1).max(1);
            (expert, counts, stacked) = (expert + elements / experts, counts + experts, stacked + 1);
        } else {
            shared += elements;
        }
    }
    size_label(total, shared, expert, counts.checked_div(stacked).unwrap_or(0))
}
