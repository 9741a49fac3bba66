//! Pruning by layout: every family, fused and unfused, grouped, quantised, with layers that predict further tokens, and a family
//! that does not exist.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use aw_alloy::digest::Digest;
use llm_forge::checkpoint::Checkpoint;
use llm_forge::families::{ExpertLayout, Family, Model, Need, Rule, families};
use llm_forge::progress::ignore;
use llm_forge::prune::{
    Counters, DEFAULT_SHARD_BYTES, FolderOutput, PrunePlan, Sample, Scores, Selection, Strategy, Verification, plan_prune,
    random_scores, rewrite, router_l2, verify_rewrite,
};
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::synthetic::{Made, write_weights};
use crate::table::{self, EXPERTS, Kind, Source, made};

fn write(config: &Value, sources: &[Source], shards: usize) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("config.json"), serde_json::to_string_pretty(config).unwrap()).unwrap();
    let copy =
        |made: &Made| Made { name: made.name.clone(), dtype: made.dtype, shape: made.shape.clone(), bytes: made.bytes.clone() };
    write_weights(folder.path(), &sources.iter().map(|source| copy(&source.made)).collect::<Vec<_>>(), shards);
    folder
}

fn open(folder: &Path) -> Model {
    Model::open(folder, None).unwrap()
}

fn refusal(config: &Value, sources: &[Source]) -> String {
    Model::open(write(config, sources, 1).path(), None).unwrap_err().to_string()
}

fn prune(model: &Model, selection: &Selection, shard_bytes: u64) -> (TempDir, PrunePlan) {
    let plan = plan_prune(model, selection, shard_bytes).unwrap();
    let folder = tempfile::tempdir().unwrap();
    rewrite(model, &plan, &mut FolderOutput::new(folder.path()).unwrap(), 2, &ignore).unwrap();
    (folder, plan)
}

fn verify(source: &Model, folder: &Path, selection: &Selection) -> Verification {
    verify_rewrite(source, &open(folder), selection, Sample::All, &ignore).unwrap()
}

/// Every tensor of a folder: shape and bytes.
fn tensors(folder: &Path) -> BTreeMap<String, (Vec<u64>, Vec<u8>)> {
    let checkpoint = Checkpoint::open(folder).unwrap();
    let tensor =
        |info: &llm_forge::checkpoint::TensorInfo| (info.name.clone(), (info.shape.clone(), checkpoint.read(info).unwrap()));
    checkpoint.tensors().iter().map(tensor).collect()
}

/// What a prune must give, from the table alone.
fn expected(sources: &[Source], kept: &BTreeMap<usize, Vec<usize>>) -> BTreeMap<String, (Vec<u64>, Vec<u8>)> {
    let mut tensors = BTreeMap::new();
    for Source { made, fate, expert } in sources {
        let whole = (made.shape.clone(), made.bytes.clone());
        let (name, tensor) = match (fate, expert) {
            (Some((layer, _)), Some((old, pattern))) => match kept[layer].iter().position(|kept| kept == old) {
                Some(new) => (pattern.replace("{}", &new.to_string()), whole),
                None => continue,
            },
            (Some((layer, Kind::Entries(axis) | Kind::Slices(axis))), _) => {
                (made.name.clone(), table::take(made, *axis, &kept[layer]))
            }
            _ => (made.name.clone(), whole),
        };
        tensors.insert(name, tensor);
    }
    tensors
}

fn random(model: &Model, keep: usize, seed: u64) -> Selection {
    Selection::rank(&model.experts, Strategy::Random, &random_scores(&model.experts, seed), keep).unwrap()
}

fn by_router(model: &Model, keep: usize) -> Selection {
    Selection::rank(&model.experts, Strategy::RouterGateL2, &router_l2(model).unwrap(), keep).unwrap()
}

#[test]
fn the_table_has_every_family_and_its_layout() {
    let registered: Vec<(&str, &str)> = families().iter().map(|family| (family.architecture(), family.layout().id)).collect();
    let listed: Vec<(&str, &str)> = table::families().iter().map(|family| (family.architecture, family.layout)).collect();
    assert_eq!(registered, listed);
}

/// By chance and by router, every family: tensor by tensor what the table says, and the counters and the verification agree.
#[test]
fn every_family_is_pruned_as_the_table_says() {
    for family in table::families() {
        let sources = family.sources("");
        let folder = write(&family.config, &sources, 2);
        let model = open(folder.path());
        assert_eq!(model.experts.sparse_layers().collect::<Vec<_>>(), family.sparse, "{}", family.architecture);
        for selection in [random(&model, family.keep, 3), by_router(&model, family.keep), random(&model, 6, 4)] {
            let (output, plan) = prune(&model, &selection, 300);
            assert_eq!(tensors(output.path()), expected(&sources, selection.layers()), "{}", family.architecture);
            let found = verify(&model, output.path(), &selection);
            assert!(found.is_good(), "{}: {found:?}", family.architecture);
            let (layers, keep) = (family.sparse.len() as u64, selection.keep() as u64);
            let count = |kind: fn(&Kind) -> bool| family.rows.iter().filter(|row| kind(&row.3)).count() as u64;
            let (entries, slices) =
                (count(|kind| matches!(kind, Kind::Entries(_))), count(|kind| matches!(kind, Kind::Slices(_))));
            let of_expert = count(|kind| *kind == Kind::OfExpert);
            assert_eq!(found.router_rows, layers * entries * keep);
            assert_eq!((found.experts, found.fused_slices), (layers * keep * (of_expert / 3), layers * keep * slices));
            let counters = Counters {
                router_gate_sliced: layers * entries,
                kept_renamed: layers * keep * of_expert,
                dropped_expert: layers * (EXPERTS as u64 - keep) * of_expert,
                fused_sliced: layers * slices,
                kept_unchanged: found.unchanged,
            };
            assert_eq!(plan.counters, counters, "{}", family.architecture);
            let pruned = open(output.path());
            assert_eq!(pruned.config[family.count], selection.keep());
            let text = fs::read_to_string(output.path().join("config.json")).unwrap();
            let key = format!("\"{}\": ", family.count);
            let back = text.replace(&format!("{key}{keep}"), &format!("{key}{EXPERTS}"));
            assert_eq!(back, model.config_text, "only the count changes");
            assert_eq!(
                PrunePlan::active_parameters(&model),
                PrunePlan::active_parameters(&pruned) + {
                    // Rows of the router and the like are not weights of experts: they go with the dropped experts.
                    let lost = |row: &table::Row| row.2.iter().product::<u64>() / EXPERTS as u64 * (EXPERTS as u64 - keep);
                    let rows = family.rows.iter().filter(|row| matches!(row.3, Kind::Entries(_)));
                    rows.map(lost).sum::<u64>() * layers
                }
            );
        }
    }
}

/// The router's rows are read from the right tensor: a row made large is kept, whatever the family calls it.
#[test]
fn router_norms_come_from_the_router_of_every_family() {
    for family in table::families() {
        let mut sources = family.sources("");
        let layer = family.sparse[0];
        let router = &family.rows[0].0;
        let name = format!("model.layers.{layer}.{}.{router}", family.block);
        let source = sources.iter_mut().find(|source| source.made.name == name).unwrap();
        let row = source.made.bytes.len() / EXPERTS;
        for value in source.made.bytes[5 * row..6 * row].as_chunks_mut::<2>().0 {
            *value = [0x80, 0x3f];
        }
        let folder = write(&family.config, &sources, 1);
        let Scores::Values(norms) = router_l2(&open(folder.path())).unwrap() else { panic!("norms are not counts") };
        assert!(norms[&layer].iter().enumerate().all(|(expert, norm)| (*norm > 1.9) == (expert == 5)), "{name}: {norms:?}");
    }
}

/// The bytes this writer makes of the table's checkpoints, when experts 0, 3, 5 and 6 are kept. They may change only with a new version
/// of the writer. The digests were computed by a separate program from the specification.
#[test]
fn output_bytes_of_every_family_are_those_of_this_version() {
    let mut digests = BTreeMap::new();
    for family in table::families() {
        let folder = write(&family.config, &family.sources(""), 1);
        let model = open(folder.path());
        let kept = model.experts.sparse_layers().map(|layer| (layer, vec![0, 3, 5, 6])).collect();
        let selection = Selection::from_kept(&model.experts, &kept).unwrap();
        let (output, plan) = prune(&model, &selection, 300);
        let line = |name: &str| format!("{}  {name}\n", Digest::of(&fs::read(output.path().join(name)).unwrap()).hex());
        let lines: String = plan.shards.iter().map(|shard| line(&shard.name)).collect();
        digests.insert(family.architecture, Digest::of(lines.as_bytes()).hex());
    }
    let found: String = digests.iter().map(|(name, digest)| format!("{digest}  {name}\n")).collect();
    assert_eq!(found, include_str!("../layouts.sha256"));
}

#[test]
fn grouped_routing_keeps_as_many_of_every_group() {
    let family = table::families().into_iter().find(|family| family.architecture == "deepseek_v3").unwrap();
    let folder = write(&family.config, &family.sources(""), 1);
    let model = open(folder.path());
    // The four best lie in the second group; only two of them may stay.
    let scores = Scores::Counts([1, 2].map(|layer| (layer, vec![1, 4, 3, 2, 10, 9, 8, 7])).into());
    let selection = Selection::rank(&model.experts, Strategy::ActivationCount, &scores, 4).unwrap();
    assert_eq!(selection.layers()[&1], [1, 2, 4, 5]);
    assert_eq!(Selection::for_estimate(&model.experts, 4).unwrap().layers()[&1], [0, 1, 4, 5]);
    let refused = |keep| Selection::rank(&model.experts, Strategy::ActivationCount, &scores, keep).unwrap_err().to_string();
    let routed = "they are routed in 2 groups, each of which must keep as many";
    assert_eq!(refused(5), format!("cannot keep 5 experts per layer: {routed}; keep a multiple of 2"));
    assert_eq!(
        refused(2),
        format!("cannot keep 2 experts per layer: {routed}; a group is scored by its best 2, so keep at least 4")
    );
    let kept = |list: Vec<usize>| {
        let kept = [1, 2].map(|layer| (layer, list.clone())).into();
        Selection::from_kept(&model.experts, &kept).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(kept(vec![0, 3, 5, 6]), Ok(()));
    assert_eq!(kept(vec![0, 1, 2, 6]).unwrap_err(), "layer 1: kept experts [0, 1, 2, 6] are not 2 of every group of 4");
    // A token takes all its experts from the groups it may use.
    let mut config = family.config.clone();
    config["num_experts_per_tok"] = 3.into();
    let folder = write(&config, &family.sources(""), 1);
    let narrow = open(folder.path());
    let fault = Selection::rank(&narrow.experts, Strategy::ActivationCount, &scores, 4).unwrap_err().to_string();
    assert!(fault.ends_with("a token takes 3 experts from 1 of the groups, so keep at least 6"), "{fault}");
    for (field, value, words) in [
        ("n_group", 3, "`n_group`: expected a divisor of the 8 experts of a layer, got `3`"),
        ("topk_group", 3, "`topk_group`: expected at most the n_group = 2 groups there are, got `3`"),
        ("num_experts_per_tok", 5, "`num_experts_per_tok`: expected at most the 4 experts of 1 groups, got `5`"),
    ] {
        let mut config = family.config.clone();
        config[field] = value.into();
        let got = refusal(&config, &family.sources(""));
        assert!(got.contains(words), "{got}");
    }
}

#[test]
fn routing_limited_to_groups_by_their_best_expert_needs_but_one_of_each() {
    let family = table::families().into_iter().find(|family| family.architecture == "deepseek_v2").unwrap();
    let mut config = family.config.clone();
    config["topk_method"] = "group_limited_greedy".into();
    (config["n_group"], config["topk_group"]) = (4.into(), 2.into());
    let folder = write(&config, &family.sources(""), 1);
    let model = open(folder.path());
    assert_eq!(random(&model, 4, 1).layers()[&1].iter().map(|expert| expert / 2).collect::<Vec<_>>(), [0, 1, 2, 3]);
    config["topk_method"] = "noaux_tc".into();
    assert!(refusal(&config, &family.sources("")).contains("`topk_method`: `\"noaux_tc\"` is not supported"));
    config["topk_method"] = "greedy".into();
    let folder = write(&config, &family.sources(""), 1);
    assert!(Selection::for_estimate(&open(folder.path()).experts, 3).is_ok(), "without the method groups mean nothing");
}

/// As published: four-bit blocks and their scales in place of 16-bit weights.
#[test]
fn packed_experts_are_cut_in_their_blocks_and_scales() {
    let mut family = table::families().into_iter().find(|family| family.architecture == "gpt_oss").unwrap();
    let (packed, n) = (|name, shape| (name, "U8", shape, Kind::Slices(0)), EXPERTS as u64);
    family.rows.retain(|row| !matches!(row.0, "experts.gate_up_proj" | "experts.down_proj"));
    family.rows.extend([
        packed("experts.gate_up_proj_blocks", vec![n, 6, 1, 16]),
        packed("experts.gate_up_proj_scales", vec![n, 6, 1]),
        packed("experts.down_proj_blocks", vec![n, 4, 1, 16]),
        packed("experts.down_proj_scales", vec![n, 4, 1]),
    ]);
    let sources = family.sources("");
    let folder = write(&family.config, &sources, 3);
    let model = open(folder.path());
    let selection = random(&model, 5, 9);
    let (output, plan) = prune(&model, &selection, DEFAULT_SHARD_BYTES);
    assert_eq!(tensors(output.path()), expected(&sources, selection.layers()));
    assert!(verify(&model, output.path(), &selection).is_good());
    assert_eq!(plan.counters.fused_sliced, 3 * 6);
    // Two values in a byte, none in a scale: router, its bias, and per expert two projections with biases.
    let lost = (8 - 5) * 3 * (4 + 1 + 2 * (6 + 4) * 16 + 6 + 4);
    assert_eq!(plan.parameters_in - plan.parameters_out, lost);
    for (without, words) in [
        ("experts.gate_up_proj_scales", "`model.layers.0.mlp.experts.gate_up_proj_scales` is missing"),
        ("experts.gate_up_proj_blocks", "`model.layers.0.mlp.experts.gate_up_proj` is missing"),
        ("experts.down_proj_bias", "`model.layers.0.mlp.experts.down_proj_bias` is missing"),
    ] {
        let kept: Vec<Source> =
            family.sources("").into_iter().filter(|source| source.made.name != format!("model.layers.0.mlp.{without}")).collect();
        let got = refusal(&family.config, &kept);
        assert!(got.contains(words), "{got}");
    }
}

/// As published: 8-bit weights, each with the scales of its blocks.
#[test]
fn scales_go_with_their_expert() {
    let mut family = table::families().into_iter().find(|family| family.architecture == "deepseek_v3").unwrap();
    for row in family.rows.iter_mut().filter(|row| row.3 == Kind::OfExpert) {
        row.1 = "F8_E4M3";
    }
    let scale = |name| (name, "F32", vec![1, 1], Kind::OfExpert);
    family.rows.extend([
        scale("experts.{}.gate_proj.weight_scale_inv"),
        scale("experts.{}.up_proj.weight_scale_inv"),
        scale("experts.{}.down_proj.weight_scale_inv"),
    ]);
    let sources = family.sources("");
    let folder = write(&family.config, &sources, 1);
    let model = open(folder.path());
    let selection = random(&model, 4, 2);
    let (output, plan) = prune(&model, &selection, DEFAULT_SHARD_BYTES);
    assert_eq!(tensors(output.path()), expected(&sources, selection.layers()));
    assert!(verify(&model, output.path(), &selection).is_good());
    assert_eq!(plan.parameters_in - plan.parameters_out, 2 * 4 * (3 * 12 + 4 + 1), "scales are no parameters");
    let lacking: Vec<Source> = family
        .sources("")
        .into_iter()
        .filter(|source| source.made.name != "model.layers.2.mlp.experts.6.up_proj.weight_scale_inv")
        .collect();
    let got = refusal(&family.config, &lacking);
    assert!(got.contains("`model.layers.2.mlp.experts.6.up_proj.weight_scale_inv` is missing"), "{got}");
}

/// A layer behind the decoder's that predicts a further token has experts of its own, under the one count of the config.
#[test]
fn layers_that_predict_further_tokens_are_pruned_alike() {
    for (architecture, prefix, more) in [
        ("deepseek_v3", "model.layers.3.", json!({"num_nextn_predict_layers": 1})),
        ("glm4_moe", "model.layers.3.", json!({"num_nextn_predict_layers": 1})),
        ("qwen3_next", "mtp.layers.0.", json!({})),
    ] {
        let mut family = table::families().into_iter().find(|family| family.architecture == architecture).unwrap();
        family.config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut sources = family.sources("");
        let mut counter = 5000;
        family.push_layer(prefix, 3, &mut sources, &mut counter);
        // A projection of the layer's own, with as many rows as there are experts.
        let own = if prefix.starts_with("mtp") { "mtp.fc.weight".to_owned() } else { format!("{prefix}eh_proj.weight") };
        sources.push(Source { made: made(own, "BF16", &[8, 8], &mut counter), fate: None, expert: None });
        let folder = write(&family.config, &sources, 1);
        let model = open(folder.path());
        assert_eq!(model.experts.sparse_layers().last(), Some(3), "{architecture}");
        let selection = by_router(&model, 4);
        let (output, _) = prune(&model, &selection, DEFAULT_SHARD_BYTES);
        assert_eq!(tensors(output.path()), expected(&sources, selection.layers()), "{architecture}");
        assert!(verify(&model, output.path(), &selection).is_good());
        // A profile does not cover it, and nothing is made up for it.
        let scores = Scores::Counts(family.sparse.iter().map(|layer| (*layer, vec![1; EXPERTS])).collect());
        let fault = Selection::rank(&model.experts, Strategy::ActivationCount, &scores, 4).unwrap_err().to_string();
        assert!(fault.starts_with("layer 3 routes to experts but has no scores"), "{fault}");
    }
    let mut family = table::families().into_iter().find(|family| family.architecture == "deepseek_v3").unwrap();
    let mut sources = family.sources("");
    family.push_layer("model.layers.3.", 3, &mut sources, &mut 0);
    let got = refusal(&family.config, &sources);
    assert!(got.contains("`model.layers.3.mlp.gate.weight` has no place in this model"), "a layer nobody declared: {got}");
    family.config["num_nextn_predict_layers"] = json!(-1);
    assert!(
        refusal(&family.config, &sources).contains("`num_nextn_predict_layers`: expected a whole number from 0 to 64, got `-1`")
    );
}

/// As published: the text model's config and tensors lie one level down, beside a vision tower.
#[test]
fn a_text_model_within_a_larger_one_is_found_and_the_rest_left_alone() {
    let family = table::families().into_iter().find(|family| family.architecture == "llama4_text").unwrap();
    let config = json!({"model_type": "llama4", "text_config": family.config, "vision_config": {"hidden_size": 8}});
    let mut sources = family.sources("language_model.");
    let (mut counter, n) = (9000, EXPERTS as u64);
    for name in ["vision_model.model.layers.0.mlp.fc1.weight", "multi_modal_projector.linear_1.weight"] {
        sources.push(Source { made: made(name.into(), "BF16", &[n, 4], &mut counter), fate: None, expert: None });
    }
    let folder = write(&config, &sources, 2);
    let model = Model::open(folder.path(), Some("llama4_text")).unwrap();
    assert_eq!(model.vocab(), Some(5));
    let selection = random(&model, 3, 1);
    let (output, _) = prune(&model, &selection, DEFAULT_SHARD_BYTES);
    assert_eq!(tensors(output.path()), expected(&sources, selection.layers()));
    assert!(verify(&model, output.path(), &selection).is_good());
    let pruned = open(output.path());
    assert_eq!((&pruned.config["text_config"]["num_local_experts"], pruned.experts.experts), (&json!(3), 3));
    let fault = Model::open(folder.path(), Some("llama4")).unwrap_err().to_string();
    assert!(fault.contains("declares architecture `llama4`") && fault.ends_with("says `llama4_text`"), "{fault}");
}

#[test]
fn what_a_layout_does_not_foresee_is_refused() {
    let family = table::families().into_iter().find(|family| family.architecture == "qwen2_moe").unwrap();
    let with = |name: &str, shape: &[u64]| {
        let mut sources = family.sources("");
        sources.push(Source { made: made(name.into(), "BF16", shape, &mut 0), fate: None, expert: None });
        let folder = write(&family.config, &sources, 1);
        let model = Model::open(folder.path(), None).map_err(|error| error.to_string())?;
        plan_prune(&model, &random(&model, 4, 1), 1000).map(|_| ()).map_err(|error| error.to_string())
    };
    assert_eq!(
        with("model.layers.1.mlp.gate.e_score_correction_bias", &[8]).unwrap_err(),
        "tensor `model.layers.1.mlp.gate.e_score_correction_bias` stands in the expert block of layer 1, but layout \
         `mlp-experts-shared-expert` has no rule for it"
    );
    assert!(with("model.layers.1.mlp.experts.1.up_proj.weight_scale", &[1]).unwrap_err().contains("has no rule for it"));
    assert_eq!(
        with("model.layers.1.expert_bias", &[8, 2]).unwrap_err(),
        "tensor `model.layers.1.expert_bias` of shape [8, 2] has one entry per expert, but layout `mlp-experts-shared-expert` does \
         not list it"
    );
    assert!(
        with("router_state", &[1, 8]).unwrap_err().contains("has one entry per expert"),
        "a leading axis of one hides nothing"
    );
    assert_eq!(with("model.layers.1.self_attn.sinks", &[8]), Ok(()), "attention has nothing per expert");
    assert_eq!(with("vision.patch.weight", &[5, 8]), Ok(()));
    let odd = with("model.layers.1.mlp.experts.8.up_proj.weight", &[3, 4]).unwrap_err();
    assert!(odd.contains("`model.layers.1.mlp.experts.8.up_proj.weight` has no place in this model"), "{odd}");
}

#[test]
fn experts_that_do_not_fit_the_config_are_refused() {
    let case = |architecture: &str, change: &dyn Fn(&mut Value, &mut Vec<Source>)| {
        let family = table::families().into_iter().find(|family| family.architecture == architecture).unwrap();
        let (mut config, mut sources) = (family.config.clone(), family.sources(""));
        change(&mut config, &mut sources);
        refusal(&config, &sources)
    };
    let reshape = |sources: &mut Vec<Source>, name: &str, shape: &[u64]| {
        let source = sources.iter_mut().find(|source| source.made.name == name).unwrap();
        source.made = made(name.into(), source.made.dtype, shape, &mut 0);
    };
    let got =
        case("granitemoe", &|_, sources| reshape(sources, "model.layers.2.block_sparse_moe.input_linear.weight", &[7, 6, 4]));
    assert!(got.contains("input_linear.weight`: expected shape [8, 6, 4], got [7, 6, 4]"), "{got}");
    let got = case("ernie4_5_moe", &|_, sources| {
        reshape(sources, "model.layers.1.mlp.moe_statics.e_score_correction_bias", &[8]);
    });
    assert!(got.contains("e_score_correction_bias`: expected shape [8, 8], got [8]"), "{got}");
    let got = case("gpt_oss", &|_, sources| reshape(sources, "model.layers.0.mlp.router.weight", &[8, 5]));
    assert!(got.contains("router.weight`: expected shape [8, 4], got [8, 5]"), "{got}");
    let got = case("llama4_text", &|config, _| config["moe_layers"] = json!([0]));
    assert!(got.contains("`model.layers.0.feed_forward.router.weight` of shape [8, 4] is missing"), "{got}");
    assert!(got.contains("`model.layers.1.feed_forward.router.weight` has no place in this model"), "{got}");
    let got = case("ernie4_5_moe", &|config, _| config["moe_num_experts"] = json!([8, 8]));
    assert!(got.contains("`moe_num_experts`: expected a whole number from 1 to 65536, got `[8,8]`"), "{got}");
    let got = case("deepseek_v2", &|config, _| config["moe_layer_freq"] = json!(2));
    assert!(got.contains("`moe_layer_freq`: `2` is not supported"), "{got}");
}

/// Families without a forward pass can be opened and pruned; asked to run, they say what is missing.
#[test]
fn a_family_without_a_forward_pass_says_so() {
    for family in table::families() {
        let registered = *families().iter().find(|known| known.architecture() == family.architecture).unwrap();
        if registered.forward().is_some() {
            continue;
        }
        let folder = write(&family.config, &family.sources(""), 1);
        let fault = open(folder.path()).runnable().unwrap_err().to_string();
        let begin = format!("architecture `{}` has no forward pass here", family.architecture);
        assert!(fault.starts_with(&begin) && fault.contains("`olmoe`"), "{fault}");
    }
}

/// A family that does not exist, as a file of `src/families` would add it.
#[derive(Debug)]
struct Invented;

static INVENTED: ExpertLayout = ExpertLayout {
    id: "invented-by-column",
    layers: &["decoder.blocks."],
    next_token_layers: &[],
    block: "moe",
    rules: &[
        Rule::router("choose.weight"),
        // Experts along the second axis.
        Rule::fused("up", 1),
        Rule::fused("down", 1),
        Rule::per_expert("temperature", 0).needed(Need::Never),
        Rule::shared("always.*"),
    ],
    beside: &["attention"],
    outside: &["decoder.embed."],
};

impl Family for Invented {
    fn architecture(&self) -> &'static str {
        "invented"
    }

    fn class(&self) -> &'static str {
        "InventedForCausalLM"
    }

    fn layout(&self) -> &'static ExpertLayout {
        &INVENTED
    }

    fn expert_count_keys(&self) -> &'static [&'static str] {
        &["num_experts"]
    }
}

static WITH_INVENTED: [&dyn Family; 1] = [&Invented];

/// Tensors of the invented family: `experts` along the second axis of blocks of `outer` by `inner`.
fn invented(layers: usize, experts: u64, outer: u64, inner: u64, bias: bool) -> Vec<Source> {
    let mut counter = 0;
    let mut sources = Vec::new();
    let mut push = |name: String, shape: &[u64], fate| {
        sources.push(Source { made: made(name, "BF16", shape, &mut counter), fate, expert: None });
    };
    push("decoder.embed.weight".into(), &[5, 4], None);
    for layer in 0..layers {
        let name = |rest: &str| format!("decoder.blocks.{layer}.{rest}");
        push(name("attention.qkv"), &[experts, 4], None);
        push(name("moe.up"), &[outer, experts, inner], Some((layer, Kind::Slices(1))));
        push(name("moe.choose.weight"), &[experts, 4], Some((layer, Kind::Entries(0))));
        push(name("moe.always.up"), &[experts, 4], None);
        push(name("moe.down"), &[inner, experts, outer], Some((layer, Kind::Slices(1))));
        if bias {
            push(name("moe.temperature"), &[experts], Some((layer, Kind::Entries(0))));
        }
    }
    sources
}

fn invented_config(layers: usize, experts: u64, top_k: usize) -> Value {
    json!({"model_type": "invented", "num_hidden_layers": layers, "hidden_size": 4, "num_experts": experts, "num_experts_per_tok": top_k})
}

#[test]
fn a_family_is_one_implementation_of_the_contract() {
    let sources = invented(2, 6, 3, 5, true);
    let folder = write(&invented_config(2, 6, 2), &sources, 1);
    assert!(Model::open(folder.path(), None).unwrap_err().to_string().contains("unknown architecture `invented`"));
    let model = Model::open_among(&WITH_INVENTED, folder.path(), Some("invented")).unwrap();
    assert!(model.runnable().unwrap_err().to_string().starts_with("architecture `invented` has no forward pass here"));
    let selection = by_router(&model, 4);
    let (output, plan) = prune(&model, &selection, 100);
    assert_eq!(tensors(output.path()), expected(&sources, selection.layers()));
    assert_eq!((plan.counters.fused_sliced, plan.counters.router_gate_sliced), (4, 4));
    let pruned = Model::open_among(&WITH_INVENTED, output.path(), None).unwrap();
    let found = verify_rewrite(&model, &pruned, &selection, Sample::All, &ignore).unwrap();
    assert!(found.is_good() && found.fused_slices == 2 * 2 * 4, "{found:?}");
    // A byte within a slice that does not lie in one piece is noticed too.
    let checkpoint = Checkpoint::open(output.path()).unwrap();
    let down = checkpoint.get("decoder.blocks.1.moe.down").unwrap();
    let path = checkpoint.shards()[down.shard].path.clone();
    let mut bytes = fs::read(&path).unwrap();
    let last = usize::try_from(down.offset + down.len - 1).unwrap();
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    let pruned = Model::open_among(&WITH_INVENTED, output.path(), None).unwrap();
    let found = verify_rewrite(&model, &pruned, &selection, Sample::All, &ignore).unwrap();
    let expected = format!("`decoder.blocks.1.moe.down`: slice 3 is not slice {} of the source", selection.layers()[&1][3]);
    assert_eq!(found.differences.iter().map(ToString::to_string).collect::<Vec<_>>(), [expected]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the geometry, the selection and the shard size: what is written is what the shapes say.
    #[test]
    fn any_prune_is_the_source_with_experts_left_out(
        layers in 1usize..4, experts in 2u64..12, outer in 1u64..4, inner in 1u64..5, bias: bool,
        seed: u64, share in 0.0f64..1.0, shards in 1usize..4, shard_bytes in 1u64..2000,
    ) {
        let sources = invented(layers, experts, outer, inner, bias);
        let folder = write(&invented_config(layers, experts, 1), &sources, shards);
        let model = Model::open_among(&WITH_INVENTED, folder.path(), None).unwrap();
        let most = usize::try_from(experts).unwrap() - 1;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a small number")]
        let keep = ((share * most as f64) as usize).max(1);
        let selection = random(&model, keep, seed);
        let (output, plan) = prune(&model, &selection, shard_bytes);
        prop_assert_eq!(tensors(output.path()), expected(&sources, selection.layers()));
        let pruned = Model::open_among(&WITH_INVENTED, output.path(), None).unwrap();
        prop_assert!(verify_rewrite(&model, &pruned, &selection, Sample::All, &ignore).unwrap().is_good());
        prop_assert_eq!(plan.shards.iter().map(|shard| shard.tensors.len()).sum::<usize>(), sources.len());
    }
}
