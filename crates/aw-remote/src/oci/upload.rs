//! Uploads of files of any size: in one request where they are small, else in parts that go on where a broken connection left them.

use aw_alloy::digest::Digest;

use super::{OciError, Registry, Source, with_digest};
use crate::net::{Ask, Method, NetworkError, Url};

/// A file of at most so many bytes goes in one request.
const WHOLE_BYTES_MAX: u64 = 64 << 20;
/// Bytes of a part; no part is held in memory.
const PART_BYTES: u64 = 64 << 20;
/// Connections that may break in a row.
const BREAKS_MAX: u32 = 4;

impl Registry {
    /// Uploads a file, unless its content is there; says whether anything was sent. `go_on` is told the bytes sent so far between parts.
    ///
    /// A registry checks the digest of what arrives before it keeps it, so a file that changed meanwhile is refused there.
    ///
    /// # Errors
    /// [`OciError`].
    pub fn put(&self, source: &dyn Source, go_on: &dyn Fn(u64) -> bool) -> Result<bool, OciError> {
        let digest = source.digest();
        if self.has_blob(&digest)? {
            return Ok(false);
        }
        if !go_on(0) {
            return Err(OciError::Cancelled);
        }
        let place = self.begin_upload()?;
        if source.bytes() <= WHOLE_BYTES_MAX {
            self.put_whole(source, &digest, place)?;
        } else {
            self.put_parts(source, &digest, place, go_on)?;
        }
        Ok(true)
    }

    fn put_whole(&self, source: &dyn Source, digest: &Digest, place: Url) -> Result<(), OciError> {
        let place = with_digest(place, digest);
        let answer = self.send_part(source, Method::PUT, &place, Vec::new(), 0, source.bytes())?;
        if answer.status == 201 { Ok(()) } else { Err(answer.refusal().into()) }
    }

    fn put_parts(
        &self,
        source: &dyn Source,
        digest: &Digest,
        mut place: Url,
        go_on: &dyn Fn(u64) -> bool,
    ) -> Result<(), OciError> {
        let (total, mut sent, mut breaks) = (source.bytes(), 0, 0);
        while sent < total {
            let length = PART_BYTES.min(total - sent);
            let range = vec![("Content-Range", format!("{sent}-{}", sent + length - 1))];
            match self.send_part(source, Method::PATCH, &place, range, sent, length) {
                Ok(answer) if answer.status == 202 => {
                    place = self.upload_place(&place, &answer)?;
                    (sent, breaks) = (sent + length, 0);
                }
                Ok(answer) if answer.status == 416 && breaks < BREAKS_MAX => {
                    breaks += 1;
                    (sent, place) = self.upload_state(&place)?;
                }
                Ok(answer) => return Err(answer.refusal().into()),
                // The connection broke: the registry knows how much it has.
                Err(OciError::Network(NetworkError::Failed { .. })) if breaks < BREAKS_MAX => {
                    breaks += 1;
                    (sent, place) = self.upload_state(&place)?;
                }
                Err(error) => return Err(error),
            }
            if sent > total {
                return Err(OciError::Odd(format!("it has {sent} bytes of a file of {total}")));
            }
            if !go_on(sent) {
                return Err(OciError::Cancelled);
            }
        }
        let place = with_digest(place, digest);
        let answer = self.ask(Method::PUT, &place, &[("Content-Type", "application/octet-stream")], &[])?;
        if answer.status == 201 { Ok(()) } else { Err(answer.refusal().into()) }
    }

    /// How many bytes of an upload the registry has, and where it goes on. One that it gave up begins anew.
    fn upload_state(&self, place: &Url) -> Result<(u64, Url), OciError> {
        let answer = self.ask(Method::GET, place, &[], &[])?;
        if answer.status != 204 {
            return Ok((0, self.begin_upload()?));
        }
        let end = answer.header("range").and_then(|range| range.rsplit('-').next()?.parse::<u64>().ok());
        let next = if answer.header("location").is_some() { self.upload_place(place, &answer)? } else { place.clone() };
        // Nothing at all and one byte are both `0-0`: the first is right whenever a part was longer, and they all are.
        Ok((end.filter(|end| *end > 0).map_or(0, |end| end + 1), next))
    }

    fn send_part(
        &self,
        source: &dyn Source,
        method: Method,
        place: &Url,
        mut headers: Vec<(&'static str, String)>,
        start: u64,
        length: u64,
    ) -> Result<crate::net::Answer, OciError> {
        headers.push(("Content-Type", "application/octet-stream".to_owned()));
        self.authorized(place, |authorization| {
            let unreadable = |error: std::io::Error| OciError::Source { what: source.name(), reason: error.to_string() };
            let mut stream = source.open(start).map_err(unreadable)?;
            let ask = Ask { method: method.clone(), headers: headers.clone(), authorization, body: &[] };
            Ok(self.streams.send_stream(place, &ask, &mut *stream, length)?)
        })
    }
}
