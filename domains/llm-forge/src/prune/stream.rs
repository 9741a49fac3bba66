//! The second pass: every source shard is read once, in large pieces; what stays is written and both sides are hashed.
//!
//! Output tensors follow the order of the source and kept rows ascend, so the output is the source with pieces left out:
//! one cursor walks both. The calling thread reads and writes while another hashes; they share a few buffers that go
//! round, so memory does not depend on the model.

use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use super::RewriteError;
use super::hashing::{Digests, Hashing, Out, PIECE_BYTES, Piece};
use super::header::shard_header;
use super::plan::{PlannedTensor, PrunePlan};
use super::sink::{OutputFile, OutputFiles};
use crate::checkpoint::{CheckpointError, Shard};
use crate::families::Model;
use crate::progress::Progress;

/// Source bytes that are written: from one source shard into one output shard.
#[derive(Debug, PartialEq, Eq)]
struct Span {
    shard_in: usize,
    begin: u64,
    end: u64,
    shard_out: usize,
}

/// Streams the source through the plan into `sink`. Progress counts source bytes.
pub(super) fn stream(
    model: &Model,
    plan: &PrunePlan,
    sink: &mut dyn OutputFiles,
    threads: usize,
    progress: Progress<'_>,
) -> Result<Digests, RewriteError> {
    std::thread::scope(|scope| {
        let mut pass = Pass {
            model,
            spans: spans(model, plan),
            next_span: 0,
            outputs: Outputs { plan, sink, current: None, started: 0, ended: 0 },
            hashing: Hashing::start(scope, threads),
            done: 0,
        };
        pass.run(plan.bytes_in, progress)?;
        Ok(pass.hashing.finish())
    })
}

/// Lists what is written, in the order of the source, neighbours joined.
fn spans(model: &Model, plan: &PrunePlan) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for (shard_out, shard) in plan.shards.iter().enumerate() {
        for tensor in &shard.tensors {
            push_spans(model, plan, tensor, shard_out, &mut spans);
        }
    }
    spans
}

fn push_spans(model: &Model, plan: &PrunePlan, tensor: &PlannedTensor, shard_out: usize, spans: &mut Vec<Span>) {
    let source = &model.checkpoint.tensors()[tensor.source];
    let mut push = |begin: u64, end: u64| match spans.last_mut() {
        Some(last) if last.shard_in == source.shard && last.shard_out == shard_out && last.end == begin => last.end = end,
        _ if begin == end => {}
        _ => spans.push(Span { shard_in: source.shard, begin, end, shard_out }),
    };
    match tensor.sliced {
        None => push(source.offset, source.offset + source.len),
        Some(slice) => {
            let experts = plan.selection.experts() as u64;
            // What lies before the axis of the experts: one block of all experts for each of its places.
            let blocks: u64 = source.shape[..slice.axis].iter().product();
            let entry = source.len / (blocks * experts).max(1);
            for block in 0..blocks {
                for kept in &plan.selection.layers()[&slice.layer] {
                    let begin = source.offset + (block * experts + *kept as u64) * entry;
                    push(begin, begin + entry);
                }
            }
        }
    }
}

struct Pass<'a, 'scope> {
    model: &'a Model,
    spans: Vec<Span>,
    /// The first span not wholly written.
    next_span: usize,
    outputs: Outputs<'a>,
    hashing: Hashing<'scope>,
    /// Source bytes read.
    done: u64,
}

impl Pass<'_, '_> {
    fn run(&mut self, total: u64, progress: Progress<'_>) -> Result<(), RewriteError> {
        let shards = self.model.checkpoint.shards();
        for (place, shard) in shards.iter().enumerate() {
            let file = shard.reopen()?;
            // A hint: the system reads further ahead, so that a cold file is fetched while the last piece is written.
            #[cfg(target_os = "linux")]
            let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Sequential);
            let mut position = 0;
            while position < shard.bytes {
                if progress(self.done, total).is_break() {
                    return Err(RewriteError::Cancelled);
                }
                let length = PIECE_BYTES.min(usize::try_from(shard.bytes - position).unwrap_or(PIECE_BYTES));
                let mut buffer = self.hashing.buffer();
                file.read_exact_at(&mut buffer[..length], position).map_err(|source| read_error(shard, source))?;
                self.piece(place, position, length, buffer, position + length as u64 == shard.bytes)?;
                position += length as u64;
                self.done += length as u64;
            }
        }
        self.close()?;
        let _ = progress(self.done, total);
        Ok(())
    }

    /// Hands one piece over to be hashed, and writes what of it stays.
    fn piece(&mut self, shard: usize, at: u64, length: usize, buffer: Vec<u8>, source_ends: bool) -> Result<(), RewriteError> {
        let output = self.cut(shard, at, length);
        self.pass_on(Piece { buffer, length, output, source_ends })
    }

    fn pass_on(&mut self, piece: Piece) -> Result<(), RewriteError> {
        let piece = Arc::new(piece);
        self.hashing.take(&piece);
        self.outputs.write(&piece)?;
        self.hashing.release(piece);
        Ok(())
    }

    /// Says what of the piece at `at` goes into the output.
    fn cut(&mut self, shard: usize, at: u64, length: usize) -> Vec<Out> {
        let (end, mut output) = (at + length as u64, Vec::new());
        while let Some(span) = self.spans.get(self.next_span).filter(|span| span.shard_in == shard && span.begin < end) {
            self.outputs.advance(span.shard_out + 1, &mut output);
            let within = |place: u64| usize::try_from(place.clamp(at, end) - at).expect("a piece fits in memory");
            output.push(Out::Copy(within(span.begin)..within(span.end)));
            if span.end > end {
                break;
            }
            self.next_span += 1;
        }
        output
    }

    /// Starts and ends the output shards that are left: the last one, and any that hold no bytes.
    fn close(&mut self) -> Result<(), RewriteError> {
        let mut output = Vec::new();
        self.outputs.advance(self.outputs.plan.shards.len(), &mut output);
        output.push(Out::End);
        let buffer = self.hashing.buffer();
        self.pass_on(Piece { buffer, length: 0, output, source_ends: false })
    }
}

/// The output shards, written one after the other.
struct Outputs<'a> {
    plan: &'a PrunePlan,
    sink: &'a mut dyn OutputFiles,
    current: Option<(usize, Box<dyn OutputFile>)>,
    /// How many shards' headers have been put in line.
    started: usize,
    /// How many shards have been written to their end.
    ended: usize,
}

impl Outputs<'_> {
    /// Appends the headers (and ends) needed until `started` shards have been started.
    fn advance(&mut self, started: usize, output: &mut Vec<Out>) {
        while self.started < started {
            if self.started > 0 {
                output.push(Out::End);
            }
            output.push(Out::Header(shard_header(&self.plan.shards[self.started])));
            self.started += 1;
        }
    }

    fn write(&mut self, piece: &Piece) -> Result<(), RewriteError> {
        for out in &piece.output {
            match out {
                Out::Header(bytes) => {
                    self.begin()?;
                    self.append(bytes)?;
                }
                Out::Copy(range) => self.append(&piece.buffer[range.clone()])?,
                Out::End => self.end()?,
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> Result<(), RewriteError> {
        let place = self.ended;
        let shard = &self.plan.shards[place];
        let file = self.sink.create(&shard.name, shard.bytes).map_err(|source| write_error(&shard.name, source))?;
        self.current = Some((place, file));
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), RewriteError> {
        let (place, file) = self.current.as_mut().expect("bytes follow the header that began their file");
        file.write_all(bytes).map_err(|source| write_error(&self.plan.shards[*place].name, source))
    }

    fn end(&mut self) -> Result<(), RewriteError> {
        let (place, file) = self.current.take().expect("a file ends after it began");
        self.ended += 1;
        file.finish().map_err(|source| write_error(&self.plan.shards[place].name, source))
    }
}

fn read_error(shard: &Shard, source: std::io::Error) -> RewriteError {
    CheckpointError::Io { action: "read", path: shard.path.clone(), source }.into()
}

fn write_error(path: &str, source: std::io::Error) -> RewriteError {
    RewriteError::Write { path: path.to_owned(), source }
}
