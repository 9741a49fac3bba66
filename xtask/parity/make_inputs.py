"""Writes what hooks on the reference's matrices add up, for some golden checkpoints. usage: make_inputs.py"""

import json
import pathlib

import torch

import reference

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "domains/llm-forge/tests/golden"
OUT = ROOT / "domains/llm-forge/tests/golden-inputs"
CASES = ("qwen2_moe-f32", "granitemoe-f32", "deepseek_v3-f32")


def collect(folder):
    """Rows and sums of squares by on-disk tensor name; experts share the name without their number."""
    model = reference.load(folder)
    rows, squares = {}, {}

    def add(name, matrix, matrices, x):
        sums = squares.setdefault(name, torch.zeros(matrices, x.shape[-1], dtype=torch.float64))
        counts = rows.setdefault(name, [0] * matrices)
        sums[matrix] += x.double().pow(2).sum(0)
        counts[matrix] += len(x)

    def hook(name):
        return lambda _module, inputs: add(f"{name}.weight", 0, 1, inputs[0].reshape(-1, inputs[0].shape[-1]))

    def experts_hook(prefix, fused):
        def watch(module, inputs):
            x, selected = inputs[:2]
            for expert in range(module.num_experts):
                token, _ = torch.where(selected == expert)
                if not len(token):
                    continue
                gate, up = torch.nn.functional.linear(x[token], module.gate_up_proj[expert]).chunk(2, dim=-1)
                inner = module.act_fn(gate) * up
                names = ("input_linear",) if fused else ("experts.gate_proj", "experts.up_proj")
                for name in names:
                    add(f"{prefix}.{name}.weight", expert, module.num_experts, x[token])
                add(f"{prefix}.{'output_linear' if fused else 'experts.down_proj'}.weight", expert, module.num_experts, inner)
        return watch

    family = model.config.model_type
    for name, module in model.named_modules():
        if not name.startswith("model.layers."):
            continue
        disk = name.replace(".mlp.", ".block_sparse_moe.") if family == "granitemoe" else name
        if name.endswith(".experts"):
            module.register_forward_pre_hook(experts_hook(disk.removesuffix(".experts"), family == "granitemoe"))
        elif name.endswith((".gate", ".router")) and not isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(hook(f"{disk}.layer" if family == "granitemoe" else disk))
        elif isinstance(module, torch.nn.Linear):
            module.register_forward_pre_hook(hook(disk))
    expected = json.loads((folder / "expected.json").read_text())
    with torch.no_grad():
        for ids in expected["sequences"]:
            model.model(input_ids=torch.tensor([ids]), use_cache=False)
    return {"rows": dict(sorted(rows.items())), "squares": {k: v.reshape(-1).tolist() for k, v in sorted(squares.items())}}


def main():
    OUT.mkdir(exist_ok=True)
    torch.set_num_threads(1)
    for case in CASES:
        lines = json.dumps(collect(GOLDEN / case), separators=(",", ":")).replace('],"', '],\n"')
        (OUT / f"{case}.json").write_text(lines + "\n")
        print(case, len(lines), "bytes")


if __name__ == "__main__":
    main()
