//! Which vector unit runs the searches.

use super::Row;
use super::lanes::Plain;
#[cfg(target_arch = "x86_64")]
use super::x86::{Avx2, Avx512};

/// A way to run them; all give the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Isa {
    Portable,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Isa {
    /// Those of this machine, the fastest last.
    #[cfg(test)]
    pub(super) fn available() -> Vec<Self> {
        let mut found = vec![Self::Portable];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                found.push(Self::Avx2);
            }
            if is_x86_feature_detected!("avx512f") {
                found.push(Self::Avx512);
            }
        }
        found
    }

    pub(super) fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                return Self::Avx512;
            }
            if is_x86_feature_detected!("avx2") {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    pub(super) fn run(self, row: Row<'_>) -> Result<(), usize> {
        match self {
            Self::Portable => row.run::<Plain<8>>(),
            #[cfg(target_arch = "x86_64")]
            // SAFETY: made by `available` or `best`, which have found `avx2`.
            Self::Avx2 => unsafe { avx2(row) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: made by `available` or `best`, which have found `avx512f`.
            Self::Avx512 => unsafe { avx512(row) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn avx2(row: Row<'_>) -> Result<(), usize> {
    row.run::<Avx2>()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
fn avx512(row: Row<'_>) -> Result<(), usize> {
    row.run::<Avx512>()
}
