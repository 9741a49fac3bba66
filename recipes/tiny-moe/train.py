"""Trains the tiny OLMoE model of this recipe from generated text: tokenizer, weights, training log.

usage: train.py OUT [--seed N] [--steps N] [--aux X] [--decay X] [--threads N]

Everything that decides the result is a flag whose default is what made the model here, or a constant below; what ran is written to
training.json beside OUT. Needs `cargo` (the text comes from
`cargo xtask corpora`), torch, transformers 5 and tokenizers.
"""

import argparse
import hashlib
import json
import math
import pathlib
import subprocess
import tempfile
import time

import tokenizers
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import OlmoeConfig, OlmoeForCausalLM, PreTrainedTokenizerFast

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOMAINS = ("code", "prose", "arithmetic")
TRAINING_SEED = 1
EXAMPLES = 20_000
END = "<|end|>"
VOCABULARY = 512
WINDOW = 112
ROWS_PER_DOMAIN = 8
LEARNING_RATE = 4e-3
WARMUP_STEPS = 60

CONFIG = dict(
    vocab_size=VOCABULARY, hidden_size=96, intermediate_size=40, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=4,
    num_experts=16, num_experts_per_tok=2, norm_topk_prob=False, max_position_embeddings=512, tie_word_embeddings=False,
    bos_token_id=None, eos_token_id=0, pad_token_id=None,
)


def training_text(folder):
    """The training examples of each domain, and the sha256 of the file they came from."""
    texts, hashes = {}, {}
    for domain in DOMAINS:
        path = pathlib.Path(folder) / f"{domain}.jsonl"
        command = ["cargo", "xtask", "corpora", "--domain", domain, "--seed", str(TRAINING_SEED), "--examples", str(EXAMPLES), "--out", str(path)]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        hashes[domain] = hashlib.sha256(path.read_bytes()).hexdigest()
        texts[domain] = [json.loads(line)["text"] for line in path.open()]
    return texts, hashes


def train_tokenizer(texts):
    """A byte-level BPE. Digits stay single, so that numbers of every length are spelled from the same tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=[END], initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator((text for domain in DOMAINS for text in texts[domain][:3000]), trainer)
    assert tokenizer.get_vocab_size() <= VOCABULARY
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END, model_max_length=CONFIG["max_position_embeddings"])


class Windows:
    """Windows of one domain. Each begins at the start of an example, as evaluation texts do, and runs on into the next ones."""

    def __init__(self, tokenizer, texts):
        pieces = tokenizer(texts)["input_ids"]
        self.stream = torch.tensor([token for piece in pieces for token in (*piece, 0)])
        starts = torch.tensor([0, *(len(p) + 1 for p in pieces)]).cumsum(0)
        self.starts = starts[starts + WINDOW <= len(self.stream)]

    def batch(self, generator):
        chosen = self.starts[torch.randint(0, len(self.starts), (ROWS_PER_DOMAIN,), generator=generator)]
        return torch.stack([self.stream[s : s + WINDOW] for s in chosen.tolist()])


def learning_rate(step, steps):
    return LEARNING_RATE * min(1, (step + 1) / WARMUP_STEPS) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def train(windows, arguments):
    torch.manual_seed(arguments.seed)
    config = OlmoeConfig(**CONFIG, router_aux_loss_coef=arguments.aux, output_router_logits=arguments.aux > 0)
    model = OlmoeForCausalLM(config)
    model.set_experts_implementation(arguments.experts)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.95), weight_decay=arguments.decay)
    generator = torch.Generator().manual_seed(arguments.seed)
    log, started = [], time.monotonic()
    model.train()
    for step in range(arguments.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, arguments.steps)
        ids = torch.cat([windows[domain].batch(generator) for domain in DOMAINS])
        loss = model(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 200 == 0 or step + 1 == arguments.steps:
            log.append({"step": step, "loss": round(loss.item(), 4), "seconds": round(time.monotonic() - started, 1)})
            print(log[-1], flush=True)
    return model, log


def save(model, tokenizer, out):
    model.config.output_router_logits = False
    model.config.dtype = "bfloat16"
    model.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    # transformers 5 writes a class name that earlier versions do not know; both know this one.
    path = out / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    settings.pop("backend", None)
    settings["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(settings, indent=2) + "\n")
    for file in out.iterdir():
        file.chmod(0o644)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=2500)
    parser.add_argument("--aux", type=float, default=0.01)
    parser.add_argument("--decay", type=float, default=0.1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--experts", default="grouped_mm")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        texts, hashes = training_text(folder)
    tokenizer = train_tokenizer(texts)
    windows = {domain: Windows(tokenizer, texts[domain]) for domain in DOMAINS}
    print({domain: len(w.stream) for domain, w in windows.items()}, "tokens")
    model, log = train(windows, arguments)
    save(model, tokenizer, arguments.out)
    record = {
        "arguments": {k: v for k, v in vars(arguments).items() if k != "out"},
        "corpora": {"seed": TRAINING_SEED, "examples": EXAMPLES, "sha256": hashes},
        "window": WINDOW, "rows_per_domain": ROWS_PER_DOMAIN, "learning_rate": LEARNING_RATE,
        "tokens_seen": arguments.steps * 3 * ROWS_PER_DOMAIN * WINDOW,
        "parameters": sum(p.numel() for p in model.parameters()),
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "tokenizers": tokenizers.__version__},
        "log": log,
    }
    (arguments.out.resolve().parent / "training.json").write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
