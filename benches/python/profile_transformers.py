"""Profiles experts with transformers and forward hooks: what one would write without Alloyworks.

usage: profile_transformers.py MODEL IDS count|reap SEQUENCE BATCH THREADS

IDS holds little-endian 32-bit token ids. `count` hooks the router only. `reap` also sums, per expert, the routing weight times the
norm of the expert's output, which the fused experts do not give away, so it is computed again for every expert.
"""

import json
import sys
import time

import torch
import transformers
from torch.nn.functional import linear, silu
from transformers import AutoModelForCausalLM

model_folder, ids_file, mode = sys.argv[1:4]
sequence, batch, threads = map(int, sys.argv[4:7])
assert mode in ("count", "reap"), mode
torch.set_num_threads(threads)

started = time.perf_counter()
model = AutoModelForCausalLM.from_pretrained(model_folder, dtype=torch.bfloat16).eval()
load_s = time.perf_counter() - started

config = model.config
layers, experts, top_k = config.num_hidden_layers, config.num_experts, config.num_experts_per_tok
counts = torch.zeros(layers, experts, dtype=torch.int64)
saliency = torch.zeros(layers, experts, dtype=torch.float64)


def count_hook(layer):
    def hook(module, args, output):
        selected = output[2] if isinstance(output, tuple) else output.topk(top_k).indices
        counts[layer] += torch.bincount(selected.reshape(-1), minlength=experts)

    return hook


def reap_hook(layer):
    def hook(module, args):
        hidden, selected, weights = args[:3]
        for expert in range(experts):
            token, place = torch.where(selected == expert)
            if token.numel() == 0:
                continue
            gate, up = linear(hidden[token], module.gate_up_proj[expert]).chunk(2, -1)
            out = linear(silu(gate) * up, module.down_proj[expert])
            saliency[layer, expert] += (weights[token, place].float() * out.float().norm(dim=-1)).sum()

    return hook


for at, layer in enumerate(model.model.layers):
    layer.mlp.gate.register_forward_hook(count_hook(at))
    if mode == "reap":
        layer.mlp.experts.register_forward_pre_hook(reap_hook(at))

with open(ids_file, "rb") as file:
    ids = torch.frombuffer(bytearray(file.read()), dtype=torch.int32).long()
batches = ids.reshape(-1, sequence).split(batch)
with torch.no_grad():
    # Only the decoder: the output matrix has no part in what is counted.
    model.model(batches[0][:1], use_cache=False)
    counts.zero_()
    saliency.zero_()
    started = time.perf_counter()
    for each in batches:
        model.model(each, use_cache=False)
    seconds = time.perf_counter() - started

assert (counts.sum(1) == ids.numel() * top_k).all(), "every token is routed to top-k experts in every layer"
print(json.dumps({
    "tokens": ids.numel(),
    "seconds": seconds,
    "tokensPerSecond": ids.numel() / seconds,
    "loadSeconds": load_s,
    "activationCounts": counts.tolist(),
    "experts": getattr(config, "_experts_implementation", None),
    "torch": torch.__version__,
    "transformers": transformers.__version__,
}))
