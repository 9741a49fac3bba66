"""Prunes a model by its router's norms with the safetensors library, shard by shard: what one would write without Alloyworks.

usage: prune_safetensors.py MODEL OUT KEEP [--sync]

Knows layouts with one tensor per expert (`mlp.experts.N`). Nothing is hashed. `--sync` syncs every file, as a prune that must not be lost does.
"""

import json
import os
import re
import sys
import time

import torch
from safetensors import safe_open
from safetensors.torch import save_file

source, out, keep = sys.argv[1], sys.argv[2], int(sys.argv[3])
sync = "--sync" in sys.argv[4:]
torch.set_num_threads(2)
os.makedirs(out)
started = time.perf_counter()
EXPERT = re.compile(r"(model\.layers\.(\d+)\.mlp\.experts\.)(\d+)(\..*)")
ROUTER = re.compile(r"model\.layers\.(\d+)\.mlp\.gate\.weight")

with open(f"{source}/config.json") as file:
    config = json.load(file)
with open(f"{source}/model.safetensors.index.json") as file:
    shard_of = json.load(file)["weight_map"]
kept = {}
for name in filter(ROUTER.fullmatch, shard_of):
    with safe_open(f"{source}/{shard_of[name]}", "pt") as shard:
        norms = shard.get_tensor(name).float().norm(dim=1)
    kept[int(ROUTER.fullmatch(name)[1])] = sorted(norms.topk(keep).indices.tolist())


def finish(path):
    if sync:
        with open(path, "rb") as file:
            os.fsync(file.fileno())


weight_map, total, read = {}, 0, 0
for file_name in sorted(set(shard_of.values())):
    tensors = {}
    with safe_open(f"{source}/{file_name}", "pt") as shard:
        for name in shard.keys():
            expert, router = EXPERT.fullmatch(name), ROUTER.fullmatch(name)
            if expert:
                layer, index = int(expert[2]), int(expert[3])
                if index in kept[layer]:
                    tensors[f"{expert[1]}{kept[layer].index(index)}{expert[4]}"] = shard.get_tensor(name)
            elif router:
                tensors[name] = shard.get_tensor(name)[kept[int(router[1])]].contiguous()
            else:
                tensors[name] = shard.get_tensor(name)
    save_file(tensors, f"{out}/{file_name}", metadata={"format": "pt"})
    finish(f"{out}/{file_name}")
    weight_map.update(dict.fromkeys(tensors, file_name))
    read += os.path.getsize(f"{source}/{file_name}")
    total += sum(tensor.nbytes for tensor in tensors.values())

for key in ("num_experts", "num_local_experts"):
    if key in config:
        config[key] = keep
for name, content in (
    ("config.json", config),
    ("model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": weight_map}),
):
    with open(f"{out}/{name}", "w") as file:
        json.dump(content, file)
    finish(f"{out}/{name}")
print(json.dumps({"seconds": time.perf_counter() - started, "bytesIn": read, "bytesOut": total}))
