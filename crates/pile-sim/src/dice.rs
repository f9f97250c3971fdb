//! Seeded numbers for noise and garbage.

/// `SplitMix64`: small, the same on every machine.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dice(u64);

impl Dice {
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number from `-amplitude` to `amplitude`.
    pub fn around_zero(&mut self, amplitude: u32) -> i64 {
        let span = u64::from(amplitude) * 2 + 1;
        i64::try_from(self.next() % span).unwrap_or(0) - i64::from(amplitude)
    }
}
