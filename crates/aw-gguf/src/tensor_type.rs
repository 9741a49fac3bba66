//! The element types a GGUF file can name, and the sizes of their blocks.

use std::fmt;

/// The type of a tensor's elements: plain numbers, or blocks of quantised ones.
///
/// Every type that ggml defines is here, so that any file can be read and sized. [`crate::quantize_rows`] and
/// [`crate::dequantize_rows`] say which of them they handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are the format's")]
pub enum TensorType {
    F32,
    F16,
    BF16,
    F64,
    I8,
    I16,
    I32,
    I64,
    Q8_0,
    Q6K,
    Q5K,
    Q4K,
    Q3K,
    Q2K,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_1,
    Q8K,
    MXFP4,
    NVFP4,
    Q1_0,
    Q2_0,
    Tq1_0,
    Tq2_0,
    Iq1S,
    Iq1M,
    Iq2Xxs,
    Iq2Xs,
    Iq2S,
    Iq3Xxs,
    Iq3S,
    Iq4Nl,
    Iq4Xs,
}

/// What is known of one type: its number in files, its name, the elements and the bytes of a block.
struct Row(TensorType, u32, &'static str, usize, usize);

/// Numbers, names and sizes as `ggml.h` and `ggml.c` have them.
const TABLE: [Row; 35] = {
    use TensorType as T;
    [
        Row(T::F32, 0, "F32", 1, 4),
        Row(T::F16, 1, "F16", 1, 2),
        Row(T::BF16, 30, "BF16", 1, 2),
        Row(T::F64, 28, "F64", 1, 8),
        Row(T::I8, 24, "I8", 1, 1),
        Row(T::I16, 25, "I16", 1, 2),
        Row(T::I32, 26, "I32", 1, 4),
        Row(T::I64, 27, "I64", 1, 8),
        Row(T::Q8_0, 8, "Q8_0", 32, 34),
        Row(T::Q6K, 14, "Q6_K", 256, 210),
        Row(T::Q5K, 13, "Q5_K", 256, 176),
        Row(T::Q4K, 12, "Q4_K", 256, 144),
        Row(T::Q3K, 11, "Q3_K", 256, 110),
        Row(T::Q2K, 10, "Q2_K", 256, 84),
        Row(T::Q4_0, 2, "Q4_0", 32, 18),
        Row(T::Q4_1, 3, "Q4_1", 32, 20),
        Row(T::Q5_0, 6, "Q5_0", 32, 22),
        Row(T::Q5_1, 7, "Q5_1", 32, 24),
        Row(T::Q8_1, 9, "Q8_1", 32, 36),
        Row(T::Q8K, 15, "Q8_K", 256, 292),
        Row(T::MXFP4, 39, "MXFP4", 32, 17),
        Row(T::NVFP4, 40, "NVFP4", 64, 36),
        Row(T::Q1_0, 41, "Q1_0", 128, 18),
        Row(T::Q2_0, 42, "Q2_0", 64, 18),
        Row(T::Tq1_0, 34, "TQ1_0", 256, 54),
        Row(T::Tq2_0, 35, "TQ2_0", 256, 66),
        Row(T::Iq1S, 19, "IQ1_S", 256, 50),
        Row(T::Iq1M, 29, "IQ1_M", 256, 56),
        Row(T::Iq2Xxs, 16, "IQ2_XXS", 256, 66),
        Row(T::Iq2Xs, 17, "IQ2_XS", 256, 74),
        Row(T::Iq2S, 22, "IQ2_S", 256, 82),
        Row(T::Iq3Xxs, 18, "IQ3_XXS", 256, 98),
        Row(T::Iq3S, 21, "IQ3_S", 256, 110),
        Row(T::Iq4Nl, 20, "IQ4_NL", 32, 18),
        Row(T::Iq4Xs, 23, "IQ4_XS", 256, 136),
    ]
};

impl TensorType {
    /// Returns every type, in the order of the declaration.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Returns the number that stands for the type in a file.
    #[must_use]
    pub const fn id(self) -> u32 {
        self.row().1
    }

    /// Returns the type with this number, or `None`.
    #[must_use]
    pub fn from_id(id: u32) -> Option<Self> {
        Self::all().find(|kind| kind.id() == id)
    }

    /// Returns the name as gguf-py and llama.cpp spell it in upper case, for example `Q4_K`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().2
    }

    /// Returns the type with this name, whatever its case, or `None`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Returns the elements of one block; 1 for plain numbers.
    #[must_use]
    pub const fn block_elements(self) -> usize {
        self.row().3
    }

    /// Returns the bytes of one block.
    #[must_use]
    pub const fn block_bytes(self) -> usize {
        self.row().4
    }

    /// Returns the bytes of a row of `elements`, or `None` when they do not fill whole blocks or the size overflows.
    #[must_use]
    pub const fn row_bytes(self, elements: usize) -> Option<usize> {
        if !elements.is_multiple_of(self.block_elements()) {
            return None;
        }
        (elements / self.block_elements()).checked_mul(self.block_bytes())
    }

    /// Says whether elements are stored in blocks that share a scale.
    #[must_use]
    pub const fn is_quantized(self) -> bool {
        self.block_elements() > 1
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_declaration_and_names_each_number_once() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, at, "{}", row.2);
            assert_eq!(TensorType::from_id(row.1), Some(row.0));
            assert_eq!(TensorType::from_name(row.2), Some(row.0));
        }
        assert_eq!(TensorType::from_id(4), None, "a type that ggml removed");
    }

    #[test]
    fn rows_are_whole_blocks() {
        assert_eq!(TensorType::Q4K.row_bytes(512), Some(288));
        assert_eq!(TensorType::Q4K.row_bytes(300), None);
        assert_eq!(TensorType::F32.row_bytes(usize::MAX), None);
    }
}
