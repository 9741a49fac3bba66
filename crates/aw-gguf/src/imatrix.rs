//! Importance matrices in the file form of llama.cpp: for every weight matrix the sums of squares of its inputs, by column.

use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom, Write};

use crate::{
    Array, Layout, LayoutError, Limits, Metadata, ReadError, Reader, Strings, TensorInfo, TensorSpec, TensorType, Value,
    WriteError, Writer,
};

const TYPE: &str = "imatrix";
const DATASETS: &str = "imatrix.datasets";
const CHUNK_COUNT: &str = "imatrix.chunk_count";
const CHUNK_SIZE: &str = "imatrix.chunk_size";
const SUMS: &str = ".in_sum2";
const COUNTS: &str = ".counts";

/// What was seen going into the weight matrices of a model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ImportanceMatrix {
    /// The texts it was made from.
    pub datasets: Vec<String>,
    /// How many chunks of text were read.
    pub chunk_count: u32,
    /// Tokens of a chunk.
    pub chunk_size: u32,
    /// What was seen, by the name of the tensor in the model file.
    pub entries: BTreeMap<String, Entry>,
}

/// What was seen going into one tensor: a weight matrix, or as many as there are experts.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    sums: Vec<f32>,
    counts: Vec<u64>,
}

/// Why an importance matrix could not be made, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImatrixError {
    /// Sums and counts do not go together.
    #[error("{sums} sums for {counts} counts: expected a whole number of columns for each of one or more matrices")]
    Shape {
        /// Number of sums.
        sums: usize,
        /// Number of counts.
        counts: usize,
    },
    /// A sum that no squares add up to, or a count that is no number of rows.
    #[error("{what} {index}: expected a finite number of at least 0, got {value}")]
    Number {
        /// Sum or count.
        what: &'static str,
        /// Its place, counted from 0.
        index: usize,
        /// The value.
        value: f32,
    },
    /// Something is wrong with one tensor of the file.
    #[error("tensor `{name}`: {source}")]
    Entry {
        /// The tensor.
        name: String,
        /// What is wrong.
        source: Box<ImatrixError>,
    },
    /// A metadata key is missing or of another type.
    #[error("metadata key `{key}`: expected {expected}")]
    Key {
        /// The key.
        key: &'static str,
        /// What would be right.
        expected: &'static str,
    },
    /// Sums without counts, or counts without sums, or either in another type than `F32`.
    #[error("tensor `{name}`: expected `{name}{SUMS}` and `{name}{COUNTS}`, both F32")]
    Pair {
        /// The tensor.
        name: String,
    },
    /// The file could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The names cannot stand in a file.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The input could not be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Entry {
    /// Takes what was seen.
    ///
    /// # Shapes
    /// `sums`: `[matrices, columns]`, the sum of squares of every column's inputs; `counts`: `[matrices]`, the rows summed up.
    ///
    /// # Errors
    /// [`ImatrixError::Shape`] or [`ImatrixError::Number`].
    pub fn new(sums: Vec<f32>, counts: Vec<u64>) -> Result<Self, ImatrixError> {
        if sums.is_empty() || counts.is_empty() || !sums.len().is_multiple_of(counts.len()) {
            return Err(ImatrixError::Shape { sums: sums.len(), counts: counts.len() });
        }
        match sums.iter().position(|sum| !(sum.is_finite() && *sum >= 0.0)) {
            Some(index) => Err(ImatrixError::Number { what: "sum", index, value: sums[index] }),
            None => Ok(Self { sums, counts }),
        }
    }

    /// Returns the sums of squares, `[matrices, columns]`.
    #[must_use]
    pub fn sums(&self) -> &[f32] {
        &self.sums
    }

    /// Returns the rows that were summed up for each matrix.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Returns the columns of a matrix.
    #[must_use]
    pub fn columns(&self) -> usize {
        self.sums.len() / self.counts.len()
    }

    /// Returns the mean square of every column, `[matrices, columns]`, as quantisation takes it; 1 throughout a matrix that
    /// nothing went into (an expert that was never chosen).
    #[must_use]
    pub fn weights(&self) -> Vec<f32> {
        let mean = |(index, sum): (usize, &f32)| match self.counts[index / self.columns()] {
            0 => 1.0,
            count => sum / count as f32,
        };
        self.sums.iter().enumerate().map(mean).collect()
    }
}

impl ImportanceMatrix {
    /// Writes the file; equal matrices give equal bytes.
    ///
    /// # Errors
    /// [`ImatrixError::Layout`] for a name too long for the format, [`ImatrixError::Write`] from the output.
    pub fn write<W: Write>(&self, out: W) -> Result<W, ImatrixError> {
        let mut metadata = Metadata::new();
        metadata.set("general.type", TYPE);
        metadata.set(DATASETS, self.datasets.iter().collect::<Strings>());
        metadata.set(CHUNK_COUNT, self.chunk_count);
        metadata.set(CHUNK_SIZE, self.chunk_size);
        let mut specs = Vec::new();
        for (name, entry) in &self.entries {
            let matrices = entry.counts.len() as u64;
            let spec = |suffix, columns| TensorSpec {
                name: format!("{name}{suffix}"),
                dims: vec![columns, matrices],
                tensor_type: TensorType::F32,
            };
            specs.extend([spec(SUMS, entry.columns() as u64), spec(COUNTS, 1)]);
        }
        let mut writer = Writer::new(out, Layout::new(&metadata, specs)?)?;
        for (name, entry) in &self.entries {
            writer.write(&format!("{name}{SUMS}"), &bytes_of(entry.sums.iter().copied()))?;
            writer.write(&format!("{name}{COUNTS}"), &bytes_of(entry.counts.iter().map(|count| *count as f32)))?;
        }
        Ok(writer.finish()?)
    }

    /// Reads a file of `file_bytes` bytes. Tensors other than sums of squares and counts are left out, as llama.cpp does.
    ///
    /// # Errors
    /// [`ImatrixError`] names the key or tensor and what is wrong.
    pub fn read(mut input: impl Read + Seek, file_bytes: u64, limits: Limits) -> Result<Self, ImatrixError> {
        let reader = Reader::read(&mut input, file_bytes, limits)?;
        let metadata = reader.metadata();
        if metadata.get("general.type").and_then(Value::as_str) != Some(TYPE) {
            return Err(ImatrixError::Key { key: "general.type", expected: "`imatrix`" });
        }
        let number = |key| match metadata.get(key) {
            Some(Value::U32(value)) => Ok(*value),
            _ => Err(ImatrixError::Key { key, expected: "a uint32" }),
        };
        let (chunk_count, chunk_size) = (number(CHUNK_COUNT)?, number(CHUNK_SIZE)?);
        let Some(Array::String(datasets)) = metadata.get(DATASETS).and_then(Value::as_array) else {
            return Err(ImatrixError::Key { key: DATASETS, expected: "a list of strings" });
        };
        let mut entries = BTreeMap::new();
        for (name, (sums, counts)) in pairs(&reader) {
            let (Some(sums), Some(counts)) = (sums, counts) else { return Err(ImatrixError::Pair { name: name.to_owned() }) };
            if sums.tensor_type != TensorType::F32 || counts.tensor_type != TensorType::F32 {
                return Err(ImatrixError::Pair { name: name.to_owned() });
            }
            let sums = numbers(&mut input, &reader, sums)?;
            let counts = numbers(&mut input, &reader, counts)?;
            let entry = whole(&counts).and_then(|counts| Entry::new(sums, counts));
            let wrong = |source| ImatrixError::Entry { name: name.to_owned(), source: Box::new(source) };
            entries.insert(name.to_owned(), entry.map_err(wrong)?);
        }
        let datasets = datasets.iter().map(str::to_owned).collect();
        Ok(Self { datasets, chunk_count, chunk_size, entries })
    }
}

type Pair<'a> = (Option<&'a TensorInfo>, Option<&'a TensorInfo>);

/// Sums and counts by the name of the tensor they are about.
fn pairs(reader: &Reader) -> BTreeMap<&str, Pair<'_>> {
    let mut pairs: BTreeMap<&str, Pair<'_>> = BTreeMap::new();
    for tensor in reader.tensors() {
        if let Some(name) = tensor.name.strip_suffix(SUMS) {
            pairs.entry(name).or_default().0 = Some(tensor);
        } else if let Some(name) = tensor.name.strip_suffix(COUNTS) {
            pairs.entry(name).or_default().1 = Some(tensor);
        }
    }
    pairs
}

fn whole(counts: &[f32]) -> Result<Vec<u64>, ImatrixError> {
    match counts.iter().position(|count| !(count.is_finite() && *count >= 0.0)) {
        Some(index) => Err(ImatrixError::Number { what: "count", index, value: counts[index] }),
        None => Ok(counts.iter().map(|count| count.round() as u64).collect()),
    }
}

fn numbers(mut input: impl Read + Seek, reader: &Reader, tensor: &TensorInfo) -> Result<Vec<f32>, ImatrixError> {
    input.seek(SeekFrom::Start(reader.range(tensor).start))?;
    let mut bytes = Vec::new();
    input.take(tensor.bytes).read_to_end(&mut bytes)?;
    if bytes.len() as u64 != tensor.bytes {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(bytes.as_chunks().0.iter().map(|four| f32::from_le_bytes(*four)).collect())
}

fn bytes_of(values: impl Iterator<Item = f32>) -> Vec<u8> {
    values.flat_map(f32::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn sample() -> ImportanceMatrix {
        let mut matrix = ImportanceMatrix {
            datasets: vec!["a.txt".into(), "ü".into()],
            chunk_count: 3,
            chunk_size: 512,
            ..Default::default()
        };
        matrix.entries.insert("blk.0.attn_q.weight".into(), Entry::new(vec![4.0, 6.0], vec![2]).unwrap());
        let experts = Entry::new(vec![1.0, 2.0, 0.0, 0.0, 9.0, 3.0], vec![1, 0, 3]).unwrap();
        matrix.entries.insert("blk.0.ffn_up_exps.weight".into(), experts);
        matrix
    }

    #[test]
    fn what_is_written_is_read() {
        let bytes = sample().write(Vec::new()).unwrap();
        let read = ImportanceMatrix::read(Cursor::new(&bytes), bytes.len() as u64, Limits::default()).unwrap();
        assert_eq!(read, sample());
    }

    #[test]
    fn weights_are_means_and_one_for_experts_never_chosen() {
        let matrix = sample();
        assert_eq!(matrix.entries["blk.0.attn_q.weight"].weights(), [2.0, 3.0]);
        assert_eq!(matrix.entries["blk.0.ffn_up_exps.weight"].weights(), [1.0, 2.0, 1.0, 1.0, 3.0, 1.0]);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert!(matches!(Entry::new(vec![1.0; 5], vec![1, 1]), Err(ImatrixError::Shape { sums: 5, counts: 2 })));
        assert!(matches!(Entry::new(vec![1.0, f32::NAN], vec![1]), Err(ImatrixError::Number { index: 1, .. })));
        let layout = Layout::new(&Metadata::new(), vec![]).unwrap();
        let file = Writer::new(Vec::new(), layout).unwrap().finish().unwrap();
        let error = ImportanceMatrix::read(Cursor::new(&file), file.len() as u64, Limits::default()).unwrap_err();
        assert_eq!(error.to_string(), "metadata key `general.type`: expected `imatrix`");
    }
}
