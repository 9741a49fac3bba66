//! Writes synthetic checkpoints: real configs and headers, and weights that are random, or a hole in a sparse file.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use llm_forge::families::{Geometry, Role, family};
use serde_json::{Map, Value, json};

use crate::error::{At, BenchError};

const ARCHITECTURE: &str = "qwen3_moe";
/// Bytes of a bfloat16.
const ELEMENT: u64 = 2;
/// Spread of random weights, the usual one of a fresh model.
const SPREAD: f32 = 0.02;

/// The shape of a synthetic qwen3_moe model in bfloat16.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Decoder layers, all sparse.
    pub layers: usize,
    /// Width of the residual stream.
    pub hidden: usize,
    /// Query heads.
    pub heads: usize,
    /// Key/value heads.
    pub kv_heads: usize,
    /// Width of one head.
    pub head_dim: usize,
    /// Inner width of an expert.
    pub expert_width: usize,
    /// Experts per layer.
    pub experts: usize,
    /// Experts a token is routed to.
    pub top_k: usize,
    /// Rows of the embedding.
    pub vocab: usize,
    /// Most tensor bytes of a shard.
    pub shard_bytes: u64,
}

/// What the tensors hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Random numbers; norms hold ones.
    Random,
    /// Nothing: the files have their full length and take no room.
    Sparse,
}

/// A checkpoint on disk.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// Its folder.
    pub folder: PathBuf,
    /// Bytes of all shards.
    pub bytes: u64,
    /// Bytes of all shards' headers, length fields included.
    pub header_bytes: u64,
    /// Shards.
    pub shards: usize,
    /// Tensors.
    pub tensors: usize,
}

struct Tensor {
    name: String,
    role: Role,
    shape: Vec<u64>,
    bytes: u64,
}

impl Shape {
    fn config(&self) -> Value {
        json!({
            "architectures": ["Qwen3MoeForCausalLM"],
            "attention_bias": false,
            "attention_dropout": 0.0,
            "decoder_sparse_step": 1,
            "dtype": "bfloat16",
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "hidden_size": self.hidden,
            "initializer_range": 0.02,
            "intermediate_size": 3 * self.expert_width,
            "max_position_embeddings": 4096,
            "mlp_only_layers": [],
            "model_type": ARCHITECTURE,
            "moe_intermediate_size": self.expert_width,
            "norm_topk_prob": true,
            "num_attention_heads": self.heads,
            "num_experts": self.experts,
            "num_experts_per_tok": self.top_k,
            "num_hidden_layers": self.layers,
            "num_key_value_heads": self.kv_heads,
            "rms_norm_eps": 1e-6,
            "rope_theta": 10000.0,
            "tie_word_embeddings": false,
            "use_sliding_window": false,
            "vocab_size": self.vocab,
        })
    }

    /// Writes the checkpoint into `folder`, or leaves it when one of this shape is there already.
    pub fn write(&self, folder: &Path, weights: Weights) -> Result<Checkpoint, BenchError> {
        let config = serde_json::to_string_pretty(&self.config()).expect("a config is plain JSON");
        let shards = self.shards()?;
        let headers: Vec<Vec<u8>> = shards.iter().map(|shard| header(shard)).collect();
        let header_bytes: u64 = headers.iter().map(|header| header.len() as u64).sum();
        let checkpoint = Checkpoint {
            folder: folder.to_owned(),
            bytes: header_bytes + shards.iter().flatten().map(|tensor| tensor.bytes).sum::<u64>(),
            header_bytes,
            shards: shards.len(),
            tensors: shards.iter().map(Vec::len).sum(),
        };
        // The config is written last, so one that says the same stands for a whole checkpoint.
        let config_file = folder.join("config.json");
        if fs::read_to_string(&config_file).is_ok_and(|found| found == config) {
            return Ok(checkpoint);
        }
        if folder.exists() {
            fs::remove_dir_all(folder).at("remove", folder)?;
        }
        fs::create_dir_all(folder).at("make", folder)?;
        let random = Random::new();
        let mut places = Map::new();
        for (at, (shard, header)) in shards.iter().zip(&headers).enumerate() {
            let name = format!("model-{:05}-of-{:05}.safetensors", at + 1, shards.len());
            write_shard(&folder.join(&name), shard, header, weights, &random)?;
            places.extend(shard.iter().map(|tensor| (tensor.name.clone(), json!(name))));
        }
        let index = json!({"metadata": {"total_size": checkpoint.bytes - header_bytes}, "weight_map": places});
        let index_file = folder.join("model.safetensors.index.json");
        fs::write(&index_file, index.to_string()).at("write", &index_file)?;
        fs::write(&config_file, config).at("write", &config_file)?;
        Ok(checkpoint)
    }

    fn shards(&self) -> Result<Vec<Vec<Tensor>>, BenchError> {
        let family = family(ARCHITECTURE)?;
        let forward = family.forward().expect("the family has a forward pass");
        let geometry: Geometry = forward.geometry(&self.config())?;
        let mut shards: Vec<Vec<Tensor>> = vec![Vec::new()];
        let mut filled = 0;
        for role in geometry.roles() {
            let shape = geometry.shape(&role).expect("`roles` yields roles with a shape");
            let bytes = shape.iter().product::<u64>() * ELEMENT;
            if filled > 0 && filled + bytes > self.shard_bytes {
                shards.push(Vec::new());
                filled = 0;
            }
            filled += bytes;
            shards.last_mut().expect("there is always one").push(Tensor { name: forward.tensor_name(&role), role, shape, bytes });
        }
        Ok(shards)
    }
}

/// Length field and JSON, padded to a multiple of eight bytes as the format's own writer does.
fn header(shard: &[Tensor]) -> Vec<u8> {
    let mut members = Map::from_iter([("__metadata__".to_owned(), json!({"format": "pt"}))]);
    let mut begin = 0;
    for tensor in shard {
        let end = begin + tensor.bytes;
        members.insert(tensor.name.clone(), json!({"dtype": "BF16", "shape": tensor.shape, "data_offsets": [begin, end]}));
        begin = end;
    }
    let mut text = Value::Object(members).to_string();
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat()
}

fn write_shard(path: &Path, shard: &[Tensor], header: &[u8], weights: Weights, random: &Random) -> Result<(), BenchError> {
    let file = File::create(path).at("make", path)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    out.write_all(header).at("write", path)?;
    if weights == Weights::Random {
        for tensor in shard {
            random.write(tensor, &mut out).at("write", path)?;
        }
    }
    let file = out.into_inner().map_err(std::io::IntoInnerError::into_error).at("write", path)?;
    let bytes = header.len() as u64 + shard.iter().map(|tensor| tensor.bytes).sum::<u64>();
    file.set_len(bytes).at("lengthen", path)
}

/// Bell-shaped random bfloat16 numbers, the same ones on every machine.
struct Random {
    table: Vec<[u8; 2]>,
}

impl Random {
    fn new() -> Self {
        let mut state = 7;
        // Twelve uniform numbers sum to something near normal with variance one.
        let normal = |state: &mut u64| (0..12).map(|_| (step(state) >> 40) as f32 / (1u32 << 24) as f32).sum::<f32>() - 6.0;
        let table = (0..1 << 16).map(|_| bfloat16(normal(&mut state) * SPREAD)).collect();
        Self { table }
    }

    fn write(&self, tensor: &Tensor, out: &mut impl Write) -> std::io::Result<()> {
        let mut state = tensor.name.bytes().fold(1, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        let ones = tensor.shape.len() == 1 && !matches!(tensor.role, Role::Router { .. });
        let mut buffer = Vec::with_capacity(1 << 16);
        let mut left = tensor.bytes / ELEMENT;
        while left > 0 {
            buffer.clear();
            for _ in 0..left.min(1 << 13).div_ceil(4) {
                let bits = step(&mut state).to_le_bytes();
                for pair in bits.chunks_exact(2) {
                    buffer.extend(if ones {
                        bfloat16(1.0)
                    } else {
                        self.table[usize::from(u16::from_le_bytes([pair[0], pair[1]]))]
                    });
                }
            }
            let elements = (buffer.len() as u64 / ELEMENT).min(left);
            out.write_all(&buffer[..(elements * ELEMENT) as usize])?;
            left -= elements;
        }
        Ok(())
    }
}

/// The upper half of a float: rounded towards zero.
fn bfloat16(value: f32) -> [u8; 2] {
    let bytes = value.to_le_bytes();
    [bytes[2], bytes[3]]
}

/// A step of splitmix64.
pub fn step(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Writes a byte-level `tokenizer.json` with `vocab` tokens, as large as those of published models: the merges make every pair, then
/// triples, of the byte alphabet.
pub fn write_tokenizer(folder: &Path, vocab: usize) -> Result<(), BenchError> {
    let letters: Vec<char> = alphabet();
    let mut words: Vec<String> = letters.iter().map(char::to_string).collect();
    let mut merges = Vec::new();
    let mut left = 0;
    while words.len() + 1 < vocab {
        let stem = words[left].clone();
        for letter in letters.iter().take(vocab - 1 - words.len()) {
            merges.push(json!([stem, letter.to_string()]));
            words.push(format!("{stem}{letter}"));
        }
        left += 1;
    }
    let vocab: Map<String, Value> = words.into_iter().enumerate().map(|(id, word)| (word, json!(id))).collect();
    // transformers adds this token to a Qwen tokenizer that lacks it, which would then have one token more than the model.
    let end = json!({
        "id": vocab.len(), "content": "<|endoftext|>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false,
        "special": true,
    });
    let level = json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true});
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [end], "normalizer": null, "pre_tokenizer": level,
        "post_processor": null, "decoder": level,
        "model": {
            "type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
            "fuse_unk": false, "byte_fallback": false, "ignore_merges": false, "vocab": vocab, "merges": merges,
        },
    });
    let path = folder.join("tokenizer.json");
    fs::write(&path, tokenizer.to_string()).at("write", &path)
}

/// The 256 letters that stand for bytes in byte-level tokenizers.
fn alphabet() -> Vec<char> {
    let plain = |byte: &u32| (33..=126).contains(byte) || (161..=172).contains(byte) || (174..=255).contains(byte);
    let moved = (0..256u32).filter(|byte| !plain(byte)).count() as u32;
    (0..256).filter(plain).chain(256..256 + moved).filter_map(char::from_u32).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use llm_forge::families::Model;
    use llm_forge::tokenizer::Tokenizer;

    use super::*;

    const TINY: Shape = Shape {
        layers: 2,
        hidden: 16,
        heads: 2,
        kv_heads: 1,
        head_dim: 8,
        expert_width: 8,
        experts: 4,
        top_k: 2,
        vocab: 1000,
        shard_bytes: 20_000,
    };

    fn folder(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("alloyworks-benches-{name}-{}", std::process::id()))
    }

    #[test]
    fn what_is_written_is_a_model_the_forge_opens_and_is_written_once() {
        let folder = folder("written");
        let made = TINY.write(&folder, Weights::Random).unwrap();
        write_tokenizer(&folder, 1000).unwrap();
        let model = Model::open(&folder, Some(ARCHITECTURE)).unwrap();
        assert_eq!((model.checkpoint.shards().len(), model.checkpoint.tensors().len()), (made.shards, made.tensors));
        assert!(made.shards > 2);
        let on_disk: u64 =
            model.checkpoint.shards().iter().map(|shard| fs::metadata(folder.join(&shard.name)).unwrap().len()).sum();
        assert_eq!(on_disk, made.bytes);
        assert!(!Tokenizer::open(&model).unwrap().encode("ab cab").unwrap().is_empty());
        let shard = folder.join(&model.checkpoint.shards()[0].name);
        let before = fs::metadata(&shard).unwrap().modified().unwrap();
        TINY.write(&folder, Weights::Random).unwrap();
        assert_eq!(fs::metadata(&shard).unwrap().modified().unwrap(), before, "it is kept");
        Shape { layers: 3, ..TINY }.write(&folder, Weights::Sparse).unwrap();
        assert_eq!(Model::open(&folder, Some(ARCHITECTURE)).unwrap().experts.layers, 3, "another shape replaces it");
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn random_weights_have_the_usual_spread() {
        let random = Random::new();
        let values: Vec<f32> = random.table.iter().map(|[low, high]| f32::from_le_bytes([0, 0, *low, *high])).collect();
        let mean = values.iter().sum::<f32>() / values.len() as f32;
        let spread = (values.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>() / values.len() as f32).sqrt();
        assert!(mean.abs() < 0.001 && (0.018..0.022).contains(&spread), "{mean} {spread}");
    }
}
