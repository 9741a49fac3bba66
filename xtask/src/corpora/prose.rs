//! The `prose` domain: a few sentences of a small story. One person stays its subject, by name first and by pronoun after.

use super::random::Random;

const PEOPLE: &[(&str, &str)] = &[
    ("Mara", "she"),
    ("Tobias", "he"),
    ("the clockmaker", "he"),
    ("the ferry captain", "she"),
    ("an orphan boy", "he"),
    ("the widow", "she"),
    ("Ilse", "she"),
    ("the shepherd", "he"),
    ("old Benno", "he"),
    ("the glassblower", "she"),
];
const PLACES: &[&str] = &[
    "the stone bridge",
    "the empty chapel",
    "the upper meadow",
    "the lighthouse",
    "the cellar of the inn",
    "the frozen lake",
    "the edge of the orchard",
    "the railway station",
    "the narrow valley",
    "the house by the mill",
];
const THINGS: &[&str] = &[
    "a broken lantern",
    "the letter",
    "a basket of plums",
    "her father's coat",
    "a silver key",
    "the last candle",
    "an old song",
    "the map",
];
const TIMES: &[&str] = &[
    "At dawn",
    "That evening",
    "When the snow melted",
    "On the third day",
    "Before supper",
    "Long after midnight",
    "In early spring",
    "One Sunday",
];
const MANNERS: &[&str] = &[
    "quietly",
    "with a heavy heart",
    "in a hurry",
    "as if in a dream",
    "without looking back",
    "for the first time",
    "patiently",
];
const MOTIONS: &[&str] =
    &["went down to", "came back to", "hurried towards", "set out for", "slept near", "stood before", "turned away from"];
const DEEDS: &[&str] = &["carried", "lost", "remembered", "hid", "found", "gave away", "asked about", "dropped"];
const LINKS: &[&str] = &["because", "although", "until", "and so", "but", "for"];
const SKIES: &[&str] = &[
    "The wind had turned to the north",
    "Rain fell on the roofs",
    "Nobody spoke",
    "The bells were silent",
    "A dog barked somewhere",
    "The sky was pale and clear",
    "Smoke rose from the chimneys",
];

/// Sentences until `target` characters are passed.
pub fn example(random: &mut Random, target: usize) -> String {
    let (hero, other) = random.pick_two(PEOPLE);
    let mut text = opening(random, hero.0);
    while text.len() < target {
        text.push(' ');
        let sentence = sentence(random, hero, other);
        text.push_str(&sentence);
    }
    text
}

fn opening(random: &mut Random, hero: &str) -> String {
    let (time, motion, place) = (random.pick(TIMES), random.pick(MOTIONS), random.pick(PLACES));
    format!("{time} {hero} {motion} {place}.")
}

fn sentence(random: &mut Random, hero: (&str, &str), other: (&str, &str)) -> String {
    let pronoun = hero.1;
    match random.below(5) {
        0 => format!("{}.", random.pick(SKIES)),
        1 => capital(&format!("{pronoun} {} {} {}.", random.pick(DEEDS), random.pick(THINGS), random.pick(MANNERS))),
        2 => {
            let (link, motion, place) = (random.pick(LINKS), random.pick(MOTIONS), random.pick(PLACES));
            capital(&format!("{pronoun} {} {}, {link} {} {motion} {place}.", random.pick(DEEDS), random.pick(THINGS), other.0))
        }
        3 => {
            let word = random.pick(&[
                "come with me",
                "it is too late",
                "I have seen it before",
                "there is nothing left",
                "wait for the spring",
            ]);
            format!("\"{},\" said {}.", capital(word), other.0)
        }
        _ => {
            let (time, motion, place) = (random.pick(TIMES), random.pick(MOTIONS), random.pick(PLACES));
            format!("{time} {pronoun} {motion} {place}, {}.", random.pick(MANNERS))
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
