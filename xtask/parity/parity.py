"""Compares this repository's forward pass and prune with the reference. usage: parity.py [--seed N] (see README.md; run by `cargo xtask parity`)"""

import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import torch

import reference
from make_goldens import BASE, ROOT, rope

# Both sides compute in f32 in different orders; what remains is rounding, which grows with the size of the logits.
LOGIT_TOLERANCE = 2e-4
SUM_TOLERANCE = 1e-4
NLL_TOLERANCE = 1e-5
NORM_TOLERANCE = 1e-6
# Where the reference itself is this close to choosing otherwise, rounding may choose.
MARGIN_MIN = 2e-5

SHAPES = {
    "olmoe, 5 experts top 3, grouped, clipped": (
        "olmoe",
        dict(BASE, vocab_size=97, hidden_size=60, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2, intermediate_size=17,
             num_experts=5, num_experts_per_tok=3, clip_qkv=1.1, norm_topk_prob=True, max_position_embeddings=256),
        {},
    ),
    "olmoe, 16 experts, bf16, many shards": (
        "olmoe",
        dict(BASE, vocab_size=131, hidden_size=48, num_hidden_layers=2, intermediate_size=36, num_experts=16, num_experts_per_tok=4,
             attention_bias=True, tie_word_embeddings=True, max_position_embeddings=256),
        dict(dtype="bfloat16", shard_size="60KB"),
    ),
    "qwen3_moe, 12 experts top 5, dense layers, wide heads": (
        "qwen3_moe",
        dict(BASE, vocab_size=113, hidden_size=44, num_hidden_layers=5, num_attention_heads=6, num_key_value_heads=3, head_dim=22,
             intermediate_size=50, moe_intermediate_size=18, num_experts=12, num_experts_per_tok=5, mlp_only_layers=[1, 3], norm_topk_prob=True,
             rope_parameters=rope(1000000.0), max_position_embeddings=256),
        dict(hub_style=True),
    ),
    "qwen3_moe, one key/value head, bf16": (
        "qwen3_moe",
        dict(BASE, hidden_size=64, num_key_value_heads=1, head_dim=16, intermediate_size=40, moe_intermediate_size=33, num_experts=9,
             num_experts_per_tok=2, norm_topk_prob=False, max_position_embeddings=256),
        dict(dtype="bfloat16"),
    ),
    "mixtral, 6 experts top 1, window 33": (
        "mixtral",
        dict(BASE, vocab_size=89, hidden_size=40, num_hidden_layers=3, num_key_value_heads=2, head_dim=14, intermediate_size=27,
             num_local_experts=6, num_experts_per_tok=1, sliding_window=33, max_position_embeddings=256),
        dict(hub_style=True),
    ),
    "mixtral, f16": ("mixtral", dict(BASE, hidden_size=40, num_key_value_heads=4, intermediate_size=31, num_local_experts=7, max_position_embeddings=256), dict(dtype="float16")),
}
LENGTHS = (150, 2, 61, 1, 33)


class Comparison:
    """What differed, with the place of the largest difference."""

    def __init__(self):
        self.failures = []

    def close(self, what, expected, got, tolerance):
        scale = max(1.0, *(abs(x) for x in expected)) if expected else 1.0
        if len(expected) != len(got):
            self.failures.append(f"{what}: expected {len(expected)} numbers, got {len(got)}")
            return 0.0
        gaps = [abs(a - b) if math.isfinite(b) else math.inf for a, b in zip(expected, got)]
        worst = max(range(len(gaps)), key=gaps.__getitem__, default=None)
        if worst is None:
            return 0.0
        if gaps[worst] > tolerance * scale:
            self.failures.append(f"{what}[{worst}]: expected {expected[worst]}, got {got[worst]}, tolerance {tolerance * scale:.2e}")
        return gaps[worst] / scale

    def equal(self, what, expected, got):
        if expected != got:
            self.failures.append(f"{what}: expected {str(expected)[:200]}, got {str(got)[:200]}")

    def forward(self, what, expected, got):
        places = [(x["sequence"], x["position"]) for x in expected["logits"]]
        self.equal(f"{what} places of logits", places, [(x["sequence"], x["position"]) for x in got["logits"]])
        worst = max(self.close(f"{what} logits at {place}", a["values"], b["values"], LOGIT_TOLERANCE)
                    for place, a, b in zip(places, expected["logits"], got["logits"]))
        self.close(f"{what} nll", expected["nll"], got["nll"], NLL_TOLERANCE)
        self.equal(f"{what} predicted_tokens", expected["predicted_tokens"], got["predicted_tokens"])
        self.close(f"{what} perplexity / expected", [1.0], [got["perplexity"] / expected["perplexity"]], NLL_TOLERANCE * 10)
        return worst

    def result(self, expected, got):
        worst = self.forward("f32", expected, got)
        decided = expected["router_margin_min"] > MARGIN_MIN
        for layer, router in expected["router"].items():
            if decided:
                self.equal(f"layer {layer} selected", router["selected"], got["router"][layer]["selected"])
                flat = [[x for s in r["weights"] for row in s for x in row] for r in (router, got["router"][layer])]
                self.close(f"layer {layer} weights", *flat, SUM_TOLERANCE)
                for name, values in expected["experts"][layer].items():
                    self.close(f"layer {layer} {name}", values, got["experts"][layer][name], 0 if name == "activation_count" else SUM_TOLERANCE)
            self.close(f"layer {layer} router_l2", expected["router_l2"][layer], got["router_l2"][layer], NORM_TOLERANCE)
        self.equal("layers with experts", sorted(expected["router"]), sorted(got["router"]))
        return worst, decided


def example(name, *arguments):
    """Runs one of llm-forge's examples and returns what it printed."""
    command = ["cargo", "run", "--quiet", "--package", "llm-forge", "--example", name, "--", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"parity: `{' '.join(command)}` failed:\n{done.stderr}")
    return done.stdout


def forward_dump(checkpoint, ids, folder):
    path = pathlib.Path(folder) / "ids.json"
    path.write_text(json.dumps(ids))
    return json.loads(example("forward_dump", checkpoint, path))


def compare(checkpoint, sequences, positions, dtype, scratch):
    """Forward, masked forward, and the checkpoint our prune writes, of one checkpoint. Returns a line to print and the failures."""
    expected = reference.expected(checkpoint, sequences, positions, dtype)
    kept = expected["masked"]["kept"]
    got = forward_dump(checkpoint, {"sequences": sequences, "logit_positions": positions, "kept": kept}, scratch)
    comparison = Comparison()
    worst, decided = comparison.result(expected["f32"], got["f32"])
    comparison.equal("masked kept", kept, got["masked"]["kept"])
    masked = comparison.forward("masked", expected["masked"], got["masked"])
    pruned = prune(checkpoint, kept, expected, comparison, scratch, sequences, positions)
    note = "" if decided else ", selections not compared: the reference is within rounding of another choice"
    return f"logits {worst:.1e}, masked {masked:.1e}, pruned {pruned:.1e}{note}", comparison.failures


def prune(checkpoint, kept, expected, comparison, scratch, sequences, positions):
    """Our pruned folder: the same tensors as the reference's, loadable by it, and the same logits."""
    target = pathlib.Path(scratch) / "pruned"
    (pathlib.Path(scratch) / "kept.json").write_text(json.dumps(kept))
    example("prune_dump", checkpoint, pathlib.Path(scratch) / "kept.json", target)
    comparison.equal("pruned tensors", expected["masked"]["tensor_sha256"], reference.tensor_hashes(target))
    return comparison.forward("pruned, by the reference", expected["masked"], reference.forward(reference.load(target), sequences, positions))


def random_sequences(seed, vocabulary):
    generator = torch.Generator().manual_seed(seed)
    sequences = [torch.randint(0, vocabulary, (n,), generator=generator).tolist() for n in LENGTHS]
    return sequences, [sorted({0, len(s) // 2, len(s) - 1}) for s in sequences]


def recipe_model():
    """The trained model of recipes/tiny-moe, on text of its own kind."""
    from transformers import AutoTokenizer
    folder = ROOT / "recipes/tiny-moe/model"
    tokenizer = AutoTokenizer.from_pretrained(folder)
    sequences = []
    with tempfile.TemporaryDirectory() as scratch:
        for domain in ("code", "prose", "arithmetic"):
            path = pathlib.Path(scratch) / domain
            command = ["cargo", "xtask", "corpora", "--domain", domain, "--seed", "31", "--examples", "4", "--out", str(path)]
            subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            sequences += [tokenizer(json.loads(line)["text"])["input_ids"] for line in path.open()]
    return folder, sequences, [[0, len(s) - 1] for s in sequences]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    seed = parser.parse_args().seed
    failed = 0

    def report(name, line, failures):
        nonlocal failed
        failed += bool(failures)
        print(f"{'FAIL' if failures else 'ok  '} {name}: {line}", flush=True)
        for failure in failures:
            print(f"       {failure}")

    for index, (name, (family, settings, options)) in enumerate(SHAPES.items()):
        with tempfile.TemporaryDirectory() as checkpoint, tempfile.TemporaryDirectory() as scratch:
            reference.make(family, settings, 1000 * seed + index, checkpoint, **options)
            sequences, positions = random_sequences(1000 * seed + index, settings["vocab_size"])
            report(name, *compare(checkpoint, sequences, positions, options.get("dtype", "float32"), scratch))
    with tempfile.TemporaryDirectory() as scratch:
        folder, sequences, positions = recipe_model()
        report("recipes/tiny-moe/model", *compare(folder, sequences, positions, "bfloat16", scratch))
    if failed:
        sys.exit(f"parity: {failed} checkpoint(s) differ from the reference")


if __name__ == "__main__":
    main()
