//! The link to an artifact's identity, and its picture.
//!
//! # Source
//! The alloy format, section 12; ISO/IEC 18004 for the picture.

use qrcodegen::{QrCode, QrCodeEcc};

use super::provenance::percent_encode;
use crate::artifact::{ARTIFACT_SUFFIX, Artifact};
use crate::document::Document;
use crate::text::Node;

/// Modules of empty space around the picture.
const MARGIN: usize = 4;
/// Pixels of a module in a PNG.
const SCALE: usize = 8;

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link is longer than a QR code holds: it has {bytes} bytes, at most 2331 fit")]
pub struct TooLong {
    /// Bytes of the link.
    pub bytes: usize,
}

/// The link to a document's identity.
///
/// With a publication and a verification page (`page`, else the receipt's `verifyUrl`): `<page>#<the percent-encoded address of the
/// published document>`. With a page only: `<page>#<first 16 hex digits of the file hash>`. With neither:
/// `alloyworks:<id>@<first 16 hex digits of the file hash>`, where the id is an artifact's own, and the name of other documents.
///
/// # Source
/// The alloy format, section 12: "QR target"; the last form is this program's.
pub fn link(document: &Document, page: Option<&str>) -> String {
    let root = document.node();
    let receipt = root.get("receipt");
    let told = receipt.and_then(|receipt| receipt.get("verifyUrl")).and_then(Node::as_str);
    let page = page.or(told).map(|page| page.split('#').next().unwrap_or_default()).filter(|page| !page.is_empty());
    let publication = receipt.and_then(|receipt| receipt.get("publications")).and_then(Node::as_array).and_then(<[Node]>::first);
    let url = publication.and_then(|publication| publication.get("url")).and_then(Node::as_str).filter(|url| !url.is_empty());
    let short = document.file_hash().short();
    match (page, url) {
        (Some(page), Some(url)) => {
            let address = format!("{}/resolve/main/{}{ARTIFACT_SUFFIX}", url.trim_end_matches('/'), document.name());
            format!("{page}#{}", percent_encode(&address))
        }
        (Some(page), None) => format!("{page}#{short}"),
        (None, _) => {
            let id = Artifact::read(document.to_bytes()).map(|artifact| artifact.id().to_string());
            format!("alloyworks:{}@{short}", id.unwrap_or_else(|_| percent_encode(document.name())))
        }
    }
}

/// A link's picture.
pub struct Picture {
    code: QrCode,
}

impl Picture {
    /// Draws a text.
    ///
    /// # Errors
    /// [`TooLong`] when it does not fit.
    pub fn of(text: &str) -> Result<Self, TooLong> {
        let code = QrCode::encode_text(text, QrCodeEcc::Medium).map_err(|_| TooLong { bytes: text.len() })?;
        Ok(Self { code })
    }

    /// Modules along a side, the empty space included.
    fn side(&self) -> usize {
        usize::try_from(self.code.size()).expect("a side is 21 to 177 modules") + 2 * MARGIN
    }

    /// Whether a module is dark; around the code none is.
    fn dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| i32::try_from(at).map_or(-1, |at| at - MARGIN as i32);
        self.code.get_module(inside(x), inside(y))
    }

    /// The picture as SVG.
    pub fn svg(&self) -> String {
        let side = self.side();
        let mut path = String::new();
        for y in 0..side {
            for x in (0..side).filter(|x| self.dark(*x, y)) {
                path.push_str(&format!("M{x} {y}h1v1h-1z"));
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\">\
             <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/><path d=\"{path}\"/></svg>\n"
        )
    }

    /// The picture as PNG: one bit a pixel, 8 pixels a module.
    ///
    /// # Source
    /// RFC 2083; the pixels stand in stored blocks of RFC 1951, as so few are not worth compressing.
    pub fn png(&self) -> Vec<u8> {
        let pixels = self.side() * SCALE;
        let line = |y: usize| {
            let mut bytes = vec![0u8; 1 + pixels.div_ceil(8)];
            for x in (0..pixels).filter(|x| !self.dark(x / SCALE, y / SCALE)) {
                bytes[1 + x / 8] |= 0x80 >> (x % 8);
            }
            bytes
        };
        let raw: Vec<u8> = (0..pixels).flat_map(line).collect();
        let size = u32::try_from(pixels).expect("a side is at most 1480 pixels").to_be_bytes();
        let header = [&size[..], &size[..], &[1, 0, 0, 0, 0]].concat();
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        chunk(&mut png, *b"IHDR", &header);
        chunk(&mut png, *b"IDAT", &stored(&raw));
        chunk(&mut png, *b"IEND", &[]);
        png
    }
}

fn chunk(png: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    png.extend(u32::try_from(data.len()).expect("a picture is small").to_be_bytes());
    let from = png.len();
    png.extend(kind);
    png.extend(data);
    let sum = crc32(&png[from..]);
    png.extend(sum.to_be_bytes());
}

/// A zlib stream of stored blocks.
fn stored(raw: &[u8]) -> Vec<u8> {
    let mut out = vec![0x78, 0x01];
    let last = raw.len().div_ceil(0xffff).max(1) - 1;
    for (index, block) in raw.chunks(0xffff).enumerate() {
        let bytes = u16::try_from(block.len()).expect("a block is at most 65535 bytes");
        out.push(u8::from(index == last));
        out.extend(bytes.to_le_bytes());
        out.extend((!bytes).to_le_bytes());
        out.extend(block);
    }
    let (a, b) = raw.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65521;
        (a, (b + a) % 65521)
    });
    out.extend((b << 16 | a).to_be_bytes());
    out
}

fn crc32(bytes: &[u8]) -> u32 {
    let step = |sum: u32, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 };
    !bytes.iter().fold(!0, |sum: u32, byte| (0..8).fold(sum ^ u32::from(*byte), step))
}
