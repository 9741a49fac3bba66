"""Prunes a random checkpoint of every family with this repository's program and holds the result against transformers.
usage: layouts.py [--seed N] [--program PATH] (see README.md; run by `cargo xtask parity`)

Of every pruned checkpoint transformers must load every tensor and miss none, and its logits must be those of the unpruned
checkpoint with the dropped experts masked out of the router: -inf before its softmax or sigmoid, and -inf in the correction its
selection adds.
"""

import argparse
import importlib.util
import json
import math
import pathlib
import random
import subprocess
import sys
import tempfile

import safetensors.torch
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText, Llama4Config

ROOT = pathlib.Path(__file__).resolve().parents[2]
# Both sides are transformers in f32 over the same numbers; only the order of sums over experts may differ.
LOGIT_TOLERANCE = 2e-5
# What the prune must change at least, or the comparison would see nothing.
EFFECT_MIN = 1e-2

BASE = dict(
    vocab_size=96, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
    num_experts_per_tok=2, bos_token_id=None, eos_token_id=None, pad_token_id=None,
)
DEEPSEEK = dict(
    BASE, intermediate_size=48, moe_intermediate_size=24, n_routed_experts=8, n_shared_experts=1, first_k_dense_replace=1, kv_lora_rank=16,
    qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=8, num_key_value_heads=4,
)
QWEN = dict(BASE, intermediate_size=48, moe_intermediate_size=24, num_experts=8)
LINEAR = dict(linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=8, linear_value_head_dim=8)

CASES = {
    "deepseek_v2": ("deepseek_v2", dict(DEEPSEEK, q_lora_rank=None, topk_method="greedy", n_group=1, topk_group=1)),
    "deepseek_v2, 4 groups": ("deepseek_v2", dict(DEEPSEEK, q_lora_rank=16, topk_method="group_limited_greedy", n_group=4, topk_group=2)),
    "deepseek_v3, 2 groups": ("deepseek_v3", dict(DEEPSEEK, q_lora_rank=16, n_group=2, topk_group=1)),
    "ernie4_5_moe": ("ernie4_5_moe", dict(BASE, intermediate_size=48, moe_intermediate_size=24, moe_num_experts=8, moe_k=2, moe_num_shared_experts=1, moe_layer_start_index=1)),
    "glm4_moe": ("glm4_moe", dict(BASE, intermediate_size=48, moe_intermediate_size=24, n_routed_experts=8, n_shared_experts=1, first_k_dense_replace=1, n_group=1, topk_group=1, head_dim=8)),
    "gpt_oss": ("gpt_oss", dict(BASE, intermediate_size=24, num_local_experts=8, head_dim=8)),
    "granitemoe": ("granitemoe", dict(BASE, intermediate_size=24, num_local_experts=8)),
    "llama4_text": ("llama4_text", dict(BASE, intermediate_size=24, intermediate_size_mlp=48, num_local_experts=8, num_experts_per_tok=1, head_dim=8, moe_layers=[1])),
    "mixtral": ("mixtral", dict(BASE, intermediate_size=24, num_local_experts=8)),
    "olmoe": ("olmoe", dict(BASE, intermediate_size=24, num_experts=8)),
    "phimoe": ("phimoe", dict(BASE, intermediate_size=24, num_local_experts=8)),
    "qwen2_moe": ("qwen2_moe", dict(QWEN, shared_expert_intermediate_size=40)),
    "qwen3_moe": ("qwen3_moe", dict(QWEN, head_dim=8, mlp_only_layers=[1])),
    "qwen3_next": ("qwen3_next", dict(QWEN, shared_expert_intermediate_size=40, head_dim=8, layer_types=["linear_attention", "full_attention", "linear_attention"], **LINEAR)),
}
KEEP = 4

LLAMA4 = CASES["llama4_text"][1]
VISION = dict(
    hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, image_size=28, patch_size=14, vision_output_dim=16,
    projector_input_dim=16, projector_output_dim=16,
)
# As published, in ways `save_pretrained` of the text model does not write.
CASES["llama4_text, within a model that sees"] = ("llama4", LLAMA4)
CASES["gpt_oss, MXFP4"] = ("mxfp4", dict(BASE, intermediate_size=32, num_local_experts=8, head_dim=8))


def build(family, settings):
    if family == "llama4":
        config = Llama4Config(text_config=settings, vision_config=VISION, image_token_index=5, boi_token_index=6, eoi_token_index=7)
        return AutoModelForImageTextToText.from_config(config, dtype=torch.float32)
    config = AutoConfig.for_model("gpt_oss" if family == "mxfp4" else family, **settings)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def make(family, settings, seed, folder):
    """Writes a random checkpoint in f32 whose routing is decided and whose biases are not zero."""
    torch.manual_seed(seed)
    model = build(family, settings)
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("e_score_correction_bias"):
                # Above zero: what a group that is not chosen scores.
                tensor.copy_(0.2 * torch.rand_like(tensor))
            elif isinstance(tensor, torch.nn.Parameter):
                if tensor.ndim > 1:
                    width = tensor.shape[-1]
                    tensor.copy_((1.5 if is_router(name) else 1.0) * torch.randn_like(tensor) / math.sqrt(width))
                elif "bias" in name:
                    tensor.copy_(0.3 * torch.randn_like(tensor))
    model.save_pretrained(folder)
    (pathlib.Path(folder) / "generation_config.json").unlink(missing_ok=True)
    if family == "mxfp4":
        pack(pathlib.Path(folder), settings)


def pack(folder, settings):
    """Puts random blocks of four-bit values and their exponents in the place of the experts' weights."""
    path = folder / "model.safetensors"
    tensors = safetensors.torch.load_file(path)
    experts, hidden, inner = settings["num_local_experts"], settings["hidden_size"], settings["intermediate_size"]
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        rows, columns = (2 * inner, hidden) if name.endswith("gate_up_proj") else (hidden, inner)
        del tensors[name]
        tensors[f"{name}_blocks"] = torch.randint(0, 256, (experts, rows, columns // 32, 16), dtype=torch.uint8)
        # Exponents with a bias of 127: a sixteenth to a quarter.
        tensors[f"{name}_scales"] = torch.randint(123, 126, (experts, rows, columns // 32), dtype=torch.uint8)
    safetensors.torch.save_file(tensors, path, metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    unpacked = ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens", "lm_head"]
    config["quantization_config"] = {"quant_method": "mxfp4", "modules_to_not_convert": unpacked}
    (folder / "config.json").write_text(json.dumps(config, indent=2))


def is_router(name):
    return name.endswith((".gate.weight", ".router.weight", ".router.layer.weight"))


def load(folder):
    nested = json.loads((pathlib.Path(folder) / "config.json").read_text())["model_type"] == "llama4"
    loader = AutoModelForImageTextToText if nested else AutoModelForCausalLM
    model, info = loader.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    if not nested:
        model.set_experts_implementation("eager")
    model = model.float()
    return model.eval(), {what: sorted(map(str, keys)) for what, keys in info.items() if what.endswith("_keys") and keys}


def layer_of(name):
    return int(name.split(".layers.")[1].split(".")[0])


class Masked:
    """Runs a model with the dropped experts masked out of its routers."""

    def __init__(self, model, kept):
        self.dropped = {}
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if is_router(name):
                keep = torch.tensor(kept[str(layer_of(name))])
                dropped = torch.ones(tensor.shape[0], dtype=torch.bool)
                dropped[keep] = False
                self.dropped[tensor.data_ptr()] = dropped
        with torch.no_grad():
            for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
                if name.endswith("e_score_correction_bias"):
                    dropped = torch.ones(tensor.shape[-1], dtype=torch.bool)
                    dropped[torch.tensor(kept[str(layer_of(name))])] = False
                    tensor.masked_fill_(dropped, -math.inf)
        self.used = set()

    def __enter__(self):
        self.linear = torch.nn.functional.linear

        def linear(x, weight, bias=None):
            out = self.linear(x, weight, bias)
            dropped = self.dropped.get(weight.data_ptr())
            if dropped is None:
                return out
            self.used.add(weight.data_ptr())
            return out.masked_fill(dropped, -math.inf)

        torch.nn.functional.linear = linear
        return self

    def __exit__(self, *_):
        torch.nn.functional.linear = self.linear
        assert self.used == set(self.dropped), "a router does not go through `linear`: it was not masked"


@torch.no_grad()
def logits(model, ids):
    return model(input_ids=ids, use_cache=False).logits


def sparse_layers(model):
    return sorted({layer_of(name) for name, _ in model.named_parameters() if is_router(name)})


def groups(config):
    """How many groups the kept experts must fill evenly."""
    if config.model_type == "deepseek_v2" and config.topk_method == "greedy":
        return 1
    return getattr(config, "n_group", None) or 1


def choose(model, generator):
    """KEEP random experts of each layer, as many of every group."""
    count = groups(model.config)
    size, each = 8 // count, KEEP // count
    pick = lambda: sorted(g * size + e for g in range(count) for e in generator.sample(range(size), each))
    return {str(layer): pick() for layer in sparse_layers(model)}


def compare(program, family, settings, seed, scratch):
    """A line to print and the failures."""
    source, target = scratch / "source", scratch / "pruned"
    make(family, settings, seed, source)
    model, _ = load(source)
    kept = choose(model, random.Random(seed))
    (scratch / "kept.json").write_text(json.dumps(kept))
    done = subprocess.run([*program, str(source), str(target), str(KEEP), "--kept", str(scratch / "kept.json"), "--verify"],
                          cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0 or "differences: []" not in done.stdout:
        return "not pruned", [done.stdout + done.stderr]
    ids = torch.randint(0, settings["vocab_size"], (2, 40), generator=torch.Generator().manual_seed(seed))
    whole = logits(model, ids)
    with Masked(model, kept):
        expected = logits(model, ids)
    pruned, odd = load(target)
    got = logits(pruned, ids)
    scale = max(1.0, float(expected.abs().max()))
    gap, effect = float((expected - got).abs().max()) / scale, float((whole - got).abs().max()) / scale
    failures = [f"{what}: {keys}" for what, keys in odd.items()]
    if not torch.isfinite(got).all() or not torch.isfinite(expected).all():
        failures.append("a logit is not finite")
    if not gap <= LOGIT_TOLERANCE:
        failures.append(f"logits differ by {gap:.2e} of {scale:.2f}, tolerance {LOGIT_TOLERANCE:.0e}")
    if not effect >= EFFECT_MIN:
        failures.append(f"the prune moves the logits by {effect:.2e} only: the comparison shows nothing")
    return f"layers {','.join(kept)}, logits within {gap:.1e} (the prune moves them by {effect:.1e}), no key missing or unexpected", failures


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--program", help="the example `expert_prune`, built")
    arguments = parser.parse_args()
    program = [arguments.program] if arguments.program else ["cargo", "run", "--quiet", "-p", "llm-forge", "--example", "expert_prune", "--"]
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    failed = 0
    for index, (name, (family, settings)) in enumerate(CASES.items()):
        if family == "mxfp4" and importlib.util.find_spec("accelerate") is None:
            print(f"skip {name}: transformers widens MXFP4 only where `accelerate` is installed", flush=True)
            continue
        with tempfile.TemporaryDirectory() as scratch:
            line, failures = compare(program, family, settings, 100 * arguments.seed + index, pathlib.Path(scratch))
        failed += bool(failures)
        print(f"{'FAIL' if failures else 'ok  '} {name}: {line}", flush=True)
        for failure in failures:
            print(f"       {failure}")
    if failed:
        sys.exit(f"parity: {failed} of {len(CASES)} pruned checkpoints differ from the masked original")


if __name__ == "__main__":
    main()
