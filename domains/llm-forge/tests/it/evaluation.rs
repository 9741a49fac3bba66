//! Evaluation through the real stage on the tiny model, and completions judged in the real sandbox.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use aw_alloy::recipe::{Notation, Recipe};
use aw_domain::{
    Context, Domain, Executor, Failure, Inputs, Output, PlanRequest, Problem, Registry, SourceRequest, Stage, StageLookup,
};
use aw_gguf::mix::FileType;
use llm_forge::LlmForge;
use llm_forge::corpus::Corpus;
use llm_forge::evaluation::humaneval::{self, Judge};
use llm_forge::evaluation::registry::names;
use llm_forge::families::Model;
use llm_forge::forward::Options;
use llm_forge::gguf::{GgufModel, Importance, Naming};
use llm_forge::llama_cpp::{LlamaCpp, ServerSettings};
use llm_forge::perplexity::{PerplexitySettings, perplexity};
use llm_forge::profile::{Pass, Settings, measure};
use llm_forge::progress;
use llm_forge::prune::{DEFAULT_SHARD_BYTES, FolderOutput, Selection, Strategy, plan_prune, rewrite, router_l2};
use llm_forge::tokenizer::Tokenizer;
use llm_forge::tools::Tools;
use serde_json::{Value, json};

fn tiny() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/tiny-moe/model")
}

fn tools() -> Tools {
    let path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let environment = std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "HOME").collect();
    Tools { llama_cpp: aw_testkit::llama_cpp(), path, environment }
}

fn eval(tools: Tools) -> std::sync::Arc<dyn Stage> {
    let types = LlmForge::new(tools).stage_types();
    match types.into_iter().find(|stage| stage.name == "eval").map(|stage| stage.executor) {
        Some(Executor::Here(stage)) => stage,
        _ => panic!("`eval` runs here"),
    }
}

fn judge() -> Option<Judge> {
    match Judge::new(None) {
        Ok(judge) => Some(judge),
        Err(error) => {
            println!("skipped: {error}");
            None
        }
    }
}

/// Problems in the published form: one that any completion of one token solves, one that none does, and one with further tests.
fn problems() -> String {
    let of = |task: &str, prompt: &str, solution: &str, test: &str, plus: &str| {
        let check = |body: &str| format!("def check(candidate):\n    {body}\n");
        json!({"task_id": task, "prompt": prompt, "entry_point": "f", "canonical_solution": solution, "test": check(test), "plus_test": check(plus)}).to_string()
    };
    [
        of("T/0", "def f(x):\n    return x\n# ", "ok", "assert candidate(3) == 3", "assert candidate('a') == 'a'"),
        of("T/1", "def f(x):\n    return x +", " 1\n", "assert candidate(3) == 4", "assert candidate(-1) == 0"),
        of(
            "T/2",
            "def f(x):\n    return x * x if x > 0 else",
            " x * x\n",
            "assert candidate(3) == 9",
            "assert candidate(-3) == 9",
        ),
    ]
    .join("\n")
}

#[test]
fn canonical_solutions_pass_and_wrong_ones_fail() {
    let Some(judge) = judge() else { return };
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.jsonl");
    std::fs::write(&path, problems()).unwrap();
    let set = humaneval::read(&path, true).unwrap();
    judge.check(&set.problems, true, &|| false).unwrap();
    let of = |index: usize, completion: &str| judge.judge(&set.problems[index], completion, true, &|| false).unwrap();
    let right_at_first = of(2, " 0\n");
    assert!(right_at_first.passed && right_at_first.plus_passed == Some(false), "only the further test is failed");
    assert!(right_at_first.counts(false) && !right_at_first.counts(true));
    for (completion, word) in [
        (" 2\n", "AssertionError"),
        ("", "SyntaxError"),
        (" 1\nimport os\nos._exit(0)\n", "status 0"),
        (" 1\nraise SystemExit(0)\n", "SystemExit"),
        (" 1\nwhile True: pass\n", "timed out"),
        (" 1\nimport socket\nsocket.socket()\n", "PermissionError"),
        (" 1\nopen('/etc/passwd')\n", "No such file|Permission denied"),
        (" 1\nx = []\nwhile True: x.append(bytearray(1 << 25))\n", "MemoryError|timed out"),
    ] {
        let sample = of(1, completion);
        assert!(!sample.passed && sample.plus_passed == Some(false), "{completion:?}: {sample:?}");
        assert!(word.split('|').any(|word| sample.result.contains(word)), "{completion:?}: {}", sample.result);
    }
    let mut wrong = set.problems.clone();
    wrong[1].canonical_solution = " 2\n".into();
    let error = judge.check(&wrong, true, &|| false).unwrap_err().to_string();
    assert!(error.contains("`T/1`") && error.contains("base tests"), "{error}");
    wrong[1].canonical_solution = " abs(x) + x - x + 1 - abs(x) + x if x > 0 else 5\n".into();
    let error = judge.check(&wrong, true, &|| false).unwrap_err().to_string();
    assert!(error.contains("`T/1`"), "{error}");
}

#[test]
fn completions_end_where_the_function_does() {
    let cut = |text| humaneval::cut(text, &humaneval::STOP);
    assert_eq!(cut(" return 1\n\ndef g():\n"), " return 1\n");
    assert_eq!(cut(" x\n    if y:\n        z\nprint(1)"), " x\n    if y:\n        z");
    assert_eq!(cut("all of it"), "all of it");
}

#[test]
fn problems_that_are_none_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("set.jsonl");
    let error = |text: String, plus| {
        std::fs::write(&path, text).unwrap();
        humaneval::read(&path, plus).unwrap_err().to_string()
    };
    assert!(error(problems() + "\n" + problems().lines().next().unwrap(), false).contains("`T/0` stands there twice"));
    assert!(
        error(problems().replace("\"entry_point\":\"f\"", "\"entry_point\":\"f); import os; (\""), false).contains("entry_point")
    );
    assert!(error(problems().replace("plus_test", "other"), true).contains("needs `plus_test`"));
    assert!(error("{}".into(), false).contains("line 1"));
}

struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    /// The tiny model, the same with half its experts, and sets to measure on.
    fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let base = Model::open(&tiny(), None).unwrap();
        let scores = router_l2(&base).unwrap();
        let selection = Selection::rank(&base.experts, Strategy::RouterGateL2, &scores, 8).unwrap();
        let plan = plan_prune(&base, &selection, DEFAULT_SHARD_BYTES).unwrap();
        let forged = folder.path().join("model");
        std::fs::create_dir(&forged).unwrap();
        rewrite(&base, &plan, &mut FolderOutput::new(&forged).unwrap(), 1, &progress::ignore).unwrap();
        for entry in std::fs::read_dir(tiny()).unwrap() {
            let path = entry.unwrap().path();
            let to = forged.join(path.file_name().unwrap());
            if !to.exists() && path.extension().is_some_and(|extension| extension == "json") {
                std::fs::copy(&path, to).unwrap();
            }
        }
        let bench = Bench { folder };
        let text = |n: usize| json!({"text": format!("def f{n}(x):\n    return x + {n}\n")}).to_string();
        bench.write("code", (0..6).map(text).collect::<Vec<_>>().join("\n"));
        bench.write("long", (0..80).map(text).collect::<Vec<_>>().join("\n"));
        let question = |n: usize| {
            json!({"question": format!("def f(x):\n    return x + {n}"), "choices": ["0", "the river", " if"], "answer": n % 3})
                .to_string()
        };
        bench.write("questions", (0..4).map(question).collect::<Vec<_>>().join("\n"));
        bench.write("problems", problems());
        bench
    }

    fn write(&self, name: &str, text: String) {
        std::fs::write(self.path(name), text).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("{name}.jsonl"))
    }

    /// Writes the forged model as GGUF, as the `quant` stage does.
    fn quantise(&self, tier: FileType) {
        let folder = self.folder.path().join("gguf");
        std::fs::create_dir_all(&folder).unwrap();
        written(&self.folder.path().join("model"), tier, &folder, None);
    }

    /// Calibrates a model on `long` and writes the importance matrix into a folder.
    fn calibrate(&self, model: &Path, folder: &Path) -> Importance {
        let model = Model::open(model, None).unwrap();
        let tokenizer = Tokenizer::open(&model).unwrap();
        let corpus = Corpus::open(&self.path("long")).unwrap();
        let settings = Settings { max_length: 10, max_examples: Some(40), pass: Pass { inputs: true, ..Pass::default() } };
        let profile = measure(&model, &corpus, &tokenizer, settings, Options::with_threads(1), &progress::ignore).unwrap();
        let matrix = profile.inputs.unwrap().to_matrix("long".into(), profile.examples, settings.max_length).unwrap();
        std::fs::create_dir_all(folder).unwrap();
        let path = folder.join("imatrix.gguf");
        std::fs::write(&path, matrix.write(Vec::new()).unwrap()).unwrap();
        Importance::open(&path).unwrap()
    }

    fn run(&self, config: &Value) -> (Output, BTreeMap<String, Vec<u8>>) {
        let (output, files) = self.try_run(config);
        (output.unwrap(), files)
    }

    fn try_run(&self, config: &Value) -> (Result<Output, Failure>, BTreeMap<String, Vec<u8>>) {
        self.try_run_with(tools(), config)
    }

    fn try_run_with(&self, tools: Tools, config: &Value) -> (Result<Output, Failure>, BTreeMap<String, Vec<u8>>) {
        let (out, scratch) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut files: BTreeMap<String, PathBuf> =
            ["code", "long", "questions", "problems"].into_iter().map(|name| (name.to_owned(), self.path(name))).collect();
        files.insert("calibration/long".into(), self.path("long"));
        let digests =
            files.iter().map(|(name, path)| (name.clone(), aw_domain::Digest::of(&std::fs::read(path).unwrap()))).collect();
        let inputs = Inputs {
            folders: ["model", "gguf", "importance/long"].map(|name| (name.to_owned(), self.folder.path().join(name))).into(),
            entries: Vec::new(),
            source: Some(tiny()),
            source_entries: Vec::new(),
            files,
            digests,
            source_label: "tiny".into(),
        };
        let clock = || "2026-01-01T00:00:00Z".to_owned();
        let mut context = Context::new(out.path().into(), scratch.path().into(), 1, None, &|| false, &|_| (), &clock);
        let output = eval(tools).run(config, &inputs, &mut context);
        (output, aw_testkit::files(out.path()))
    }
}

/// Writes a model's tier into a folder.
fn written(model: &Path, tier: FileType, folder: &Path, importance: Option<&Importance>) -> PathBuf {
    let model = Model::open(model, None).unwrap();
    let naming = Naming { name: "tiny".into(), pre_tokenizer: None };
    let planned = GgufModel::plan(&model.folder, &model.config, &model.checkpoint, "olmoe", &naming).unwrap();
    let path = folder.join(planned.file_name(tier));
    let file = std::fs::File::create(&path).unwrap();
    planned.conversion(tier).unwrap().write(file, importance, 1, &|_, _| std::ops::ControlFlow::Continue(())).unwrap();
    path
}

fn rows(files: &BTreeMap<String, Vec<u8>>, name: &str) -> Vec<Value> {
    let text = std::str::from_utf8(&files[name]).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_benchmark_is_measured_beside_the_base() {
    if judge().is_none() {
        return;
    }
    let bench = Bench::new();
    let config = json!({"benchmarks": [
        {"name": "perplexity", "subset": "code"},
        {"name": "kl-divergence", "subset": "code"},
        {"name": "multiple-choice", "subset": "questions", "metric": "acc_norm"},
        {"name": "humaneval", "subset": "problems", "promptForm": "completion", "maxNewTokens": 1},
        {"name": "humaneval_plus", "subset": "problems", "promptForm": "completion", "maxNewTokens": 1},
    ]});
    let (output, files) = bench.run(&config);
    let measured = output.measurements["benchmarks"].as_array().unwrap();
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} is no number: {measured:#?}"));

    // Perplexity: the difference with its interval is of the samples, in nats.
    let (base, forged) = (number(&measured[0]["values"]["base"]), number(&measured[0]["values"]["forged"]));
    let difference = &measured[0]["differences"]["forged"];
    assert!((number(&difference["estimate"]) - (forged.ln() - base.ln())).abs() < 1e-9, "{difference}");
    assert!(number(&difference["ci95"][0]) <= number(&difference["estimate"]) && difference["n"] == 6, "{difference}");
    assert!(number(&difference["estimate"]) <= number(&difference["ci95"][1]));

    // Divergence: never negative, of the forged model only, and what the samples add up to.
    let samples = rows(&files, "evaluation/kl-divergence.code.forged.jsonl");
    let sum: f64 = samples.iter().map(|row| number(&row["divergence"])).sum();
    let tokens: f64 = samples.iter().map(|row| number(&row["predicted"])).sum();
    assert!((number(&measured[1]["values"]["forged"]) - sum / tokens).abs() < 1e-12 && sum > 0.0);
    assert_eq!(
        (&measured[1]["values"]["base"], &measured[1]["predictedTokens"]),
        (&Value::Null, &measured[0]["predictedTokens"])
    );

    // Multiple choice: every likelihood is that of the whole less that of the context, measured as perplexities are.
    let samples = rows(&files, "evaluation/multiple-choice.questions.forged.jsonl");
    let model = Model::open(&bench.folder.path().join("model"), None).unwrap();
    let tokenizer = Tokenizer::open(&model).unwrap();
    let nll = |text: &str| {
        let path = bench.folder.path().join("one.jsonl");
        std::fs::write(&path, json!({"text": text}).to_string()).unwrap();
        let corpus = Corpus::open(&path).unwrap();
        perplexity(
            &model,
            None,
            (&corpus, &tokenizer),
            PerplexitySettings::default(),
            Options::with_threads(1),
            &progress::ignore,
        )
        .unwrap()
        .nll()
    };
    let mut right = 0;
    for (n, row) in samples.iter().enumerate() {
        let context = format!("def f(x):\n    return x + {n}");
        let choices = [("0", " 0"), ("the river", " the river"), (" if", " if")];
        let expected: Vec<f64> = choices.iter().map(|(_, text)| nll(&context) - nll(&format!("{context}{text}"))).collect();
        for (got, expected) in row["log_likelihoods"].as_array().unwrap().iter().zip(&expected) {
            assert!((number(got) - expected).abs() < 1e-6, "{row} {expected:?}");
        }
        let per_character = |place: &usize| expected[*place] / choices[*place].0.chars().count() as f64;
        let best = (0..3).max_by(|a, b| per_character(a).total_cmp(&per_character(b))).unwrap();
        assert_eq!(row["chosen"]["acc_norm"], best);
        right += u64::from(best == n % 3);
    }
    assert_eq!(measured[2]["counts"]["forged"]["passed"], right);
    assert!((number(&measured[2]["values"]["forged"]) - 25.0 * right as f64).abs() < 1e-9);

    // HumanEval: of three problems the first is solved, by points from counts; both scores are of one run.
    for (row, name) in [(&measured[3], "humaneval"), (&measured[4], "humaneval_plus")] {
        let samples = rows(&files, &format!("evaluation/{name}.problems.forged.jsonl"));
        assert_eq!(samples.len(), 3);
        assert_eq!(samples[0]["passed"], true, "{samples:#?}");
        let counted = if name == "humaneval" { "passed" } else { "plus_passed" };
        let passed = samples.iter().filter(|sample| sample[counted] == true).count();
        assert_eq!((&row["counts"]["forged"]["passed"], &row["counts"]["forged"]["total"]), (&json!(passed), &json!(3)));
        let points = (1000.0 * passed as f64 / 3.0).round() / 10.0;
        assert!((number(&row["values"]["forged"]) - points).abs() < 1e-9, "{row}");
        assert_eq!(
            (&row["promptForm"], &row["decoding"], &row["higherIsBetter"]),
            (&json!("completion"), &json!("greedy"), &json!(true))
        );
    }
    let written = |name: &str| rows(&files, name).iter().map(|row| row["completion"].clone()).collect::<Vec<_>>();
    assert_eq!(written("evaluation/humaneval.problems.forged.jsonl"), written("evaluation/humaneval_plus.problems.forged.jsonl"));

    // The samples are what the measurements say they are, and all of it again is equal byte for byte.
    for row in measured {
        for sample in row["samples"].as_object().unwrap().values() {
            let bytes = &files[sample["path"].as_str().unwrap()];
            assert_eq!(sample["sha256"].as_str().unwrap().trim_start_matches("sha256:"), aw_domain::Digest::of(bytes).hex());
        }
    }
    let (again, same) = bench.run(&config);
    assert_eq!((again.measurements, same), (output.measurements, files));
}

/// The same figures through llama.cpp on files without rounding: what differs is only the order of additions.
#[test]
fn the_file_that_ships_is_measured_through_llama_cpp() {
    if aw_testkit::llama_cpp().is_none() || judge().is_none() {
        return;
    }
    let bench = Bench::new();
    bench.quantise(FileType::F32);
    let benchmarks = json!([
        {"name": "perplexity", "subset": "code"},
        {"name": "multiple-choice", "subset": "questions"},
        {"name": "humaneval", "subset": "problems", "promptForm": "completion", "maxNewTokens": 4},
        {"name": "kl-divergence", "subset": "long"},
    ]);
    let (ours, _) = bench.run(&json!({"benchmarks": benchmarks}));
    let (theirs, files) = bench.run(&json!({"benchmarks": benchmarks, "runtime": "gguf", "tier": "F32"}));
    assert_eq!(theirs.measurements["runtime"], "llama.cpp F32");
    let rows = |output: &Output| output.measurements["benchmarks"].as_array().unwrap().clone();
    for (ours, theirs) in rows(&ours).iter().zip(rows(&theirs)).take(3) {
        assert_eq!((&ours["name"], &ours["variants"], &theirs["tier"]), (&theirs["name"], &theirs["variants"], &json!("F32")));
        for variant in ["base", "forged"] {
            let (a, b) = (ours["values"][variant].as_f64().unwrap(), theirs["values"][variant].as_f64().unwrap());
            assert!((a - b).abs() <= 2e-3 * a.abs(), "{variant}: {a} here, {b} in llama.cpp\n{ours}\n{theirs}");
        }
        assert!(theirs["differences"]["forged"]["ci95"].is_array());
    }
    assert!(files.contains_key("evaluation/F32/perplexity.code.base.jsonl"));
    // llama.cpp scores the second half of each chunk of the texts in a row, we every token of each text: near, not equal.
    let divergence = |output: &Output| rows(output)[3]["values"]["forged"].as_f64().unwrap();
    let (a, b) = (divergence(&ours), divergence(&theirs));
    assert!(a > 0.0 && b > 0.2 * a && b < 5.0 * a, "{a} here, {b} in llama.cpp");
}

/// The linked library gives the stage the figures the programs give, and the record says which it was.
#[cfg(feature = "llama-cpp-linked")]
#[test]
fn the_linked_library_measures_what_the_programs_measure() {
    if judge().is_none() {
        return;
    }
    let bench = Bench::new();
    for tier in [FileType::F32, FileType::Q4KM] {
        bench.quantise(tier);
        let benchmarks = json!([
            {"name": "perplexity", "subset": "code"},
            {"name": "multiple-choice", "subset": "questions"},
            {"name": "humaneval", "subset": "problems", "promptForm": "completion", "maxNewTokens": 4},
            {"name": "kl-divergence", "subset": "long"},
        ]);
        let config = json!({"benchmarks": benchmarks, "runtime": "gguf", "tier": tier.name()});
        let run = |llama_cpp: Option<PathBuf>| {
            let (output, files) = bench.try_run_with(Tools { llama_cpp, ..tools() }, &config);
            (output.unwrap(), files)
        };
        let (ours, files) = run(None);
        assert_eq!(ours.measurements["runtime"], json!(format!("llama.cpp {}, linked", tier.name())));
        let version = ours.observations["runners"]["llamaCpp"]["version"].as_str().unwrap();
        assert!(version.ends_with(", linked"), "{version}");
        let (again, same) = run(None);
        assert_eq!((&again.measurements, &same), (&ours.measurements, &files));
        let Some(programs) = aw_testkit::llama_cpp() else { return };
        let (theirs, _) = run(Some(programs));
        let rows = |output: &Output| output.measurements["benchmarks"].as_array().unwrap().clone();
        for (ours, theirs) in rows(&ours).iter().zip(rows(&theirs)) {
            for variant in theirs["variants"].as_array().unwrap() {
                let variant = variant.as_str().unwrap();
                let (a, b) = (ours["values"][variant].as_f64().unwrap(), theirs["values"][variant].as_f64().unwrap());
                println!("{} of {variant}, {}: linked {a}, programs {b}", ours["name"], tier.name());
                assert!((a - b).abs() <= 2e-2 * b.abs(), "{variant}: {a} linked, {b} in the programs\n{ours}\n{theirs}");
            }
        }
        let perplexity = |output: &Output| rows(output)[0]["values"]["base"].as_f64().unwrap();
        assert!((perplexity(&ours) - perplexity(&theirs)).abs() <= 2e-3 * perplexity(&theirs));
    }
}

#[test]
fn a_divergence_takes_as_many_examples_as_it_is_told() {
    if aw_testkit::llama_cpp().is_none() {
        return;
    }
    let bench = Bench::new();
    bench.quantise(FileType::Q8_0);
    let config = |most: u64| {
        let benchmarks = json!([{"name": "kl-divergence", "subset": "long"}]);
        json!({"benchmarks": benchmarks, "runtime": "gguf", "tier": "Q8_0", "maxLength": 64, "maxExamples": most})
    };
    let (some, _) = bench.run(&config(40));
    let measured = &some.measurements["benchmarks"][0];
    let chunks = measured["counts"]["forged"]["divergence"]["chunks"].as_u64().unwrap();
    assert!(measured["examples"] == 40 && chunks > 4, "{measured}");
    let (more, _) = bench.run(&config(80));
    assert!(more.measurements["benchmarks"][0]["counts"]["forged"]["divergence"]["chunks"].as_u64().unwrap() > chunks);
    let failure = bench.try_run(&config(3)).0.unwrap_err();
    assert!(failure.code == "text-too-short" && failure.message.contains("two chunks of 64 tokens"), "{failure:?}");
}

/// What the base's tier scores is what a base scores that was calibrated and converted apart from the stage.
#[test]
fn the_base_is_made_with_a_matrix_where_the_tier_is() {
    let Some(programs) = aw_testkit::llama_cpp() else { return };
    let bench = Bench::new();
    let apart = tempfile::tempdir().unwrap();
    let forged = bench.calibrate(&bench.folder.path().join("model"), &bench.folder.path().join("importance/long"));
    let matrix = bench.calibrate(&tiny(), apart.path());
    let folder = bench.folder.path().join("gguf");
    std::fs::create_dir_all(&folder).unwrap();
    let tier = FileType::Q4KM;
    written(&bench.folder.path().join("model"), tier, &folder, Some(&forged));
    let config = json!({"benchmarks": [{"name": "perplexity", "subset": "code"}], "runtime": "gguf", "tier": tier.name(), "importanceMatrix": "long"});
    let (output, _) = bench.run(&config);
    let got = output.measurements["benchmarks"][0]["values"]["base"].as_f64().unwrap();

    let llama_cpp = LlamaCpp::find(&Tools { llama_cpp: Some(programs), ..Tools::default() }).unwrap();
    let tokenizer = Tokenizer::open(&Model::open(&tiny(), None).unwrap()).unwrap();
    let perplexity = |importance: Option<&Importance>| {
        let file = written(&tiny(), tier, apart.path(), importance);
        let server = llama_cpp.server(&file, &ServerSettings::new(128, 1), &|| false).unwrap();
        let corpus = Corpus::open(&bench.path("code")).unwrap();
        let (mut sum, mut count) = (0.0, 0);
        for example in corpus.texts().unwrap() {
            let tokens = tokenizer.encode(&example.unwrap().text).unwrap();
            let likelihoods = server.log_likelihood(&tokens[..1], &tokens[1..]).unwrap();
            sum -= likelihoods.iter().map(|token| token.log_probability).sum::<f64>();
            count += likelihoods.len();
        }
        (sum / count as f64).exp()
    };
    let (with, without) = (perplexity(Some(&matrix)), perplexity(None));
    println!("perplexity of the base's {}: {with} with its matrix, {without} without; the stage measured {got}", tier.name());
    assert!((with - without).abs() > 1e-4 * with, "the matrix changes the file");
    assert!((got - with).abs() < 1e-6 * with, "{got}, expected {with}; without the matrix {without}");

    std::fs::remove_file(bench.folder.path().join("importance/long/imatrix.gguf")).unwrap();
    let failure = bench.try_run(&config).0.unwrap_err();
    assert!(failure.code == "importance-matrix" && failure.hint.unwrap().contains("`importanceMatrix: true`"));
}

/// What a plan of a recipe on the tiny model says of its last stage.
fn refused(stages: &Value) -> Vec<Problem> {
    let forge = LlmForge::new(tools());
    let mut registry = Registry::new();
    registry.register(std::sync::Arc::new(LlmForge::new(tools())), "test").unwrap();
    let corpora = json!([{"id": "code", "path": "MODEL.sha256", "sha256": "0".repeat(64), "kind": "code"}]);
    let text = json!({"name": "r", "version": "1.0.0", "domains": ["llm-forge"], "source": {"baseModel": "model", "architecture": "olmoe"},
        "calibrationCorpora": [{"id": "code", "path": "MODEL.sha256", "sha256": "0".repeat(64), "kind": "code", "distributionSummary": "code"}],
        "evaluationCorpora": corpora, "stages": stages});
    let recipe = match Recipe::read(text.to_string().as_bytes(), Notation::Json, &registry) {
        Ok(recipe) => recipe,
        Err(problems) => return problems,
    };
    let folder = tiny().join("..");
    let source = forge.source(&SourceRequest { recipe: &recipe, recipe_folder: &folder, offline: true }).unwrap();
    let mut facts = source.facts.clone();
    for stage in recipe.stages() {
        let StageLookup::Found(stage_type) = registry.stage(recipe.domains(), &stage.name) else { panic!("{}", stage.name) };
        let Executor::Here(executor) = &stage_type.executor else { panic!("`{}` runs here", stage.name) };
        let reads = match executor.reads(&stage.config, &recipe) {
            Ok(reads) => reads,
            Err(problems) => return problems,
        };
        let files = reads.files.iter().map(|file| (file.name.clone(), folder.join(&file.path))).collect();
        let request =
            PlanRequest { config: &stage.config, recipe: &recipe, source: source.plan_folder(), facts: &facts, files: &files };
        match executor.plan(&request) {
            Ok(estimate) => facts = estimate.facts,
            Err(problems) => return problems,
        }
    }
    Vec::new()
}

#[test]
fn a_base_unlike_the_tier_is_refused_before_anything_runs() {
    if aw_testkit::llama_cpp().is_none() {
        return;
    }
    let stages = |quant: Value, eval: Value| {
        let profile = json!({"type": "expert-activation-profile", "calibrationCorpus": "code", "importanceMatrix": true});
        let mut stages = [
            json!({"type": "quant", "format": "gguf", "quantTypes": ["Q4_K_M"]}),
            json!({"type": "eval", "runtime": "gguf", "tier": "Q4_K_M", "benchmarks": [{"name": "perplexity", "subset": "code"}]}),
        ];
        for (stage, more) in stages.iter_mut().zip([quant, eval]) {
            stage.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        }
        let [quant, eval] = stages;
        refused(&json!([profile, quant, eval]))
    };
    let with = || json!({"importanceMatrix": "code"});
    assert_eq!(stages(with(), with()), []);
    assert_eq!(stages(json!({}), json!({})), []);
    assert_eq!(stages(with(), json!({"compareToBase": false})), []);
    let (tier, safetensors) = (json!({"quantTypes": ["Q8_0"]}), json!({"runtime": "safetensors", "importanceMatrix": "code"}));
    for (problems, code, word, hint) in [
        (stages(with(), json!({})), "unlike-base", "made with the importance matrix of `code`", "`importanceMatrix: code`"),
        (stages(json!({}), with()), "unlike-base", "made without an importance matrix", "remove `importanceMatrix`"),
        (stages(tier, json!({})), "tier-missing", "makes Q4_K_M of this model", "those that are made: Q8_0"),
        (stages(json!({}), safetensors), "unused", "`tier` is of GGUF files", ""),
        (stages(json!({}), json!({"preTokenizer": "nonsense"})), "gguf", "the base cannot be made into this tier", ""),
        (stages(with(), json!({"importanceMatrix": "none"})), "unknown-corpus", "no corpus `none`", ""),
    ] {
        let found = problems.iter().find(|problem| problem.code == code).unwrap_or_else(|| panic!("{code}: {problems:#?}"));
        assert!(found.message.contains(word) && found.hint.as_deref().unwrap_or_default().contains(hint), "{found:#?}");
    }
}

#[test]
fn a_form_of_prompts_that_is_not_run_is_refused_by_name() {
    for form in ["chat", "instruct", "Completion", ""] {
        let benchmark = json!({"name": "humaneval", "subset": "code", "promptForm": form});
        let problems = refused(&json!([{"type": "eval", "benchmarks": [benchmark]}]));
        println!("{problems:#?}");
        let found =
            problems.iter().find(|problem| problem.path.ends_with("promptForm")).unwrap_or_else(|| panic!("{problems:#?}"));
        assert!(found.to_string().contains("completion"), "{found}");
    }
}

/// Some recipe: what is refused here is refused whatever it says.
fn recipe() -> Recipe {
    let mut registry = Registry::new();
    registry.register(std::sync::Arc::new(LlmForge::default()), "test").unwrap();
    let text = json!({"name": "r", "version": "1.0.0", "domains": ["llm-forge"], "source": {"baseModel": "m", "architecture": "olmoe"},
        "stages": [{"type": "package", "format": "safetensors"}]});
    Recipe::read(text.to_string().as_bytes(), Notation::Json, &registry).unwrap()
}

#[test]
fn what_cannot_be_measured_is_refused_by_name() {
    let recipe = recipe();
    let refused = |benchmark: Value| {
        let config = json!({"benchmarks": [benchmark]});
        eval(tools())
            .reads(&config, &recipe)
            .unwrap_err()
            .into_iter()
            .map(|problem| problem.message)
            .collect::<Vec<_>>()
            .join("; ")
    };
    for (benchmark, word) in [
        (json!({"name": "humanevall", "subset": "x"}), "no benchmark `humanevall` is registered"),
        (json!({"name": "gsm8k"}), "reserved and not implemented"),
        (json!({"name": "mmmu"}), "needs images"),
        (json!({"name": "perplexity"}), "name one of `evaluationCorpora`"),
        (json!({"name": "ifeval", "subset": "x"}), "remove `subset`"),
        (json!({"name": "humaneval", "subset": "x"}), "form of its prompts"),
        (json!({"name": "perplexity", "subset": "x", "maxNewTokens": 3}), "generates nothing"),
        (json!({"name": "perplexity", "subset": "x", "metric": "acc"}), "one metric"),
    ] {
        let said = refused(benchmark.clone());
        assert!(said.contains(word), "{benchmark}: {said}");
    }
    assert_eq!(names().count(), 11);
}
