//! Where a view's elements come from, read as `f32`: a tensor as it is stored, blocks of FP8 or MXFP4 beside their scales, or values
//! that a config stands for.
//!
//! # Source
//! `dequant_model` of `conversion/base.py`, `repack_mxfp4` of `conversion/gpt_oss.py` of llama.cpp; the OCP microscaling formats.

use std::sync::Arc;

use serde_json::Value;

use super::error::GgufError;
use super::hparams::Hparams;
use super::rules::ROW_MAX;
use crate::checkpoint::{Checkpoint, Dtype, TensorInfo, widen};

/// Elements of an MXFP4 block.
pub(crate) const MX_BLOCK: u64 = 32;
/// Bytes of an MXFP4 block without its exponent.
const MX_BYTES: u64 = 16;
/// What is stored beside a tensor of FP8: factors, a block each.
const FP8_SCALES: &str = "_scale_inv";

/// Where elements come from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Source {
    /// A tensor of F32, F16 or BF16, by its place in [`Checkpoint::tensors`].
    Tensor(usize),
    /// A matrix of FP8 and a factor for each block of `block[0]` rows and `block[1]` columns.
    Fp8 { tensor: usize, scales: usize, block: [u64; 2] },
    /// Four-bit floats, two a byte, and an exponent for each [`MX_BLOCK`] of them.
    Mxfp4 { blocks: usize, scales: usize },
    /// Values made from the config.
    Made(Arc<[f32]>),
}

/// What a tensor of the checkpoint is to a conversion.
pub(crate) enum Found {
    /// Elements of this shape, outermost first.
    Elements { source: Source, shape: Vec<u64> },
    /// The scales of another tensor, read with it.
    Scales,
}

/// Says what a tensor of the checkpoint is.
///
/// # Errors
/// When its elements cannot be read, or what stands beside it does not fit it.
pub(crate) fn find(place: usize, checkpoint: &Checkpoint, hparams: &Hparams) -> Result<Found, GgufError> {
    let tensor = &checkpoint.tensors()[place];
    let name = tensor.name.as_str();
    if tensor.dtype.widens() {
        let of_fp8 = name.strip_suffix(FP8_SCALES).and_then(|weight| checkpoint.get(weight));
        return Ok(match of_fp8 {
            Some(weight) if weight.dtype == Dtype::F8_E4M3 => Found::Scales,
            _ => Found::Elements { source: Source::Tensor(place), shape: tensor.shape.clone() },
        });
    }
    let stored = || GgufError::Stored { tensor: tensor.name.clone(), dtype: tensor.dtype };
    match tensor.dtype {
        Dtype::F8_E4M3 => {
            let scales = checkpoint.place(&format!("{name}{FP8_SCALES}")).ok_or_else(stored)?;
            let block = block_size(hparams)?;
            fits_fp8(tensor, &checkpoint.tensors()[scales], block)?;
            Ok(Found::Elements { source: Source::Fp8 { tensor: place, scales, block }, shape: tensor.shape.clone() })
        }
        Dtype::U8 if name.ends_with("_scales") => {
            let blocks = name.strip_suffix("_scales").map(|weight| format!("{weight}_blocks"));
            blocks.and_then(|blocks| checkpoint.get(&blocks)).map(|_| Found::Scales).ok_or_else(stored)
        }
        Dtype::U8 => {
            let weight = name.strip_suffix("_blocks").ok_or_else(stored)?;
            let scales = checkpoint.place(&format!("{weight}_scales")).ok_or_else(stored)?;
            let shape = fits_mxfp4(tensor, &checkpoint.tensors()[scales])?;
            Ok(Found::Elements { source: Source::Mxfp4 { blocks: place, scales }, shape })
        }
        _ => Err(stored()),
    }
}

/// Rows and columns that share a factor.
fn block_size(hparams: &Hparams) -> Result<[u64; 2], GgufError> {
    let field = "quantization_config.weight_block_size";
    let value = hparams.get("quantization_config").and_then(|config| config.get("weight_block_size"));
    let sizes: Option<Vec<u64>> = value.and_then(Value::as_array).map(|list| list.iter().filter_map(Value::as_u64).collect());
    match sizes.as_deref() {
        Some([rows, columns]) if *rows > 0 && *columns > 0 => Ok([*rows, *columns]),
        _ => Err(GgufError::Field {
            field: field.into(),
            expected: "two whole numbers above 0: the rows and columns that share a factor".into(),
            got: value.map_or("nothing".to_owned(), |value| format!("`{value}`")),
        }),
    }
}

fn fits_fp8(tensor: &TensorInfo, scales: &TensorInfo, block: [u64; 2]) -> Result<(), GgufError> {
    let misfit = |tensor: &TensorInfo, expected: String| GgufError::Shape {
        tensor: tensor.name.clone(),
        shape: tensor.shape.clone(),
        expected,
    };
    let [rows, columns] = tensor.shape[..] else {
        return Err(misfit(tensor, "two dimensions, as every matrix of FP8".into()));
    };
    if columns > ROW_MAX {
        return Err(misfit(tensor, format!("at most {ROW_MAX} columns")));
    }
    let expected = [rows.div_ceil(block[0]), columns.div_ceil(block[1])];
    if scales.shape != expected {
        return Err(misfit(scales, format!("{expected:?}: a factor for each {} rows and {} columns", block[0], block[1])));
    }
    if !scales.dtype.widens() {
        return Err(GgufError::Stored { tensor: scales.name.clone(), dtype: scales.dtype });
    }
    Ok(())
}

/// The shape of what four-bit blocks hold.
fn fits_mxfp4(blocks: &TensorInfo, scales: &TensorInfo) -> Result<Vec<u64>, GgufError> {
    let misfit = |tensor: &TensorInfo, expected: String| GgufError::Shape {
        tensor: tensor.name.clone(),
        shape: tensor.shape.clone(),
        expected,
    };
    let Some((&MX_BYTES, outer)) = blocks.shape.split_last() else {
        return Err(misfit(blocks, format!("a last dimension of {MX_BYTES}: a block's bytes")));
    };
    if scales.shape != outer || scales.dtype != Dtype::U8 {
        return Err(misfit(scales, format!("{outer:?} of U8: an exponent for each block")));
    }
    let Some((count, rows)) = outer.split_last() else {
        return Err(misfit(blocks, "at least two dimensions".into()));
    };
    let row = count.checked_mul(MX_BLOCK).ok_or_else(|| misfit(blocks, "shorter rows".into()))?;
    Ok(rows.iter().copied().chain([row]).collect())
}

impl Source {
    /// Bytes an element takes where it is stored, at least 1; how much is read for those that lie apart.
    pub(crate) fn element_bytes(&self, checkpoint: &Checkpoint) -> u64 {
        match self {
            Self::Tensor(place) => checkpoint.tensors()[*place].dtype.size_bytes() as u64,
            Self::Fp8 { .. } | Self::Mxfp4 { .. } => 1,
            Self::Made(_) => 4,
        }
    }

    /// Reads elements that lie one behind the other, from `first`.
    pub(crate) fn read(
        &self,
        checkpoint: &Checkpoint,
        first: u64,
        out: &mut [f32],
        scratch: &mut Vec<u8>,
    ) -> Result<(), GgufError> {
        match self {
            Self::Tensor(place) => stored(checkpoint, *place, first, out, scratch),
            Self::Fp8 { tensor, scales, block } => fp8(checkpoint, (*tensor, *scales), *block, first, out, scratch),
            // Kept as it is packed, see `read_packed`.
            Self::Mxfp4 { blocks, .. } => {
                let tensor = &checkpoint.tensors()[*blocks];
                Err(GgufError::Stored { tensor: tensor.name.clone(), dtype: tensor.dtype })
            }
            Self::Made(values) => {
                let first = first as usize;
                out.copy_from_slice(&values[first..first + out.len()]);
                Ok(())
            }
        }
    }

    /// Appends blocks as ggml packs MXFP4, from element `first`, both it and `elements` whole blocks.
    pub(crate) fn read_packed(
        &self,
        checkpoint: &Checkpoint,
        first: u64,
        elements: u64,
        out: &mut Vec<u8>,
        scratch: &mut Vec<u8>,
    ) -> Result<(), GgufError> {
        match self {
            Self::Mxfp4 { blocks, scales } => packed_blocks(checkpoint, (*blocks, *scales), first, elements, out, scratch),
            Self::Tensor(_) | Self::Fp8 { .. } | Self::Made(_) => Ok(()),
        }
    }
}

fn stored(checkpoint: &Checkpoint, place: usize, first: u64, out: &mut [f32], scratch: &mut Vec<u8>) -> Result<(), GgufError> {
    let tensor = &checkpoint.tensors()[place];
    let size = tensor.dtype.size_bytes() as u64;
    scratch.resize(out.len() * size as usize, 0);
    let begin = first * size;
    checkpoint.read_into(tensor, begin..begin + scratch.len() as u64, scratch)?;
    if tensor.dtype == Dtype::F32 {
        let values = scratch.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
        out.iter_mut().zip(values).for_each(|(to, from)| *to = from);
    } else if let Some(values) = widen(tensor.dtype, scratch) {
        out.copy_from_slice(&values);
    }
    Ok(())
}

fn fp8(
    checkpoint: &Checkpoint,
    (tensor, scales): (usize, usize),
    block: [u64; 2],
    first: u64,
    out: &mut [f32],
    scratch: &mut Vec<u8>,
) -> Result<(), GgufError> {
    let info = &checkpoint.tensors()[tensor];
    let columns = info.shape[1].max(1);
    scratch.resize(out.len(), 0);
    checkpoint.read_into(info, first..first + out.len() as u64, scratch)?;
    out.iter_mut().zip(scratch.iter()).for_each(|(to, bits)| *to = e4m3(*bits));
    let across = columns.div_ceil(block[1]);
    let mut factors = vec![0.0; across as usize];
    let (mut at, mut held) = (0, None);
    while at < out.len() {
        let element = first + at as u64;
        let (row, column) = (element / columns, element % columns);
        let of = row / block[0];
        if held != Some(of) {
            stored(checkpoint, scales, of * across, &mut factors, scratch)?;
            held = Some(of);
        }
        // Up to the end of the block or of the row.
        let len = ((block[1] - column % block[1]).min(columns - column) as usize).min(out.len() - at);
        let factor = factors[(column / block[1]) as usize];
        out[at..at + len].iter_mut().for_each(|value| *value *= factor);
        at += len;
    }
    Ok(())
}

/// Widens an FP8 of four exponent and three fraction bits; there are no infinities.
fn e4m3(bits: u8) -> f32 {
    let (exponent, fraction) = (u32::from(bits >> 3) & 0xf, u32::from(bits) & 7);
    let magnitude = match (exponent, fraction) {
        (15, 7) => f32::NAN,
        #[expect(clippy::cast_precision_loss, reason = "three bits")]
        (0, fraction) => fraction as f32 / 512.0,
        (exponent, fraction) => f32::from_bits((exponent + 120) << 23 | fraction << 20),
    };
    if bits & 0x80 == 0 { magnitude } else { -magnitude }
}

/// Blocks as ggml packs them: the exponent, then the first half of the elements in the low and the second half in the high bits. On
/// disk neighbours share a byte.
fn packed_blocks(
    checkpoint: &Checkpoint,
    (blocks, scales): (usize, usize),
    first: u64,
    elements: u64,
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
) -> Result<(), GgufError> {
    let (first, count) = (first / MX_BLOCK, elements / MX_BLOCK);
    let mut exponents = vec![0; count as usize];
    checkpoint.read_into(&checkpoint.tensors()[scales], first..first + count, &mut exponents)?;
    scratch.resize((count * MX_BYTES) as usize, 0);
    checkpoint.read_into(&checkpoint.tensors()[blocks], first * MX_BYTES..(first + count) * MX_BYTES, scratch)?;
    out.reserve((count * (MX_BYTES + 1)) as usize);
    for (exponent, block) in exponents.iter().zip(scratch.chunks_exact(MX_BYTES as usize)) {
        out.push(*exponent);
        let element = |index: usize| block[index / 2] >> (4 * (index % 2)) & 0xf;
        out.extend((0..MX_BYTES as usize).map(|index| element(index) | element(index + MX_BYTES as usize) << 4));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checkpoint of these tensors.
    fn checkpoint(tensors: &[(&str, &str, &[u64], Vec<u8>)]) -> (tempfile::TempDir, Checkpoint) {
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        for (name, dtype, shape, bytes) in tensors {
            let range = [data.len(), data.len() + bytes.len()];
            header.insert((*name).into(), serde_json::json!({"dtype": dtype, "shape": shape, "data_offsets": range}));
            data.extend_from_slice(bytes);
        }
        let header = Value::Object(header).to_string();
        let file = [&(header.len() as u64).to_le_bytes(), header.as_bytes(), &data].concat();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("model.safetensors"), file).unwrap();
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        (folder, checkpoint)
    }

    fn found(checkpoint: &Checkpoint, name: &str, config: &Value) -> Result<Option<(Source, Vec<u64>)>, GgufError> {
        let place = checkpoint.place(name).unwrap();
        Ok(match find(place, checkpoint, &Hparams::new(config))? {
            Found::Elements { source, shape } => Some((source, shape)),
            Found::Scales => None,
        })
    }

    #[test]
    fn fp8_is_widened_and_scaled_block_by_block_from_any_place() {
        let (rows, columns) = (5_u64, 7_u64);
        let bits: Vec<u8> = (0..35).map(|place| place * 3 + 8).collect();
        let scales: Vec<f32> = (1..=12).map(|place| f32::from(i16::from(place as u8)) * 0.5).collect();
        let bytes = scales.iter().flat_map(|scale| scale.to_le_bytes()).collect();
        let tensors = [("w", "F8_E4M3", &[rows, columns][..], bits.clone()), ("w_scale_inv", "F32", &[3, 4], bytes)];
        let (_folder, checkpoint) = checkpoint(&tensors);
        let config = serde_json::json!({"quantization_config": {"weight_block_size": [2, 2]}});
        let (source, shape) = found(&checkpoint, "w", &config).unwrap().unwrap();
        assert_eq!(shape, [rows, columns]);
        assert!(found(&checkpoint, "w_scale_inv", &config).unwrap().is_none());
        let expected: Vec<f32> =
            (0..35).map(|place: usize| e4m3(bits[place]) * scales[place / 7 / 2 * 4 + place % 7 / 2]).collect();
        for first in 0..35 {
            let mut out = vec![0.0; 35 - first];
            source.read(&checkpoint, first as u64, &mut out, &mut Vec::new()).unwrap();
            assert_eq!(out, expected[first..], "from {first}");
        }
        let says = |config: Value, part: &str| {
            let error = found(&checkpoint, "w", &config).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        says(serde_json::json!({}), "quantization_config.weight_block_size");
        says(serde_json::json!({"quantization_config": {"weight_block_size": [0, 2]}}), "above 0");
        says(
            serde_json::json!({"quantization_config": {"weight_block_size": [4, 2]}}),
            "`w_scale_inv` has shape [3, 4]; expected [2, 4]",
        );
    }

    #[test]
    fn fp8_without_scales_is_refused() {
        let (_folder, checkpoint) = checkpoint(&[("w", "F8_E4M3", &[1, 2], vec![0; 2])]);
        let error = found(&checkpoint, "w", &serde_json::json!({})).unwrap_err().to_string();
        assert!(
            error.contains("`w` is stored as F8_E4M3") && error.contains("w_scale_inv") || error.contains("weight_scale_inv"),
            "{error}"
        );
    }

    #[test]
    fn mxfp4_is_packed_by_halves_of_a_block() {
        // Two rows of one block each: neighbours share a byte on disk.
        let blocks: Vec<u8> = (0..32).map(|byte| byte * 7).collect();
        let tensors = [("w_blocks", "U8", &[2, 1, 16][..], blocks.clone()), ("w_scales", "U8", &[2, 1], vec![120, 130])];
        let (_folder, checkpoint) = checkpoint(&tensors);
        let (source, shape) = found(&checkpoint, "w_blocks", &serde_json::json!({})).unwrap().unwrap();
        assert_eq!(shape, [2, 32]);
        assert!(found(&checkpoint, "w_scales", &serde_json::json!({})).unwrap().is_none());
        let mut packed = Vec::new();
        source.read_packed(&checkpoint, 32, 32, &mut packed, &mut Vec::new()).unwrap();
        assert_eq!((packed.len(), packed[0]), (17, 130));
        for element in 0..32 {
            let stored = blocks[16 + element / 2] >> (4 * (element % 2)) & 15;
            let found = packed[1 + element % 16] >> (4 * (element / 16)) & 15;
            assert_eq!(found, stored, "element {element}");
        }
        let mut out = [0.0];
        assert!(source.read(&checkpoint, 0, &mut out, &mut Vec::new()).is_err());
    }

    #[test]
    fn mxfp4_of_another_shape_is_refused() {
        let says = |blocks: &[u64], scales: &[u64], part: &str| {
            let bytes = |shape: &[u64]| vec![0; shape.iter().product::<u64>() as usize];
            let (_folder, checkpoint) =
                checkpoint(&[("w_blocks", "U8", blocks, bytes(blocks)), ("w_scales", "U8", scales, bytes(scales))]);
            let error = found(&checkpoint, "w_blocks", &serde_json::json!({})).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        says(&[2, 1, 15], &[2, 1], "a block's bytes");
        says(&[2, 1, 16], &[1, 2], "`w_scales` has shape [1, 2]; expected [2, 1]");
        says(&[16], &[], "at least two dimensions");
    }

    #[test]
    fn e4m3_widens_to_its_definition() {
        for bits in 0..=u8::MAX {
            let (sign, exponent, fraction) = (bits >> 7, i32::from(bits >> 3 & 15), f64::from(bits & 7));
            let magnitude = match (exponent, bits & 7) {
                (15, 7) => f64::NAN,
                (0, _) => fraction / 8.0 * 2_f64.powi(-6),
                _ => (1.0 + fraction / 8.0) * 2_f64.powi(exponent - 7),
            };
            let expected = if sign == 1 { -magnitude } else { magnitude };
            let found = f64::from(e4m3(bits));
            assert!(
                found.to_bits() == expected.to_bits() || found.is_nan() && expected.is_nan(),
                "{bits:#04x}: {found}, expected {expected}"
            );
        }
        assert!(e4m3(0x7e).to_bits() == 448_f32.to_bits());
    }
}
