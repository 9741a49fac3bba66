//! Files that hold a checkpoint's headers and nothing else, so that a plan can look at a model without its weights.
//!
//! A stand-in has its file's real length and real header; the rest is a hole. It lies in a folder of its own, `headers/<commit>`, never
//! where weights are looked for.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use crate::cache::{beside, disk, has_length, make_parent};
use crate::error::HubError;
use crate::http::{Client, Stop};
use crate::listing::{RemoteFile, Snapshot};
use crate::url::escape;

/// Asked for at once: most headers fit.
const FIRST_BYTES: u64 = 256 << 10;
/// Longest header of a safetensors file, in bytes; the reference reader's limit.
const HEADER_BYTES_MAX: u64 = 100_000_000;

/// Makes the stand-in of a safetensors file, unless it is there.
pub(crate) fn make(
    client: &Client,
    snapshot: &Snapshot,
    file: &RemoteFile,
    place: &Path,
    stop: Stop<'_>,
) -> Result<(), HubError> {
    if has_length(place, file.bytes) {
        return Ok(());
    }
    let odd = |reason: String| HubError::Answer { url: file.path.to_string(), reason };
    if file.bytes < 8 {
        return Err(odd(format!("a safetensors file of {} bytes", file.bytes)));
    }
    let first = read(client, snapshot, file, 0, FIRST_BYTES.min(file.bytes), stop)?;
    let length = first.first_chunk::<8>().map(|length| u64::from_le_bytes(*length));
    let length = length.ok_or_else(|| odd(format!("a safetensors file of {} bytes", file.bytes)))?;
    if length > HEADER_BYTES_MAX || length > file.bytes - 8 {
        return Err(odd(format!("its first 8 bytes say that its header has {length} bytes, which is no safetensors file")));
    }
    let end = 8 + length;
    let mut header = first;
    if end > header.len() as u64 {
        let more = read(client, snapshot, file, header.len() as u64, end, stop)?;
        header.extend(more);
    }
    header.truncate(usize::try_from(end).expect("limited above"));
    write(place, &header, file.bytes)
}

/// Writes a header and a hole up to `bytes`.
fn write(place: &Path, header: &[u8], bytes: u64) -> Result<(), HubError> {
    make_parent(place)?;
    let aside = beside(place);
    let mut file = File::create(&aside).map_err(disk("make", &aside))?;
    file.write_all(header).and_then(|()| file.set_len(bytes)).map_err(disk("write", &aside))?;
    fs::rename(&aside, place).map_err(disk("put in place", place))
}

/// Reads bytes `start..end` of a file.
fn read(
    client: &Client,
    snapshot: &Snapshot,
    file: &RemoteFile,
    start: u64,
    end: u64,
    stop: Stop<'_>,
) -> Result<Vec<u8>, HubError> {
    let (repository, commit) = (&snapshot.repository, &snapshot.commit);
    let url = client.address(&format!("/{repository}/resolve/{commit}/{}", escape(file.path.as_str())));
    let what = format!("`{}` in commit `{commit}` of `{repository}`", file.path);
    let bytes = client.patiently(stop, || {
        let answer = client.get_once(&url, Some((start, Some(end - 1))), &what)?;
        let (from, total) = answer.part()?;
        if let Some(total) = total.filter(|total| *total != file.bytes) {
            return Err(answer.unusable(format!("the file has {total} bytes, the Hub lists {}", file.bytes)));
        }
        if from != start {
            return Err(answer.unusable("the server gives no parts of files, which planning without weights needs"));
        }
        let mut bytes = Vec::new();
        let host = answer.url.origin.host.clone();
        std::io::Read::read_to_end(&mut std::io::Read::take(answer.into_reader(), end - start), &mut bytes)
            .map_err(|error| HubError::Unreachable { host: host.clone(), reason: aw_remote::net::io_reason(&error) })?;
        if bytes.len() as u64 == end - start {
            Ok(bytes)
        } else {
            Err(HubError::Unreachable { host, reason: "the answer ends too early".into() })
        }
    })?;
    Ok(bytes)
}
