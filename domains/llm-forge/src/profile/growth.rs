//! How the activation counts grew while the corpus was read.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::MAX_IMPORTANCE_BYTES;

/// Name of the file beside the importance files of a corpus.
pub const GROWTH_FILE: &str = "growth.activation_count.json";

/// `version` of the file.
const VERSION: &str = "v1.activation_count_growth";

/// Activation counts after the first tokens of a corpus: after 16, 32, 64 and so on, and after all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Growth {
    /// Tokens seen at each snapshot, ascending.
    pub tokens: Vec<u64>,
    /// Per sparse layer, per snapshot: tokens given to each expert.
    pub counts: BTreeMap<usize, Vec<Vec<u64>>>,
}

/// The file: what it is, then the counts.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: String,
    tokens: Vec<u64>,
    counts: BTreeMap<usize, Vec<Vec<u64>>>,
}

/// Why a file is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GrowthError {
    /// The file could not be read.
    #[error("cannot read `{GROWTH_FILE}`: {0}")]
    Io(#[from] std::io::Error),
    /// The file is longer than any such file.
    #[error("`{GROWTH_FILE}` is longer than {MAX_IMPORTANCE_BYTES} bytes")]
    TooLong,
    /// The file is not what this program writes.
    #[error("`{GROWTH_FILE}` cannot be read: {0}")]
    Form(#[from] serde_json::Error),
    /// The file's parts do not fit together.
    #[error("`{GROWTH_FILE}`: {what}")]
    Shape {
        /// What does not.
        what: String,
    },
}

impl Growth {
    /// Fewest tokens a snapshot is taken after.
    pub(super) const FIRST: u64 = 16;

    /// Writes the file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let file = File { version: VERSION.to_owned(), tokens: self.tokens.clone(), counts: self.counts.clone() };
        let mut bytes = serde_json::to_vec(&file).expect("numbers and strings are JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Reads a file and checks its shape: as many snapshots in every layer as there are token counts, equally many experts.
    ///
    /// # Errors
    /// See [`GrowthError`].
    pub fn read(path: &Path) -> Result<Self, GrowthError> {
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(MAX_IMPORTANCE_BYTES + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MAX_IMPORTANCE_BYTES {
            return Err(GrowthError::TooLong);
        }
        let File { version, tokens, counts } = serde_json::from_slice(&bytes)?;
        let growth = Self { tokens, counts };
        let shape = |what: String| Err(GrowthError::Shape { what });
        if version != VERSION {
            return shape(format!("expected version `{VERSION}`, got `{version}`"));
        }
        if !growth.tokens.is_sorted() {
            return shape("the token counts do not ascend".into());
        }
        let experts = growth.counts.values().flatten().next().map_or(0, Vec::len);
        for (layer, snapshots) in &growth.counts {
            let (expected, got) = (growth.tokens.len(), snapshots.len());
            if expected != got {
                return shape(format!("layer {layer}: expected {expected} snapshots, got {got}"));
            }
            if let Some(odd) = snapshots.iter().find(|counts| counts.len() != experts) {
                return shape(format!("layer {layer}: expected {experts} counts, got {}", odd.len()));
            }
        }
        Ok(growth)
    }
}

/// Takes snapshots of one layer's counts. Where they are taken depends on tokens alone, never on how these came in waves.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshots {
    seen: u64,
    taken: Vec<Vec<u64>>,
}

impl Snapshots {
    /// Counts one more token, after `counts` took it in.
    pub(super) fn token(&mut self, counts: &[u64]) {
        self.seen += 1;
        if self.seen >= Growth::FIRST && self.seen.is_power_of_two() {
            self.taken.push(counts.to_vec());
        }
    }

    /// The snapshots with the final counts behind them, unless the last was of these.
    pub(super) fn finish(mut self, counts: &[u64]) -> Vec<Vec<u64>> {
        if self.taken.last().is_none_or(|last| last != counts) {
            self.taken.push(counts.to_vec());
        }
        self.taken
    }
}

/// After how many tokens the snapshots of a corpus were taken.
pub(super) fn taken_after(tokens: u64) -> Vec<u64> {
    let powers = std::iter::successors(Some(Growth::FIRST), |power| power.checked_mul(2));
    let mut taken: Vec<u64> = powers.take_while(|power| *power < tokens).collect();
    taken.push(tokens);
    taken
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn snapshots_are_taken_at_powers_of_two_and_at_the_end() {
        for tokens in [1, 15, 16, 17, 63, 64, 65, 100] {
            let (mut snapshots, mut counts) = (Snapshots::default(), vec![0; 3]);
            for token in 0..tokens {
                counts[token as usize % 3] += 1;
                snapshots.token(&counts);
            }
            let (taken, after) = (snapshots.finish(&counts), taken_after(tokens));
            let sums: Vec<u64> = taken.iter().map(|counts| counts.iter().sum()).collect();
            assert_eq!(sums, after, "{tokens} tokens");
        }
    }

    #[test]
    fn a_file_reads_back_and_a_crooked_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(GROWTH_FILE);
        let growth = Growth { tokens: vec![16, 20], counts: [(1, vec![vec![10, 6], vec![13, 7]])].into() };
        std::fs::write(&path, growth.to_bytes()).unwrap();
        assert_eq!(Growth::read(&path).unwrap(), growth);
        let text = String::from_utf8(growth.to_bytes()).unwrap();
        for (from, to, said) in [
            ("v1.", "v2.", "expected version"),
            ("[16,20]", "[20,16]", "do not ascend"),
            ("[16,20]", "[16]", "expected 1 snapshots, got 2"),
            ("[13,7]", "[13]", "expected 2 counts, got 1"),
            ("[13,7]", "[13,-7]", "cannot be read"),
        ] {
            std::fs::write(&path, text.replace(from, to)).unwrap();
            let error = Growth::read(&path).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
