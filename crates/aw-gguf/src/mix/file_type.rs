//! The file types people ask for by name.

use std::fmt;

use crate::TensorType;

/// A mix of tensor types, by the name under which files are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are llama.cpp's")]
pub enum FileType {
    F32,
    F16,
    BF16,
    Q8_0,
    Q6K,
    Q5KM,
    Q5KS,
    Q4KM,
    Q4KS,
    Q3KL,
    Q3KM,
    Q3KS,
    Q2K,
}

/// One file type: its number in `general.file_type`, its name, and the type most tensors get.
struct Row(FileType, u32, &'static str, TensorType);

/// As `llama_ftype` and `llama_ftype_get_default_type` have them.
const TABLE: [Row; 13] = {
    use FileType as F;
    use TensorType as T;
    [
        Row(F::F32, 0, "F32", T::F32),
        Row(F::F16, 1, "F16", T::F16),
        Row(F::BF16, 32, "BF16", T::BF16),
        Row(F::Q8_0, 7, "Q8_0", T::Q8_0),
        Row(F::Q6K, 18, "Q6_K", T::Q6K),
        Row(F::Q5KM, 17, "Q5_K_M", T::Q5K),
        Row(F::Q5KS, 16, "Q5_K_S", T::Q5K),
        Row(F::Q4KM, 15, "Q4_K_M", T::Q4K),
        Row(F::Q4KS, 14, "Q4_K_S", T::Q4K),
        Row(F::Q3KL, 13, "Q3_K_L", T::Q3K),
        Row(F::Q3KM, 12, "Q3_K_M", T::Q3K),
        Row(F::Q3KS, 11, "Q3_K_S", T::Q3K),
        Row(F::Q2K, 10, "Q2_K", T::Q2K),
    ]
};

impl FileType {
    /// Returns every file type, from most to fewest bits.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Returns the number that `general.file_type` holds.
    #[must_use]
    pub const fn id(self) -> u32 {
        self.row().1
    }

    /// Returns the name as it stands in file names, for example `Q4_K_M`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().2
    }

    /// Returns the file type with this name, whatever its case, or `None`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// Returns the file type with this number, or `None`.
    #[must_use]
    pub fn from_id(id: u32) -> Option<Self> {
        Self::all().find(|kind| kind.id() == id)
    }

    /// Returns the type that a tensor gets when no rule says otherwise.
    #[must_use]
    pub const fn default_type(self) -> TensorType {
        self.row().3
    }
}

impl fmt::Display for FileType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_stands_in_the_order_of_the_declaration() {
        for (at, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, at, "{}", row.2);
            assert_eq!(FileType::from_id(row.1), Some(row.0));
            assert_eq!(FileType::from_name(&row.2.to_lowercase()), Some(row.0));
        }
    }
}
