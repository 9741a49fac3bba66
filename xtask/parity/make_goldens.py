"""Writes the golden checkpoints and what the reference says of them. usage: make_goldens.py [OUT [CASE ...]] (default: every case, into domains/llm-forge/tests/golden)"""

import json
import os
import pathlib
import shutil
import sys

import torch

import reference

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZE_MAX = 250_000
LENGTHS = (24, 13, 7)
# A selection closer than this to a tie could flip by rounding alone and is no golden.
MARGIN_MIN = 2e-4

BASE = dict(
    vocab_size=80, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=64,
    num_experts_per_tok=2, bos_token_id=None, eos_token_id=None, pad_token_id=None,
)


def rope(theta):
    return {"rope_type": "default", "rope_theta": theta}


OLMOE = dict(BASE, intermediate_size=20, num_experts=8)
QWEN3 = dict(BASE, intermediate_size=40, moe_intermediate_size=20, num_experts=8, num_key_value_heads=2, head_dim=8)
MIXTRAL = dict(BASE, intermediate_size=20, num_local_experts=8, num_key_value_heads=2)
# The families that came later are smaller, and so are their sequences.
SMALL = dict(BASE, vocab_size=48, hidden_size=16, num_attention_heads=4, num_key_value_heads=2)
QWEN2 = dict(SMALL, intermediate_size=20, moe_intermediate_size=8, shared_expert_intermediate_size=12, num_experts=8)
GRANITE = dict(SMALL, intermediate_size=8, num_local_experts=8)
ERNIE = {k: v for k, v in dict(SMALL, intermediate_size=20, moe_intermediate_size=8, moe_num_experts=8, moe_k=2, moe_num_shared_experts=1, pad_token_id=None).items() if k != "num_experts_per_tok"}
GLM4 = dict(SMALL, intermediate_size=20, moe_intermediate_size=8, n_routed_experts=8, n_shared_experts=1, head_dim=8)
LATENT = dict(
    SMALL, num_key_value_heads=4, intermediate_size=20, moe_intermediate_size=8, n_routed_experts=8, n_shared_experts=1,
    kv_lora_rank=10, qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=5,
)
PHI = dict(SMALL, intermediate_size=8, num_local_experts=8)
YARN = {
    "rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 32, "beta_slow": 1,
    "mscale": 0.707, "mscale_all_dim": 0.9,
}
SHORT = dict(lengths=(17, 9))

CASES = {
    "olmoe-f32": ("olmoe", dict(OLMOE, norm_topk_prob=False), dict(seed=11)),
    "olmoe-f32-clip": (
        "olmoe",
        dict(OLMOE, norm_topk_prob=True, clip_qkv=0.7, num_key_value_heads=2, attention_bias=True, tie_word_embeddings=True, rope_parameters=rope(500000.0)),
        dict(seed=12, hub_style=True),
    ),
    "olmoe-bf16": ("olmoe", dict(OLMOE, norm_topk_prob=False, num_experts_per_tok=3), dict(seed=13, dtype="bfloat16", shard_size="40KB")),
    "qwen3_moe-f32-dense": (
        "qwen3_moe", dict(QWEN3, num_hidden_layers=3, mlp_only_layers=[0], head_dim=12, moe_intermediate_size=14, norm_topk_prob=True, rope_parameters=rope(1000000.0)),
        dict(seed=21, shard_size="90KB"),
    ),
    "qwen3_moe-f32-step": (
        "qwen3_moe",
        dict(QWEN3, num_hidden_layers=4, intermediate_size=24, moe_intermediate_size=14, decoder_sparse_step=2, norm_topk_prob=False, tie_word_embeddings=True, use_sliding_window=True, sliding_window=9),
        dict(seed=22),
    ),
    "qwen3_moe-bf16": (
        "qwen3_moe", dict(QWEN3, norm_topk_prob=True, head_dim=16, attention_bias=True, rope_parameters=rope(1000000.0)),
        dict(seed=23, dtype="bfloat16", hub_style=True),
    ),
    "qwen3_moe-f16": ("qwen3_moe", dict(QWEN3, norm_topk_prob=True, num_experts_per_tok=4), dict(seed=24, dtype="float16")),
    "mixtral-f32": ("mixtral", dict(MIXTRAL), dict(seed=31)),
    "mixtral-f32-window": (
        "mixtral", dict(MIXTRAL, sliding_window=6, head_dim=16, tie_word_embeddings=True, rope_parameters=rope(5000.0)),
        dict(seed=32, shard_size="90KB"),
    ),
    "mixtral-bf16": ("mixtral", dict(MIXTRAL, sliding_window=10, num_experts_per_tok=3), dict(seed=33, dtype="bfloat16", hub_style=True)),
    "qwen2_moe-f32": ("qwen2_moe", dict(QWEN2, num_hidden_layers=3, mlp_only_layers=[1]), dict(SHORT, seed=41)),
    "qwen2_moe-bf16": ("qwen2_moe", dict(QWEN2, norm_topk_prob=True, num_experts_per_tok=3, qkv_bias=False), dict(SHORT, seed=42, dtype="bfloat16", hub_style=True)),
    "granitemoe-f32": (
        "granitemoe",
        dict(GRANITE, attention_bias=True, attention_multiplier=0.4, embedding_multiplier=3.0, residual_multiplier=0.7, logits_scaling=1.7, tie_word_embeddings=True),
        dict(SHORT, seed=51),
    ),
    "granitemoe-bf16": ("granitemoe", dict(GRANITE, num_experts_per_tok=3, attention_multiplier=0.5), dict(SHORT, seed=52, dtype="bfloat16", hub_style=True)),
    "ernie4_5_moe-f32": ("ernie4_5_moe", dict(ERNIE, num_hidden_layers=3, moe_layer_start_index=1, tie_word_embeddings=True), dict(SHORT, seed=61)),
    "ernie4_5_moe-bf16": (
        "ernie4_5_moe", dict(ERNIE, moe_k=3, moe_layer_start_index=0, moe_num_shared_experts=2, head_dim=8, moe_norm_min=0.9, tie_word_embeddings=False),
        dict(SHORT, seed=62, dtype="bfloat16"),
    ),
    "glm4_moe-f32": (
        "glm4_moe", dict(GLM4, attention_bias=True, n_group=2, topk_group=1, routed_scaling_factor=1.5, first_k_dense_replace=0), dict(SHORT, seed=71),
    ),
    "glm4_moe-bf16": ("glm4_moe", dict(GLM4, num_hidden_layers=3, use_qk_norm=True, num_experts_per_tok=3, norm_topk_prob=False), dict(SHORT, seed=73, dtype="bfloat16")),
    "deepseek_v2-f32": (
        "deepseek_v2",
        dict(LATENT, q_lora_rank=None, rope_parameters=YARN, first_k_dense_replace=1, routed_scaling_factor=1.3, num_hidden_layers=3, n_shared_experts=2, n_group=1, topk_group=1),
        dict(SHORT, seed=81),
    ),
    "deepseek_v2-bf16": (
        "deepseek_v2", dict(LATENT, q_lora_rank=12, topk_method="group_limited_greedy", n_group=4, topk_group=2, attention_bias=True),
        dict(SHORT, seed=82, dtype="bfloat16"),
    ),
    "deepseek_v3-f32": (
        "deepseek_v3", dict(LATENT, q_lora_rank=12, n_group=2, topk_group=1, first_k_dense_replace=1, num_hidden_layers=3, rope_parameters=YARN), dict(SHORT, seed=91),
    ),
    "deepseek_v3-bf16": (
        "deepseek_v3",
        dict(LATENT, q_lora_rank=None, n_group=1, topk_group=1, first_k_dense_replace=0, rope_interleave=False, norm_topk_prob=False, num_experts_per_tok=3),
        dict(SHORT, seed=92, dtype="bfloat16"),
    ),
    "phimoe-f32": ("phimoe", dict(PHI, attention_bias=True, lm_head_bias=True, router_jitter_noise=0.2), dict(SHORT, seed=101)),
    "phimoe-bf16": ("phimoe", dict(PHI, sliding_window=7), dict(SHORT, seed=102, dtype="bfloat16", hub_style=True)),
}


def sequences_of(seed, vocab, lengths=LENGTHS):
    """Token ids of differing lengths, and the positions whose logits are kept: first, middle, last."""
    generator = torch.Generator().manual_seed(seed * 7919)
    sequences = [torch.randint(0, vocab, (n,), generator=generator).tolist() for n in lengths]
    return sequences, [[0, len(s) // 2, len(s) - 1] for s in sequences]


def compact(value):
    """JSON with one line per leaf list or scalar member: readable in a diff, small on disk."""
    def leaf(v):
        return not isinstance(v, dict) and not (isinstance(v, list) and any(isinstance(x, dict) for x in v))

    def write(v, indent):
        pad = "  " * indent
        if leaf(v):
            return json.dumps(v, separators=(",", ":"))
        if isinstance(v, dict):
            return "{\n" + ",\n".join(f"{pad}  {json.dumps(k)}: {write(x, indent + 1)}" for k, x in v.items()) + f"\n{pad}}}"
        return "[\n" + ",\n".join(f"{pad}  {json.dumps(x, separators=(',', ':'))}" for x in v) + f"\n{pad}]"

    return write(value, 0) + "\n"


def main():
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "domains/llm-forge/tests/golden"
    only = sys.argv[2:]
    torch.set_num_threads(1)
    for name, (family, settings, options) in CASES.items():
        if only and name not in only:
            continue
        options = dict(options)
        lengths = options.pop("lengths", LENGTHS)
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        reference.make(family, settings, folder=folder, **options)
        sequences, positions = sequences_of(options["seed"], settings["vocab_size"], lengths)
        expected = reference.expected(folder, sequences, positions, options.get("dtype", "float32"))
        margin = expected["f32"]["router_margin_min"]
        assert margin > MARGIN_MIN, f"{name}: a router selection is {margin} from a tie; choose another seed"
        (folder / "expected.json").write_text(compact({"case": name, **expected}))
        size = sum(f.stat().st_size for f in folder.iterdir())
        assert size < SIZE_MAX, f"{name} is {size} bytes, at most {SIZE_MAX}"
        files = " ".join(sorted(os.listdir(folder)))
        print(f"{name}: {size} bytes, margin {margin:.2e}, perplexity {expected['f32']['perplexity']:.3f}, {files}")


if __name__ == "__main__":
    main()
