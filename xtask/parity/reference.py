"""What the reference implementation (transformers) computes for a checkpoint, in the schema of README.md beside this file."""

import copy
import hashlib
import json
import math
import pathlib
import re
import tempfile

import numpy
import safetensors.torch
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

SCHEMA = "alloyworks.forward.v1"
EXPERT_COUNT_KEYS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
# On disk, within a layer's block: what has one row, slice or entry an expert, and along which axis.
PER_EXPERT = (
    (r"(mlp|block_sparse_moe)\.gate\.(weight|e_score_correction_bias)", 0),
    (r"mlp\.moe_statics\.e_score_correction_bias", 1),
    (r"block_sparse_moe\.(router\.layer|input_linear|output_linear)\.weight", 0),
)
# The families whose router is masked by `mask_router`; for the others the pruned checkpoint alone is recorded.
MASKED = ("olmoe", "qwen3_moe", "mixtral", "qwen2_moe")

transformers.utils.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()


def load(folder, dtype=torch.float32):
    """Loads a checkpoint with the plain (unfused, unbatched) attention and expert code, so that the figures are the definition's."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager")
    model.set_experts_implementation("eager")
    return model.eval()


def make(family, settings, seed, folder, dtype="float32", shard_size="5GB", hub_style=False):
    """Writes a random checkpoint whose routing is decided (wide router rows) and whose norms and biases are not the identity."""
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **settings), dtype=torch.float32)
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            width = tensor.shape[-1]
            if name.endswith("e_score_correction_bias"):
                tensor.copy_(0.05 * torch.randn_like(tensor))
            elif name.endswith("norm.weight"):
                tensor.copy_(1 + 0.25 * torch.randn_like(tensor))
            elif name.endswith(".bias"):
                tensor.copy_(0.3 * torch.randn_like(tensor))
            elif "embed_tokens" in name:
                # A tied matrix is also the output: as wide as the others it would only ever predict the token it just read.
                tensor.copy_((0.2 if model.config.tie_word_embeddings else 0.8) * torch.randn_like(tensor))
            elif ".gate.weight" in name or ".router.weight" in name:
                tensor.copy_(1.5 * torch.randn_like(tensor) / math.sqrt(width))
                # Uneven row lengths, so that the router-norm control ranks something.
                tensor.mul_(torch.linspace(0.6, 1.4, tensor.shape[0])[torch.randperm(tensor.shape[0])][:, None])
            else:
                tensor.copy_(1.2 * torch.randn_like(tensor) / math.sqrt(width))
        for name, tensor in model.named_buffers():
            if name.endswith("e_score_correction_bias"):
                tensor.copy_(0.1 * torch.randn_like(tensor))
    model = model.to(getattr(torch, dtype))
    model.config.dtype = dtype
    model.save_pretrained(folder, max_shard_size=shard_size)
    (pathlib.Path(folder) / "generation_config.json").unlink(missing_ok=True)
    if hub_style:
        rewrite_as_older_config(folder)


def rewrite_as_older_config(folder):
    """Spells `config.json` as checkpoints published before transformers 5 do: `rope_theta` at the top, `torch_dtype`, qwen3_moe's `num_experts`."""
    path = pathlib.Path(folder) / "config.json"
    config = json.loads(path.read_text())
    rope = config.pop("rope_parameters")
    assert rope["rope_type"] == "default", rope
    config["rope_theta"] = rope["rope_theta"]
    config["rope_scaling"] = None
    config["torch_dtype"] = config.pop("dtype")
    if config["model_type"] == "qwen3_moe":
        config["num_experts"] = config.pop("num_local_experts")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def sparse_blocks(model):
    """The (layer, block) pairs that route to experts."""
    blocks = [(i, getattr(layer, "mlp", None) or layer.block_sparse_moe) for i, layer in enumerate(model.model.layers)]
    return [(i, block) for i, block in blocks if hasattr(block, "experts")]


def router_of(block):
    """The module that chooses a token's experts."""
    return getattr(block, "gate", None) or block.router


def numbers(tensor):
    """Every value as the exact decimal of its float."""
    return [float(x) for x in tensor.detach().to(torch.float64).reshape(-1)]


def expert_output_norms(experts, x, selected):
    """L2 norm of each selected expert's output before the routing weight, `[tokens, k]`."""
    norms = torch.zeros(selected.shape, dtype=torch.float64)
    for expert in selected.unique().tolist():
        token, slot = torch.where(selected == expert)
        gate, up = torch.nn.functional.linear(x[token], experts.gate_up_proj[expert]).chunk(2, dim=-1)
        y = torch.nn.functional.linear(experts.act_fn(gate) * up, experts.down_proj[expert])
        norms[token, slot] = y.double().norm(dim=-1)
    return norms


class Observer:
    """Collects, by hooks, what every router chose and what every chosen expert put out."""

    def __init__(self, model):
        self.seen, self.hooks = {}, []
        for layer, block in sparse_blocks(model):
            self.seen[layer] = []
            self.hooks.append(block.experts.register_forward_pre_hook(self._experts(layer)))
            self.hooks.append(router_of(block).register_forward_hook(self._gate(layer)))

    def _gate(self, layer):
        def hook(_module, _inputs, output):
            logits, weights, selected = output
            self.seen[layer].append({"logits": logits.double(), "weights": weights.double(), "selected": selected})
        return hook

    def _experts(self, layer):
        def hook(module, inputs):
            x, selected, _weights = inputs[:3]
            self.seen[layer][-1]["norms"] = expert_output_norms(module, x, selected)
        return hook

    def close(self):
        for hook in self.hooks:
            hook.remove()


@torch.no_grad()
def forward(model, sequences, positions):
    """Logits at `positions`, and the negative log-likelihood of every sequence, one sequence at a time (no padding)."""
    logits, nll, predicted = [], [], []
    for index, ids in enumerate(sequences):
        out = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0]
        for position in positions[index]:
            logits.append({"sequence": index, "position": position, "values": numbers(out[position])})
        log_probability = out.double().log_softmax(dim=-1)
        picked = log_probability[:-1].gather(1, torch.tensor(ids[1:])[:, None])
        nll.append(-float(picked.sum()))
        predicted.append(len(ids) - 1)
    return {"logits": logits, "nll": nll, "predicted_tokens": predicted, "perplexity": math.exp(sum(nll) / sum(predicted))}


def router_l2(weight):
    """Row norms in f32, products and sums in index order, from the stored dtype."""
    rows = weight.detach().to(torch.float32).numpy()
    out = []
    for row in rows:
        total = numpy.float32(0)
        for x in row:
            total = numpy.float32(total + numpy.float32(x * x))
        out.append(float(numpy.sqrt(total)))
    return out


def measure(model, sequences, positions):
    """The RESULT object of the schema."""
    observer = Observer(model)
    result = forward(model, sequences, positions)
    observer.close()
    result["router"], result["experts"], result["router_l2"] = {}, {}, {}
    for layer, block in sparse_blocks(model):
        calls, count = observer.seen[layer], router_of(block).weight.shape[0]
        result["router"][str(layer)] = {
            "selected": [call["selected"].tolist() for call in calls],
            "selected_sorted": [call["selected"].sort(dim=-1).values.tolist() for call in calls],
            "weights": [[numbers(row) for row in call["weights"]] for call in calls],
        }
        selected = torch.cat([call["selected"] for call in calls])
        weights = torch.cat([call["weights"] for call in calls])
        norms = torch.cat([call["norms"] for call in calls])
        counts, gate, weighted, norm = [], [], [], []
        for expert in range(count):
            hit = selected == expert
            counts.append(int(hit.sum()))
            gate.append(float(weights[hit].sum()))
            weighted.append(float((weights[hit] * norms[hit]).sum()))
            norm.append(float(norms[hit].sum()))
        result["experts"][str(layer)] = {
            "activation_count": counts,
            "gate_sum": gate,
            "gate_weighted_sum": weighted,
            "expert_activation_norm": norm,
            "reap": [w / n if n else 0.0 for w, n in zip(weighted, counts)],
        }
        result["router_l2"][str(layer)] = router_l2(router_of(block).weight)
    result["router_margin_min"] = min(selection_margin(observer.seen[layer], router_of(block), model.config) for layer, block in sparse_blocks(model))
    return result


def correction(router):
    """The bias added to a router's scores for the selection, if it has one."""
    bias = getattr(router, "e_score_correction_bias", None)
    if bias is None and hasattr(router, "moe_statics"):
        bias = router.moe_statics.e_score_correction_bias.detach().squeeze()
    return bias


def choices(logits, router, family):
    """What the experts are ranked by: the logits, or the scores with their correction."""
    bias = correction(router)
    if family in ("deepseek_v3", "glm4_moe"):
        return logits.sigmoid() + bias.double()
    return logits if bias is None else logits.softmax(dim=-1) + bias.double()


def margin_of(values, chosen):
    """Smallest gap between the least of the chosen and the largest of the others, over all rows."""
    least = values.masked_fill(~chosen, math.inf).amin(dim=-1)
    most = values.masked_fill(chosen, -math.inf).amax(dim=-1)
    return float((least - most).min())


def selection_margin(calls, router, config):
    """How far the selections are from depending on rounding: the gap in what experts, and groups of them, are ranked by."""
    groups = getattr(config, "n_group", None) or 1
    margins = []
    for call in calls:
        values = choices(call["logits"], router, config.model_type)
        chosen = torch.zeros_like(values, dtype=torch.bool).scatter(1, call["selected"], True)
        if groups > 1 and getattr(config, "topk_method", "noaux_tc") != "greedy":
            grouped = values.view(len(values), groups, -1)
            scores = grouped.amax(dim=-1) if config.model_type == "deepseek_v2" else grouped.topk(2, dim=-1)[0].sum(dim=-1)
            allowed = torch.zeros_like(scores, dtype=torch.bool).scatter(1, scores.topk(config.topk_group, dim=-1)[1], True)
            margins.append(margin_of(scores, allowed))
            values = values.masked_fill(~allowed.repeat_interleave(grouped.shape[-1], dim=1), -1e9)
        margins.append(margin_of(values, chosen))
    return min(margins)


def kept_by(scores, keep, groups=1):
    """The `keep` largest per layer, as many of every group of neighbours, ties to the lower index, sorted."""
    def of_layer(s):
        size = len(s) // groups
        ranked = [sorted(range(g * size, (g + 1) * size), key=lambda e: (-s[e], e))[: keep // groups] for g in range(groups)]
        return sorted(sum(ranked, []))
    return {layer: of_layer(s) for layer, s in scores.items()}


def mask_router(gate, kept):
    """Replaces a router's forward by the same computation over -inf logits for every expert not kept."""
    dropped = torch.ones(gate.weight.shape[0], dtype=torch.bool)
    dropped[kept] = False
    renormalise = getattr(gate, "norm_topk_prob", True)  # mixtral has no switch: always on

    def routed(hidden):
        logits = torch.nn.functional.linear(hidden.reshape(-1, gate.hidden_dim), gate.weight).masked_fill(dropped, -math.inf)
        value, index = torch.topk(logits.float().softmax(dim=-1), gate.top_k, dim=-1)
        if renormalise:
            value = value / value.sum(dim=-1, keepdim=True)
        return logits, value.to(logits.dtype), index

    gate.forward = routed


def masked(model, kept, sequences, positions):
    """What the unpruned model says when every dropped expert is masked out of the softmax."""
    model = copy.deepcopy(model)
    for layer, block in sparse_blocks(model):
        mask_router(block.gate, kept[str(layer)])
    return forward(model, sequences, positions)


def read_tensors(folder):
    """Every tensor of a checkpoint by its on-disk name."""
    tensors = {}
    for file in sorted(pathlib.Path(folder).glob("*.safetensors")):
        tensors.update(safetensors.torch.load_file(file))
    return tensors


def prune_folder(source, target, kept):
    """Writes a really smaller checkpoint, from the on-disk names: experts left out and renumbered, router rows sliced."""
    out = {}
    for name, tensor in read_tensors(source).items():
        expert = re.fullmatch(r"(model\.layers\.(\d+)\.(?:mlp|block_sparse_moe)\.experts\.)(\d+)(\..+)", name)
        sliced = [(re.fullmatch(r"model\.layers\.(\d+)\." + pattern, name), axis) for pattern, axis in PER_EXPERT]
        sliced = [(found[1], axis) for found, axis in sliced if found]
        if expert:
            prefix, layer, index, rest = expert.groups()
            if int(index) in kept[layer]:
                out[f"{prefix}{kept[layer].index(int(index))}{rest}"] = tensor
        elif sliced:
            layer, axis = sliced[0]
            out[name] = tensor.index_select(axis, torch.tensor(kept[layer])).contiguous()
        else:
            out[name] = tensor
    config = json.loads((pathlib.Path(source) / "config.json").read_text())
    changed = [key for key in EXPERT_COUNT_KEYS if key in config]
    assert changed, "no expert count in config.json"
    for key in changed:
        config[key] = len(next(iter(kept.values())))
    target = pathlib.Path(target)
    (target / "config.json").write_text(json.dumps(config, indent=2))
    safetensors.torch.save_file(out, target / "model.safetensors", metadata={"format": "pt"})


def tensor_hashes(folder):
    """sha256 of every tensor's bytes, by on-disk name."""
    return {name: hashlib.sha256(t.contiguous().view(torch.uint8).numpy().tobytes()).hexdigest() for name, t in sorted(read_tensors(folder).items())}


def greatest_difference(a, b):
    """Largest absolute difference between two lists of recorded logits of the same places."""
    assert [(x["sequence"], x["position"]) for x in a] == [(x["sequence"], x["position"]) for x in b]
    return max(abs(p - q) for x, y in zip(a, b) for p, q in zip(x["values"], y["values"]))


def expected(folder, sequences, positions, dtype):
    """Everything the reference says about the checkpoint in `folder`; see README.md for the fields."""
    model = load(folder)
    f32 = measure(model, sequences, positions)
    experts = len(next(iter(f32["experts"].values()))["activation_count"])
    groups = getattr(model.config, "n_group", None) or 1
    keep = max(experts // 2, model.config.num_experts_per_tok)
    kept = kept_by({layer: e["activation_count"] for layer, e in f32["experts"].items()}, keep, groups)
    out = {
        "schema": SCHEMA,
        "reference": {"transformers": transformers.__version__, "torch": torch.__version__},
        "family": model.config.model_type,
        "dtype": dtype,
        "sequences": sequences,
        "logit_positions": positions,
        "f32": f32,
    }
    with tempfile.TemporaryDirectory() as small:
        prune_folder(folder, small, kept)
        by_slice = forward(load(small), sequences, positions)
        hashes = tensor_hashes(small)
    if model.config.model_type in MASKED:
        by_mask = masked(model, kept, sequences, positions)
        gap = greatest_difference(by_mask["logits"], by_slice["logits"])
        scale = max(1.0, *(abs(v) for x in by_slice["logits"] for v in x["values"]))
        assert gap < 1e-5 * scale, f"masking and slicing disagree by {gap}"
    out["masked"] = {"kept": kept, **by_slice, "tensor_sha256": hashes}
    if dtype != "float32":
        out["native"] = measure(load(folder, getattr(torch, dtype)), sequences, positions)
    return out
