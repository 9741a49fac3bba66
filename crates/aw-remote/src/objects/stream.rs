//! Objects of any size: uploaded from a stream in parts, read in ranges, never held whole.
//!
//! What an object is stands beside it as its metadata `sha256`, which every provider keeps: that is how an upload knows that it was made
//! before. It is a hint of whoever uploaded, and no proof; reading hashes the bytes themselves.

use std::io::{Read, Write};

use aw_alloy::digest::{Digest, Hasher};
use object_store::{
    Attribute, Attributes, Error, GetOptions, ObjectStore as _, ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload,
};

use super::{Bucket, path};

/// Bytes of a part, and of a range; one is in memory at a time.
const PART_BYTES: u64 = 16 << 20;
/// Most parts of an object: S3's limit is ten thousand.
const PARTS_MAX: u64 = 9_000;
/// Name of the metadata that says what an object is.
const SHA256: &str = "sha256";

/// What is known of an object without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectState {
    /// Its length in bytes.
    pub bytes: u64,
    /// The SHA-256 it was uploaded with, when its uploader said one.
    pub sha256: Option<Digest>,
}

impl Bucket {
    /// What is known of an object; `None` when there is none.
    ///
    /// # Errors
    /// What the store says.
    pub fn state(&self, key: &str) -> Result<Option<ObjectState>, String> {
        let path = path(key)?;
        let options = GetOptions { head: true, ..GetOptions::default() };
        let found = match self.runtime.block_on(self.store.get_opts(&path, options)) {
            Ok(found) => found,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        let said = found.attributes.get(&Attribute::Metadata(SHA256.into()));
        let sha256 = said.and_then(|text| Digest::from_hex(text).ok());
        Ok(Some(ObjectState { bytes: found.meta.size, sha256 }))
    }

    /// Uploads `bytes` bytes of a stream as an object, in place of one that is there. An upload that fails leaves what was there before.
    /// `go_on` is told the bytes sent so far between parts.
    ///
    /// # Errors
    /// What the store says; also when the stream has other bytes than the digest says, and when it was told not to go on.
    pub fn put(
        &self,
        key: &str,
        stream: &mut dyn Read,
        bytes: u64,
        digest: &Digest,
        go_on: &dyn Fn(u64) -> bool,
    ) -> Result<(), String> {
        let path = path(key)?;
        let attributes = Attributes::from_iter([(Attribute::Metadata(SHA256.into()), digest.hex())]);
        let mut hasher = Hasher::new();
        if !go_on(0) {
            return Err("the upload was cancelled".to_owned());
        }
        if bytes <= PART_BYTES {
            let whole = part(stream, bytes, &mut hasher)?;
            check(hasher, digest)?;
            let options = PutOptions { attributes, ..PutOptions::default() };
            let done = self.runtime.block_on(self.store.put_opts(&path, PutPayload::from(whole), options));
            return done.map(drop).map_err(|error| error.to_string());
        }
        let size = PART_BYTES.max(bytes.div_ceil(PARTS_MAX));
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() };
        self.runtime.block_on(async {
            let mut upload = self.store.put_multipart_opts(&path, options).await.map_err(|error| error.to_string())?;
            let mut left = bytes;
            let mut failed = None;
            while left > 0 && failed.is_none() {
                let length = size.min(left);
                failed = match part(stream, length, &mut hasher) {
                    Ok(part) => upload.put_part(PutPayload::from(part)).await.err().map(|error| error.to_string()),
                    Err(reason) => Some(reason),
                };
                left -= length;
                if failed.is_none() && !go_on(bytes - left) {
                    failed = Some("the upload was cancelled".to_owned());
                }
            }
            // A file that changed meanwhile never becomes an object.
            match failed.map_or_else(|| check(hasher, digest), Err) {
                Ok(()) => upload.complete().await.map(drop).map_err(|error| error.to_string()),
                Err(reason) => {
                    // Parts that cannot be removed now are the store's to remove; what failed is what matters.
                    let _ = upload.abort().await;
                    Err(reason)
                }
            }
        })
    }

    /// Reads an object of a known length into `into` and gives the digest of its bytes; `None` when there is none.
    ///
    /// # Errors
    /// What the store says; also when the object has another length, or becomes another while it is read.
    pub fn read(&self, key: &str, bytes: u64, into: &mut dyn Write) -> Result<Option<Digest>, String> {
        let path = path(key)?;
        let head = match self.runtime.block_on(self.store.head(&path)) {
            Ok(head) => head,
            Err(Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        if head.size != bytes {
            return Err(format!("`{key}` has {} bytes, expected {bytes}", head.size));
        }
        let (mut hasher, mut at) = (Hasher::new(), 0);
        while at < bytes {
            let range = at..bytes.min(at + PART_BYTES);
            let expected = range.end - range.start;
            let options = GetOptions { range: Some(range.into()), if_match: head.e_tag.clone(), ..GetOptions::default() };
            let part = self.runtime.block_on(async { self.store.get_opts(&path, options).await?.bytes().await });
            let part = part.map_err(|error| error.to_string())?;
            if part.len() as u64 != expected {
                return Err(format!("`{key}`: {expected} bytes were asked for, {} came", part.len()));
            }
            hasher.update(&part);
            into.write_all(&part).map_err(|error| error.to_string())?;
            at += expected;
        }
        Ok(Some(hasher.finish()))
    }
}

/// The next `length` bytes of a stream.
fn part(stream: &mut dyn Read, length: u64, hasher: &mut Hasher) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(|_| "a part is too long for this machine".to_owned())?);
    stream.take(length).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    hasher.update(&bytes);
    if bytes.len() as u64 == length { Ok(bytes) } else { Err("what is uploaded became shorter meanwhile".to_owned()) }
}

fn check(hasher: Hasher, digest: &Digest) -> Result<(), String> {
    let found = hasher.finish();
    if found == *digest { Ok(()) } else { Err(format!("what is uploaded changed meanwhile: expected {digest}, found {found}")) }
}
