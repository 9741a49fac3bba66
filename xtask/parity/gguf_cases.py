"""Random checkpoints of every family that is written as GGUF, for `gguf.py`.

Widths are multiples of 256, so that every tier uses the blocks it is named for; some are not, so that what takes their place is seen.
"""

import json
import pathlib
import shutil

B = dict(vocab_size=512, hidden_size=256, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
         max_position_embeddings=512, eos_token_id=0, bos_token_id=None, pad_token_id=0)
LATENT = dict(moe_intermediate_size=256, n_routed_experts=8, num_experts_per_tok=2, n_shared_experts=1,
              first_k_dense_replace=1, kv_lora_rank=256, qk_nope_head_dim=64, qk_rope_head_dim=64, v_head_dim=64,
              num_key_value_heads=4)
LONG = dict(rope_type="longrope", rope_theta=10000.0, short_factor=[1.0 + 0.01 * i for i in range(32)],
            long_factor=[1.0 + 0.5 * i for i in range(32)], short_mscale=1.0, long_mscale=1.0,
            original_max_position_embeddings=512)
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, mscale=0.707, mscale_all_dim=0.707, beta_fast=32, beta_slow=1,
            original_max_position_embeddings=128)
LLAMA3 = dict(rope_type="llama3", rope_theta=500000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=256)
FAMILIES = {
    "deepseek_v2": B | LATENT | dict(intermediate_size=512, q_lora_rank=256, topk_method="greedy", n_group=1, topk_group=1,
                                     scoring_func="softmax"),
    "deepseek_v3": B | LATENT | dict(intermediate_size=512, q_lora_rank=256, n_group=2, topk_group=1, rope_interleave=True,
                                     scoring_func="sigmoid", rope_parameters=YARN),
    "ernie4_5_moe": dict(B, intermediate_size=512, moe_intermediate_size=256, moe_num_experts=8, moe_k=2,
                         moe_num_shared_experts=1, moe_layer_start_index=1),
    "glm4_moe": dict(B, intermediate_size=512, moe_intermediate_size=256, n_routed_experts=8, num_experts_per_tok=2,
                     n_shared_experts=1, first_k_dense_replace=1, n_group=1, topk_group=1, head_dim=64,
                     use_qk_norm=True, num_nextn_predict_layers=0),
    "gpt_oss": dict(B, intermediate_size=256, num_local_experts=8, num_experts_per_tok=2, head_dim=64,
                    sliding_window=128, max_position_embeddings=4096),
    "granitemoe": dict(B, intermediate_size=256, num_local_experts=8, num_experts_per_tok=2, embedding_multiplier=12.0,
                       attention_multiplier=0.2, residual_multiplier=0.22, logits_scaling=6.0),
    "llama4_text": dict(B, num_hidden_layers=4, intermediate_size=256, intermediate_size_mlp=512, num_local_experts=8,
                        num_experts_per_tok=1, interleave_moe_layer_step=2, head_dim=64, rope_parameters=LLAMA3),
    # Rows that are no multiple of 256: other blocks take the place of those a tier is named for.
    "mixtral": dict(B, intermediate_size=288, num_local_experts=8, num_experts_per_tok=2, sliding_window=None),
    "olmoe": B | dict(num_key_value_heads=4, intermediate_size=256, num_experts=8, num_experts_per_tok=2),
    "phimoe": dict(B, intermediate_size=256, num_local_experts=8, num_experts_per_tok=2, attention_bias=True,
                   lm_head_bias=True, rope_parameters=LONG),
    "qwen2_moe": dict(B, intermediate_size=512, moe_intermediate_size=256, shared_expert_intermediate_size=512,
                      num_experts=8, num_experts_per_tok=2),
    "qwen3_moe": dict(B, intermediate_size=512, moe_intermediate_size=256, num_experts=8, num_experts_per_tok=2,
                      head_dim=64, norm_topk_prob=True),
    "qwen3_next": B | dict(num_hidden_layers=4, intermediate_size=512, moe_intermediate_size=256,
                           shared_expert_intermediate_size=256, num_experts=8, num_experts_per_tok=2, head_dim=64,
                           linear_num_key_heads=2, linear_num_value_heads=4, linear_key_head_dim=64,
                           linear_value_head_dim=64, norm_topk_prob=True),
}
# Other ways to store a family: its name, the family, what is done to the checkpoint.
STORED = {
    "gpt_oss, MXFP4": ("gpt_oss", "mxfp4"),
    "deepseek_v3, FP8": ("deepseek_v3", "fp8"),
    "llama4_text, within": ("llama4_text", "within"),
    "mixtral, SentencePiece": ("mixtral", "sentencepiece"),
    "ernie4_5_moe, SentencePiece": ("ernie4_5_moe", "sentencepiece"),
    "phimoe, SentencePiece": ("phimoe", "sentencepiece"),
}
CASES = {family: (family, None) for family in FAMILIES} | STORED
# What llama.cpp computes otherwise than transformers, whoever makes the file.
DIFFERS = {"phimoe": "RMS norms and a softmax router"}


def make(case, folder, tokenizer, text):
    """Writes the checkpoint of a case."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM
    family, stored = CASES[case]
    torch.manual_seed(0)
    config = AutoConfig.for_model(family, **FAMILIES[family])
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            # Norms at one and biases at zero would hide what is done to them; small weights would hide everything.
            parameter.copy_(torch.randn_like(parameter) * (0.06 if parameter.dim() > 1 else 0.2)
                            + (1.0 if "norm" in name and not name.endswith("bias") else 0.0))
        for name, buffer in model.named_buffers():
            if "correction" in name:
                buffer.copy_(torch.randn_like(buffer) * 0.1)
    model.save_pretrained(folder)
    if stored == "sentencepiece":
        sentencepiece_vocabulary(folder, text)
    else:
        for name in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copy(pathlib.Path(tokenizer) / name, folder)
    if family == "phimoe":
        # As published: the class of the authors' own code, and a tokenizer that says whose it is.
        edit(folder / "config.json", architectures=["PhiMoEForCausalLM"])
        if stored is None:
            edit(folder / "tokenizer_config.json", tokenizer_class="GPT2Tokenizer")
    if stored in ("mxfp4", "fp8", "within"):
        {"mxfp4": pack_mxfp4, "fp8": pack_fp8, "within": put_within}[stored](folder)


def edit(path, **members):
    path.write_text(json.dumps(json.loads(path.read_text()) | members, indent=2))


def tensors_of(folder):
    import safetensors.torch
    return safetensors.torch.load_file(folder / "model.safetensors")


def write(folder, tensors):
    import safetensors.torch
    safetensors.torch.save_file({n: t.contiguous() for n, t in tensors.items()}, folder / "model.safetensors", {"format": "pt"})


def pack_mxfp4(folder):
    """Experts as random four-bit blocks, stored `[out, in]`, and their exponents."""
    import torch
    tensors = tensors_of(folder)
    for name in [name for name in tensors if name.endswith(("gate_up_proj", "down_proj"))]:
        experts, inner, outer = tensors.pop(name).shape
        tensors[f"{name}_blocks"] = torch.randint(0, 256, (experts, outer, inner // 32, 16), dtype=torch.uint8)
        # Exponents with a bias of 127: a sixty-fourth to a thirty-second.
        tensors[f"{name}_scales"] = torch.randint(121, 123, (experts, outer, inner // 32), dtype=torch.uint8)
    write(folder, tensors)
    edit(folder / "config.json", quantization_config={"quant_method": "mxfp4"})


def pack_fp8(folder):
    """Every projection as FP8 with a factor for each 128 rows and columns; some are no multiple of that."""
    import torch
    tensors = tensors_of(folder)
    for name in [name for name in tensors if name.endswith("_proj.weight") or "kv_a_proj" in name or "_a_proj.weight" in name]:
        weight = tensors[name].float()
        rows, columns = weight.shape
        padded = torch.zeros(-(-rows // 128) * 128, -(-columns // 128) * 128)
        padded[:rows, :columns] = weight
        blocks = padded.reshape(padded.shape[0] // 128, 128, padded.shape[1] // 128, 128)
        scale = blocks.abs().amax(dim=(1, 3)) / 448.0
        scaled = (blocks / scale[:, None, :, None]).reshape(padded.shape)[:rows, :columns]
        tensors[name] = scaled.to(torch.float8_e4m3fn)
        tensors[f"{name}_scale_inv"] = scale
    write(folder, tensors)
    edit(folder / "config.json", quantization_config={
        "quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", "weight_block_size": [128, 128]})


def put_within(folder):
    """A text model as published within a model that sees."""
    import torch
    tensors = {f"language_model.{name}": tensor for name, tensor in tensors_of(folder).items()}
    tensors["vision_model.patch_embedding.linear.weight"] = torch.ones(4, 4)
    tensors["multi_modal_projector.linear_1.weight"] = torch.ones(4, 4)
    write(folder, tensors)
    text = json.loads((folder / "config.json").read_text())
    nested = {"architectures": ["Llama4ForConditionalGeneration"], "model_type": "llama4", "text_config": text,
              "eos_token_id": 0, "pad_token_id": 0, "tie_word_embeddings": False}
    (folder / "config.json").write_text(json.dumps(nested, indent=2))


def sentencepiece_vocabulary(folder, text):
    """A small model trained on a text, and the files that tokenizers of this kind have beside it."""
    import sentencepiece
    sentencepiece.SentencePieceTrainer.train(
        input=str(text), model_prefix=str(folder / "tokenizer"), vocab_size=480, model_type="bpe", byte_fallback=True,
        character_coverage=0.999, normalization_rule_name="identity", remove_extra_whitespaces=False,
        user_defined_symbols=["<fim>"], minloglevel=2)
    (folder / "tokenizer.vocab").unlink()
    added = {"480": ("<|user|>", True), "481": ("<|plain|>", False), "482": ("▁▁wide", False), "483": ("<unused7>", False)}
    token = lambda content, special: {"content": content, "special": special, "lstrip": False, "rstrip": False,
                                      "normalized": False, "single_word": False}
    decoder = {"0": token("<unk>", True), "1": token("<s>", True), "2": token("</s>", True)}
    decoder |= {number: token(*what) for number, what in added.items()}
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_bos_token": True, "add_eos_token": False, "add_prefix_space": True, "added_tokens_decoder": decoder,
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<unk>", "tokenizer_class": "LlamaTokenizer",
        "chat_template": "{% for m in messages %}{{ m['content'] }}{% endfor %}"}, indent=2, ensure_ascii=False))
    (folder / "added_tokens.json").write_text(json.dumps({content: int(number) for number, (content, _) in added.items()}))
    # Its id is that of a token of the other tokenizer.
    edit(folder / "config.json", bos_token_id=1, eos_token_id=2, pad_token_id=0)
