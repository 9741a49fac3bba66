//! What absent members mean, as the format's table states it.

pub(super) fn yes() -> bool {
    true
}

/// The whole number `N`.
pub(super) fn whole<const N: u64>() -> u64 {
    N
}

/// `N / D`, rounded once: the same double as the decimal the table prints.
pub(super) fn share<const N: u64, const D: u64>() -> f64 {
    N as f64 / D as f64
}

pub(super) fn learning_rate() -> String {
    "1e-4".into()
}

pub(super) fn attention_projections() -> Vec<String> {
    ["q_proj", "k_proj", "v_proj", "o_proj"].map(String::from).to_vec()
}

pub(super) fn repository_name() -> String {
    "{base}-{domain}-forged".into()
}

pub(super) fn balanced() -> String {
    "balanced".into()
}

pub(super) fn jpeg_sequence() -> String {
    "jpeg-sequence".into()
}
