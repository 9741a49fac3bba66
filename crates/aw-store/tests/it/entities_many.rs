//! A hundred thousand artifacts, for `benches/python/entities.py` to measure with. Asserts nothing about time.

use std::fs;
use std::path::PathBuf;

use aw_store::entities::{Author, Change, EntitiesError, Expect, Query};

use crate::entities_support::{at, draft_of, id, key, of, open};

const WORDS: [&str; 40] = [
    "expert",
    "router",
    "pruned",
    "layer",
    "calibration",
    "corpus",
    "token",
    "weight",
    "shard",
    "context",
    "window",
    "gradient",
    "memory",
    "recovered",
    "distilled",
    "anchor",
    "baseline",
    "score",
    "humaneval",
    "perplexity",
    "quantised",
    "attention",
    "river",
    "light",
    "stone",
    "winter",
    "garden",
    "copper",
    "signal",
    "harbour",
    "violet",
    "engine",
    "mirror",
    "summer",
    "paper",
    "thunder",
    "meadow",
    "silver",
    "orbit",
    "lantern",
];

/// A document of some two kilobytes; no two are alike.
fn document(number: u64) -> String {
    let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5bf0_3635;
    let mut next = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % below
    };
    let mut words = |count: u64| (0..count).map(|_| WORDS[next(40) as usize]).collect::<Vec<_>>().join(" ");
    let (summary, description, notes) = (words(20), words(120), words(80));
    let tag = WORDS[next(40) as usize];
    let license = ["apache-2.0", "mit", "gemma"][next(3) as usize];
    let architecture = ["olmoe", "qwen3_moe", "qwen3_5", "llama", "phi"][next(5) as usize];
    // Every thousandth has a word that few have.
    let rare = if number.is_multiple_of(1000) { "quicksilver" } else { "plain" };
    serde_json::json!({
        "name": format!("model-{number}"),
        "version": format!("1.{}.{}", next(4), next(9)),
        "description": description,
        "userSummary": summary,
        "tags": [tag, rare],
        "license": license,
        "architecture": architecture,
        "source": {"baseModel": format!("org/base-{}", next(50)), "architecture": architecture},
        "stages": [{"type": "expert-prune", "keepExpertsPerLayer": next(64), "notes": notes}],
        "results": {"benchmarks": [{"name": "humaneval", "score": next(1000)}]},
    })
    .to_string()
}

#[test]
#[ignore = "fills a folder named by AW_STORE_FILL with 100,000 artifacts; benches/python/entities.py measures on it"]
fn fill() {
    let Some(home) = std::env::var_os("AW_STORE_FILL").map(PathBuf::from) else {
        panic!("AW_STORE_FILL names the folder to fill");
    };
    let files = home.join("files");
    fs::create_dir_all(&files).unwrap();
    let mut entities = open(&home);
    let author = Author { key: &key(), now: at(0) };
    for batch in 0..100 {
        let filled: Result<(), EntitiesError> = entities.write(&author, |changes| {
            for number in batch * 1000..(batch + 1) * 1000 {
                let document = document(number);
                fs::write(files.join(format!("{number}.json")), &document).unwrap();
                let draft = draft_of(&id(number), &format!("model-{number}"), &document);
                changes.put(of("artifacts"), &draft, Expect::Any, Change::Create)?;
            }
            Ok(())
        });
        filled.unwrap();
    }
}

#[test]
#[ignore = "lists and searches what `fill` made, in this process, and prints what it took"]
#[allow(clippy::print_stderr, reason = "a measurement talks to its terminal")]
fn measure() {
    let Some(home) = std::env::var_os("AW_STORE_FILL").map(PathBuf::from) else {
        panic!("AW_STORE_FILL names the folder that was filled");
    };
    let entities = open(&home);
    let fact = |field: &str, value: &str| (field.to_owned(), value.to_owned());
    let query = |words: Option<&str>, facts: &[(String, String)]| Query {
        words: words.map(str::to_owned),
        facts: facts.to_vec(),
        limit: 50,
        ..Query::default()
    };
    let (olmoe, mit, none) = (fact("architecture", "olmoe"), fact("license", "mit"), fact("license", "none"));
    for (what, query) in [
        ("a filter", query(None, std::slice::from_ref(&olmoe))),
        ("two filters", query(None, &[olmoe.clone(), mit])),
        ("a common word", query(Some("expert"), &[])),
        ("a rare word", query(Some("quicksilver"), &[])),
        ("a common and a rare word, a filter", query(Some("expert quicksilver"), &[olmoe])),
        ("two common words, a filter nothing has", query(Some("expert router"), &[none])),
        ("two common words and one nothing has", query(Some("expert router unheard"), &[])),
    ] {
        let mut taken: Vec<f64> = Vec::new();
        let mut found = 0;
        for _ in 0..100 {
            let start = std::time::Instant::now();
            found = entities.list(&query).unwrap().entities.len();
            taken.push(start.elapsed().as_secs_f64() * 1000.0);
        }
        taken.sort_by(f64::total_cmp);
        eprintln!("{what:42} {found:3} found  p50 {:7.2} ms  p95 {:7.2} ms", taken[50], taken[95]);
    }
}
