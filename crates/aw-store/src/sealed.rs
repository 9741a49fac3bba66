//! Files that say what they hold: a digest on the first line, over everything after it. A torn or edited one is seen.

use aw_alloy::digest::Digest;

pub(crate) fn seal(body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{}\n", Digest::of(body)).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The body of a sealed file, or what is wrong with it.
pub(crate) fn unseal(bytes: &[u8]) -> Result<&[u8], String> {
    let line_end = bytes.iter().take(100).position(|&byte| byte == b'\n').ok_or("its first line is not a digest")?;
    let (line, body) = (&bytes[..line_end], &bytes[line_end + 1..]);
    let line = std::str::from_utf8(line).map_err(|_| "its first line is not a digest")?;
    let expected: Digest = line.parse().map_err(|error| format!("its first line is not a digest: {error}"))?;
    let found = Digest::of(body);
    if found != expected {
        return Err(format!("expected content with {expected}, found {found}"));
    }
    Ok(body)
}
