//! How much each column of a weight matrix matters, from a calibration run.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use aw_gguf::Limits;
use aw_gguf::imatrix::ImportanceMatrix;

use super::error::GgufError;
use super::rules::Planned;

/// Mean squares of what enters each weight matrix, by the matrix's name in the checkpoint.
#[derive(Debug)]
pub struct Importance {
    entries: HashMap<String, Columns>,
}

#[derive(Debug)]
struct Columns {
    /// Matrices one behind the other, an expert each.
    weights: Vec<f32>,
    columns: usize,
}

impl Importance {
    /// Reads an importance matrix whose entries bear the names of the checkpoint's tensors, or of the GGUF file's as those of
    /// llama.cpp do; experts that are tensors of their own share one entry under their name without the expert's number.
    ///
    /// # Errors
    /// When the file cannot be read or is no importance matrix.
    pub fn open(path: &Path) -> Result<Self, GgufError> {
        let failed = |source| GgufError::Read { path: path.to_owned(), source };
        let file = File::open(path).map_err(failed)?;
        let bytes = file.metadata().map_err(failed)?.len();
        let matrix = ImportanceMatrix::read(BufReader::new(file), bytes, Limits::default())
            .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
        let entries = matrix
            .entries
            .iter()
            .map(|(name, entry)| (name.clone(), Columns { weights: entry.weights(), columns: entry.columns() }));
        Ok(Self { entries: entries.collect() })
    }

    /// The weights of the columns of one matrix of a tensor, where the run saw it.
    pub(crate) fn columns(&self, tensor: &Planned, source: &str, matrix: usize) -> Result<Option<&[f32]>, GgufError> {
        if tensor.dims.len() < 2 {
            return Ok(None);
        }
        // An absorbed key matrix is multiplied by the query, which no calibration of the unabsorbed model sees.
        let absorbed = tensor.name.ends_with("attn_k_b.weight");
        let of_checkpoint =
            || self.entries.get(source).or_else(|| self.entries.get(&without_expert(source))).filter(|_| !absorbed);
        let Some(entry) = self.entries.get(&tensor.name).or_else(of_checkpoint) else { return Ok(None) };
        if entry.columns as u64 != tensor.row() {
            let (expected, got) = (tensor.row(), entry.columns as u64);
            return Err(GgufError::Importance { tensor: tensor.name.clone(), expected, got });
        }
        let (matrices, held) =
            (tensor.elements() / tensor.row() / tensor.dims[tensor.dims.len() - 2], entry.weights.len() / entry.columns);
        if held != 1 && held as u64 != matrices {
            return Err(GgufError::ImportanceExperts { tensor: tensor.name.clone(), expected: matrices, got: held as u64 });
        }
        let at = if held == 1 { 0 } else { matrix * entry.columns };
        Ok(entry.weights.get(at..at + entry.columns).filter(|weights| weights.iter().any(|weight| *weight > 0.0)))
    }
}

/// `a.experts.3.b` as `a.experts.b`.
fn without_expert(name: &str) -> String {
    let parts: Vec<&str> = name.split('.').collect();
    let kept = parts.iter().enumerate().filter(|(at, part)| {
        let number = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        !(number && *at > 0 && parts[at - 1] == "experts")
    });
    kept.map(|(_, part)| *part).collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    #[test]
    fn only_the_expert_number_goes() {
        assert_eq!(
            super::without_expert("model.layers.3.mlp.experts.12.up_proj.weight"),
            "model.layers.3.mlp.experts.up_proj.weight"
        );
        assert_eq!(super::without_expert("model.layers.3.self_attn.q_proj.weight"), "model.layers.3.self_attn.q_proj.weight");
    }
}
