//! The generator behind every corpus: splitmix64, integers only, so that the same seed gives the same bytes everywhere.

/// A splitmix64 stream.
pub struct Random(u64);

impl Random {
    /// The stream of one example: independent of how many other examples are asked for.
    pub fn of_example(domain: &str, seed: u64, example: u64) -> Self {
        // FNV-1a of the domain name keeps the domains' streams apart under one seed.
        let tag = domain.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3));
        let mut mixed = Self(tag);
        for part in [seed, example] {
            mixed = Self(mixed.next() ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        mixed
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// An integer in `0..bound`. The high half of a 128-bit product: no modulo, bias below 2^-50 for the bounds used here.
    pub fn below(&mut self, bound: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(bound)) >> 64)
            .expect("the high half of a product of two u64 fits u64")
    }

    /// An integer in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// One of `choices`, which is not empty.
    pub fn pick<T: Copy>(&mut self, choices: &[T]) -> T {
        let index = usize::try_from(self.below(choices.len() as u64)).expect("below a slice's length");
        choices[index]
    }

    /// Two different ones of `choices`, which has at least two.
    pub fn pick_two<T: Copy + PartialEq>(&mut self, choices: &[T]) -> (T, T) {
        let first = self.pick(choices);
        loop {
            let second = self.pick(choices);
            if second != first {
                return (first, second);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        // The first outputs for seed 1234567, as the algorithm's author prints them.
        let mut random = Random(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
        assert_eq!(random.next(), 9_817_491_932_198_370_423);
    }

    #[test]
    fn an_example_does_not_depend_on_its_neighbours_and_every_part_of_its_name_counts() {
        let first = |domain, seed, example| Random::of_example(domain, seed, example).next();
        let all = [first("code", 1, 0), first("code", 1, 1), first("code", 2, 0), first("prose", 1, 0), first("prose", 2, 1)];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b), "two examples share a stream");
        }
        assert_eq!(first("code", 1, 0), first("code", 1, 0));
    }
}
