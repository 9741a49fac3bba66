//! A body whose length was promised.

use std::io::{Error, ErrorKind, Read, Result};

/// So many bytes of a stream; one that ends before is an error, since the other side would wait for the rest.
pub struct Exactly<'a> {
    stream: &'a mut dyn Read,
    left: u64,
}

impl<'a> Exactly<'a> {
    /// The next `length` bytes of a stream.
    pub fn new(stream: &'a mut dyn Read, length: u64) -> Self {
        Self { stream, left: length }
    }
}

impl Read for Exactly<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let Some(buffer) = buffer.get_mut(..most).filter(|buffer| !buffer.is_empty()) else { return Ok(0) };
        let read = self.stream.read(buffer)?;
        self.left -= read as u64;
        if read == 0 {
            return Err(Error::new(ErrorKind::UnexpectedEof, format!("it is {} bytes shorter than it was", self.left)));
        }
        Ok(read)
    }
}
