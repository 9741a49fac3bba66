//! The anchor recipes, planned against checkpoints of the models' true shapes: real headers over files that hold no weights.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use aw_alloy::recipe::{Notation, Recipe};
use aw_domain::{Domain, Estimate, Executor, PlanRequest, Problem, Registry, SourceRequest, StageLookup};
use aw_gguf::TensorSpec;
use aw_gguf::mix::{self, FileType};
use llm_forge::LlmForge;
use llm_forge::families::Model;
use llm_forge::prune::{DEFAULT_SHARD_BYTES, Selection, Strategy, plan_prune, random_scores};
use llm_forge::tools::Tools;
use serde_json::{Value, json};

/// A model as it is published: its config, and its tensors by hand, so that nothing of ours says what they should be.
struct Anchor {
    recipe: &'static str,
    architecture: &'static str,
    layers: u64,
    hidden: u64,
    heads: u64,
    kv_heads: u64,
    head_dim: u64,
    expert_width: u64,
    experts: u64,
    top_k: u64,
    vocab: u64,
    /// Length of the query and key norms, when there are any.
    norms: u64,
    keep: u64,
    /// Tensors dropped, kept, and routers cut.
    counters: (u64, u64, u64),
}

const OLMOE: Anchor = Anchor {
    recipe: "olmoe-64-to-48.yaml",
    architecture: "olmoe",
    layers: 16,
    hidden: 2048,
    heads: 16,
    kv_heads: 16,
    head_dim: 128,
    expert_width: 1024,
    experts: 64,
    top_k: 8,
    vocab: 50304,
    norms: 2048,
    keep: 48,
    counters: (768, 2304, 16),
};
const QWEN3_CODER: Anchor = Anchor {
    recipe: "qwen3-coder-128-to-80.yaml",
    architecture: "qwen3_moe",
    layers: 48,
    hidden: 2048,
    heads: 32,
    kv_heads: 4,
    head_dim: 128,
    expert_width: 768,
    experts: 128,
    top_k: 8,
    vocab: 151_936,
    norms: 128,
    keep: 80,
    counters: (6912, 11_520, 48),
};
const MIXTRAL: Anchor = Anchor {
    recipe: "mixtral-8-to-6.yaml",
    architecture: "mixtral",
    layers: 32,
    hidden: 4096,
    heads: 32,
    kv_heads: 8,
    head_dim: 128,
    expert_width: 14_336,
    experts: 8,
    top_k: 2,
    vocab: 32_000,
    norms: 0,
    keep: 6,
    counters: (192, 576, 32),
};

impl Anchor {
    fn config(&self) -> Value {
        let count = if self.architecture == "mixtral" { "num_local_experts" } else { "num_experts" };
        let mut config = json!({
            "model_type": self.architecture, "vocab_size": self.vocab, "hidden_size": self.hidden,
            "intermediate_size": self.expert_width, "moe_intermediate_size": self.expert_width, "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads, "num_key_value_heads": self.kv_heads, "head_dim": self.head_dim,
            "num_experts_per_tok": self.top_k, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "hidden_act": "silu", "tie_word_embeddings": false, "torch_dtype": "bfloat16", "norm_topk_prob": self.norms == 128,
        });
        config[count] = self.experts.into();
        config
    }

    fn tensors(&self) -> Vec<(String, Vec<u64>)> {
        let h = self.hidden;
        let mut tensors = vec![("model.embed_tokens.weight".to_owned(), vec![self.vocab, h])];
        for layer in 0..self.layers {
            let mut add = |name: String, shape: Vec<u64>| tensors.push((format!("model.layers.{layer}.{name}"), shape));
            for name in ["input_layernorm", "post_attention_layernorm"] {
                add(format!("{name}.weight"), vec![h]);
            }
            let (q, kv) = (self.heads * self.head_dim, self.kv_heads * self.head_dim);
            for (name, shape) in [("q", vec![q, h]), ("k", vec![kv, h]), ("v", vec![kv, h]), ("o", vec![h, q])] {
                add(format!("self_attn.{name}_proj.weight"), shape);
            }
            for name in ["q_norm", "k_norm"].iter().filter(|_| self.norms > 0) {
                add(format!("self_attn.{name}.weight"), vec![self.norms]);
            }
            let mixtral = self.architecture == "mixtral";
            let block = if mixtral { "block_sparse_moe" } else { "mlp" };
            let names = if mixtral { ["w1", "w3", "w2"] } else { ["gate_proj", "up_proj", "down_proj"] };
            add(format!("{block}.gate.weight"), vec![self.experts, h]);
            for expert in 0..self.experts {
                let shapes = [vec![self.expert_width, h], vec![self.expert_width, h], vec![h, self.expert_width]];
                for (name, shape) in names.iter().zip(shapes) {
                    add(format!("{block}.experts.{expert}.{name}.weight"), shape);
                }
            }
        }
        tensors.push(("model.norm.weight".into(), vec![h]));
        tensors.push(("lm_head.weight".into(), vec![self.vocab, h]));
        tensors
    }

    /// Writes the model folder: shards of about 5 GB that are headers and holes.
    fn write(&self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        fs::write(folder.join("config.json"), self.config().to_string()).unwrap();
        let tiny = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/tiny-moe/model");
        for name in ["tokenizer.json", "tokenizer_config.json"] {
            fs::copy(tiny.join(name), folder.join(name)).unwrap();
        }
        let mut shards: Vec<Vec<(String, Vec<u64>)>> = vec![Vec::new()];
        let mut bytes = 0;
        for (name, shape) in self.tensors() {
            let size = shape.iter().product::<u64>() * 2;
            if bytes + size > 5_000_000_000 {
                shards.push(Vec::new());
                bytes = 0;
            }
            bytes += size;
            shards.last_mut().unwrap().push((name, shape));
        }
        let mut map = serde_json::Map::new();
        for (index, shard) in shards.iter().enumerate() {
            let file = format!("model-{:05}-of-{:05}.safetensors", index + 1, shards.len());
            let (mut header, mut end) = (serde_json::Map::new(), 0);
            for (name, shape) in shard {
                let start = end;
                end += shape.iter().product::<u64>() * 2;
                header.insert(name.clone(), json!({"dtype": "BF16", "shape": shape, "data_offsets": [start, end]}));
                map.insert(name.clone(), file.as_str().into());
            }
            let header = Value::Object(header).to_string();
            let mut out = File::create(folder.join(file)).unwrap();
            out.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
            out.write_all(header.as_bytes()).unwrap();
            out.set_len(8 + header.len() as u64 + end).unwrap();
        }
        let index = json!({"metadata": {"total_size": 0}, "weight_map": map});
        fs::write(folder.join("model.safetensors.index.json"), index.to_string()).unwrap();
    }

    /// The tensors of the pruned model's GGUF, with the types of an unquantised file.
    fn gguf(&self) -> Vec<TensorSpec> {
        let (h, q, kv) = (self.hidden, self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let spec = |name: String, dims: Vec<u64>, float: bool| TensorSpec {
            name,
            dims,
            tensor_type: if float { aw_gguf::TensorType::F32 } else { aw_gguf::TensorType::BF16 },
        };
        let mut specs = vec![spec("token_embd.weight".into(), vec![h, self.vocab], false)];
        for layer in 0..self.layers {
            let mut add = |name: &str, dims: Vec<u64>, float| specs.push(spec(format!("blk.{layer}.{name}.weight"), dims, float));
            add("attn_norm", vec![h], true);
            add("attn_q", vec![h, q], false);
            add("attn_k", vec![h, kv], false);
            add("attn_v", vec![h, kv], false);
            add("attn_output", vec![q, h], false);
            if self.norms > 0 {
                add("attn_q_norm", vec![self.norms], true);
                add("attn_k_norm", vec![self.norms], true);
            }
            add("ffn_norm", vec![h], true);
            add("ffn_gate_inp", vec![h, self.keep], true);
            add("ffn_gate_exps", vec![h, self.expert_width, self.keep], false);
            add("ffn_up_exps", vec![h, self.expert_width, self.keep], false);
            add("ffn_down_exps", vec![self.expert_width, h, self.keep], false);
        }
        specs.push(spec("output_norm.weight".into(), vec![h], true));
        specs.push(spec("output.weight".into(), vec![h, self.vocab], false));
        specs
    }

    /// Bytes of the tensors of a tier.
    fn tier_bytes(&self, tier: &str) -> u64 {
        let specs = self.gguf();
        let architecture = if self.architecture == "qwen3_moe" { "qwen3moe" } else { self.architecture };
        let model = mix::Model {
            architecture: architecture.into(),
            layers: self.layers,
            experts: self.keep,
            heads: self.heads,
            kv_heads: self.kv_heads,
        };
        let types = mix::choose(FileType::from_name(tier).unwrap(), &model, &specs).unwrap();
        let bytes = |(spec, kind): (&TensorSpec, aw_gguf::TensorType)| {
            let row = usize::try_from(spec.dims[0]).unwrap();
            kind.row_bytes(row).unwrap() as u64 * spec.dims[1..].iter().product::<u64>()
        };
        specs.iter().zip(types).map(bytes).sum()
    }
}

#[test]
fn true_shapes_give_the_published_counts() {
    for (anchor, before, after) in [(OLMOE, 6.92, 5.31), (QWEN3_CODER, 30.53, 19.66), (MIXTRAL, 46.70, 35.43)] {
        let folder = tempfile::tempdir().unwrap();
        anchor.write(folder.path());
        let model = Model::open(folder.path(), Some(anchor.architecture)).unwrap();
        let selection =
            Selection::rank(&model.experts, Strategy::Random, &random_scores(&model.experts, 1), anchor.keep as usize).unwrap();
        let plan = plan_prune(&model, &selection, DEFAULT_SHARD_BYTES).unwrap();
        let counters = &plan.counters;
        assert_eq!(
            (counters.dropped_expert, counters.kept_renamed, counters.router_gate_sliced),
            anchor.counters,
            "{}",
            anchor.recipe
        );
        let billions = |parameters: u64| (parameters as f64 / 1e7).round() / 100.0;
        let tensors: u64 = anchor.tensors().iter().map(|(_, shape)| shape.iter().product::<u64>()).sum();
        assert_eq!(plan.parameters_in, tensors);
        assert!((billions(plan.parameters_in) - before).abs() < 0.006, "{}", plan.parameters_in);
        assert!((billions(plan.parameters_out) - after).abs() < 0.006, "{}", plan.parameters_out);
    }
}

/// The published files hold tensors, some megabytes of tokenizer and other metadata, and were made by an older llama.cpp.
#[test]
fn mixes_give_the_published_sizes() {
    for (anchor, tier, published) in [
        (QWEN3_CODER, "Q4_K_M", 11_955_377_760u64),
        (QWEN3_CODER, "Q5_K_M", 13_991_810_656),
        (QWEN3_CODER, "Q8_0", 20_913_946_208),
        (OLMOE, "Q5_K_M", 3_781_793_632),
    ] {
        let bytes = anchor.tier_bytes(tier);
        let off = (published as f64 - bytes as f64) / published as f64;
        println!("{} {tier}: {bytes} bytes of tensors, published {published}, {:.4} % less", anchor.recipe, off * 100.0);
        assert!((0.0..0.005).contains(&off), "{} {tier}: {bytes}, published {published}", anchor.recipe);
    }
}

/// What the stages of a recipe estimate, in order, as a plan asks them.
fn estimates(registry: &Registry, recipe: &Recipe, folder: &Path) -> Result<Vec<(String, Estimate)>, Vec<Problem>> {
    let source = LlmForge::default().source(&SourceRequest { recipe, recipe_folder: folder, offline: true })?;
    let mut facts = source.facts.clone();
    let mut estimates = Vec::new();
    for stage in recipe.stages() {
        let StageLookup::Found(stage_type) = registry.stage(recipe.domains(), &stage.name) else { panic!("{}", stage.name) };
        let Executor::Here(executor) = &stage_type.executor else { panic!("`{}` cannot run here", stage.name) };
        let reads = executor.reads(&stage.config, recipe)?;
        let files: BTreeMap<_, _> = reads.files.iter().map(|file| (file.name.clone(), folder.join(&file.path))).collect();
        let request = PlanRequest { config: &stage.config, recipe, source: source.plan_folder(), facts: &facts, files: &files };
        let mut estimate = executor.plan(&request)?;
        facts = estimate.facts.take();
        estimates.push((stage.name.clone(), estimate));
    }
    Ok(estimates)
}

#[test]
fn the_recipes_plan_as_they_are_once_they_are_filled_in() {
    let programs = aw_testkit::llama_cpp();
    let mut registry = Registry::new();
    let forge = LlmForge::new(Tools { llama_cpp: programs.clone(), ..Tools::default() });
    registry.register(std::sync::Arc::new(forge), "tests").unwrap();
    for anchor in [OLMOE, QWEN3_CODER, MIXTRAL] {
        let folder = tempfile::tempdir().unwrap();
        anchor.write(&folder.path().join("model"));
        let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../recipes/anchors");
        let text = fs::read_to_string(recipes.join(anchor.recipe)).unwrap();
        let as_it_is =
            Recipe::read(text.as_bytes(), Notation::Yaml, &registry).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert_eq!(as_it_is.root().source.revision.as_deref(), Some("main"), "not a commit: a plan refuses it");
        let published: String = text.lines().find_map(|line| line.trim().strip_prefix("baseModel: ")).unwrap().into();
        let filled = text
            .replace(&format!("baseModel: {published}"), "baseModel: model")
            .replace("  revision: main # FILL IN: a commit\n", "");
        // Without llama.cpp what needs it is refused, and the rest is planned.
        let filled = match programs {
            Some(_) => filled,
            None => {
                let (before, rest) = filled.split_once("  - type: quant\n").unwrap();
                format!("{before}{}", &rest[rest.find("  - type: package\n").unwrap()..])
            }
        };
        let marks: BTreeSet<&str> =
            filled.lines().filter_map(|line| line.split_once(" # FILL IN")).map(|(line, _)| line.trim()).collect();
        for path in marks.iter().filter_map(|line| line.strip_prefix("path: ")) {
            fs::create_dir_all(folder.path().join("corpora")).unwrap();
            fs::write(folder.path().join(path), "{\"text\": \"def f(x): return x\"}\n").unwrap();
        }
        let recipe = Recipe::read(filled.as_bytes(), Notation::Yaml, &registry).unwrap();
        let stages =
            estimates(&registry, &recipe, folder.path()).unwrap_or_else(|problems| panic!("{}: {problems:#?}", anchor.recipe));
        let (_, prune) = stages.iter().find(|(name, _)| name == "expert-prune").unwrap();
        let weights: u64 = anchor.tensors().iter().map(|(_, shape)| shape.iter().product::<u64>() * 2).sum();
        assert_eq!(prune.bytes_in, weights);
        let gone = (anchor.experts - anchor.keep) * anchor.layers * (3 * anchor.hidden * anchor.expert_width + anchor.hidden) * 2;
        assert_eq!(prune.bytes_out, weights - gone, "{}", anchor.recipe);
        if programs.is_none() {
            continue;
        }
        // What opens GGUF files does so in a process of its own, which a file that crashes llama.cpp ends alone.
        assert!(stages.iter().filter(|(name, _)| ["quant", "eval"].contains(&name.as_str())).all(|(_, estimate)| estimate.heavy));
        // Two evaluations: of the safetensors with the controls, and of the tier that ships, which has none.
        let names: Vec<&str> = stages.iter().map(|(name, _)| name.as_str()).collect();
        let profiles = ["expert-activation-profile"; 2];
        assert_eq!(
            names,
            [profiles.as_slice(), &["expert-prune", "eval", "quant", "eval", "package"]].concat(),
            "{}",
            anchor.recipe
        );
        let (_, quant) = stages.iter().find(|(name, _)| name == "quant").unwrap();
        let tiers = ["Q4_K_M", "Q5_K_M", "Q8_0"].map(|tier| anchor.tier_bytes(tier));
        let tensors: u64 = tiers.iter().sum();
        // What is more is metadata, with the test's small vocabulary.
        let more = quant.bytes_out.checked_sub(tensors).unwrap_or_else(|| panic!("{}: {} bytes", anchor.recipe, quant.bytes_out));
        assert!(more < tensors / 200, "{}: {more} bytes more than the tensors", anchor.recipe);
        // The base's tier is written beside it, and is the larger one.
        let (_, shipped) = stages.iter().rfind(|(name, _)| name == "eval").unwrap();
        assert!(shipped.bytes_out > tiers[0] / anchor.keep * anchor.experts * 9 / 10, "{}: {}", anchor.recipe, shipped.bytes_out);
        let evaluation = &recipe.stages().iter().rfind(|stage| stage.name == "eval").unwrap().config;
        assert_eq!((&evaluation["runtime"], &evaluation["tier"]), (&json!("gguf"), &json!("Q4_K_M")));
    }
}
