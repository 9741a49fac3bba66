//! How much a reader accepts.

/// Bounds what a reader accepts, so that foreign text costs bounded memory and stack.
///
/// A parsed tree takes roughly the text's size plus 80 bytes per node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The largest text, in bytes.
    pub bytes: usize,
    /// The deepest nesting of arrays and objects. Values above [`Limits::DEPTH_CEILING`] count as the ceiling.
    pub depth: u32,
    /// The most values, counting arrays, objects and every value within them.
    pub nodes: usize,
}

impl Limits {
    /// The deepest nesting any reader accepts. Trees are walked, written and dropped by recursion; at this depth
    /// that needs well under a quarter of the smallest stack a thread gets.
    pub const DEPTH_CEILING: u32 = 512;

    /// Recipes, artifacts, manifests and other documents people or the foundry write.
    pub const DOCUMENT: Self = Self { bytes: 32 << 20, depth: 128, nodes: 2_000_000 };

    /// Headers and indices of weight files: large and flat.
    pub const WEIGHT_INDEX: Self = Self { bytes: 256 << 20, depth: 32, nodes: 16_000_000 };

    /// One line of a line-delimited file.
    pub const LINE: Self = Self { bytes: 16 << 20, depth: 64, nodes: 1_000_000 };

    /// Returns the nesting a reader really allows.
    pub(crate) fn depth_allowed(&self) -> u32 {
        self.depth.min(Self::DEPTH_CEILING)
    }

    /// Returns the text size a reader really allows: places are counted in 32 bits.
    pub(crate) fn bytes_allowed(&self) -> usize {
        self.bytes.min(u32::MAX as usize - 1)
    }
}

impl Default for Limits {
    /// Returns [`Limits::DOCUMENT`].
    fn default() -> Self {
        Self::DOCUMENT
    }
}
