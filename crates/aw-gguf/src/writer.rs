//! Writing a file front to back.

use std::io::{self, Write};

use crate::Layout;

/// Writes the tensors of a [`Layout`] in its order, in pieces of any size, with the padding between them.
#[derive(Debug)]
pub struct Writer<W> {
    inner: W,
    layout: Layout,
    /// The tensor whose turn it is.
    current: usize,
    /// Bytes of it that are written.
    written: u64,
}

/// Why tensor data was not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Another tensor comes next.
    #[error("tensor `{got}` is not the one that comes next, which is {}", expected.as_ref().map_or("none".to_owned(), |name| format!("`{name}`")))]
    Order {
        /// The tensor given.
        got: String,
        /// The tensor whose turn it is; `None` when all are written.
        expected: Option<String>,
    },
    /// More bytes than type and shape ask for.
    #[error("tensor `{name}`: expected {expected} bytes, got at least {got}")]
    TooLong {
        /// The tensor.
        name: String,
        /// Bytes that type and shape need.
        expected: u64,
        /// Bytes given so far.
        got: u64,
    },
    /// The file was finished before all its data was there.
    #[error("tensor `{name}`: expected {expected} bytes, got only {got} when the file was finished")]
    Unfinished {
        /// The tensor.
        name: String,
        /// Bytes that type and shape need.
        expected: u64,
        /// Bytes given.
        got: u64,
    },
    /// The output could not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl<W: Write> Writer<W> {
    /// Writes the header.
    ///
    /// # Errors
    /// [`WriteError::Io`] where `inner` cannot be written.
    pub fn new(mut inner: W, layout: Layout) -> Result<Self, WriteError> {
        inner.write_all(layout.header())?;
        Ok(Self { inner, layout, current: 0, written: 0 })
    }

    /// Returns the layout that is written.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Appends `bytes` to the tensor `name`; may be called often for one tensor, whose turn ends when it is whole.
    ///
    /// # Errors
    /// [`WriteError`] when another tensor comes next, when the tensor would become too long, or from the output.
    pub fn write(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        let Some(tensor) = self.layout.tensors().get(self.current).filter(|tensor| tensor.name == name) else {
            let expected = self.layout.tensors().get(self.current).map(|tensor| tensor.name.clone());
            return Err(WriteError::Order { got: name.to_owned(), expected });
        };
        let got = self.written.saturating_add(bytes.len() as u64);
        if got > tensor.bytes {
            return Err(WriteError::TooLong { name: name.to_owned(), expected: tensor.bytes, got });
        }
        self.inner.write_all(bytes)?;
        self.written = got;
        if got == tensor.bytes {
            let padding = got.next_multiple_of(self.layout.alignment()) - got;
            io::copy(&mut io::Read::take(io::repeat(0), padding), &mut self.inner)?;
            self.current += 1;
            self.written = 0;
        }
        Ok(())
    }

    /// Flushes and hands the output back.
    ///
    /// # Errors
    /// [`WriteError::Unfinished`] when a tensor is not whole, or the output's error.
    pub fn finish(mut self) -> Result<W, WriteError> {
        if let Some(tensor) = self.layout.tensors().get(self.current) {
            let name = tensor.name.clone();
            return Err(WriteError::Unfinished { name, expected: tensor.bytes, got: self.written });
        }
        self.inner.flush()?;
        Ok(self.inner)
    }
}
