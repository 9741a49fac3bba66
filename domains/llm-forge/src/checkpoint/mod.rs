//! Safetensors checkpoints: one file or many shards, opened by their headers alone.
//!
//! Opening reads the index and every shard's header and never a weight byte, so a checkpoint of any size opens at once and
//! in memory that depends on its headers only. Everything a header or an index can lie about is checked here; whoever
//! holds a [`Checkpoint`] can rely on every tensor's bytes being where it says.

mod dtype;
mod error;
mod header;
mod index;

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

pub use dtype::{Dtype, bf16_to_f32, f16_to_f32, widen};
pub use error::{CheckpointError, HeaderError, Names};
pub use header::{MAX_HEADER_BYTES, MAX_RANK};

/// The file name of an unsharded checkpoint.
pub const SINGLE_FILE: &str = "model.safetensors";
/// The file name of a sharded checkpoint's index.
pub const INDEX_FILE: &str = "model.safetensors.index.json";

/// Most bytes of index and headers together. The largest published checkpoints need some 30 MB.
pub const MAX_HEADERS_TOTAL_BYTES: u64 = 256 << 20;

/// One tensor of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// On-disk name.
    pub name: String,
    /// Element type.
    pub dtype: Dtype,
    /// Dimensions, outermost first.
    pub shape: Vec<u64>,
    /// Place in [`Checkpoint::shards`].
    pub shard: usize,
    /// First byte, from the start of the shard's file.
    pub offset: u64,
    /// Length in bytes.
    pub len: u64,
}

/// One file of a checkpoint.
#[derive(Debug)]
pub struct Shard {
    /// Where it is.
    pub path: PathBuf,
    /// Its file name.
    pub name: String,
    /// Its length in bytes when it was opened.
    pub bytes: u64,
    file: OnceLock<File>,
}

impl Shard {
    /// Opens the shard's file anew and checks that it still has the length its header was checked against.
    ///
    /// # Errors
    /// When it cannot be opened or has another length.
    pub fn reopen(&self) -> Result<File, CheckpointError> {
        let file = File::open(&self.path).map_err(|source| io_error("open", &self.path, source))?;
        let got = file.metadata().map_err(|source| io_error("read the length of", &self.path, source))?.len();
        if got != self.bytes {
            return Err(CheckpointError::Changed { path: self.path.clone(), expected: self.bytes, got });
        }
        Ok(file)
    }

    /// Returns the file, opened at the first use: a checkpoint of many shards holds no handles until they are needed.
    fn file(&self) -> Result<&File, CheckpointError> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let file = self.reopen()?;
        Ok(self.file.get_or_init(|| file))
    }
}

/// A checkpoint's tensors, by their headers.
#[derive(Debug)]
pub struct Checkpoint {
    shards: Vec<Shard>,
    tensors: Vec<TensorInfo>,
    /// Places in `tensors`, sorted by tensor name.
    by_name: Vec<usize>,
}

impl Checkpoint {
    /// Opens the checkpoint in `folder`: `model.safetensors`, or the shards of `model.safetensors.index.json`.
    ///
    /// Symbolic links are followed (download caches are made of them); what they lead to must be a regular file.
    ///
    /// # Errors
    /// When there is none, a file cannot be read, or index and headers do not describe files that hold exactly the
    /// tensors named. See [`CheckpointError`] and [`HeaderError`].
    pub fn open(folder: &Path) -> Result<Self, CheckpointError> {
        let (index_path, single_path) = (folder.join(INDEX_FILE), folder.join(SINGLE_FILE));
        let mut budget = Budget { used: 0 };
        match (exists(&index_path)?, exists(&single_path)?) {
            (true, single) => {
                let index = index::parse(&budget.read_whole(&index_path)?, &index_path)?;
                if single && !index.shards.iter().any(|shard| shard == SINGLE_FILE) {
                    return Err(CheckpointError::Ambiguous { folder: folder.to_owned() });
                }
                Self::open_sharded(folder, &index_path, &index, &mut budget)
            }
            (false, true) => Self::from_shards(folder, &[SINGLE_FILE.to_owned()], &mut budget),
            (false, false) => Err(absent(folder)),
        }
    }

    fn open_sharded(
        folder: &Path,
        index_path: &Path,
        index: &index::Index,
        budget: &mut Budget,
    ) -> Result<Self, CheckpointError> {
        for shard in &index.shards {
            if !exists(&folder.join(shard))? {
                return Err(CheckpointError::ShardMissing { path: index_path.to_owned(), shard: shard.clone() });
            }
        }
        let checkpoint = Self::from_shards(folder, &index.shards, budget)?;
        checkpoint.hold_against(index, index_path)?;
        Ok(checkpoint)
    }

    fn from_shards(folder: &Path, names: &[String], budget: &mut Budget) -> Result<Self, CheckpointError> {
        let (mut shards, mut tensors) = (Vec::with_capacity(names.len()), Vec::new());
        for (place, name) in names.iter().enumerate() {
            let (shard, found) = read_shard(folder.join(name), name, budget)?;
            shards.push(shard);
            tensors.extend(found.into_iter().map(|tensor| TensorInfo {
                name: tensor.name,
                dtype: tensor.dtype,
                shape: tensor.shape,
                shard: place,
                offset: tensor.offset,
                len: tensor.len,
            }));
        }
        let mut by_name: Vec<usize> = (0..tensors.len()).collect();
        by_name.sort_unstable_by(|a, b| tensors[*a].name.cmp(&tensors[*b].name));
        for pair in by_name.windows(2) {
            let (a, b) = (&tensors[pair[0]], &tensors[pair[1]]);
            if a.name == b.name {
                let (first, second) = (a.shard.min(b.shard), a.shard.max(b.shard));
                return Err(CheckpointError::Duplicate {
                    tensor: a.name.clone(),
                    first: names[first].clone(),
                    second: names[second].clone(),
                });
            }
        }
        Ok(Self { shards, tensors, by_name })
    }

    /// Holds the index and the shards against each other, both ways.
    fn hold_against(&self, index: &index::Index, index_path: &Path) -> Result<(), CheckpointError> {
        let absent = |(name, shard): &&(String, usize)| self.get(name).is_none_or(|tensor| tensor.shard != *shard);
        if let Some((_, shard)) = index.places.iter().find(absent) {
            let missing = index.places.iter().filter(absent).filter(|(_, place)| place == shard);
            return Err(CheckpointError::NotInShard {
                path: index_path.to_owned(),
                shard: index.shards[*shard].clone(),
                names: Names::of(missing.map(|(name, _)| name.as_str())),
            });
        }
        let unlisted = |tensor: &&TensorInfo| index.places.binary_search_by(|(name, _)| name.as_str().cmp(&tensor.name)).is_err();
        if let Some(first) = self.tensors.iter().find(unlisted) {
            let extra = self.tensors.iter().filter(unlisted).filter(|tensor| tensor.shard == first.shard);
            let names = Names::of(extra.map(|tensor| tensor.name.as_str()));
            return Err(CheckpointError::NotInIndex { shard: self.shards[first.shard].path.clone(), names });
        }
        Ok(())
    }

    /// Returns every tensor: shards in name order, within a shard in the order of their bytes.
    #[must_use]
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// Returns the tensor of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&TensorInfo> {
        self.place(name).map(|place| &self.tensors[place])
    }

    /// Returns where the tensor of a name stands in [`Checkpoint::tensors`].
    #[must_use]
    pub fn place(&self, name: &str) -> Option<usize> {
        let place = self.by_name.binary_search_by(|place| self.tensors[*place].name.as_str().cmp(name)).ok()?;
        Some(self.by_name[place])
    }

    /// Says whether any tensor's name begins with `prefix`.
    #[must_use]
    pub fn any_with_prefix(&self, prefix: &str) -> bool {
        let place = self.by_name.partition_point(|place| self.tensors[*place].name.as_str() < prefix);
        self.by_name.get(place).is_some_and(|place| self.tensors[*place].name.starts_with(prefix))
    }

    /// Returns the files, sorted by name.
    #[must_use]
    pub fn shards(&self) -> &[Shard] {
        &self.shards
    }

    /// Returns the bytes of all tensors together.
    #[must_use]
    pub fn tensor_bytes(&self) -> u64 {
        self.tensors.iter().map(|tensor| tensor.len).sum()
    }

    /// Reads `range` of a tensor's bytes into `buffer`, which has exactly the range's length.
    ///
    /// # Errors
    /// When the range is not within the tensor, the buffer has another length, or the file cannot be read.
    pub fn read_into(&self, tensor: &TensorInfo, range: Range<u64>, buffer: &mut [u8]) -> Result<(), CheckpointError> {
        let fits = range.start <= range.end && range.end <= tensor.len && range.end - range.start == buffer.len() as u64;
        if !fits {
            let (begin, end) = (range.start, range.end);
            return Err(CheckpointError::Range {
                tensor: tensor.name.clone(),
                len: tensor.len,
                begin,
                end,
                buffer: buffer.len(),
            });
        }
        let shard = &self.shards[tensor.shard];
        shard.file()?.read_exact_at(buffer, tensor.offset + range.start).map_err(|source| io_error("read", &shard.path, source))
    }

    /// Reads all of a tensor's bytes.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn read(&self, tensor: &TensorInfo) -> Result<Vec<u8>, CheckpointError> {
        let len = usize::try_from(tensor.len).expect("a tensor lies within a file this machine can address");
        let mut bytes = vec![0; len];
        self.read_into(tensor, 0..tensor.len, &mut bytes)?;
        Ok(bytes)
    }
}

/// The names of the shards an index names, sorted.
///
/// # Errors
/// As [`Checkpoint::open`] has them for an index; `path` is for messages.
pub fn shard_names(index: &[u8], path: &Path) -> Result<Vec<String>, CheckpointError> {
    Ok(index::parse(index, path)?.shards)
}

/// Checks one whole safetensors file in memory as [`Checkpoint::open`] would check it on disk.
///
/// Offsets are from the start of `bytes`; `shard` is 0.
///
/// # Errors
/// See [`HeaderError`].
pub fn parse_safetensors(bytes: &[u8]) -> Result<Vec<TensorInfo>, HeaderError> {
    let file_bytes = bytes.len() as u64;
    let length = header::header_length(bytes, file_bytes)?;
    let end = 8 + usize::try_from(length).expect("the header length was held against the file's");
    let tensors = header::parse(&bytes[8..end], file_bytes)?;
    let info = |t: header::HeaderTensor| TensorInfo {
        name: t.name,
        dtype: t.dtype,
        shape: t.shape,
        shard: 0,
        offset: t.offset,
        len: t.len,
    };
    Ok(tensors.into_iter().map(info).collect())
}

/// Counts bytes of headers against [`MAX_HEADERS_TOTAL_BYTES`].
struct Budget {
    used: u64,
}

impl Budget {
    fn take(&mut self, path: &Path, bytes: u64) -> Result<(), CheckpointError> {
        self.used = self.used.saturating_add(bytes);
        if self.used > MAX_HEADERS_TOTAL_BYTES {
            return Err(CheckpointError::TooMuchHeader {
                path: path.to_owned(),
                bytes: self.used,
                limit: MAX_HEADERS_TOTAL_BYTES,
            });
        }
        Ok(())
    }

    /// Reads a whole file that counts as header.
    fn read_whole(&mut self, path: &Path) -> Result<Vec<u8>, CheckpointError> {
        let (mut file, bytes) = open_regular(path)?;
        self.take(path, bytes)?;
        read_exactly(&mut file, path, bytes)
    }
}

fn read_shard(path: PathBuf, name: &str, budget: &mut Budget) -> Result<(Shard, Vec<header::HeaderTensor>), CheckpointError> {
    let refused = |source| CheckpointError::Header { path: path.clone(), source };
    let (mut file, bytes) = open_regular(&path)?;
    let first = read_exactly(&mut file, &path, bytes.min(8))?;
    let length = header::header_length(&first, bytes).map_err(refused)?;
    budget.take(&path, length)?;
    let json = read_exactly(&mut file, &path, length)?;
    let tensors = header::parse(&json, bytes).map_err(refused)?;
    Ok((Shard { path, name: name.to_owned(), bytes, file: OnceLock::new() }, tensors))
}

/// Opens a regular file; anything else is refused before it is opened, because opening a pipe would wait for its writer.
fn open_regular(path: &Path) -> Result<(File, u64), CheckpointError> {
    let metadata = std::fs::metadata(path).map_err(|source| io_error("open", path, source))?;
    if !metadata.is_file() {
        return Err(CheckpointError::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(|source| io_error("open", path, source))?;
    Ok((file, metadata.len()))
}

/// Reads exactly `bytes`, which the caller has held against the file's length.
fn read_exactly(file: &mut File, path: &Path, bytes: u64) -> Result<Vec<u8>, CheckpointError> {
    let mut buffer = vec![0; usize::try_from(bytes).expect("limited to the header budget")];
    file.read_exact(&mut buffer).map_err(|source| io_error("read", path, source))?;
    Ok(buffer)
}

/// Says whether a path leads to anything; a broken link or a forbidden folder is an error, not an absence.
fn exists(path: &Path) -> Result<bool, CheckpointError> {
    match std::fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(io_error("look for", path, source)),
    }
}

fn absent(folder: &Path) -> CheckpointError {
    let pickled = ["pytorch_model.bin", "pytorch_model.bin.index.json"].iter().any(|name| folder.join(name).exists());
    let hint = if pickled { "\nhint: the folder holds pickled weights; convert them to safetensors first" } else { "" };
    CheckpointError::Absent { folder: folder.to_owned(), hint }
}

fn io_error(action: &'static str, path: &Path, source: io::Error) -> CheckpointError {
    CheckpointError::Io { action, path: path.to_owned(), source }
}
