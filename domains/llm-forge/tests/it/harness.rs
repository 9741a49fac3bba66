//! lm-evaluation-harness itself, on a task over local files, held against the forge's own runner of the same questions.

use std::fs;
use std::path::{Path, PathBuf};

use llm_forge::evaluation::choice;
use llm_forge::evaluation::harness::{Harness, HarnessError};
use llm_forge::evaluation::registry::HarnessTask;
use llm_forge::evaluation::score::Scale;
use llm_forge::families::Model;
use llm_forge::forward::{Options, score_continuations};
use llm_forge::progress;
use llm_forge::tokenizer::Tokenizer;
use llm_forge::tools::Tools;
use serde_json::{Value, json};

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/tiny-moe/model")
}

/// Questions with choices of several lengths, so that the three ways of choosing differ, and no two of them are alike.
fn questions(path: &Path) {
    let words = ["river", "the old house by the river", "x", "return", "if x > 1:", "12", "total + value", "café"];
    let question = |n: usize| {
        let choices: Vec<&str> = (0..4).map(|at| words[(n * 3 + at * (1 + n % 2)) % words.len()]).collect();
        let question = match n % 3 {
            0 => format!("def f{n}(x):\n    return x +"),
            1 => format!("{n} + {n} ="),
            _ => format!("Once upon a time, {n} travellers came to"),
        };
        json!({"question": question, "choices": choices, "answer": n % 4}).to_string()
    };
    fs::write(path, (0..24).map(question).collect::<Vec<_>>().join("\n")).unwrap();
}

/// Each question's choices in the order of their log-likelihoods, and the counts, by the forge.
fn ours(path: &Path) -> (Vec<Vec<f64>>, [u64; 3]) {
    let model = Model::open(&tiny(), None).unwrap();
    let tokenizer = Tokenizer::open(&model).unwrap();
    let set = choice::read(path).unwrap();
    let mut items = Vec::new();
    for question in &set.questions {
        for choice in &question.choices {
            items.push(choice::encode(&tokenizer, &question.context, choice).unwrap());
        }
    }
    let scored = score_continuations(&model, None, &items, Options::with_threads(1), &progress::ignore).unwrap();
    let mut scored = scored.into_iter().map(|it| it.log_likelihood);
    let answered: Vec<choice::Answered> =
        set.questions.iter().map(|it| choice::score(it, scored.by_ref().take(it.choices.len()).collect())).collect();
    (answered.iter().map(|it| it.log_likelihoods.clone()).collect(), choice::right(&answered))
}

#[test]
fn the_harness_scores_what_the_forge_scores() {
    let Some(programs) = aw_testkit::lm_eval() else { return };
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let set = at("questions.jsonl");
    questions(&set);
    fs::create_dir(at("tasks")).unwrap();
    let task = format!(
        "task: alloyworks_questions\ndataset_path: json\ndataset_kwargs:\n  data_files:\n    test: {}\ntest_split: test\n\
         output_type: multiple_choice\ndoc_to_text: \"{{{{question}}}}\"\ndoc_to_choice: \"{{{{choices}}}}\"\n\
         doc_to_target: answer\nmetric_list:\n  - metric: acc\n  - metric: acc_norm\n  - metric: acc_bytes\nmetadata:\n  version: 1.0\n",
        set.display()
    );
    fs::write(at("tasks/questions.yaml"), task).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    // Nothing is fetched, and what is kept goes with the test.
    let environment = [("PATH", path.as_str()), ("HF_HUB_OFFLINE", "1"), ("HF_HOME", at("home").to_str().unwrap())]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
    let tools = Tools { path: vec![programs], environment, ..Tools::default() };
    let harness = Harness::find(&tools).unwrap().with_tasks(&at("tasks"));
    let (likelihoods, right) = ours(&set);
    fs::create_dir(at("out")).unwrap();
    let named = HarnessTask { task: "alloyworks_questions", key: "acc,none", scale: Scale::Fraction };
    let scored = harness.run(("questions", named), &tiny(), &at("out"), &|| false).unwrap();
    println!("of {} questions ours has right {right:?}; the harness says {:?}", likelihoods.len(), scored.score);
    assert_eq!(scored.score.total, Some(likelihoods.len() as u64));
    let rights = |name: &str| -> u64 {
        let key = HarnessTask { task: named.task, key: Box::leak(format!("{name},none").into_boxed_str()), ..named };
        let score = llm_forge::evaluation::harness::read(&at("out/results"), ("questions", key)).unwrap().score.pass_at_1;
        (score * likelihoods.len() as f64).round() as u64
    };
    assert_eq!(["acc", "acc_norm", "acc_bytes"].map(rights), right);
    // Every log-likelihood, as far as single precision goes.
    let [samples] = scored.samples.as_slice() else { panic!("{:?}", scored.samples) };
    let text = fs::read_to_string(&samples.path).unwrap();
    for line in text.lines() {
        let sample: Value = serde_json::from_str(line).unwrap();
        let question = usize::try_from(sample["doc_id"].as_u64().unwrap()).unwrap();
        for (place, ours) in likelihoods[question].iter().enumerate() {
            let theirs = &sample["filtered_resps"][place][0];
            let theirs: f64 = theirs.as_f64().or_else(|| theirs.as_str()?.parse().ok()).unwrap();
            assert!((ours - theirs).abs() < 1e-3 + 1e-4 * ours.abs(), "{question}, {place}: ours {ours}, the harness's {theirs}");
        }
    }

    // What it cannot do is said in its own words, and it can be stopped.
    fs::create_dir(at("again")).unwrap();
    let unknown = HarnessTask { task: "alloyworks_no_such_task", ..named };
    let error = harness.run(("questions", unknown), &tiny(), &at("again"), &|| false).unwrap_err();
    assert!(matches!(&error, HarnessError::Failed { said, .. } if said.contains("alloyworks_no_such_task")), "{error}");
    fs::create_dir(at("stopped")).unwrap();
    let stopped = harness.run(("questions", named), &tiny(), &at("stopped"), &|| true);
    assert!(matches!(stopped, Err(HarnessError::Cancelled)), "{stopped:?}");
}
