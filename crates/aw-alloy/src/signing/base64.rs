//! Base64 as signatures use it: written in one form, read in four.

use base64ct::{Base64, Base64Unpadded, Base64UrlUnpadded, Encoding};

/// Writes the standard alphabet with padding.
pub fn standard(bytes: &[u8]) -> String {
    Base64::encode_string(bytes)
}

/// Writes the alphabet of URLs without padding.
pub fn url(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

/// Reads either alphabet, with or without padding; `None` for anything else: a text of both alphabets, white space, wrong padding, bits
/// left over at the end.
///
/// # Source
/// The alloy format, section 8: `signature`.
pub fn read(text: &str) -> Option<Vec<u8>> {
    let unpadded = match text.trim_end_matches('=') {
        bare if bare.len() == text.len() => bare,
        bare if text.len().is_multiple_of(4) && text.len() - bare.len() <= 2 => bare,
        _ => return None,
    };
    let bytes = if unpadded.contains(['-', '_']) {
        Base64UrlUnpadded::decode_vec(unpadded).ok()?
    } else {
        Base64Unpadded::decode_vec(unpadded).ok()?
    };
    // Only the one spelling of these bytes is read: no two texts stand for the same signature in the same alphabet.
    let again = if unpadded.contains(['-', '_']) { url(&bytes) } else { Base64Unpadded::encode_string(&bytes) };
    (again == unpadded).then_some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn four_forms_and_no_fifth() {
        // RFC 4648 section 10, and bytes that need the differing letters.
        for (bytes, text) in [(&b""[..], ""), (b"f", "Zg=="), (b"fo", "Zm8="), (b"foo", "Zm9v"), (b"foobar", "Zm9vYmFy")] {
            assert_eq!(standard(bytes), text);
            assert_eq!(read(text).unwrap(), bytes);
            assert_eq!(read(text.trim_end_matches('=')).unwrap(), bytes);
        }
        let bytes = [0xfb, 0xef, 0xff, 0xfe];
        assert_eq!((standard(&bytes).as_str(), url(&bytes).as_str()), ("++///g==", "--___g"));
        for text in ["++///g==", "++///g", "--___g==", "--___g"] {
            assert_eq!(read(text).unwrap(), bytes, "{text}");
        }
        for text in [
            "+-///g==",
            "++///g=",
            "++///g===",
            "Zg===",
            "Zg=",
            "Zh==",
            "Zm9=",
            "Z",
            "Zg==Zg==",
            " Zg==",
            "Zg==\n",
            "Zm 9v",
            "Zm9v=",
            "====",
            "Zé==",
        ] {
            assert_eq!(read(text), None, "{text:?}");
        }
    }
}
