//! The rules themselves, in the order of the source they follow.

use std::cmp::Ordering;

use super::{FileType, MixError, Model};
use crate::{TensorSpec, TensorType};

/// What a tensor is for, as far as the rules tell tensors apart.
#[derive(Clone, Copy, PartialEq)]
enum Category {
    TokenEmbedding,
    AttentionQ,
    /// Values, or what values are part of: the tensors where bits matter most.
    AttentionV,
    AttentionK,
    AttentionOutput,
    FfnDown,
    Output,
    Other,
}

fn category(name: &str) -> Category {
    let has = |part| name.contains(part);
    match name {
        "output.weight" => Category::Output,
        "token_embd.weight" | "per_layer_token_embd.weight" => Category::TokenEmbedding,
        _ if has("attn_qkv.weight") || has("attn_kv_b.weight") || has("attn_v.weight") => Category::AttentionV,
        _ if has("attn_k.weight") => Category::AttentionK,
        _ if has("attn_q.weight") => Category::AttentionQ,
        _ if has("attn_output.weight") => Category::AttentionOutput,
        _ if has("ffn_up") || has("ffn_gate") => Category::Other,
        _ if has("ffn_down") => Category::FfnDown,
        _ => Category::Other,
    }
}

/// Parts of names whose tensors are left as they are: too small, or too sensitive.
const KEPT: [&str; 37] = [
    "_norm.weight",
    "ffn_gate_inp.weight",
    "ffn_gate_tid2eid.weight",
    "altup",
    "laurel",
    "per_layer_model_proj",
    "ssm_conv1d",
    "shortconv.conv.weight",
    "indexer.k_proj.weight",
    "indexer.q_proj.weight",
    "time_mix_first.weight",
    "time_mix_w0.weight",
    "time_mix_w1.weight",
    "time_mix_w2.weight",
    "time_mix_v0.weight",
    "time_mix_v1.weight",
    "time_mix_v2.weight",
    "time_mix_a0.weight",
    "time_mix_a1.weight",
    "time_mix_a2.weight",
    "time_mix_g1.weight",
    "time_mix_g2.weight",
    "time_mix_decay_w1.weight",
    "time_mix_decay_w2.weight",
    "time_mix_lerp_fused.weight",
    "attn_rel_b.weight",
    ".position_embd",
    "sam.pos_embd",
    "sam.neck.",
    "sam.net_",
    ".rel_pos",
    ".patch_embd",
    ".patch_merger",
    "a.rvq.codebook",
    "mm.a.code_embd",
    "position_embd.weight",
    "token_types.weight",
];

fn may_change(tensor: &TensorSpec) -> bool {
    // Dimensions of one at the end do not count.
    let dims = tensor.dims.iter().rposition(|dim| *dim > 1).map_or(1, |last| last + 1);
    dims >= 2 && tensor.name.ends_with("weight") && !KEPT.iter().any(|part| tensor.name.contains(part))
}

/// The first and last eighth of the layers, and every third between.
fn more_bits(layer: u64, layers: u64) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

struct State<'a> {
    file_type: FileType,
    model: &'a Model,
    tied: bool,
    values: u64,
    values_seen: u64,
    down_seen: u64,
}

pub(super) fn choose(file_type: FileType, model: &Model, tensors: &[TensorSpec]) -> Result<Vec<TensorType>, MixError> {
    let categories: Vec<Category> = tensors.iter().map(|tensor| category(&tensor.name)).collect();
    let mut state = State {
        file_type,
        model,
        tied: !categories.contains(&Category::Output),
        values: categories.iter().filter(|category| **category == Category::AttentionV).count() as u64,
        values_seen: 0,
        down_seen: 0,
    };
    let mut order: Vec<usize> = (0..tensors.len()).collect();
    order.sort_by(|a, b| visited(&tensors[*a].name, &tensors[*b].name));
    let mut types: Vec<TensorType> = tensors.iter().map(|tensor| tensor.tensor_type).collect();
    for index in order {
        let tensor = &tensors[index];
        let Some(row) = tensor.dims.first().copied() else {
            return Err(MixError::Dims { name: tensor.name.clone() });
        };
        if may_change(tensor) {
            types[index] = if file_type.default_type().is_quantized() {
                fitting(state.wanted(tensor, row, categories[index])?, row)
            } else {
                file_type.default_type()
            };
        }
    }
    Ok(types)
}

/// The order of visits: tensors outside layers first, then by layer, then by name.
fn visited(a: &str, b: &str) -> Ordering {
    let layer = |name: &str| layer_of(name).map_or(-1, |layer| layer as i128);
    layer(a).cmp(&layer(b)).then_with(|| a.cmp(b))
}

fn layer_of(name: &str) -> Option<u64> {
    let (number, _) = name.strip_prefix("blk.")?.split_once('.')?;
    number.parse().ok()
}

impl State<'_> {
    /// The type the rules ask for, whatever the length of the rows.
    fn wanted(&mut self, tensor: &TensorSpec, row: u64, category: Category) -> Result<TensorType, MixError> {
        let base = self.file_type.default_type();
        Ok(match category {
            Category::Output => self.output(base, row),
            Category::TokenEmbedding if self.tied => self.output(base, row),
            Category::AttentionV => self.attention_v(base),
            Category::AttentionK if self.model.experts == 8 => TensorType::Q8_0,
            Category::FfnDown => self.ffn_down(base, tensor)?,
            Category::AttentionOutput => self.attention_output(base),
            Category::TokenEmbedding | Category::AttentionK | Category::AttentionQ | Category::Other => base,
        })
    }

    fn output(&self, base: TensorType, row: u64) -> TensorType {
        let whole = row.is_multiple_of(base.block_elements() as u64);
        if base == TensorType::Q8_0 || !whole || self.falcon() { TensorType::Q8_0 } else { TensorType::Q6K }
    }

    fn falcon(&self) -> bool {
        self.model.architecture == "falcon"
    }

    fn attention_v(&mut self, base: TensorType) -> TensorType {
        let seen = self.values_seen;
        self.values_seen += 1;
        let shared = self.model.heads.checked_div(self.model.kv_heads).unwrap_or(0);
        let wanted = match self.file_type {
            FileType::Q2K if shared >= 4 => TensorType::Q4K,
            FileType::Q2K => TensorType::Q3K,
            FileType::Q3KM if seen < 2 => TensorType::Q5K,
            FileType::Q3KM => TensorType::Q4K,
            FileType::Q3KL => TensorType::Q5K,
            FileType::Q4KM | FileType::Q5KM if more_bits(seen, self.values) => TensorType::Q6K,
            FileType::Q4KS if seen < 4 => TensorType::Q5K,
            _ => base,
        };
        match wanted {
            _ if self.model.experts == 8 => TensorType::Q8_0,
            TensorType::Q3K | TensorType::Q4K if self.is_70b() => TensorType::Q5K,
            wanted => wanted,
        }
    }

    /// Models of eighty layers whose heads share values: their value tensors are small for what they carry.
    fn is_70b(&self) -> bool {
        let eighty = self.model.layers == 80;
        match self.model.architecture.as_str() {
            "llama" => eighty && self.model.heads != self.model.kv_heads,
            "qwen2" | "deci" | "olmo" => eighty,
            "jais2" => self.model.layers == 68,
            _ => false,
        }
    }

    fn ffn_down(&mut self, base: TensorType, tensor: &TensorSpec) -> Result<TensorType, MixError> {
        let layers = self.model.layers;
        // With experts the count of visits says nothing about the layer, so the name is asked.
        let layer = if self.model.experts > 1 {
            let wrong = || MixError::Layer { name: tensor.name.clone(), layers };
            layer_of(&tensor.name).filter(|layer| *layer < layers).ok_or_else(wrong)?
        } else {
            self.down_seen
        };
        self.down_seen += 1;
        let early = layer < layers / 8;
        let falcon = self.falcon();
        Ok(match self.file_type {
            FileType::Q2K => TensorType::Q3K,
            FileType::Q3KM if layer < layers / 16 => TensorType::Q5K,
            FileType::Q3KM if !falcon || more_bits(layer, layers) => TensorType::Q4K,
            FileType::Q3KL if falcon => TensorType::Q4K,
            FileType::Q3KL => TensorType::Q5K,
            FileType::Q4KM if falcon && layer < layers / 16 => TensorType::Q6K,
            FileType::Q4KM if falcon && more_bits(layer, layers) => TensorType::Q5K,
            FileType::Q4KM if !falcon && more_bits(layer, layers) => TensorType::Q6K,
            FileType::Q5KM if more_bits(layer, layers) => TensorType::Q6K,
            FileType::Q4KS if !falcon && early => TensorType::Q5K,
            _ => base,
        })
    }

    fn attention_output(&self, base: TensorType) -> TensorType {
        let falcon = self.falcon();
        match self.file_type {
            FileType::Q3KL if falcon => TensorType::Q4K,
            _ if falcon => base,
            FileType::Q2K | FileType::Q3KS | FileType::Q3KM | FileType::Q4KS | FileType::Q4KM if self.model.experts == 8 => {
                TensorType::Q5K
            }
            _ if self.model.experts == 8 => base,
            FileType::Q2K => TensorType::Q3K,
            FileType::Q3KM => TensorType::Q4K,
            FileType::Q3KL => TensorType::Q5K,
            _ => base,
        }
    }
}

/// A type whose blocks fill the rows: the wanted one, one of smaller blocks, or half precision.
fn fitting(wanted: TensorType, row: u64) -> TensorType {
    let fits = |kind: TensorType| row.is_multiple_of(kind.block_elements() as u64);
    if fits(wanted) {
        return wanted;
    }
    let smaller = match wanted {
        TensorType::Q2K | TensorType::Q3K => TensorType::Q4_0,
        TensorType::Q4K => TensorType::Q5_0,
        TensorType::Q5K => TensorType::Q5_1,
        TensorType::Q6K => TensorType::Q8_0,
        other => other,
    };
    if fits(smaller) { smaller } else { TensorType::F16 }
}
