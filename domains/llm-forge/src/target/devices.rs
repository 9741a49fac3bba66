//! Which quantisation fits a device, by size alone.

use aw_domain::Problem;

/// Bits a weight takes in each tier, largest first.
///
/// # Source
/// The alloy format, section 6, search.
const BITS: [(&str, f64); 9] = [
    ("F16", 16.0),
    ("Q8_0", 8.5),
    ("Q6_K", 6.5),
    ("Q5_K_M", 5.5),
    ("Q4_K_M", 4.85),
    ("Q4_K_S", 4.5),
    ("Q3_K_M", 3.9),
    ("Q3_K_S", 3.5),
    ("Q2_K", 3.35),
];

/// For each device the largest tier that is smaller than its memory, largest first, each once.
///
/// The source's parameters are counted: what pruning removes only leaves room.
pub(super) fn tiers(devices: &[String], params_b: Option<f64>) -> Result<Vec<String>, Vec<Problem>> {
    let Some(params_b) = params_b else {
        let message = "which quantisation fits depends on the size of the source, which the recipe does not say";
        let hint = "add `source.totalParamsB`, or name the quantisations in `target.quantTypes`";
        return Err(vec![Problem::new("source-unsaid", "target.targetDevices", message).hint(hint)]);
    };
    let mut chosen = vec![false; BITS.len()];
    let mut problems = Vec::new();
    for (index, device) in devices.iter().enumerate() {
        let path = format!("target.targetDevices[{index}]");
        let Some(memory_gb) = memory_gb(device) else {
            let message = format!("`{device}` does not say how much memory it has");
            let hint = "write it as in `MacBook Air 16GB`, or name the quantisations in `target.quantTypes`";
            problems.push(Problem::new("not-derivable", path, message).hint(hint));
            continue;
        };
        match BITS.iter().position(|(_, bits)| params_b * bits / 8.0 < memory_gb) {
            Some(tier) => chosen[tier] = true,
            None => {
                let message = format!("no quantisation of {params_b} billion parameters fits the {memory_gb} GB of `{device}`");
                problems.push(
                    Problem::new("does-not-fit", path, message).hint("leave the device out, or start from a smaller source"),
                );
            }
        }
    }
    let tiers = BITS.iter().zip(chosen).filter(|(_, chosen)| *chosen).map(|((name, _), _)| (*name).to_owned());
    if problems.is_empty() { Ok(tiers.collect()) } else { Err(problems) }
}

/// The figure before `GB` in a device's name.
fn memory_gb(device: &str) -> Option<f64> {
    let end = device.to_ascii_uppercase().rfind("GB")?;
    let before = device[..end].trim_end();
    let figure = before.rfind(|c: char| !c.is_ascii_digit() && c != '.').map_or(before, |at| {
        let width = before[at..].chars().next().map_or(0, char::len_utf8);
        &before[at + width..]
    });
    figure.parse().ok().filter(|gb| *gb > 0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn memory_is_read_from_names() {
        for (name, expected) in [
            ("MacBook Air 16GB", Some(16.0)),
            ("RTX 5090 32 GB", Some(32.0)),
            ("12gb card", Some(12.0)),
            ("1.5GB", Some(1.5)),
            ("日本16GB", Some(16.0)),
            ("RTX 5090", None),
            ("GB", None),
            ("", None),
            ("0GB", None),
        ] {
            assert_eq!(memory_gb(name), expected, "{name}");
        }
    }

    #[test]
    fn the_largest_tier_that_is_smaller_than_the_memory() {
        let of = |devices: &[&str], params| tiers(&devices.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>(), params);
        // 8 billion parameters: 16 GB as F16, 8.5 as Q8_0, 6.5 as Q6_K; a tier as large as the memory does not fit.
        assert_eq!(of(&["17GB", "16GB", "8.5GB", "6.6GB"], Some(8.0)).unwrap(), ["F16", "Q8_0", "Q6_K"]);
        assert_eq!(of(&["3GB", "RTX"], Some(8.0)).unwrap_err().len(), 2);
        assert_eq!(of(&["16GB"], None).unwrap_err()[0].code, "source-unsaid");
    }
}
