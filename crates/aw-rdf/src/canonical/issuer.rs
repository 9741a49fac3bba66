//! The identifier issuer (RDFC-1.0, section 4.3).

use std::collections::HashMap;

/// A blank node, by its place in [`Statements`](super::nquads::Statements).
pub type Blank = u32;

/// Gives names to blank nodes in the order of asking.
#[derive(Clone, Debug, Default)]
pub struct Issuer {
    order: Vec<Blank>,
    issued: HashMap<Blank, u32>,
}

impl Issuer {
    /// The number of the name of a blank node, given out now or before.
    pub fn issue(&mut self, blank: Blank) -> u32 {
        let next = u32::try_from(self.order.len()).unwrap_or(u32::MAX);
        *self.issued.entry(blank).or_insert_with(|| {
            self.order.push(blank);
            next
        })
    }

    /// The number of the name a blank node has.
    pub fn number(&self, blank: Blank) -> Option<u32> {
        self.issued.get(&blank).copied()
    }

    /// The blank nodes that have names, in the order they got them.
    pub fn order(&self) -> &[Blank] {
        &self.order
    }
}
