//! Expert pruning: what is kept, what is written, and what is noticed when it is not right.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use aw_alloy::digest::Digest;
use llm_forge::checkpoint::Checkpoint;
use llm_forge::corpus::CorpusError;
use llm_forge::families::Model;
use llm_forge::forward::{ExpertMask, Options};
use llm_forge::perplexity::sequence_losses;
use llm_forge::progress::ignore;
use llm_forge::prune::{
    Counters, DEFAULT_SHARD_BYTES, Difference, FolderOutput, OutputFile, OutputFiles, PrunePlan, RankedBy, Rewritten, Sample,
    Scores, Selection, Sidecar, Strategy, Times, Verification, plan_prune, random_scores, rewrite, router_l2, verify_rewrite,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::synthetic::{config, write_model};

/// A model made for a test, in its own folder.
fn model(architecture: &str, layers: usize, experts: usize, top_k: usize, shards: usize) -> (TempDir, Model) {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), &config(architecture, layers, experts, top_k), shards);
    let model = Model::open(folder.path(), None).unwrap();
    (folder, model)
}

fn at_random(model: &Model, keep: usize) -> Selection {
    Selection::rank(&model.experts, Strategy::Random, &random_scores(&model.experts, 7), keep).unwrap()
}

fn write(model: &Model, selection: &Selection, shard_bytes: u64, threads: usize) -> (TempDir, PrunePlan, Rewritten) {
    let plan = plan_prune(model, selection, shard_bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let written = rewrite(model, &plan, &mut FolderOutput::new(folder.path()).unwrap(), threads, &ignore).unwrap();
    (folder, plan, written)
}

/// Every file of a folder by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entry = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    fs::read_dir(folder).unwrap().map(|found| entry(found.unwrap())).collect()
}

fn verify(source: &Model, folder: &Path, selection: &Selection, sample: Sample) -> Verification {
    verify_rewrite(source, &Model::open(folder, None).unwrap(), selection, sample, &ignore).unwrap()
}

fn counts(layers: &[&[u64]]) -> Scores {
    Scores::Counts(layers.iter().map(|counts| counts.to_vec()).enumerate().collect())
}

/// The reference pruned every golden checkpoint by its own counts; names, shapes and bytes of all its tensors are the same.
#[test]
fn goldens_are_pruned_as_the_reference_prunes_them() {
    for case in crate::golden::cases() {
        let (model, keep) = (&case.model, case.model.experts.experts / 2);
        let scores = Scores::Counts(
            case.expected.f32.experts.iter().map(|(layer, sums)| (*layer, sums.activation_count.clone())).collect(),
        );
        let selection = Selection::rank(&model.experts, Strategy::ActivationCount, &scores, keep).unwrap();
        assert_eq!(*selection.layers(), case.expected.masked.kept, "{}", case.name);
        let (folder, _, _) = write(model, &selection, 20_000, 2);
        let output = Checkpoint::open(folder.path()).unwrap();
        let got: BTreeMap<String, String> = output
            .tensors()
            .iter()
            .map(|tensor| (tensor.name.clone(), Digest::of(&output.read(tensor).unwrap()).hex()))
            .collect();
        let expected: Value = serde_json::from_slice(&fs::read(model.folder.join("expected.json")).unwrap()).unwrap();
        let expected: BTreeMap<String, String> = serde_json::from_value(expected["masked"]["tensor_sha256"].clone()).unwrap();
        assert_eq!(got, expected, "{}", case.name);
        let found = verify(model, folder.path(), &selection, Sample::All);
        // Experts stored together are two slices each.
        let experts = found.experts + found.fused_slices / 2;
        assert!(found.is_good() && experts == (selection.layers().len() * keep) as u64, "{}: {found:?}", case.name);
    }
}

/// The bytes this writer makes of one checkpoint per family. They may change only with a new version of the writer, because
/// published artifacts are checked by forging them again. The digests were computed by a separate program from the specification.
#[test]
fn output_bytes_are_those_of_this_version() {
    for (name, expected) in [
        ("mixtral-f32", "4f4b443a2b6e1880ac24fa743978b5da0a379dcfc269e98b7b0906edca649fc1"),
        ("olmoe-bf16", "25b273dc5544ee66f9cefbe81472becba9bd5982a1729eaee36fb0fb5e740d6a"),
        ("qwen3_moe-f32-dense", "bf27645c9eee853125dea20841efc59ecdc5a980386a7974f5d7454ee0ee0c1a"),
    ] {
        let case = crate::golden::case(name);
        let selection = Selection::from_kept(&case.model.experts, &case.expected.masked.kept).unwrap();
        let (_, _, written) = write(&case.model, &selection, 20_000, 2);
        let lines: String = written.shards.iter().map(|shard| format!("{}  {}\n", shard.digest.hex(), shard.path)).collect();
        assert_eq!(Digest::of(lines.as_bytes()).hex(), expected, "{name}:\n{lines}");
    }
}

/// The reference's reader gets the same tensors from the files, and their index is complete.
#[test]
fn the_reference_reads_what_is_written() {
    for case in crate::golden::cases() {
        // As many as can be dropped least: one of each group.
        let selection = at_random(&case.model, case.model.experts.experts - case.model.experts.groups.count);
        let (folder, plan, _) = write(&case.model, &selection, 9_000, 1);
        let index: Value =
            serde_json::from_slice(&fs::read(folder.path().join("model.safetensors.index.json")).unwrap()).unwrap();
        let mut names = BTreeSet::new();
        for shard in &plan.shards {
            let bytes = fs::read(folder.path().join(&shard.name)).unwrap();
            let (header, _) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
            assert_eq!((header % 8, bytes.len() as u64), (0, shard.bytes));
            for (name, tensor) in safetensors::SafeTensors::deserialize(&bytes).unwrap().iter() {
                assert_eq!(index["weight_map"][name], shard.name.as_str());
                let planned = shard.tensors.iter().find(|planned| planned.name == name).unwrap();
                assert_eq!((tensor.dtype().to_string(), tensor.data().len() as u64), (planned.dtype.to_string(), planned.bytes));
                assert!(names.insert(name.to_owned()), "`{name}` is written twice");
            }
        }
        assert_eq!(index["weight_map"].as_object().unwrap().len(), names.len());
        assert_eq!(index["metadata"]["total_size"], plan.tensor_bytes_out);
    }
}

#[test]
fn router_norms_are_the_references_bit_for_bit() {
    for case in crate::golden::cases() {
        let Scores::Values(norms) = router_l2(&case.model).unwrap() else { panic!("norms are not counts") };
        for (layer, expected) in &case.expected.f32.router_l2 {
            let got: Vec<u64> = norms[layer].iter().map(|norm| norm.to_bits()).collect();
            let expected: Vec<u64> = expected.iter().map(|norm| f64::from(*norm).to_bits()).collect();
            assert_eq!(got, expected, "{} layer {layer}", case.name);
        }
        assert_eq!(norms.len(), case.expected.f32.router_l2.len());
    }
}

/// The published counters, which count tensors: 48 layers 128 -> 80, 16 layers 64 -> 48, 56 layers 8 -> 4.
#[test]
fn counters_have_the_published_identities() {
    for (architecture, layers, experts, top_k, keep, dropped, renamed) in
        [("qwen3_moe", 48, 128, 8, 80, 6912, 11_520), ("olmoe", 16, 64, 8, 48, 768, 2304), ("mixtral", 56, 8, 2, 4, 672, 672)]
    {
        let (_folder, model) = model(architecture, layers, experts, top_k, 3);
        let plan = plan_prune(&model, &at_random(&model, keep), DEFAULT_SHARD_BYTES).unwrap();
        let other = model.checkpoint.tensors().len() as u64 - (layers * experts * 3 + layers) as u64;
        let expected = Counters {
            router_gate_sliced: layers as u64,
            kept_renamed: renamed,
            dropped_expert: dropped,
            fused_sliced: 0,
            kept_unchanged: other,
        };
        assert_eq!(plan.counters, expected, "{architecture}");
        let expert = 6 * (layers * (experts - keep)) as u64;
        let rows = 2 * (layers * (experts - keep)) as u64;
        assert_eq!(plan.parameters_in - plan.parameters_out, expert + rows, "{architecture}");
        let estimate = plan_prune(&model, &Selection::for_estimate(&model.experts, keep).unwrap(), DEFAULT_SHARD_BYTES).unwrap();
        assert_eq!((estimate.tensor_bytes_out, estimate.counters), (plan.tensor_bytes_out, plan.counters));
    }
}

#[test]
fn output_bytes_do_not_depend_on_threads_runs_or_source_shards() {
    let (_one, single) = model("qwen3_moe", 3, 16, 2, 1);
    let (_many, sharded) = model("qwen3_moe", 3, 16, 2, 7);
    let selection = at_random(&single, 9);
    let first = files(write(&single, &selection, 40, 1).0.path());
    assert!(first.len() > 10, "{:?}", first.keys());
    for (model, threads) in [(&single, 1), (&single, 2), (&single, 5), (&sharded, 1), (&sharded, 2)] {
        assert!(files(write(model, &selection, 40, threads).0.path()) == first, "{threads} threads");
    }
}

/// A source of many pieces, so that tensors and rows lie across their borders.
#[test]
fn tensors_larger_than_a_piece_are_copied_whole() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config("mixtral", 1, 4, 2);
    for (field, value) in [("hidden_size", 1030), ("intermediate_size", 701), ("vocab_size", 1201), ("num_attention_heads", 5)] {
        config[field] = value.into();
    }
    write_model(folder.path(), &config, 2);
    let model = Model::open(folder.path(), None).unwrap();
    let selection = Selection::from_kept(&model.experts, &BTreeMap::from([(0, vec![1, 3])])).unwrap();
    let mut seen = BTreeSet::new();
    for threads in [1, 2] {
        let (output, plan, written) = write(&model, &selection, 3_000_000, threads);
        assert!(verify(&model, output.path(), &selection, Sample::All).is_good());
        for (record, shard) in written.shards.iter().zip(&plan.shards) {
            let bytes = fs::read(output.path().join(&shard.name)).unwrap();
            assert_eq!((record.bytes, record.digest), (bytes.len() as u64, Digest::of(&bytes)));
            seen.insert(record.digest.hex());
        }
        for record in &written.sources {
            assert_eq!(record.digest, Digest::of(&fs::read(folder.path().join(&record.path)).unwrap()));
        }
        assert!(plan.shards.len() > 2 && plan.bytes_in > 8 << 20);
        assert_eq!(seen.len(), plan.shards.len(), "the second run wrote something else");
    }
}

#[test]
fn shards_close_before_they_pass_their_size() {
    let (_folder, model) = model("olmoe", 2, 8, 2, 2);
    let selection = at_random(&model, 5);
    for shard_bytes in [1, 10, 33, 100, 1000, DEFAULT_SHARD_BYTES] {
        let (output, plan, _) = write(&model, &selection, shard_bytes, 2);
        let sizes: Vec<Vec<u64>> =
            plan.shards.iter().map(|shard| shard.tensors.iter().map(|tensor| tensor.bytes).collect()).collect();
        for (place, shard) in sizes.iter().enumerate() {
            assert!(shard.iter().sum::<u64>() <= shard_bytes || shard.len() == 1, "{shard_bytes}: {shard:?}");
            if let Some(next) = sizes.get(place + 1) {
                assert!(shard.iter().sum::<u64>() + next[0] > shard_bytes, "{shard_bytes}: a shard closed too early");
            }
            let name = format!("model-{:05}-of-{:05}.safetensors", place + 1, sizes.len());
            assert_eq!(plan.shards[place].name, name);
            assert_eq!(plan.shards[place].bytes, fs::metadata(output.path().join(name)).unwrap().len());
        }
        assert!(verify(&model, output.path(), &selection, Sample::All).is_good(), "{shard_bytes}");
    }
}

#[test]
fn ties_go_to_the_lower_index_and_large_counts_are_told_apart() {
    let (_folder, model) = model("olmoe", 2, 4, 2, 1);
    let two_53 = 1 << 53;
    let scores = counts(&[&[5, 9, 5, 5], &[two_53, two_53 + 1, 0, two_53 + 2]]);
    let selection = Selection::rank(&model.experts, Strategy::ActivationCount, &scores, 2).unwrap();
    assert_eq!(*selection.layers(), BTreeMap::from([(0, vec![0, 1]), (1, vec![1, 3])]));
    let scores = Scores::Values(BTreeMap::from([(0, vec![0.5, 0.5, 0.25, 0.5]), (1, vec![-0.0, 0.0, 1.0, 0.0])]));
    let selection = Selection::rank(&model.experts, Strategy::Reap, &scores, 2).unwrap();
    assert_eq!(*selection.layers(), BTreeMap::from([(0, vec![0, 1]), (1, vec![0, 2])]));
    assert_eq!((selection.new_index(1, 2), selection.new_index(1, 1), selection.new_index(7, 0)), (Some(1), None, None));
}

#[test]
fn selections_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config("qwen3_moe", 3, 4, 2);
    config["mlp_only_layers"] = serde_json::json!([1]);
    write_model(folder.path(), &config, 1);
    let model = Model::open(folder.path(), None).unwrap();
    let ranked = |strategy, layers: &[(usize, Vec<f64>)], keep| {
        let scores = Scores::Values(layers.iter().cloned().collect());
        Selection::rank(&model.experts, strategy, &scores, keep).unwrap_err().to_string()
    };
    let full = vec![1.0, 2.0, 3.0, 4.0];
    let good = [(0, full.clone()), (2, full.clone())];
    let reap = Strategy::Reap;
    assert_eq!(ranked(reap, &good, 1), "cannot keep 1 experts per layer: every token is routed to 2; keep at least 2");
    assert_eq!(ranked(reap, &good, 4), "nothing to prune: keeping 4 of 4 experts per layer; keep fewer than 4");
    assert_eq!(ranked(reap, &good, 9), "nothing to prune: keeping 9 of 4 experts per layer; keep fewer than 4");
    assert_eq!(ranked(reap, &good[..1], 2), "layer 2 routes to experts but has no scores; scored: [0]");
    let dense = [(0, full.clone()), (1, full.clone()), (2, full.clone())];
    assert_eq!(ranked(reap, &dense, 2), "layer 1 has scores but no experts; layers with experts: [0, 2]");
    assert_eq!(ranked(reap, &[(0, full.clone()), (2, vec![1.0; 3])], 2), "layer 2: expected 4 scores, got 3");
    let infinite = vec![1.0, f64::NAN, 1.0, 1.0];
    assert_eq!(
        ranked(reap, &[(0, full.clone()), (2, infinite)], 2),
        "layer 2: the score of expert 1 is NaN, expected a finite number"
    );
    let zero = [(0, full.clone()), (2, vec![0.0; 4])];
    assert_eq!(ranked(reap, &zero, 2), "layer 2: no expert was reached by the calibration corpus, so `reap` cannot rank them");
    let scores = Scores::Values(zero.into_iter().collect());
    assert!(Selection::rank(&model.experts, Strategy::RouterGateL2, &scores, 2).is_ok(), "weights may be zero");
    let kept = |layers: &[(usize, Vec<usize>)]| {
        Selection::from_kept(&model.experts, &layers.iter().cloned().collect()).unwrap_err().to_string()
    };
    assert_eq!(kept(&[(0, vec![0, 1]), (2, vec![1, 0])]), "layer 2: kept experts [1, 0] are not 2 ascending indices below 4");
    assert_eq!(kept(&[(0, vec![0, 1]), (2, vec![1, 4])]), "layer 2: kept experts [1, 4] are not 2 ascending indices below 4");
    assert_eq!(
        kept(&[(0, vec![0, 1]), (2, vec![0, 1, 2])]),
        "layer 2: kept experts [0, 1, 2] are not 2 ascending indices below 4"
    );
    assert_eq!(kept(&[(0, vec![0, 1])]), "layer 2 routes to experts but has no scores; scored: [0]");
}

#[test]
fn a_selection_for_another_model_is_refused() {
    let (_small, small) = model("olmoe", 2, 8, 2, 1);
    let (_large, large) = model("olmoe", 3, 8, 2, 1);
    let fault = plan_prune(&large, &at_random(&small, 4), DEFAULT_SHARD_BYTES).unwrap_err().to_string();
    assert_eq!(fault, "the selection is for 8 experts in layers [0, 1], but the model has 8 in layers [0, 1, 2]");
}

#[test]
fn the_config_changes_in_its_expert_count_only_and_needed_files_come_along() {
    let (folder, model) = model("mixtral", 1, 4, 2, 1);
    let beside = [("tokenizer.json", "{}"), ("generation_config.json", "{\"x\": 1}\n"), ("chat_template.jinja", "{{ x }}")];
    for (name, text) in beside {
        fs::write(folder.path().join(name), text).unwrap();
    }
    fs::write(folder.path().join("README.md"), "# not needed").unwrap();
    fs::write(folder.path().join("modeling.py"), "# needed only when the config says so").unwrap();
    let (output, _, written) = write(&model, &at_random(&model, 3), DEFAULT_SHARD_BYTES, 2);
    let found = files(output.path());
    for (name, text) in beside {
        assert_eq!(found[name], text.as_bytes());
    }
    assert_eq!(written.left, ["README.md", "modeling.py"]);
    let expected = model.config_text.replace("\"num_local_experts\": 4", "\"num_local_experts\": 3");
    assert_ne!(expected, model.config_text);
    assert_eq!(found["config.json"], expected.as_bytes());
    let recorded: BTreeMap<&str, Digest> =
        written.shards.iter().chain(&written.files).map(|file| (file.path.as_str(), file.digest)).collect();
    let present: BTreeMap<&str, Digest> = found.iter().map(|(name, bytes)| (name.as_str(), Digest::of(bytes))).collect();
    assert_eq!(recorded, present, "every file written is recorded, and nothing else is there");
}

#[test]
fn custom_code_comes_along_when_the_config_refers_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut config = config("mixtral", 1, 4, 2);
    config["auto_map"] = serde_json::json!({"AutoConfig": "configuration.MyConfig"});
    write_model(folder.path(), &config, 1);
    fs::write(folder.path().join("configuration.py"), "x = 1\n").unwrap();
    let model = Model::open(folder.path(), None).unwrap();
    let (output, _, written) = write(&model, &at_random(&model, 3), DEFAULT_SHARD_BYTES, 1);
    assert_eq!(fs::read(output.path().join("configuration.py")).unwrap(), b"x = 1\n");
    assert!(written.left.is_empty());
}

#[test]
fn the_sidecar_says_what_was_done_and_reads_back() {
    let (_folder, model) = model("olmoe", 2, 8, 2, 3);
    let selection = at_random(&model, 5);
    let (output, plan, written) = write(&model, &selection, 200, 2);
    let times =
        Times { started_at: "2026-01-02T03:04:05Z".into(), finished_at: "2026-01-02T03:04:06Z".into(), total_seconds: 1.25 };
    let ranked = RankedBy { strategy: Strategy::Random, seed: Some(7), importance: None };
    let sidecar = Sidecar::new(&model, "made/olmoe", ranked, &plan, &written, times);
    let record = sidecar.write(&mut FolderOutput::new(output.path()).unwrap()).unwrap();
    let text = fs::read(output.path().join("expert_prune.metadata.v1.json")).unwrap();
    assert_eq!(record.digest, Digest::of(&text));
    assert_eq!(serde_json::from_slice::<Sidecar>(&text).unwrap(), sidecar);
    let json: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(json["schema_version"], "expert_prune.metadata.v1");
    assert_eq!(json["selection"]["metric"], "random");
    assert_eq!(json["selection"]["importance_json"], Value::Null);
    assert_eq!(json["selection"]["per_layer_kept_count"], serde_json::json!({"0": 5, "1": 5}));
    assert_eq!(json["tensors"]["dropped_expert"], 2 * 3 * 3);
    assert_eq!(json["source"]["shards"].as_array().unwrap().len(), 3);
    let total: u64 = json["shards_out"].as_array().unwrap().iter().map(|shard| shard["bytes"].as_u64().unwrap()).sum();
    assert_eq!(json["total_bytes_out"], total);
    // The kept lists of the record repeat the prune bit for bit.
    let again = Selection::from_kept(&model.experts, &sidecar.selection.per_layer_kept_indices).unwrap();
    let repeated = write(&model, &again, 200, 1).2;
    assert_eq!(repeated.shards, written.shards);
}

/// Flips one byte of a tensor in a written model.
fn damage(folder: &Path, tensor: &str, place: u64) {
    let checkpoint = Checkpoint::open(folder).unwrap();
    let info = checkpoint.get(tensor).unwrap();
    let file = fs::OpenOptions::new().read(true).write(true).open(&checkpoint.shards()[info.shard].path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, info.offset + place).unwrap();
    file.write_all_at(&[byte[0] ^ 1], info.offset + place).unwrap();
}

#[test]
fn verification_notices_a_changed_byte_and_names_the_tensor() {
    let (_folder, model) = model("qwen3_moe", 2, 8, 2, 2);
    let selection = Selection::from_kept(&model.experts, &BTreeMap::from([(0, vec![1, 2, 5]), (1, vec![0, 6, 7])])).unwrap();
    let cases: [(&str, u64, &str); 3] = [
        ("model.layers.1.mlp.gate.weight", 5, "`model.layers.1.mlp.gate.weight`: row 1 is not row 6 of the source"),
        (
            "model.layers.0.mlp.experts.2.up_proj.weight",
            0,
            "`model.layers.0.mlp.experts.2.up_proj.weight` is not `model.layers.0.mlp.experts.5.up_proj.weight` of the source",
        ),
        ("model.layers.0.self_attn.k_norm.weight", 3, "`model.layers.0.self_attn.k_norm.weight` is not what it is in the source"),
    ];
    for (tensor, place, words) in cases {
        let (output, _, _) = write(&model, &selection, 100, 1);
        assert!(verify(&model, output.path(), &selection, Sample::All).is_good());
        damage(output.path(), tensor, place);
        let found = verify(&model, output.path(), &selection, Sample::All);
        assert_eq!(found.differences.iter().map(Difference::to_string).collect::<Vec<_>>(), [words]);
    }
    // Two experts in each other's place are noticed too: names and shapes fit, bytes do not.
    let (output, _, _) = write(&model, &selection, 100, 1);
    let swapped = Selection::from_kept(&model.experts, &BTreeMap::from([(0, vec![1, 2, 6]), (1, vec![0, 6, 7])])).unwrap();
    let found = verify(&model, output.path(), &swapped, Sample::All);
    assert_eq!(found.differences.len(), 4, "one router row and three projections: {:?}", found.differences);
}

#[test]
fn a_sample_covers_every_layer_evenly() {
    let (_folder, model) = model("olmoe", 3, 16, 2, 1);
    let selection = at_random(&model, 10);
    let (output, _, _) = write(&model, &selection, DEFAULT_SHARD_BYTES, 2);
    for (sample, experts) in [(0, 0), (1, 3), (4, 12), (10, 30)] {
        let found = verify(&model, output.path(), &selection, Sample::PerLayer(sample));
        assert_eq!((found.experts, found.router_rows, found.is_good()), (experts, 30, true));
    }
}

#[test]
fn a_cancelled_prune_leaves_no_finished_shard() {
    let (_folder, model) = model("olmoe", 2, 8, 2, 4);
    let plan = plan_prune(&model, &at_random(&model, 5), DEFAULT_SHARD_BYTES).unwrap();
    for threads in [1, 2] {
        let output = tempfile::tempdir().unwrap();
        let calls = Cell::new(0);
        let stop = |done: u64, total: u64| {
            assert!(done <= total);
            calls.set(calls.get() + 1);
            if calls.get() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let fault = rewrite(&model, &plan, &mut FolderOutput::new(output.path()).unwrap(), threads, &stop).unwrap_err();
        assert_eq!(fault.to_string(), "the prune was cancelled");
        assert!(files(output.path()).is_empty(), "{:?}", files(output.path()).keys());
    }
}

#[test]
fn progress_ends_at_the_bytes_planned() {
    let (_folder, model) = model("olmoe", 2, 8, 2, 4);
    let plan = plan_prune(&model, &at_random(&model, 5), DEFAULT_SHARD_BYTES).unwrap();
    let output = tempfile::tempdir().unwrap();
    let last = Cell::new((0, 0));
    let report = |done: u64, total: u64| {
        assert!(done >= last.get().0);
        last.set((done, total));
        ControlFlow::Continue(())
    };
    rewrite(&model, &plan, &mut FolderOutput::new(output.path()).unwrap(), 2, &report).unwrap();
    assert_eq!(last.get(), (plan.bytes_in, plan.bytes_in));
}

#[test]
fn nothing_that_exists_is_written_over() {
    let (_folder, model) = model("olmoe", 1, 4, 2, 1);
    let plan = plan_prune(&model, &at_random(&model, 3), DEFAULT_SHARD_BYTES).unwrap();
    let output = tempfile::tempdir().unwrap();
    let mut sink = FolderOutput::new(output.path()).unwrap();
    rewrite(&model, &plan, &mut sink, 2, &ignore).unwrap();
    let fault = rewrite(&model, &plan, &mut sink, 2, &ignore).unwrap_err().to_string();
    assert!(
        fault.starts_with("cannot write `model-00001-of-00001.safetensors`: ") && fault.ends_with("exists already"),
        "{fault}"
    );
    // What a process that died left under a temporary name is written over.
    let fresh = tempfile::tempdir().unwrap();
    fs::write(fresh.path().join("model-00001-of-00001.safetensors.partial"), vec![1; 10_000]).unwrap();
    rewrite(&model, &plan, &mut FolderOutput::new(fresh.path()).unwrap(), 2, &ignore).unwrap();
    assert!(files(fresh.path()) == files(output.path()));
}

/// A disk with room for so many bytes.
struct SmallDisk {
    room: u64,
}

struct SmallFile {
    room: u64,
}

impl OutputFiles for SmallDisk {
    fn create(&mut self, _path: &str, _bytes: u64) -> io::Result<Box<dyn OutputFile>> {
        Ok(Box::new(SmallFile { room: self.room }))
    }
}

impl Write for SmallFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.room = self.room.checked_sub(bytes.len() as u64).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl OutputFile for SmallFile {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_reported_with_the_file() {
    let (_folder, model) = model("olmoe", 2, 8, 2, 4);
    let plan = plan_prune(&model, &at_random(&model, 5), 400).unwrap();
    for threads in [1, 2] {
        let fault = rewrite(&model, &plan, &mut SmallDisk { room: 100 }, threads, &ignore).unwrap_err().to_string();
        assert!(fault.starts_with("cannot write `model-00001-of-"), "{fault}");
    }
}

#[test]
fn a_source_that_changes_under_way_is_noticed() {
    let (folder, model) = model("olmoe", 2, 8, 2, 2);
    let plan = plan_prune(&model, &at_random(&model, 5), DEFAULT_SHARD_BYTES).unwrap();
    let shard = folder.path().join("model-00002-of-00002.safetensors");
    fs::OpenOptions::new().append(true).open(&shard).unwrap().write_all(b"x").unwrap();
    let output = tempfile::tempdir().unwrap();
    let fault = rewrite(&model, &plan, &mut FolderOutput::new(output.path()).unwrap(), 2, &ignore).unwrap_err().to_string();
    assert!(fault.contains("model-00002-of-00002.safetensors` changed while it was in use"), "{fault}");
    assert!(files(output.path()).is_empty());
}

/// A pruned model is a model: it can be pruned again, and the two steps give what one step gives.
#[test]
fn pruning_twice_is_pruning_once() {
    let (_folder, model) = model("qwen3_moe", 2, 8, 2, 2);
    let first =
        Selection::from_kept(&model.experts, &BTreeMap::from([(0, vec![0, 2, 3, 5, 7]), (1, vec![1, 2, 3, 4, 6])])).unwrap();
    let (half, _, _) = write(&model, &first, 150, 2);
    let middle = Model::open(half.path(), None).unwrap();
    let second = Selection::from_kept(&middle.experts, &BTreeMap::from([(0, vec![1, 4]), (1, vec![0, 3])])).unwrap();
    let (twice, _, _) = write(&middle, &second, 150, 2);
    let direct = Selection::from_kept(&model.experts, &BTreeMap::from([(0, vec![2, 7]), (1, vec![1, 4])])).unwrap();
    let (once, _, _) = write(&model, &direct, 150, 2);
    assert!(files(twice.path()) == files(once.path()));
}

/// A control is evaluated as a mask; what it scores must be what the checkpoint pruned to the same experts scores.
#[test]
fn a_mask_gives_the_bits_of_the_pruned_checkpoint() {
    for case in crate::golden::cases() {
        let keep = (case.model.experts.experts / 2).max(case.model.experts.top_k);
        let selection = at_random(&case.model, keep);
        let (folder, ..) = write(&case.model, &selection, DEFAULT_SHARD_BYTES, 2);
        let pruned = Model::open(folder.path(), None).unwrap();
        let mask = ExpertMask::new(&case.model.experts, selection.layers()).unwrap();
        let losses = |model: &Model, mask: Option<&ExpertMask>| -> Vec<u64> {
            let losses = sequence_losses(model, mask, case.stream::<CorpusError>(), Options::with_threads(2), &ignore).unwrap();
            losses.iter().map(|loss| loss.nll.to_bits()).collect()
        };
        assert_eq!(losses(&case.model, Some(&mask)), losses(&pruned, None), "{}", case.name);
    }
}
