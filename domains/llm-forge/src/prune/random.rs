//! The random control: an order anyone can compute again from the recorded seed.

use std::collections::BTreeMap;

use super::Scores;
use crate::families::ExpertGeometry;

/// SplitMix64.
///
/// # Source
/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators" (2014), with the constants of Vigna's
/// `splitmix64.c`.
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

/// Gives every expert of every sparse layer the next number of the generator seeded with `seed`, layers ascending and
/// experts ascending within a layer.
#[must_use]
pub fn random_scores(geometry: &ExpertGeometry, seed: u64) -> Scores {
    let mut generator = SplitMix64(seed);
    let mut layers = BTreeMap::new();
    for layer in geometry.sparse_layers() {
        layers.insert(layer, (0..geometry.experts).map(|_| generator.next()).collect());
    }
    Scores::Counts(layers)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first outputs of Vigna's `splitmix64.c` for the seed 1234567, as published with it.
    #[test]
    fn the_generator_is_splitmix64() {
        let mut generator = SplitMix64(1_234_567);
        let got: Vec<u64> = (0..5).map(|_| generator.next()).collect();
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821,
        ];
        assert_eq!(got, expected);
    }
}
