//! The linked llama.cpp: the same answers as its programs give, within the order of additions.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aw_domain::{Domain, Executor, Stage};
use aw_gguf::mix::FileType;
use llm_forge::LlmForge;
use llm_forge::families::Model;
use llm_forge::forward::Options;
use llm_forge::llama_cpp::{
    Adapter, KlDivergence, LlamaCppError, Percentiles, ServerSettings, StopReason, TextSettings, TokenLikelihood,
};
use llm_forge::perplexity::{PerplexityError, sequence_losses};
use llm_forge::progress;
use llm_forge::tokenizer::Tokenizer;
use llm_forge::tools::Tools;
use serde_json::json;

use crate::gguf::{TEXT, quantised, tiny, written};

/// How far two ways of asking may be apart: the programs take tokens one by one and the library takes batches, and they may be built for
/// other instructions. Where two experts are nearly as likely, rounding sends a token to the other, and that token and those after it move
/// more; where weights are quantised, what they are multiplied by is rounded to 8 bits, so that more do.
struct Tolerance {
    /// Of the log-likelihood of a whole text, relatively.
    text: f64,
    /// Of the log-probability of a token, in nats: on average, and of any.
    mean: f64,
    most: f64,
}

const TOLERANCES: [(FileType, Tolerance); 2] = [
    (FileType::F32, Tolerance { text: 5e-4, mean: 0.02, most: 0.5 }),
    (FileType::Q4KM, Tolerance { text: 1e-2, mean: 0.25, most: 8.0 }),
];

/// What the model was made for, so that no token is as good as impossible to it.
const KNOWN: &str = "fn probe_frame(acc: u32, pos: u32) -> u32 {\n    pos = min(8, pos);\n    if pos <= acc {\n        pos ^= acc / pos;\n    }\n    \
                     return mask ^ 8;\n}\nWhen the snow melted the clockmaker turned away from the edge of the orchard. He carried a broken \
                     lantern patiently.\n<3,9,15,21>; 5*8=40; 40+93=133; 133+8=141; [97 84 62]->[62 84 97]; 70+87=157; 157+27=184;\n";

fn programs() -> Option<Adapter> {
    let tools = Tools { llama_cpp: Some(aw_testkit::llama_cpp()?), ..Tools::default() };
    Some(Adapter::find(&tools).unwrap())
}

fn linked() -> Adapter {
    Adapter::find(&Tools::default()).unwrap()
}

fn tokenizer() -> Tokenizer {
    Tokenizer::open(&Model::open(&tiny(), None).unwrap()).unwrap()
}

fn file(folder: &Path, tier: FileType) -> PathBuf {
    let path = folder.join(format!("{}.gguf", tier.name()));
    fs::write(&path, written(&tiny(), tier, 2)).unwrap();
    path
}

/// Several texts, some longer than a batch, with parts of characters and the end of a text in them.
fn texts() -> Vec<Vec<u32>> {
    let texts = [TEXT.to_owned(), TEXT.repeat(8), KNOWN.repeat(2), "naïve café: 12 × 3 m², <b> [x] ☃\n".repeat(3)];
    let encode = |text: &String| {
        let mut tokens = tokenizer().encode(text).unwrap();
        tokens.insert(tokens.len() / 2, 0);
        tokens
    };
    texts.iter().map(encode).collect()
}

fn sum(likelihoods: &[TokenLikelihood]) -> f64 {
    likelihoods.iter().map(|token| token.log_probability).sum()
}

#[test]
fn the_library_is_used_where_no_folder_of_programs_is_named() {
    assert!(matches!(linked(), Adapter::Linked));
    let version = linked().version().unwrap();
    assert!(version.version.ends_with(", linked") && version.sha256.is_none(), "{version:?}");
    let nowhere = tempfile::tempdir().unwrap();
    let named = Tools { llama_cpp: Some(nowhere.path().into()), ..Tools::default() };
    assert!(matches!(Adapter::find(&named), Err(LlamaCppError::NotFound { .. })));
    let eval = |tools: Tools| -> std::sync::Arc<dyn Stage> {
        let stage = LlmForge::new(tools).stage_types().into_iter().find(|stage| stage.name == "eval").unwrap();
        let Executor::Here(stage) = stage.executor else { panic!("`eval` runs here") };
        stage
    };
    // What either measured is not taken for what the other would.
    assert_ne!(eval(named).code_version(), eval(Tools::default()).code_version());
    let Some(programs) = programs() else { return };
    println!("linked {}, programs {}", version.version, programs.version().unwrap().version);
}

#[test]
fn likelihoods_and_greedy_answers_are_those_of_the_programs() {
    let Some(programs) = programs() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (tier, tolerance) in TOLERANCES {
        let file = file(folder.path(), tier);
        let ask = |adapter: &Adapter| {
            let settings = ServerSettings::new(800, 1);
            adapter.with(&file, &settings, &|| false, |loaded| {
                let tokens = loaded.tokenize(TEXT, true)?;
                let mut likelihoods = Vec::new();
                for text in texts() {
                    likelihoods.push(loaded.log_likelihood(&text[..1], &text[1..])?);
                    likelihoods.push(loaded.log_likelihood(&text[..text.len() / 3], &text[text.len() / 3..])?);
                }
                let mut completions = Vec::new();
                for (prompt, most, stop) in
                    [(&tokens[..], 48, &[][..]), (&tokens[..7], 48, &["\n"]), (&tokens[..1], 9, &[]), (&tokens[..3], 1, &[])]
                {
                    completions.push(loaded.complete_tokens(prompt, most, stop)?);
                }
                Ok((tokens, likelihoods, completions))
            })
        };
        let (theirs, ours) = (ask(&programs).unwrap(), ask(&linked()).unwrap());
        assert_eq!(ours.0, theirs.0);
        assert_eq!(ours.2, theirs.2, "{}", tier.name());
        assert!(ours.2.iter().any(|completion| completion.stop == StopReason::Limit && completion.tokens.len() > 1));
        for (ours, theirs) in ours.1.iter().zip(&theirs.1) {
            assert_eq!(ours.len(), theirs.len());
            let apart = |(a, b): (&TokenLikelihood, &TokenLikelihood)| (a.log_probability - b.log_probability).abs();
            let most = ours.iter().zip(theirs).map(apart).fold(0.0, f64::max);
            let mean = ours.iter().zip(theirs).map(apart).sum::<f64>() / ours.len() as f64;
            let (a, b) = (sum(ours), sum(theirs));
            let share = (a - b).abs() / b.abs();
            println!(
                "{}, {} tokens: linked {a}, programs {b}, {share:e} apart; a token {mean:e}, at most {most:e}",
                tier.name(),
                ours.len()
            );
            assert!(share < tolerance.text && mean < tolerance.mean && most < tolerance.most, "{share} {mean} {most}");
        }
        assert_eq!(ask(&linked()).unwrap(), ours, "answers repeat to the bit");
    }
}

/// Held against our own forward pass too, which needs no programs.
#[test]
fn likelihoods_are_those_of_our_forward_pass_and_depend_on_nothing_before() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path(), FileType::F32);
    let model = Model::open(&tiny(), None).unwrap();
    let settings = ServerSettings::new(800, 2);
    linked()
        .with(&file, &settings, &|| false, |loaded| {
            let first: Vec<_> = texts().iter().map(|text| loaded.log_likelihood(&text[..1], &text[1..]).unwrap()).collect();
            let again: Vec<_> = texts().iter().rev().map(|text| loaded.log_likelihood(&text[..1], &text[1..]).unwrap()).collect();
            assert!(first.iter().eq(again.iter().rev()));
            for (text, found) in texts().into_iter().zip(&first) {
                let stream = (1, [Ok::<_, PerplexityError>(text.clone())]);
                let ours = sequence_losses(&model, None, stream, Options::with_threads(1), &progress::ignore).unwrap()[0].nll;
                println!("{} tokens: ours {ours}, llama.cpp's {}", text.len(), -sum(found));
                assert!((ours + sum(found)).abs() < 2e-3 * ours, "{ours} {}", sum(found));
            }
            let long = loaded.log_likelihood(&[1; 513], &[1]);
            assert!(matches!(&long, Err(LlamaCppError::Asked { what }) if what.contains("512")), "made for 512 tokens: {long:?}");
            let tokens = loaded.tokenize(TEXT, true)?;
            assert_eq!(tokens, tokenizer().encode(TEXT).unwrap());
            let greedy = loaded.complete_tokens(&tokens, 8, &[])?;
            let likelihoods = loaded.log_likelihood(&tokens, &greedy.tokens)?;
            assert!(likelihoods.iter().all(|token| token.likeliest), "what is likeliest is what greedy decoding takes");
            Ok(())
        })
        .unwrap();
}

#[test]
fn divergences_are_those_of_the_programs() {
    let folder = tempfile::tempdir().unwrap();
    let files = [FileType::F32, FileType::Q4KM].map(|tier| file(folder.path(), tier));
    let text = KNOWN.repeat(9);
    let settings = |context| TextSettings { context, chunks: None, threads: 2, gpu_layers: 0, limit: Duration::from_secs(120) };
    let measure = |adapter: &Adapter, [base, other]: [&PathBuf; 2], context: usize| -> KlDivergence {
        adapter.divergence([base, other], &text, folder.path(), &settings(context), &|| false).unwrap()
    };
    let [exact, rounded] = &files;
    let same = measure(&linked(), [exact, exact], 64);
    assert!(same.mean.value < 1e-9 && (same.same_top_percent.value - 100.0).abs() < 1e-9, "{same:?}");
    let short = linked().divergence([exact, rounded], TEXT, folder.path(), &settings(64), &|| false);
    assert!(matches!(&short, Err(LlamaCppError::Asked { what }) if what.contains("two chunks of 64 tokens")), "{short:?}");
    let programs = programs();
    // The longer chunks take two batches.
    for context in [64, 400] {
        let ours = measure(&linked(), [exact, rounded], context);
        let Percentiles { median, p99, maximum, .. } = ours.percentiles;
        assert!(ours.mean.value > 0.0 && median <= p99 && p99 <= maximum, "{ours:?}");
        let Some(programs) = &programs else { continue };
        let theirs = measure(programs, [exact, rounded], context);
        println!("chunks of {context}: linked {ours:?}\nprograms {theirs:?}");
        // The programs keep the base's logits in 16 bits and print six digits.
        let near = |a: f64, b: f64, share: f64, nats: f64| {
            assert!((a - b).abs() < share * b.abs() + nats, "{a} {b}\n{ours:?}\n{theirs:?}");
        };
        near(ours.mean.value, theirs.mean.value, 0.02, 5e-4);
        near(ours.mean.standard_error, theirs.mean.standard_error, 0.05, 5e-4);
        near(median, theirs.percentiles.median, 0.05, 5e-4);
        near(ours.percentiles.p95, theirs.percentiles.p95, 0.05, 2e-3);
        near(maximum, theirs.percentiles.maximum, 0.1, 1e-2);
        near(ours.same_top_percent.value, theirs.same_top_percent.value, 0.015, 0.0);
        near(ours.perplexity_ratio.value, theirs.perplexity_ratio.value, 0.005, 0.0);
        near(ours.perplexity_ratio.standard_error, theirs.perplexity_ratio.standard_error, 0.05, 5e-4);
    }
}

#[test]
fn what_does_not_load_says_why_and_cancelling_ends_the_work() {
    let folder = tempfile::tempdir().unwrap();
    let whole = file(folder.path(), FileType::F32);
    let broken = folder.path().join("broken.gguf");
    let settings = ServerSettings::new(512, 1);
    let load = |path: &Path, cancelled: &(dyn Fn() -> bool + Sync)| {
        linked().with(path, &settings, cancelled, |loaded| loaded.complete_tokens(&[5, 6, 7], 400, &[]))
    };
    for (bytes, word) in [(100_000, "corrupted or incomplete"), (40, "load"), (0, "load")] {
        fs::write(&broken, &fs::read(&whole).unwrap()[..bytes]).unwrap();
        let error = load(&broken, &|| false).unwrap_err().to_string();
        println!("{error}");
        assert!(error.contains("the linked llama.cpp could not load the model") && error.contains(word), "{error}");
    }
    let nowhere = load(&folder.path().join("nowhere.gguf"), &|| false).unwrap_err().to_string();
    assert!(nowhere.contains("nowhere.gguf"), "{nowhere}");
    assert!(matches!(load(&whole, &|| true), Err(LlamaCppError::Cancelled)));
    let stop = AtomicBool::new(false);
    let cancelled = || stop.load(Ordering::Relaxed);
    let answer = linked().with(&whole, &settings, &cancelled, |loaded| {
        loaded.complete_tokens(&[5, 6, 7], 4, &[])?;
        stop.store(true, Ordering::Relaxed);
        loaded.complete_tokens(&[5, 6, 7], 400, &[])
    });
    assert!(matches!(answer, Err(LlamaCppError::Cancelled)), "{answer:?}");
    let hurried = ServerSettings { answer_limit: Duration::ZERO, ..ServerSettings::new(512, 1) };
    let late = linked().with(&whole, &hurried, &|| false, |loaded| loaded.complete_tokens(&[5; 300], 200, &[]));
    assert!(matches!(late, Err(LlamaCppError::Timeout { .. })), "{late:?}");
}

#[test]
fn what_a_model_cannot_be_asked_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = file(folder.path(), FileType::F32);
    let settings = ServerSettings::new(256, 1);
    linked()
        .with(&file, &settings, &|| false, |loaded| {
            let refused = |answer: Result<usize, LlamaCppError>, word: &str| match answer {
                Err(LlamaCppError::Asked { what }) => assert!(what.contains(word), "{what}"),
                other => panic!("{word}: {other:?}"),
            };
            refused(loaded.log_likelihood(&[], &[1]).map(|it| it.len()), "at least one token");
            refused(loaded.log_likelihood(&[1; 200], &[1; 200]).map(|it| it.len()), "do not fit");
            refused(loaded.log_likelihood(&[1, 1_000_000], &[1]).map(|it| it.len()), "no token 1000000");
            refused(loaded.log_likelihood(&[1], &[u32::MAX]).map(|it| it.len()), "no token 4294967295");
            refused(loaded.complete_tokens(&[1; 200], 57, &[]).map(|it| it.tokens.len()), "do not fit");
            refused(loaded.complete_tokens(&[], 5, &[]).map(|it| it.tokens.len()), "no prompt");
            assert_eq!(loaded.log_likelihood(&[1], &[])?, []);
            assert_eq!(loaded.complete_tokens(&[1; 200], 0, &[])?.tokens, [0_u32; 0]);
            // What was refused left nothing behind.
            assert_eq!(loaded.log_likelihood(&[1; 200], &[1; 56])?.len(), 56);
            Ok(())
        })
        .unwrap();
    let accelerated = ServerSettings { gpu_layers: 1, ..settings };
    let refused = linked().with(&file, &accelerated, &|| false, |_| Ok(()));
    assert!(matches!(refused, Err(LlamaCppError::Asked { .. })));
}

/// A tier counts when the library runs it, and is the same file as where the programs do.
#[test]
fn the_stage_makes_the_same_tiers() {
    let config = json!({"format": "gguf", "quantTypes": ["F16", "Q4_K_M"], "modelName": "Tiny MoE"});
    let out = || tempfile::tempdir().unwrap();
    let (first, second) = (out(), out());
    let ours = quantised(Tools::default(), first.path(), &config).unwrap();
    let version = ours.observations["llamaCpp"]["version"].as_str().unwrap();
    assert!(version.ends_with(", linked"), "{version}");
    let wrong = json!({"format": "gguf", "quantTypes": ["F16"], "preTokenizer": "llama-bpe"});
    let failure = quantised(Tools::default(), out().path(), &wrong).unwrap_err();
    assert!(failure.code == "tier-unusable" && failure.message.contains("other tokens"), "{failure:?}");
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let theirs = quantised(Tools { llama_cpp: Some(programs), ..Tools::default() }, second.path(), &config).unwrap();
    assert_eq!((ours.writes, ours.measurements), (theirs.writes, theirs.measurements));
}
