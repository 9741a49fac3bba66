"""Checks with the reference implementation that the model's experts specialise: prunes it by several criteria, judges each by perplexity.

usage: specialisation.py MODEL [--keep 8] [--seeds 3] [--json OUT]

Corpus seed i calibrates on seed 101+i and evaluates on seed 201+i. For each domain the experts are chosen by
  matched      activation count on this domain's calibration corpus
  mismatched   activation count on each other domain's calibration corpus
  router_l2    norm of the router rows (weights alone)
  random       five recorded seeds, geometric mean
and evaluated on this domain's evaluation corpus. Exits 1 unless matched < router_l2 < mismatched (geometric mean) for every domain and seed.
"""

import argparse
import copy
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import torch
from transformers import AutoTokenizer, OlmoeForCausalLM

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "xtask/parity"))
import reference  # noqa: E402

DOMAINS = ("code", "prose", "arithmetic")
EXAMPLES = 200
RANDOM_SEEDS = range(5)


def sequences(tokenizer, domain, seed, folder):
    path = pathlib.Path(folder) / f"{domain}-{seed}.jsonl"
    command = ["cargo", "xtask", "corpora", "--domain", domain, "--seed", str(seed), "--examples", str(EXAMPLES), "--out", str(path)]
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return [tokenizer(json.loads(line)["text"])["input_ids"] for line in path.open()]


def batches(texts):
    """Rows padded on the right to a common length (a causal model never sees what follows), with the labels of padding ignored."""
    for at in range(0, len(texts), 25):
        rows = texts[at : at + 25]
        width = max(map(len, rows))
        ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
        real = torch.tensor([[True] * len(row) + [False] * (width - len(row)) for row in rows])
        yield ids, real


@torch.no_grad()
def perplexity(model, texts):
    total, predicted = 0.0, 0
    for ids, real in batches(texts):
        log_probability = model(input_ids=ids, use_cache=False).logits[:, :-1].log_softmax(-1)
        nll = -log_probability.gather(2, ids[:, 1:, None])[..., 0]
        total += float(nll[real[:, 1:]].double().sum())
        predicted += int(real[:, 1:].sum())
    return math.exp(total / predicted)


@torch.no_grad()
def activation_counts(model, texts):
    """layer -> how often each expert was selected, padding left out."""
    counts = {layer: torch.zeros(model.config.num_experts, dtype=torch.long) for layer, _ in reference.sparse_blocks(model)}
    current = {}

    def hook(layer):
        def count(_module, _inputs, output):
            counts[layer] += torch.bincount(output[2][current["real"]].reshape(-1), minlength=len(counts[layer]))
        return count

    hooks = [block.gate.register_forward_hook(hook(layer)) for layer, block in reference.sparse_blocks(model)]
    for ids, real in batches(texts):
        current["real"] = real.reshape(-1)
        model(input_ids=ids, use_cache=False)
    for h in hooks:
        h.remove()
    return {str(layer): c.tolist() for layer, c in counts.items()}


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


class Judge:
    def __init__(self, model, keep):
        self.model, self.keep = model, keep

    def pruned(self, scores):
        """A smaller model: the kept experts and their router rows (transformers holds a layer's experts as one tensor in memory)."""
        config = copy.deepcopy(self.model.config)
        config.num_experts = self.keep
        state = self.model.state_dict()
        for layer, kept in reference.kept_by(scores, self.keep).items():
            for name in ("gate.weight", "experts.gate_up_proj", "experts.down_proj"):
                name = f"model.layers.{layer}.mlp.{name}"
                state[name] = state[name][kept]
        small = OlmoeForCausalLM(config)
        small.load_state_dict(state)
        small.set_experts_implementation("grouped_mm")
        return small.eval()

    def seed(self, calibration, evaluation):
        rows = {domain: {"base": perplexity(self.model, evaluation[domain])} for domain in DOMAINS}
        counts = {domain: activation_counts(self.model, calibration[domain]) for domain in DOMAINS}
        for chosen_on in DOMAINS:
            small = self.pruned(counts[chosen_on])
            for domain in DOMAINS:
                rows[domain]["matched" if domain == chosen_on else f"mismatched:{chosen_on}"] = perplexity(small, evaluation[domain])
        norms = {str(layer): reference.router_l2(block.gate.weight) for layer, block in reference.sparse_blocks(self.model)}
        small = self.pruned(norms)
        for domain in DOMAINS:
            rows[domain]["router_l2"] = perplexity(small, evaluation[domain])
        by_chance = [self.pruned(self.random(seed)) for seed in RANDOM_SEEDS]
        for domain in DOMAINS:
            rows[domain]["random"] = geometric_mean([perplexity(small, evaluation[domain]) for small in by_chance])
            rows[domain]["mismatched"] = geometric_mean([v for k, v in rows[domain].items() if k.startswith("mismatched:")])
        return rows, counts

    def random(self, seed):
        generator = torch.Generator().manual_seed(seed)
        return {str(layer): torch.rand(self.model.config.num_experts, generator=generator).tolist() for layer, _ in reference.sparse_blocks(self.model)}


def kept_traffic(counts, keep):
    """Per layer, the share of routing decisions that the kept experts carry."""
    return [round(sum(sorted(c)[-keep:]) / sum(c), 3) for c in counts.values()]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--keep", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=pathlib.Path)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    model = reference.load(arguments.model)
    model.set_experts_implementation("grouped_mm")
    tokenizer = AutoTokenizer.from_pretrained(arguments.model)
    judge, failed, record = Judge(model, arguments.keep), 0, []
    for i in range(arguments.seeds):
        with tempfile.TemporaryDirectory() as folder:
            calibration = {d: sequences(tokenizer, d, 101 + i, folder) for d in DOMAINS}
            evaluation = {d: sequences(tokenizer, d, 201 + i, folder) for d in DOMAINS}
        rows, counts = judge.seed(calibration, evaluation)
        record.append(rows)
        for domain, row in rows.items():
            held = row["matched"] < row["router_l2"] < row["mismatched"]
            failed += not held
            figures = " ".join(f"{k}={v:.3f}" for k, v in row.items())
            print(f"seed {i} {domain:10} {'ok  ' if held else 'FAIL'} {figures} traffic={kept_traffic(counts[domain], arguments.keep)}", flush=True)
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
