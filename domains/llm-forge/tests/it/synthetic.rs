//! Checkpoints made for a test: any safetensors file, and whole models of small dimensions.

use std::fs;
use std::path::Path;

use llm_forge::families::family;
use serde_json::{Value, json};

/// One tensor to be written.
pub struct Made {
    pub name: String,
    pub dtype: &'static str,
    pub shape: Vec<u64>,
    pub bytes: Vec<u8>,
}

/// A file of a header as written and some bytes of data.
pub fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend_from_slice(header.as_bytes());
    file.extend_from_slice(data);
    file
}

/// A safetensors file of `tensors`, in their order.
pub fn safetensors(tensors: &[Made]) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut data = Vec::new();
    for tensor in tensors {
        let begin = data.len();
        data.extend_from_slice(&tensor.bytes);
        header.insert(
            tensor.name.clone(),
            json!({"dtype": tensor.dtype, "shape": tensor.shape, "data_offsets": [begin, data.len()]}),
        );
    }
    with_header(&Value::Object(header).to_string(), &data)
}

/// The config of a model of tiny dimensions. Mixtral and OLMoE read the expert width from `intermediate_size`.
pub fn config(architecture: &str, layers: usize, experts: usize, top_k: usize) -> Value {
    let count = if architecture == "mixtral" { "num_local_experts" } else { "num_experts" };
    let mut config = json!({
        "architectures": ["Made"],
        "model_type": architecture,
        "vocab_size": 3,
        "hidden_size": 2,
        "intermediate_size": 1,
        "moe_intermediate_size": 1,
        "num_hidden_layers": layers,
        "num_attention_heads": 1,
        "num_key_value_heads": 1,
        "num_experts_per_tok": top_k,
        "max_position_embeddings": 16,
        "rms_norm_eps": 1e-05,
        "rope_theta": 10000.0,
        "hidden_act": "silu",
        "tie_word_embeddings": false,
        "torch_dtype": "bfloat16",
    });
    config[count] = experts.into();
    config
}

/// Every tensor of the model `config` declares, in bf16, no two alike.
pub fn tensors(config: &Value) -> Vec<Made> {
    let family = family(config["model_type"].as_str().unwrap()).unwrap();
    let forward = family.forward().unwrap();
    let geometry = forward.geometry(config).unwrap();
    let mut counter = 0u16;
    let mut made = Vec::new();
    for role in geometry.roles() {
        let shape = geometry.shape(&role).unwrap();
        let mut bytes = Vec::new();
        for _ in 0..shape.iter().product::<u64>() {
            counter = counter.wrapping_add(1);
            // Bit patterns of small positive numbers; never infinite or not a number.
            bytes.extend_from_slice(&(counter & 0x3fff).to_le_bytes());
        }
        made.push(Made { name: forward.tensor_name(&role), dtype: "BF16", shape, bytes });
    }
    made
}

/// Writes a model folder in `shards` files.
pub fn write_model(folder: &Path, config: &Value, shards: usize) {
    fs::write(folder.join("config.json"), serde_json::to_string_pretty(config).unwrap()).unwrap();
    write_weights(folder, &tensors(config), shards);
}

/// Writes the weights of a model folder in `shards` files.
pub fn write_weights(folder: &Path, tensors: &[Made], shards: usize) {
    if shards == 1 {
        fs::write(folder.join("model.safetensors"), safetensors(tensors)).unwrap();
        return;
    }
    let mut map = serde_json::Map::new();
    for (place, part) in tensors.chunks(tensors.len().div_ceil(shards)).enumerate() {
        let name = format!("model-{:05}-of-{shards:05}.safetensors", place + 1);
        map.extend(part.iter().map(|tensor| (tensor.name.clone(), Value::from(name.as_str()))));
        fs::write(folder.join(name), safetensors(part)).unwrap();
    }
    fs::write(folder.join("model.safetensors.index.json"), json!({"metadata": {"total_size": 0}, "weight_map": map}).to_string())
        .unwrap();
}
