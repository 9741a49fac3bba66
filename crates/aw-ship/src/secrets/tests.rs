//! Secrets of every form, where they hide, and what only looks like one. They are put together here: a scanner of this repository would
//! otherwise take them for real.
#![allow(clippy::unwrap_used)]

use super::*;

/// Characters that look drawn by chance.
fn drawn(alphabet: &str, length: usize) -> String {
    let letters: Vec<char> = alphabet.chars().collect();
    let mut state = 7_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        letters[(state >> 33) as usize % letters.len()]
    };
    std::iter::repeat_with(next).take(length).collect()
}

const WORD: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const BASE32: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const DIGITS: &str = "0123456789";

/// One of each form, by its name.
fn secrets() -> Vec<(&'static str, String)> {
    let word = |length| drawn(WORD, length);
    let pem = |name: &str, headers: &str| format!("-----BEGIN {name}-----\n{headers}{}\n-----END {name}-----\n", drawn(WORD, 64));
    vec![
        ("private key", pem(&["PRIVATE", "KEY"].join(" "), "")),
        ("private key", pem(&["RSA PRIVATE", "KEY"].join(" "), "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n")),
        ("private key", pem(&["OPENSSH PRIVATE", "KEY"].join(" "), "")),
        ("private key", pem(&["PGP PRIVATE", "KEY BLOCK"].join(" "), "Version: GnuPG v2\n\n")),
        ("access key of AWS", format!("AKIA{}", drawn(BASE32, 16))),
        ("access key of AWS", format!("ASIA{}", drawn(BASE32, 16))),
        ("token of Hugging Face", format!("hf_{}", word(34))),
        ("token of a Hugging Face organisation", format!("api_org_{}", word(34))),
        ("token of GitHub", format!("ghp_{}", word(36))),
        ("token of GitHub", format!("ghs_{}", word(36))),
        ("fine-grained token of GitHub", format!("github_pat_{}_{}", word(22), word(59))),
        ("token of GitLab", format!("glpat-{}", word(20))),
        ("token of Slack", format!("xoxb-{}-{}-{}", drawn(DIGITS, 12), drawn(DIGITS, 13), word(24))),
        (
            "application token of Slack",
            format!("xapp-1-A{}-{}-{}", drawn(BASE32, 10), drawn(DIGITS, 13), drawn("0123456789abcdef", 64)),
        ),
        ("API key of Google", format!("AIza{}", word(35))),
        ("token of npm", format!("npm_{}", word(36))),
        ("token of PyPI", format!("pypi-AgEIcHlwaS5vcmc{}", word(80))),
        ("token of TestPyPI", format!("pypi-AgENdGVzdC5weXBpLm9yZw{}", word(80))),
    ]
}

/// A reader that gives a few bytes at a time.
struct Drops<'a>(&'a [u8]);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let take = self.0.len().min(buffer.len()).min(4099);
        buffer[..take].copy_from_slice(&self.0[..take]);
        self.0 = &self.0[take..];
        Ok(take)
    }
}

#[test]
fn each_form_is_found_at_its_place() {
    for (kind, secret) in secrets() {
        let json = serde_json::to_string(&serde_json::json!({"text": format!("a\n{secret}")})).unwrap();
        for (text, at) in [
            (secret.clone(), 0),
            (format!("key = \"{secret}\";"), 7),
            (format!("https://user:{secret}@host/"), 13),
            // Behind the escape of a line's end, as in a corpus.
            (json.clone(), 12),
            (format!("\\u0022{secret}\\u0022"), 6),
        ] {
            assert_eq!(search(text.as_bytes()).unwrap(), [Found { kind, at, count: 1 }], "{kind} in {}", text.len());
        }
        let twice = format!("{secret}\n{secret}");
        assert_eq!(search(twice.as_bytes()).unwrap(), [Found { kind, at: 0, count: 2 }], "{kind}");
    }
}

#[test]
fn where_a_window_ends_hides_nothing_and_counts_nothing_twice() {
    let all = secrets();
    let (kind, long) = &all[1];
    let (other, short) = &all[8];
    let edges = [WINDOW_BYTES, WINDOW_BYTES - MATCH_BYTES_MAX, 2 * WINDOW_BYTES - MATCH_BYTES_MAX - BEFORE_BYTES];
    for edge in edges {
        for back in [0, 1, 2, 7, 8, 9, 20, 39, 40, 41, 200, 4095, 4096, 4097] {
            let at = edge - back;
            let mut text = vec![b' '; at];
            text.extend_from_slice(short.as_bytes());
            text.extend_from_slice(format!("  {long}").as_bytes());
            text.resize(text.len() + WINDOW_BYTES, b' ');
            let expected =
                [Found { kind, at: (at + short.len() + 2) as u64, count: 1 }, Found { kind: other, at: at as u64, count: 1 }];
            assert_eq!(search(Drops(&text)).unwrap(), expected, "{edge} - {back}");
            assert_eq!(search(text.as_slice()).unwrap(), expected, "{edge} - {back}");
        }
    }
}

#[test]
fn what_only_looks_like_one_is_none() {
    let word = |length| drawn(WORD, length);
    let begin = ["-----BEGIN PRIVATE", "KEY-----"].join(" ");
    for text in [
        // Programs that read keys, and texts that speak of them.
        format!("if line == \"{begin}\" {{ return true; }}"),
        format!("`{begin}` begins a key, and its end is marked alike."),
        format!("-----BEGIN PUBLIC KEY-----\n{}\n", word(64)),
        format!("-----BEGIN CERTIFICATE-----\n{}\n", word(64)),
        // Placeholders.
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
        format!("AKIA{}", "X".repeat(16)),
        format!("ghp_{}", "x".repeat(36)),
        format!("hf_{}", "0".repeat(34)),
        // Longer, shorter, and in the middle of a word.
        format!("ghp_{}", word(37)),
        format!("ghp_{}", word(35)),
        format!("nghp_{}", word(36)),
        format!("sha_hf_{}", word(34)),
        format!("\\x41AKIA{}", drawn(BASE32, 16)),
        format!("AKIA{}", drawn(BASE32, 16).to_lowercase()),
        word(100_000),
        "0123456789abcdef".repeat(20_000),
        String::new(),
    ] {
        assert_eq!(search(text.as_bytes()).unwrap(), [], "{}", text.chars().take(60).collect::<String>());
    }
    // A token's form in the middle of weights says nothing.
    let (_, secret) = &secrets()[6];
    let weights = [&[0_u8; 16][..], secret.as_bytes()].concat();
    assert_eq!(search(weights.as_slice()).unwrap(), []);
    let text = [" ".repeat(TEXT_BYTES).as_bytes(), &[0], secret.as_bytes()].concat();
    assert_eq!(search(text.as_slice()).unwrap().len(), 1);
}

#[test]
fn time_and_memory_stay_bounded_whatever_the_text() {
    let pem = ["-----BEGIN PRIVATE", "KEY-----\\n"].join(" ");
    for text in ["-----BEGIN A ".to_owned(), pem, "AKIA".to_owned(), "a: b\n".to_owned(), "github_pat_".to_owned()] {
        let text = text.repeat((4 << 20) / text.len());
        let started = std::time::Instant::now();
        assert_eq!(search(text.as_bytes()).unwrap(), []);
        assert!(started.elapsed().as_secs() < 60, "{:?}", started.elapsed());
    }
}
