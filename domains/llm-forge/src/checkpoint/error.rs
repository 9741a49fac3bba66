//! Why a checkpoint could not be opened or read.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// What is wrong with one safetensors file, by its length and header alone.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// The file ends before its header length does.
    #[error("expected at least 8 bytes for the header length, got {file_bytes}")]
    NoLength {
        /// Bytes in the file.
        file_bytes: u64,
    },
    /// The header length is above the format's limit.
    #[error("the header length says {declared} bytes, expected at most {limit}")]
    TooLong {
        /// The length the file declares.
        declared: u64,
        /// The format's limit.
        limit: u64,
    },
    /// The header would end past the end of the file.
    #[error("the header length says {declared} bytes, but only {available} follow it")]
    LyingLength {
        /// The length the file declares.
        declared: u64,
        /// Bytes after the length field.
        available: u64,
    },
    /// The header is not the JSON the format asks for; duplicate names within one header are reported here.
    #[error("the header is not a safetensors header: {source}")]
    Json {
        /// Place and reason.
        source: serde_json::Error,
    },
    /// A tensor's end lies before its begin.
    #[error("tensor `{tensor}`: data_offsets begin at {begin} and end before it, at {end}")]
    Reversed {
        /// Tensor name.
        tensor: String,
        /// First byte, relative to the data section.
        begin: u64,
        /// End as declared.
        end: u64,
    },
    /// Shape times element size does not fit in 64 bits.
    #[error("tensor `{tensor}`: the size of shape {shape:?} in {dtype} overflows 64 bits")]
    Overflow {
        /// Tensor name.
        tensor: String,
        /// Declared shape.
        shape: Vec<u64>,
        /// Declared type.
        dtype: super::Dtype,
    },
    /// The offsets span another number of bytes than shape and type need.
    #[error("tensor `{tensor}`: shape {shape:?} in {dtype} needs {expected} bytes, but data_offsets span {got}")]
    WrongLength {
        /// Tensor name.
        tensor: String,
        /// Declared shape.
        shape: Vec<u64>,
        /// Declared type.
        dtype: super::Dtype,
        /// Bytes shape and type need.
        expected: u64,
        /// Bytes the offsets span.
        got: u64,
    },
    /// Two tensors claim the same bytes.
    #[error("tensors `{first}` and `{second}` overlap: the first ends at {first_end}, the second begins at {second_begin}")]
    Overlap {
        /// The earlier tensor.
        first: String,
        /// The later tensor.
        second: String,
        /// End of the earlier one.
        first_end: u64,
        /// Begin of the later one.
        second_begin: u64,
    },
    /// Bytes between two tensors (or before the first) belong to none.
    #[error("{bytes} bytes before tensor `{tensor}` belong to no tensor: expected it to begin at {expected}, got {got}")]
    Gap {
        /// The tensor after the gap.
        tensor: String,
        /// Length of the gap.
        bytes: u64,
        /// Where the tensor should begin.
        expected: u64,
        /// Where it begins.
        got: u64,
    },
    /// A tensor ends past the end of the file.
    #[error("tensor `{tensor}` ends at byte {end} of the data, but the file holds only {available} (truncated?)")]
    PastEnd {
        /// Tensor name.
        tensor: String,
        /// Where it ends, relative to the data section.
        end: u64,
        /// Bytes of data in the file.
        available: u64,
    },
    /// Bytes after the last tensor belong to none.
    #[error("the tensors end at byte {end} of the data, but the file holds {available}")]
    Trailing {
        /// End of the last tensor.
        end: u64,
        /// Bytes of data in the file.
        available: u64,
    },
}

/// A list of names of which only the first few are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The first names, in order.
    pub shown: Vec<String>,
    /// How many there are in all.
    pub total: usize,
}

impl Names {
    const SHOWN: usize = 8;

    /// Keeps the first few of `names`.
    pub(crate) fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut list = Self { shown: Vec::new(), total: 0 };
        for name in names {
            if list.shown.len() < Self::SHOWN {
                list.shown.push(name.to_owned());
            }
            list.total += 1;
        }
        list
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.shown.iter().enumerate() {
            write!(f, "{}`{name}`", if i == 0 { "" } else { ", " })?;
        }
        match self.total - self.shown.len() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// Why a checkpoint could not be opened or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CheckpointError {
    /// The folder holds no safetensors checkpoint.
    #[error("`{folder}` holds no checkpoint: expected `model.safetensors` or `model.safetensors.index.json`{hint}", folder = folder.display())]
    Absent {
        /// The folder looked into.
        folder: PathBuf,
        /// What could be done; empty or starts with a line break.
        hint: &'static str,
    },
    /// Two different checkpoints stand in one folder.
    #[error("`{folder}` holds both `model.safetensors` and an index that does not name it; remove the one that is not meant", folder = folder.display())]
    Ambiguous {
        /// The folder.
        folder: PathBuf,
    },
    /// A file could not be opened or read.
    #[error("cannot {action} `{path}`: {source}", path = path.display())]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A path that should be a regular file is something else.
    #[error("`{path}` is not a regular file", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// One shard's header is refused.
    #[error("`{file}`: {source}", file = path.display())]
    Header {
        /// The shard.
        path: PathBuf,
        /// What is wrong.
        source: HeaderError,
    },
    /// Headers or the index take more memory than a checkpoint of any known size needs.
    #[error("`{path}`: {bytes} bytes of headers, expected at most {limit}", path = path.display())]
    TooMuchHeader {
        /// The file that passed the limit.
        path: PathBuf,
        /// Bytes so far.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The index is not the JSON the format asks for; a tensor named twice is reported here.
    #[error("`{path}` is not a safetensors index: {source}", path = path.display())]
    IndexJson {
        /// The index file.
        path: PathBuf,
        /// Place and reason.
        source: serde_json::Error,
    },
    /// The index names no tensor at all.
    #[error("`{path}` names no tensors", path = path.display())]
    IndexEmpty {
        /// The index file.
        path: PathBuf,
    },
    /// The index names a shard by something other than a plain file name.
    #[error("`{path}`: shard name {name:?} of tensor `{tensor}` {reason}; expected a plain file name such as `model-00001-of-00002.safetensors`", path = path.display())]
    ShardName {
        /// The index file.
        path: PathBuf,
        /// The name as written.
        name: String,
        /// A tensor that is said to be there.
        tensor: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The index names a shard that is not in the folder.
    #[error("`{path}` names shard `{shard}`, which is not in the folder", path = path.display())]
    ShardMissing {
        /// The index file.
        path: PathBuf,
        /// The shard.
        shard: String,
    },
    /// The index places tensors in a shard that does not hold them.
    #[error("`{path}` places {names} in `{shard}`, which does not hold them", path = path.display())]
    NotInShard {
        /// The index file.
        path: PathBuf,
        /// The shard.
        shard: String,
        /// The tensors.
        names: Names,
    },
    /// A shard holds tensors the index does not place there.
    #[error("`{shard}` holds {names}, which the index does not place there", shard = shard.display())]
    NotInIndex {
        /// The shard.
        shard: PathBuf,
        /// The tensors.
        names: Names,
    },
    /// Two shards hold a tensor of the same name.
    #[error("tensor `{tensor}` stands in both `{first}` and `{second}`")]
    Duplicate {
        /// Tensor name.
        tensor: String,
        /// One shard.
        first: String,
        /// The other.
        second: String,
    },
    /// A shard is not the length it was when its header was read.
    #[error("`{path}` changed while it was in use: {expected} bytes when opened, {got} now", path = path.display())]
    Changed {
        /// The shard.
        path: PathBuf,
        /// Bytes when opened.
        expected: u64,
        /// Bytes now.
        got: u64,
    },
    /// A read was asked for beyond a tensor's bytes, or into a buffer of another length.
    #[error("tensor `{tensor}` has {len} bytes; cannot read {begin}..{end} of it into {buffer} bytes")]
    Range {
        /// Tensor name.
        tensor: String,
        /// Its length.
        len: u64,
        /// First byte asked for.
        begin: u64,
        /// End asked for.
        end: u64,
        /// Length of the buffer.
        buffer: usize,
    },
}
