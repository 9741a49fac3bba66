//! Perplexity against the reference, and from a corpus file through a tokenizer.

use crate::golden;
use llm_forge::corpus::{Corpus, CorpusError};
use llm_forge::forward::{ExpertMask, Options};
use llm_forge::perplexity::{PerplexityError, PerplexitySettings, perplexity, sequence_losses};
use llm_forge::profile::{Settings, measure};
use llm_forge::progress;
use llm_forge::tokenizer::{Tokenizer, TokenizerError};
use serde_json::json;
use std::path::Path;

/// Largest relative difference of a summed loss, or a perplexity, from the reference.
const LOSS_TOLERANCE: f64 = 1e-6;
/// The same where the reference computes in the stored 16-bit type, which sends some tokens to other experts.
const NATIVE_TOLERANCE: f64 = 0.05;

fn near(what: &str, ours: f64, reference: f64, tolerance: f64) {
    assert!((ours - reference).abs() <= tolerance * reference.abs(), "{what}: {ours} not {reference}");
}

#[test]
fn losses_and_perplexity_are_the_references() {
    for case in golden::cases() {
        let run = |mask: Option<&ExpertMask>| {
            sequence_losses::<PerplexityError>(&case.model, mask, case.stream(), Options::with_threads(2), &progress::ignore)
                .unwrap()
        };
        let reference = &case.expected.f32;
        let ours = run(None);
        assert_eq!(ours.iter().map(|l| l.predicted).collect::<Vec<_>>(), reference.predicted_tokens, "{}", case.name);
        for (loss, expected) in ours.iter().zip(&reference.nll) {
            near(&format!("{} sequence {}", case.name, loss.sequence), loss.nll, *expected, LOSS_TOLERANCE);
        }
        let value = |losses: &[llm_forge::forward::SequenceLoss]| {
            libm::exp(losses.iter().map(|l| l.nll).sum::<f64>() / losses.iter().map(|l| l.predicted).sum::<u64>() as f64)
        };
        near(&format!("{} perplexity", case.name), value(&ours), reference.perplexity, LOSS_TOLERANCE);
        if let Some(native) = &case.expected.native {
            near(&format!("{} perplexity in 16 bits", case.name), value(&ours), native.perplexity, NATIVE_TOLERANCE);
        }
        let masked = &case.expected.masked;
        let ours = run(Some(&ExpertMask::new(&case.model.experts, &masked.kept).unwrap()));
        for (loss, expected) in ours.iter().zip(&masked.nll) {
            near(&format!("{} masked sequence {}", case.name, loss.sequence), loss.nll, *expected, LOSS_TOLERANCE);
        }
        near(&format!("{} masked perplexity", case.name), value(&ours), masked.perplexity, LOSS_TOLERANCE);
    }
}

/// A tokenizer that knows words `t0`, `t1`, ... below `words`, split at white space, and puts `t7` before every text.
fn tokenizer(folder: &Path, words: usize, vocab: usize) -> Tokenizer {
    let vocabulary: serde_json::Map<String, serde_json::Value> = (0..words).map(|i| (format!("t{i}"), json!(i))).collect();
    let special = |id: usize| json!({ "id": "t7", "type_id": 0, "ids": [id], "tokens": ["t7"] });
    let file = json!({
        "version": "1.0",
        "truncation": { "max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right" },
        "padding": { "strategy": { "Fixed": 9 }, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0, "pad_type_id": 0, "pad_token": "t0" },
        "added_tokens": [],
        "normalizer": null,
        "pre_tokenizer": { "type": "WhitespaceSplit" },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{ "SpecialToken": { "id": "t7", "type_id": 0 } }, { "Sequence": { "id": "A", "type_id": 0 } }],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } }, { "Sequence": { "id": "B", "type_id": 1 } }],
            "special_tokens": { "t7": special(7) }
        },
        "decoder": null,
        "model": { "type": "WordLevel", "vocab": vocabulary, "unk_token": "t1" }
    });
    let path = folder.join("tokenizer.json");
    std::fs::write(&path, serde_json::to_vec(&file).unwrap()).unwrap();
    Tokenizer::from_file(&path, vocab).unwrap()
}

fn corpus(folder: &Path, texts: &[String]) -> Corpus {
    let lines: Vec<String> = texts.iter().map(|text| json!({ "text": text }).to_string() + "\n").collect();
    let path = folder.join("corpus.jsonl");
    std::fs::write(&path, lines.concat()).unwrap();
    Corpus::open(&path).unwrap()
}

fn words(tokens: &[u32]) -> String {
    tokens.iter().map(|t| format!("t{t}")).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_corpus_gives_what_its_token_sequences_give() {
    let case = golden::case("mixtral-f32");
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer(folder.path(), case.model.vocab().unwrap(), case.model.vocab().unwrap());
    assert_eq!(
        tokenizer.encode("t3 t4 unknown").unwrap(),
        [7, 3, 4, 1],
        "the post-processor's token is added; padding and truncation are not"
    );
    let texts = [words(&[5; 30]), words(&[1, 2, 3]), "  ".to_owned(), words(&[9, 8, 7, 6, 5])];
    let corpus = corpus(folder.path(), &texts);
    let settings = PerplexitySettings { max_length: 12, max_examples: None };
    let options = Options { threads: 2, wave_tokens: 14 };
    let result = perplexity(&case.model, None, (&corpus, &tokenizer), settings, options, &progress::ignore).unwrap();
    let mut long = vec![7];
    long.extend([5; 11]);
    let sequences = [long, vec![7, 1, 2, 3], vec![7, 9, 8, 7, 6, 5]];
    let stream = (3, sequences.into_iter().map(Ok::<_, PerplexityError>));
    let direct = sequence_losses(&case.model, None, stream, options, &progress::ignore).unwrap();
    assert_eq!(result.samples.iter().map(|s| s.line).collect::<Vec<_>>(), [1, 2, 4]);
    for (sample, loss) in result.samples.iter().zip(&direct) {
        assert_eq!((sample.predicted, sample.nll.to_bits()), (loss.predicted, loss.nll.to_bits()));
    }
    assert_eq!((result.truncated, result.too_short, result.predicted()), (1, 0, 11 + 3 + 5));
    let mut lines = Vec::new();
    result.write_samples(&mut lines).unwrap();
    let first: serde_json::Value = serde_json::from_slice(lines.split(|b| *b == b'\n').next().unwrap()).unwrap();
    assert_eq!(first, json!({ "line": 1, "predicted": 11, "nll": result.samples[0].nll }));
}

#[test]
fn a_profile_of_a_corpus_counts_what_it_used() {
    let case = golden::case("qwen3_moe-bf16");
    let folder = tempfile::tempdir().unwrap();
    let tokenizer = tokenizer(folder.path(), case.model.vocab().unwrap(), case.model.vocab().unwrap());
    let corpus = corpus(folder.path(), &[words(&[2; 20]), words(&[3; 4]), words(&[4; 4])]);
    let settings = Settings { max_length: 10, max_examples: Some(2), ..Settings::default() };
    let profile = measure(&case.model, &corpus, &tokenizer, settings, Options::with_threads(2), &progress::ignore).unwrap();
    assert_eq!((profile.examples, profile.tokens, profile.truncated, profile.too_short), (2, 10 + 5, 1, 0));
}

#[test]
fn a_tokenizer_of_another_model_is_named() {
    let case = golden::case("olmoe-f32");
    let (folder, vocab) = (tempfile::tempdir().unwrap(), case.model.vocab().unwrap());
    tokenizer(folder.path(), vocab + 5, vocab + 5);
    let path = folder.path().join("tokenizer.json");
    let refused = Tokenizer::from_file(&path, vocab).err().unwrap().to_string();
    assert!(
        refused.contains(&format!("its token `t{}` has id {}, expected ids below {vocab}", vocab + 4, vocab + 4)),
        "{refused}"
    );

    // A token that only the post-processor knows is met when it is added.
    tokenizer(folder.path(), vocab, vocab);
    let file = std::fs::read_to_string(&path).unwrap();
    let changed = file.replace("\"ids\":[7]", "\"ids\":[900]");
    assert_ne!(file, changed);
    std::fs::write(&path, changed).unwrap();
    let tokenizer = Tokenizer::from_file(&path, vocab).unwrap();
    let corpus = corpus(folder.path(), &[words(&[1, 2])]);
    let result = perplexity(
        &case.model,
        None,
        (&corpus, &tokenizer),
        PerplexitySettings::default(),
        Options::with_threads(1),
        &progress::ignore,
    );
    let Err(PerplexityError::Corpus(CorpusError::Tokenizer {
        line: 1,
        source: TokenizerError::Mismatch { token: 900, vocab: got },
        ..
    })) = result
    else {
        panic!("{result:?}");
    };
    assert_eq!(got, vocab);
}
