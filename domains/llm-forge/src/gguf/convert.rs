//! Streams a checkpoint into a GGUF file: threads read and convert, one writes in order, memory stays bounded.

use std::collections::BTreeMap;
use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};

use aw_gguf::mix::FileType;
use aw_gguf::{Layout, Metadata, TensorSpec, TensorType, Writer, quantize_rows};

use super::error::GgufError;
use super::importance::Importance;
use super::rules::Planned;
use crate::checkpoint::Checkpoint;

/// Memory the conversion may take, in bytes, whatever the model's size and the number of threads.
pub(crate) const MEMORY_BYTES: u64 = 160 << 20;
/// Bytes held for each element of a part that is in work: read, widened, converted, and waiting for its turn.
const BYTES_PER_ELEMENT: u64 = 20;
/// Most elements of a part.
const PART_MAX: u64 = 4 << 20;

/// A GGUF file that can be written: its header is known to the byte.
pub struct Conversion<'a> {
    checkpoint: &'a Checkpoint,
    tensors: &'a [Planned],
    types: Vec<TensorType>,
    layout: Layout,
}

impl<'a> Conversion<'a> {
    pub(crate) fn new(
        checkpoint: &'a Checkpoint,
        tensors: &'a [Planned],
        metadata: &Metadata,
        file_type: FileType,
    ) -> Result<Self, GgufError> {
        let mut specs: Vec<TensorSpec> = tensors
            .iter()
            .map(|tensor| TensorSpec {
                name: tensor.name.clone(),
                dims: tensor.dims.iter().rev().copied().collect(),
                // What no mix changes, llama.cpp's graph reads as `f32`.
                tensor_type: TensorType::F32,
            })
            .collect();
        let model = aw_gguf::mix::Model::from_metadata(metadata)?;
        let mut types = aw_gguf::mix::choose(file_type, &model, &specs)?;
        for (chosen, _) in types.iter_mut().zip(tensors).filter(|(_, tensor)| tensor.packed) {
            // What is stored in four bits stays as it is: in fewer it would lose, in more gain nothing.
            *chosen = TensorType::MXFP4;
        }
        specs.iter_mut().zip(&types).for_each(|(spec, tensor_type)| spec.tensor_type = *tensor_type);
        let mut metadata = metadata.clone();
        metadata.set("general.file_type", file_type.id());
        let layout = Layout::new(&metadata, specs)?;
        Ok(Self { checkpoint, tensors, types, layout })
    }

    /// Bytes of the whole file.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.layout.total_bytes()
    }

    /// The type of each tensor, in the file's order.
    pub fn types(&self) -> impl Iterator<Item = (&str, TensorType)> {
        self.tensors.iter().map(|tensor| tensor.name.as_str()).zip(self.types.iter().copied())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// When the checkpoint cannot be read, a value cannot be stored, an importance matrix does not fit, `out` cannot be written, or
    /// `report`, called with bytes written and all bytes, asks to stop.
    ///
    /// # Determinism
    /// Equal checkpoints give equal bytes, whatever `threads` is.
    pub fn write<W: Write>(
        &self,
        out: W,
        importance: Option<&Importance>,
        threads: usize,
        report: &dyn Fn(u64, u64) -> ControlFlow<()>,
    ) -> Result<W, GgufError> {
        let widest = self.tensors.iter().map(Planned::row).max().unwrap_or(1).max(1);
        let fitting = (MEMORY_BYTES / (BYTES_PER_ELEMENT * widest)).max(1);
        let threads = (threads.max(1) as u64).min(fitting);
        let part = (MEMORY_BYTES / (BYTES_PER_ELEMENT * threads)).clamp(1, PART_MAX);
        let parts = self.parts(part);
        let mut writer = Writer::new(out, self.layout.clone())?;
        let turn = Turn::default();
        let next = AtomicUsize::new(0);
        let window = 2 * threads as usize;
        let (sender, receiver) = mpsc::channel();
        std::thread::scope(|scope| {
            for _ in 0..threads {
                let (sender, parts, turn, next) = (sender.clone(), &parts, &turn, &next);
                scope.spawn(move || {
                    let mut scratch = Vec::new();
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(part) = parts.get(index).filter(|_| turn.wait(index, window)) else { return };
                        // The writer has gone when it met an error; then nobody wants the part.
                        if sender.send((index, self.convert(part, importance, &mut scratch))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let written = self.write_in_order(&mut writer, &parts, &receiver, &turn, report);
            turn.stop();
            drop(receiver);
            written
        })?;
        Ok(writer.finish()?)
    }

    fn write_in_order<W: Write>(
        &self,
        writer: &mut Writer<W>,
        parts: &[Part],
        receiver: &mpsc::Receiver<(usize, Result<Vec<u8>, GgufError>)>,
        turn: &Turn,
        report: &dyn Fn(u64, u64) -> ControlFlow<()>,
    ) -> Result<(), GgufError> {
        let mut early = BTreeMap::new();
        let (mut done, all) = (self.layout.data_start(), self.bytes());
        for (index, part) in parts.iter().enumerate() {
            let bytes = loop {
                if let Some(bytes) = early.remove(&index) {
                    break bytes;
                }
                // Every part before the last is sent by a thread that lives; a lost one has panicked, which the scope reports.
                let Ok((found, bytes)) = receiver.recv() else { return Err(GgufError::Cancelled) };
                early.insert(found, bytes);
            };
            let bytes = bytes?;
            writer.write(&self.tensors[part.tensor].name, &bytes)?;
            done += bytes.len() as u64;
            turn.advance();
            if report(done, all).is_break() {
                return Err(GgufError::Cancelled);
            }
        }
        Ok(())
    }

    /// Cuts every tensor into parts of whole rows.
    fn parts(&self, elements: u64) -> Vec<Part> {
        let mut parts = Vec::new();
        for (place, tensor) in self.tensors.iter().enumerate() {
            let mut base = 0;
            for (piece, view) in tensor.pieces.iter().enumerate() {
                let (row, all) = (tensor.row().max(1), view.elements());
                let step = (elements / row).max(1) * row;
                let mut first = 0;
                while first < all {
                    let len = step.min(all - first);
                    parts.push(Part { tensor: place, piece, first, len, at: base + first });
                    first += len;
                }
                base += all;
            }
        }
        parts
    }

    fn convert(&self, part: &Part, importance: Option<&Importance>, scratch: &mut Vec<u8>) -> Result<Vec<u8>, GgufError> {
        let (tensor, tensor_type) = (&self.tensors[part.tensor], self.types[part.tensor]);
        let view = &tensor.pieces[part.piece];
        if tensor.packed {
            return view.read_packed(self.checkpoint, part.first, part.len, scratch);
        }
        let mut values = vec![0.0; part.len as usize];
        view.read(self.checkpoint, part.first, &mut values, scratch)?;
        view.apply(&mut values);
        let row = tensor.row() as usize;
        let failed = |source| GgufError::Quantize { tensor: tensor.name.clone(), source };
        let too_long = || GgufError::Row { tensor: tensor.name.clone(), elements: tensor.row(), limit: u64::MAX };
        let row_bytes = tensor_type.row_bytes(row).ok_or_else(too_long)?;
        let mut out = vec![0; values.len() / row * row_bytes];
        // A matrix of each expert lies behind the other, and each has columns of its own weight.
        let matrix = if tensor.dims.len() > 2 { tensor.dims[tensor.dims.len() - 2] * tensor.row() } else { tensor.elements() };
        let mut done = 0;
        while done < values.len() {
            let at = part.at + done as u64;
            let len = ((matrix - at % matrix) as usize).min(values.len() - done);
            let weights = match importance {
                Some(importance) => importance.columns(tensor, view.name(), (at / matrix) as usize)?,
                None => None,
            };
            let to = &mut out[done / row * row_bytes..(done + len) / row * row_bytes];
            quantize_rows(tensor_type, &values[done..done + len], row, weights, to).map_err(failed)?;
            done += len;
        }
        Ok(out)
    }
}

/// Whole rows of a view, and where they stand in their tensor, in elements.
struct Part {
    tensor: usize,
    piece: usize,
    first: u64,
    len: u64,
    at: u64,
}

/// Holds threads back that are too far ahead of the writer.
#[derive(Default)]
struct Turn {
    written: Mutex<usize>,
    moved: Condvar,
    stopped: AtomicBool,
}

impl Turn {
    /// Waits until a part may be worked on; `false` when nobody wants it any more.
    fn wait(&self, index: usize, window: usize) -> bool {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        while index >= *written + window && !self.stopped.load(Ordering::Relaxed) {
            written = self.moved.wait(written).unwrap_or_else(PoisonError::into_inner);
        }
        !self.stopped.load(Ordering::Relaxed)
    }

    fn advance(&self) {
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.moved.notify_all();
    }

    fn stop(&self) {
        // Under the lock, so that no thread misses it between looking and waiting.
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        self.stopped.store(true, Ordering::Relaxed);
        self.moved.notify_all();
        drop(written);
    }
}
