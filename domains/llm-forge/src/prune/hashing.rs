//! The hashing side of the second pass: one thread for the source, one for the output, or none of their own.

use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Scope, ScopedJoinHandle};

use aw_alloy::digest::{Digest, Hasher};

/// Bytes read at once: a large sequential read that still fits the second-level cache it is hashed and written from.
pub(super) const PIECE_BYTES: usize = 1 << 20;

/// Buffers that go round between reading, hashing and writing.
const BUFFERS: usize = 8;

/// Digests in the order of the shards.
#[derive(Debug, Default)]
pub(super) struct Digests {
    /// Of every source shard.
    pub sources: Vec<Digest>,
    /// Of every output shard.
    pub outputs: Vec<Digest>,
}

/// One piece of the source, and what of it goes into the output.
pub(super) struct Piece {
    /// The piece's bytes are the first `length` of the buffer.
    pub buffer: Vec<u8>,
    pub length: usize,
    pub output: Vec<Out>,
    /// Whether the source shard ends with this piece.
    pub source_ends: bool,
}

/// What goes into the output next.
pub(super) enum Out {
    /// Bytes that are not in the source: a header.
    Header(Vec<u8>),
    /// A range of the piece.
    Copy(Range<usize>),
    /// The end of an output shard.
    End,
}

/// Hashes pieces in the order they are handed over, and lends the buffers they come in.
pub(super) enum Hashing<'scope> {
    Here { source: SourceStream, output: OutputStream, buffer: Vec<u8> },
    Threads { source: Worker<'scope>, output: Worker<'scope>, lent: Receiver<Vec<u8>>, free: SyncSender<Vec<u8>> },
}

/// A thread that hashes one of the two streams.
pub(super) struct Worker<'scope> {
    pieces: SyncSender<Arc<Piece>>,
    thread: ScopedJoinHandle<'scope, Vec<Digest>>,
}

impl<'scope> Worker<'scope> {
    fn start(scope: &'scope Scope<'scope, '_>, mut stream: impl Stream + Send + 'scope, free: SyncSender<Vec<u8>>) -> Self {
        let (pieces, incoming) = sync_channel::<Arc<Piece>>(BUFFERS);
        let thread = scope.spawn(move || {
            for piece in incoming {
                stream.take(&piece);
                give_back(piece, &free);
            }
            stream.finish()
        });
        Self { pieces, thread }
    }

    fn finish(self) -> Vec<Digest> {
        drop(self.pieces);
        self.thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The last of those who hold a piece gives its buffer back.
fn give_back(piece: Arc<Piece>, free: &SyncSender<Vec<u8>>) {
    if let Some(piece) = Arc::into_inner(piece) {
        // The receiver is gone when the pass ended early; then nobody waits for the buffer.
        let _ = free.send(piece.buffer);
    }
}

impl<'scope> Hashing<'scope> {
    /// Hashes on the calling thread when `threads` is 1.
    pub fn start(scope: &'scope Scope<'scope, '_>, threads: usize) -> Self {
        let (source, output) = (SourceStream::default(), OutputStream::default());
        if threads < 2 {
            return Self::Here { source, output, buffer: vec![0; PIECE_BYTES] };
        }
        let (free, lent) = sync_channel(BUFFERS);
        for _ in 0..BUFFERS {
            free.send(vec![0; PIECE_BYTES]).expect("the receiver is held just above");
        }
        let (source, output) = (Worker::start(scope, source, free.clone()), Worker::start(scope, output, free.clone()));
        Self::Threads { source, output, lent, free }
    }

    /// Lends a buffer of [`PIECE_BYTES`]; it comes back by [`Hashing::release`].
    pub fn buffer(&mut self) -> Vec<u8> {
        match self {
            Self::Here { buffer, .. } => std::mem::take(buffer),
            Self::Threads { lent, .. } => lent.recv().expect("a sender is held beside the receiver"),
        }
    }

    /// Hashes a piece, here or soon.
    pub fn take(&mut self, piece: &Arc<Piece>) {
        match self {
            Self::Here { source, output, .. } => {
                source.take(piece);
                output.take(piece);
            }
            Self::Threads { source, output, .. } => {
                for worker in [source, output] {
                    worker.pieces.send(Arc::clone(piece)).expect("a hashing thread lives until the pieces end");
                }
            }
        }
    }

    /// Takes a piece back that has been written.
    pub fn release(&mut self, piece: Arc<Piece>) {
        match self {
            Self::Here { buffer, .. } => {
                *buffer = Arc::into_inner(piece).expect("nobody else holds pieces where there are no threads").buffer;
            }
            Self::Threads { free, .. } => give_back(piece, free),
        }
    }

    pub fn finish(self) -> Digests {
        match self {
            Self::Here { source, output, .. } => Digests { sources: source.finish(), outputs: output.finish() },
            Self::Threads { source, output, .. } => Digests { sources: source.finish(), outputs: output.finish() },
        }
    }
}

/// One of the two streams under way.
trait Stream {
    fn take(&mut self, piece: &Piece);
    fn finish(self) -> Vec<Digest>;
}

/// The source shards, whole.
#[derive(Default)]
pub(super) struct SourceStream {
    hasher: Hasher,
    done: Vec<Digest>,
}

impl Stream for SourceStream {
    fn take(&mut self, piece: &Piece) {
        self.hasher.update(&piece.buffer[..piece.length]);
        if piece.source_ends {
            self.done.push(std::mem::take(&mut self.hasher).finish());
        }
    }

    fn finish(self) -> Vec<Digest> {
        self.done
    }
}

/// The output shards: headers and what is kept.
#[derive(Default)]
pub(super) struct OutputStream {
    hasher: Hasher,
    done: Vec<Digest>,
}

impl Stream for OutputStream {
    fn take(&mut self, piece: &Piece) {
        for out in &piece.output {
            match out {
                Out::Header(bytes) => self.hasher.update(bytes),
                Out::Copy(range) => self.hasher.update(&piece.buffer[range.clone()]),
                Out::End => self.done.push(std::mem::take(&mut self.hasher).finish()),
            }
        }
    }

    fn finish(self) -> Vec<Digest> {
        self.done
    }
}
