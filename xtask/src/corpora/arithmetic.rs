//! The `arithmetic` domain: chains of true equations (each starts from the last result), number series and orderings.

use super::random::Random;

/// Equations until `target` characters are passed. Every number stays in 0..=999.
pub fn example(random: &mut Random, target: usize) -> String {
    let mut text = String::new();
    let mut value = random.between(2, 99);
    while text.len() < target {
        if !text.is_empty() {
            text.push(' ');
        }
        let piece = match random.below(6) {
            0 => series(random),
            1 => ordering(random),
            _ => {
                let (equation, result) = equation(random, value);
                value = result;
                equation
            }
        };
        text.push_str(&piece);
    }
    text
}

fn equation(random: &mut Random, value: u64) -> (String, u64) {
    let operand = random.between(1, 99);
    match random.below(4) {
        0 if value <= 99 => {
            let factor = random.between(2, 9);
            (format!("{value}*{factor}={};", value * factor), value * factor)
        }
        1 if value >= operand => (format!("{value}-{operand}={};", value - operand), value - operand),
        2 if value > 9 => {
            let divisor = random.between(2, 9);
            (format!("{value}:{divisor}={}r{};", value / divisor, value % divisor), value / divisor)
        }
        _ if value + operand <= 999 => (format!("{value}+{operand}={};", value + operand), value + operand),
        _ => (format!("{value}-{operand}={};", value - operand), value - operand),
    }
}

fn series(random: &mut Random) -> String {
    let (start, step) = (random.between(0, 60), random.between(1, 12));
    let terms: Vec<String> = (0..random.between(4, 6)).map(|i| (start + i * step).to_string()).collect();
    format!("<{}>;", terms.join(","))
}

fn ordering(random: &mut Random) -> String {
    let mut terms: Vec<u64> = (0..random.between(3, 4)).map(|_| random.between(0, 99)).collect();
    let given: Vec<String> = terms.iter().map(u64::to_string).collect();
    terms.sort_unstable();
    let sorted: Vec<String> = terms.iter().map(u64::to_string).collect();
    format!("[{}]->[{}];", given.join(" "), sorted.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_equation_is_true() {
        for example_index in 0..500 {
            let text = example(&mut Random::of_example("arithmetic", 5, example_index), 250);
            for piece in text.split("; ").filter(|p| p.contains('=')) {
                let (left, right) = piece.trim_end_matches(';').split_once('=').expect("filtered on `=`");
                let number = |s: &str| s.parse::<u64>().expect("a number");
                let at = left.find(['+', '-', '*', ':']).expect("an operator");
                let (a, b) = (number(&left[..at]), number(&left[at + 1..]));
                let right_value = match &left[at..=at] {
                    "+" => (a + b).to_string(),
                    "-" => (a - b).to_string(),
                    "*" => (a * b).to_string(),
                    _ => format!("{}r{}", a / b, a % b),
                };
                assert_eq!(right, right_value, "in `{piece}`");
            }
        }
    }
}
