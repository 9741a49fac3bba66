#!/usr/bin/env python3
"""Holds our GGUF files against llama.cpp's own converter: every tensor (name, shape, bytes) and every metadata key.

Tiny random checkpoints of each family are written by transformers, converted by `to_gguf` and by llama.cpp's
`convert_hf_to_gguf.py`, and read back with gguf-py.

    cargo build -p llm-forge --example to_gguf
    python xtask/parity/gguf.py <llama.cpp source> target/debug/examples/to_gguf recipes/tiny-moe/model <work folder> [family ...]

The checkpoints take the tokenizer of the third argument, whose splitting nobody published: the converter is told its name.
"""
import json
import pathlib
import shutil
import subprocess
import sys

B = dict(vocab_size=512, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
         max_position_embeddings=128, eos_token_id=0, bos_token_id=None, pad_token_id=0)
LATENT = dict(moe_intermediate_size=32, n_routed_experts=8, num_experts_per_tok=2, n_shared_experts=1,
              first_k_dense_replace=1, kv_lora_rank=32, qk_nope_head_dim=16, qk_rope_head_dim=16, v_head_dim=16,
              num_key_value_heads=4)
FAMILIES = {
    "olmoe": B | dict(num_key_value_heads=4, intermediate_size=32, num_experts=8, num_experts_per_tok=2),
    "qwen3_moe": dict(B, intermediate_size=64, moe_intermediate_size=32, num_experts=8, num_experts_per_tok=2,
                      head_dim=16, norm_topk_prob=True),
    "mixtral": dict(B, intermediate_size=32, num_local_experts=8, num_experts_per_tok=2, sliding_window=None),
    "qwen2_moe": dict(B, intermediate_size=64, moe_intermediate_size=32, shared_expert_intermediate_size=64,
                      num_experts=8, num_experts_per_tok=2),
    "granitemoe": dict(B, intermediate_size=32, num_local_experts=8, num_experts_per_tok=2, embedding_multiplier=12.0,
                       attention_multiplier=0.2, residual_multiplier=0.22, logits_scaling=6.0),
    "deepseek_v2": B | LATENT | dict(intermediate_size=64, q_lora_rank=32, topk_method="greedy", n_group=1, topk_group=1,
                                     scoring_func="softmax"),
    "deepseek_v3": B | LATENT | dict(intermediate_size=64, q_lora_rank=32, n_group=2, topk_group=1, rope_interleave=True,
                                     scoring_func="sigmoid"),
    "glm4_moe": dict(B, intermediate_size=64, moe_intermediate_size=32, n_routed_experts=8, num_experts_per_tok=2,
                     n_shared_experts=1, first_k_dense_replace=1, n_group=1, topk_group=1, head_dim=16,
                     use_qk_norm=True, num_nextn_predict_layers=0),
    "gpt_oss": dict(B, intermediate_size=32, num_local_experts=8, num_experts_per_tok=2, head_dim=16,
                    sliding_window=32),
    "ernie4_5_moe": dict(B, intermediate_size=64, moe_intermediate_size=32, moe_num_experts=8, moe_k=2,
                         moe_num_shared_experts=1, moe_layer_start_index=1),
    "qwen3_next": B | dict(num_hidden_layers=4, intermediate_size=64, moe_intermediate_size=32,
                       shared_expert_intermediate_size=32, num_experts=8, num_experts_per_tok=2, head_dim=16,
                       linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=16,
                       linear_value_head_dim=16, norm_topk_prob=True),
}
# Keys a converter makes up from the folder's name or a model card, and what says only who wrote the file.
IGNORED = ("GGUF.", "general.name", "general.basename", "general.finetune", "general.version", "general.size_label",
           "general.license", "general.tags", "general.languages", "general.sampling.", "general.dimension")
CONVERTER = """
import runpy, sys
source, pre = sys.argv[1:3]
sys.path[:0] = [source, source + "/gguf-py"]
import conversion.base as base
known = base.TextModel.get_vocab_base_pre
def named(self, tokenizer):
    try:
        return known(self, tokenizer)
    except NotImplementedError:
        return pre
base.TextModel.get_vocab_base_pre = named
base.TextModel._set_vocab_sentencepiece = lambda self, add_to_gguf=True: self._set_vocab_gpt2()
base.TextModel._set_vocab_glm = lambda self: self._set_vocab_gpt2()
sys.argv = ["convert_hf_to_gguf.py"] + sys.argv[3:]
runpy.run_path(source + "/convert_hf_to_gguf.py", run_name="__main__")
"""


def make(family, config, folder, tokenizer):
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(family, **config), dtype=torch.bfloat16)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Norms at one and biases at zero would hide what is done to them; small weights would hide everything.
            parameter.copy_(torch.randn_like(parameter) * (0.1 if parameter.dim() > 1 else 0.3)
                            + (1.0 if "norm" in name else 0.0))
        for name, buffer in model.named_buffers():
            if "correction" in name:
                buffer.copy_(torch.randn_like(buffer) * 0.1)
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(pathlib.Path(tokenizer) / name, folder)


def read(path):
    from gguf import GGUFReader
    reader = GGUFReader(path)
    keys = {key: (str(field.types), field.contents()) for key, field in reader.fields.items()}
    tensors = {t.name: (t.tensor_type.name, [int(n) for n in t.shape], t.data.tobytes()) for t in reader.tensors}
    return keys, tensors


def differences(ours, theirs):
    found = []
    for kind, a, b in (("key", ours[0], theirs[0]), ("tensor", ours[1], theirs[1])):
        for name in sorted(a.keys() | b.keys()):
            if kind == "key" and name.startswith(IGNORED):
                continue
            if name not in b:
                found.append(f"{kind} {name}: only ours: {str(a[name])[:80]}")
            elif name not in a:
                found.append(f"{kind} {name}: only theirs: {str(b[name])[:80]}")
            elif a[name] != b[name]:
                found.append(f"{kind} {name}: ours {str(a[name])[:90]}, theirs {str(b[name])[:90]}")
    return found


def main():
    source, to_gguf, tokenizer, work, *families = sys.argv[1:]
    sys.path.insert(0, source + "/gguf-py")
    failed = False
    for family in families or FAMILIES:
        folder = pathlib.Path(work) / family
        if not (folder / "config.json").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            make(family, FAMILIES[family], folder, tokenizer)
        for kind in ("F32", "BF16"):
            ours, theirs = folder / f"ours-{kind}.gguf", folder / f"theirs-{kind}.gguf"
            ran = subprocess.run([to_gguf, folder, ours, kind], capture_output=True, text=True)
            if ran.returncode != 0:
                print(f"{family} {kind}: to_gguf failed: {ran.stderr.strip()[-300:]}")
                failed = True
                continue
            if not theirs.is_file():
                ran = subprocess.run([sys.executable, "-c", CONVERTER, source, "smollm", folder, "--outfile", theirs,
                                      "--outtype", kind.lower(), *(["--no-mtp"] if family in ("glm4_moe", "qwen3_next") else [])], capture_output=True, text=True)
                if ran.returncode != 0:
                    print(f"{family} {kind}: the converter failed: {ran.stderr.strip()[-300:]}")
                    failed = True
                    continue
            found = differences(read(ours), read(theirs))
            print(f"{family} {kind}: {len(read(ours)[1])} tensors, {len(found)} differences")
            for line in found:
                print("   ", line)
            failed |= bool(found)
    sys.exit(failed)


if __name__ == "__main__":
    main()
