//! What enters every weight matrix of a model on a corpus, by column: the importance matrix quantisation weighs errors by.

use std::collections::BTreeMap;

use aw_gguf::imatrix::{Entry, ImatrixError, ImportanceMatrix};

use crate::families::{ExpertForm, ExpertPart, FusedPart, Role, Runnable};

/// Sums of squares of what enters every matrix, by the matrix's name in the checkpoint.
///
/// Experts that are tensors of their own share one entry, `[experts, columns]`, under their name without the expert's number
/// (`model.layers.0.mlp.experts.up_proj.weight`), as experts stored together do under the name of their tensor. Embedding and output are
/// left out, as llama.cpp leaves them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct InputSquares {
    entries: BTreeMap<String, Sums>,
}

/// What entered one tensor's matrices.
#[derive(Clone, Debug, PartialEq)]
pub struct Sums {
    /// `[matrices, columns]`: sums of squares, taken in f64 in corpus order.
    pub squares: Vec<f64>,
    /// `[matrices]`: rows summed up.
    pub rows: Vec<u64>,
}

impl InputSquares {
    /// Gives what entered a tensor's matrices, by the key described at the type.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Sums> {
        self.entries.get(key)
    }

    /// Yields every key.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.keys().map(String::as_str)
    }

    /// Adds the rows that enter some matrices.
    pub(super) fn add(&mut self, model: Runnable<'_>, roles: &[Role], rows: &mut dyn Iterator<Item = &[f32]>) {
        let Some((first, others)) = roles.split_first() else { return };
        let (key, matrix, matrices) = place(model, first);
        let mut squares: Vec<f64> = Vec::new();
        let mut count = 0;
        for row in rows {
            if count == 0 {
                squares = match self.entries.get(&key) {
                    Some(sums) => sums.squares[matrix * row.len()..(matrix + 1) * row.len()].to_vec(),
                    None => vec![0.0; row.len()],
                };
            }
            for (sum, x) in squares.iter_mut().zip(row) {
                *sum += f64::from(*x) * f64::from(*x);
            }
            count += 1;
        }
        if count == 0 {
            return;
        }
        self.set(key.clone(), (matrix, matrices), &squares, count);
        for role in others {
            let (other, matrix, matrices) = place(model, role);
            if other != key {
                self.set(other, (matrix, matrices), &squares, count);
            }
        }
    }

    fn set(&mut self, key: String, (matrix, matrices): (usize, usize), squares: &[f64], count: u64) {
        let columns = squares.len();
        let empty = || Sums { squares: vec![0.0; matrices * columns], rows: vec![0; matrices] };
        let sums = self.entries.entry(key).or_insert_with(empty);
        sums.squares[matrix * columns..(matrix + 1) * columns].copy_from_slice(squares);
        sums.rows[matrix] += count;
    }

    /// Makes the importance matrix of llama.cpp's file form, by the names of the checkpoint.
    ///
    /// # Errors
    /// When a sum is beyond f32.
    pub fn to_matrix(&self, dataset: String, examples: u64, max_length: usize) -> Result<ImportanceMatrix, ImatrixError> {
        let entry = |(key, sums): (&String, &Sums)| {
            let squares = sums.squares.iter().map(|square| *square as f32).collect();
            let entry = Entry::new(squares, sums.rows.clone());
            let wrong = |source| ImatrixError::Entry { name: key.clone(), source: Box::new(source) };
            Ok((key.clone(), entry.map_err(wrong)?))
        };
        Ok(ImportanceMatrix {
            datasets: vec![dataset],
            chunk_count: u32::try_from(examples).unwrap_or(u32::MAX),
            chunk_size: u32::try_from(max_length).unwrap_or(u32::MAX),
            entries: self.entries.iter().map(entry).collect::<Result<_, ImatrixError>>()?,
        })
    }
}

/// The key of a role's matrix, which matrix of it, and of how many.
fn place(model: Runnable<'_>, role: &Role) -> (String, usize, usize) {
    let (g, name) = (model.geometry, |role: &Role| model.forward.tensor_name(role));
    match role {
        Role::Expert { layer, expert, part } if g.expert_form == ExpertForm::Fused => {
            let part = if *part == ExpertPart::Down { FusedPart::Down } else { FusedPart::GateUp };
            (name(&Role::FusedExperts { layer: *layer, part }), *expert, g.experts)
        }
        Role::Expert { layer, expert, part } => {
            let first = name(&Role::Expert { layer: *layer, expert: 0, part: *part });
            (first.replacen("experts.0.", "experts.", 1), *expert, g.experts)
        }
        role => (name(role), 0, 1),
    }
}
