#!/usr/bin/env python3
"""Holds our GGUF files against llama.cpp's own converter and quantiser, and has llama.cpp run them (see README.md).

    python xtask/parity/gguf.py [--program <to_gguf>] [--llama-cpp <target/llama.cpp>] [--work <folder>] [case ...]

For every case of `gguf_cases.py` a tiny random checkpoint is written by transformers. `convert_hf_to_gguf.py` and our `to_gguf` make
files of it: every tensor (name, shape, type, bytes) and every metadata key is compared. `llama-quantize` makes every tier of theirs:
every tensor is compared with ours. `llama-perplexity` loads ours, and theirs wherever a tensor differs; transformers computes the same
number from the checkpoint. One line a case; the exit status says whether all is as it should be.
"""
import argparse
import hashlib
import math
import pathlib
import re
import subprocess
import sys
import tempfile

import gguf_cases as cases

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOKENIZER = ROOT / "recipes/tiny-moe/model"
TIERS = ("F32", "F16", "BF16", "Q8_0", "Q6_K", "Q5_K_M", "Q5_K_S", "Q4_K_M", "Q4_K_S", "Q3_K_M", "Q2_K")
# Made by their converter itself, with all metadata.
CONVERTED = ("F32", "BF16")
CONTEXT = 256
CHUNKS = 4
# Of perplexities, relative.
TOLERANCE = 0.01
# Keys a converter makes up from the folder's name or a model card, and what says only who wrote the file.
IGNORED = ("GGUF.", "general.name", "general.basename", "general.finetune", "general.version", "general.size_label",
           "general.license", "general.tags", "general.languages", "general.sampling.", "general.dimension")
# Exponentials and powers: the last bits depend on the mathematical library.
ROUNDED = re.compile(r"ssm_a$|rope_freqs\.weight$")
# Their converter with two changes: the tokenizer of the checkpoints is one nobody published, so the name of its splitting is given; and
# families that come with SentencePiece or GLM's tokens take this tokenizer too, where there is no SentencePiece model.
CONVERTER = """
import runpy, sys
source, pre = sys.argv[1:3]
sys.path[:0] = [source, source + "/gguf-py"]
import conversion.base as base
known, pieces = base.TextModel.get_vocab_base_pre, base.TextModel._set_vocab_sentencepiece
def named(self, tokenizer):
    try:
        return known(self, tokenizer)
    except NotImplementedError:
        return pre
def vocabulary(self, add_to_gguf=True):
    if (self.dir_model / "tokenizer.model").is_file():
        return pieces(self, add_to_gguf)
    return self._set_vocab_gpt2()
base.TextModel.get_vocab_base_pre = named
base.TextModel._set_vocab_sentencepiece = vocabulary
base.TextModel._set_vocab_glm = lambda self: self._set_vocab_gpt2()
sys.argv = ["convert_hf_to_gguf.py"] + sys.argv[3:]
runpy.run_path(source + "/convert_hf_to_gguf.py", run_name="__main__")
"""


class Failed(Exception):
    """A program failed: what it said last."""


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{pathlib.Path(command[0]).name} failed: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout + done.stderr


def read(path):
    from gguf import GGUFReader
    reader = GGUFReader(path)
    keys = {key: (str(field.types), field.contents()) for key, field in reader.fields.items()}
    tensors = {t.name: (t.tensor_type.name, [int(n) for n in t.shape], t.data.tobytes()) for t in reader.tensors}
    return keys, tensors


def nearly(a, b):
    """Whether two tables of F32 are alike to a few millionths."""
    import numpy
    (kind, shape, ours), (other, same, theirs) = a, b
    if (kind, shape) != (other, same) or kind != "F32":
        return False
    return numpy.allclose(*(numpy.frombuffer(data, dtype=numpy.float32) for data in (ours, theirs)), rtol=4e-6, atol=0)


def shown(value):
    kind, shape, data = value if len(value) == 3 else (value[0], None, value[1])
    if isinstance(data, bytes):
        return f"{kind} {shape} {hashlib.sha256(data).hexdigest()[:12]}"
    return f"{kind} {str(data)[:90]}"


def trimmed(shape):
    while len(shape) > 1 and shape[-1] == 1:
        shape = shape[:-1]
    return shape


def differences(ours, theirs, keys):
    found = []
    parts = [("key", ours[0], theirs[0])] if keys else []
    tensors = ours[1], theirs[1]
    if not keys:
        # Their quantiser leaves out dimensions of 1 at the end, which their converter writes.
        tensors = ({name: (kind, trimmed(shape), data) for name, (kind, shape, data) in side.items()} for side in tensors)
    for what, a, b in [*parts, ("tensor", *tensors)]:
        for name in sorted(a.keys() | b.keys()):
            if what == "key" and name.startswith(IGNORED):
                continue
            if name not in b:
                found.append(f"{what} {name}: only ours: {shown(a[name])}")
            elif name not in a:
                found.append(f"{what} {name}: only theirs: {shown(b[name])}")
            elif a[name] != b[name] and not (ROUNDED.search(name) and what == "tensor" and nearly(a[name], b[name])):
                found.append(f"{what} {name}: ours {shown(a[name])}, theirs {shown(b[name])}")
    return found


class Case:
    def __init__(self, name, settings, work):
        self.name, self.settings = name, settings
        self.folder = work / re.sub(r"\W+", "-", name)
        self.problems = []

    def make(self):
        if not (self.folder / "config.json").is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            cases.make(self.name, self.folder, TOKENIZER, self.settings.text)

    def ours(self, tier, *more):
        path = self.folder / f"ours-{tier}.gguf"
        run(self.settings.program, self.folder, path, tier, *more)
        return path

    def theirs(self, tier):
        path = self.folder / f"theirs-{tier}.gguf"
        if path.is_file():
            return path
        # Half a file of a run that was stopped is not taken for a whole one.
        part = path.with_suffix(".part")
        # What is stored in four bits their quantiser copies in the tiers of blocks only.
        packed = cases.CASES[self.name][1] == "mxfp4"
        if tier in CONVERTED or (packed and tier in ("F16", "Q8_0")):
            further = ["--no-mtp"] if self.name in ("glm4_moe", "qwen3_next") else []
            run(sys.executable, "-c", CONVERTER, self.settings.source, "smollm", self.folder, "--outfile", part, "--outtype",
                tier.lower(), *further)
        else:
            keep = ["--tensor-type", "_exps=mxfp4"] if packed else []
            run(self.settings.bin / "llama-quantize", *keep, self.theirs("F32"), part, tier, 1)
        part.rename(path)
        return path

    def perplexity(self, path):
        # It may end before it has written all of its log, the more so the busier the machine; then it is run again.
        for _ in range(25):
            said = run(self.settings.bin / "llama-perplexity", "-m", path, "-f", self.settings.text, "-c", CONTEXT, "-b", CONTEXT,
                       "--chunks", CHUNKS, "-t", 1, "-ctk", "f32", "-ctv", "f32", "--no-warmup")
            found = re.search(r"Final estimate: PPL = ([0-9.]+)", said)
            if found:
                return float(found.group(1))
        raise Failed(f"llama-perplexity gives none: {said[-400:]}")

    def compare(self):
        """Compares every tier; returns how many tensors there are, and how many tiers are equal to the byte."""
        tensors, equal = 0, 0
        for tier in TIERS:
            ours = self.ours(tier)
            mine = read(ours)
            found = differences(mine, read(self.theirs(tier)), tier in CONVERTED)
            if cases.CASES[self.name][1] == "mxfp4":
                # They name every file that has four-bit experts by those, and so lose what the others are.
                found = [line for line in found if not line.startswith("key general.file_type")]
            tensors, equal = len(mine[1]), equal + (not found)
            if found:
                self.problems.append(f"{tier}: {len(found)} differences")
                self.problems += [f"    {line}" for line in found[:8]]
                values = [self.perplexity(path) for path in (ours, self.theirs(tier))]
                self.problems.append(f"    perplexity {values[0]:.4f}, theirs {values[1]:.4f}: {values[0] / values[1] - 1:+.2%}")
            if tier not in ("F32", "Q4_K_M"):
                ours.unlink()
        return tensors, equal

    def report(self):
        try:
            self.make()
            tensors, equal = self.compare()
            exact, four = (self.perplexity(self.folder / f"ours-{tier}.gguf") for tier in ("F32", "Q4_K_M"))
            reference = reference_perplexity(self.folder, self.name, self.settings.text)
        except Failed as failed:
            print(f"FAIL {self.name}: {failed}", flush=True)
            return False
        family = cases.CASES[self.name][0]
        away = exact / reference - 1 if reference else 0.0
        if reference and abs(away) > TOLERANCE and family not in cases.DIFFERS:
            self.problems.append(f"perplexity of F32 is {away:+.2%} from that of transformers, {TOLERANCE:.0%} allowed")
        if equal != len(TIERS) and not self.problems:
            self.problems.append("not all tiers are equal")
        against = f"transformers {reference:.3f}" if reference else "transformers cannot read it"
        why = f" ({cases.DIFFERS[family]})" if family in cases.DIFFERS else ""
        print(f"{'FAIL' if self.problems else 'ok  '} {self.name:28} {tensors:3} tensors, {equal:2} of {len(TIERS)} tiers equal; "
              f"perplexity F32 {exact:.3f}, {against}{why}, Q4_K_M {four:.3f}", flush=True)
        for problem in self.problems:
            print(f"       {problem}")
        return not self.problems


def tokens_of(folder, text):
    if (folder / "tokenizer.model").is_file():
        import sentencepiece
        pieces = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
        return [1, *pieces.encode(text)], 1
    from tokenizers import Tokenizer
    return Tokenizer.from_file(str(folder / "tokenizer.json")).encode(text).ids, None


def reference_perplexity(folder, name, path):
    """What `llama-perplexity` computes, by transformers in f32; `None` for what it cannot read here."""
    import torch
    from transformers import AutoModelForCausalLM
    if cases.CASES[name][1] in ("mxfp4", "fp8", "within"):
        return None
    torch.set_num_threads(2)
    tokens, first = tokens_of(folder, path.read_text())
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    loss, count = 0.0, 0
    for chunk in range(CHUNKS):
        ids = tokens[chunk * CONTEXT:(chunk + 1) * CONTEXT]
        if first is not None:
            ids = [first, *ids[1:]]
        with torch.no_grad():
            logits = model(torch.tensor([ids]), use_cache=False).logits[0].double()
        half = CONTEXT // 2
        loss += float(torch.nn.functional.cross_entropy(logits[half:-1], torch.tensor(ids[half + 1:]), reduction="sum"))
        count += CONTEXT - 1 - half
    return math.exp(loss / count)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=pathlib.Path, help="the example `to_gguf`, built")
    parser.add_argument("--llama-cpp", type=pathlib.Path, default=ROOT / "target/llama.cpp",
                        help="a folder with llama.cpp's programs in `bin` and its converter in `source`")
    parser.add_argument("--work", type=pathlib.Path, help="a folder for checkpoints and files, used again when it is there")
    parser.add_argument("cases", nargs="*", choices=[*cases.CASES, []], metavar="case")
    settings = parser.parse_args()
    settings.bin, settings.source = settings.llama_cpp / "bin", settings.llama_cpp / "source"
    if not (settings.source / "convert_hf_to_gguf.py").is_file():
        sys.exit(f"parity: no converter in {settings.source}: `make llama-cpp` builds the programs and puts it there")
    if settings.program is None:
        run("cargo", "build", "--quiet", "-p", "llm-forge", "--example", "to_gguf")
        settings.program = ROOT / "target/debug/examples/to_gguf"
    sys.path.insert(0, str(settings.source / "gguf-py"))
    from transformers.utils import logging
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as scratch:
        work = settings.work or pathlib.Path(scratch)
        work.mkdir(parents=True, exist_ok=True)
        settings.text = work / "text"
        settings.text.write_text((ROOT / "README.md").read_text() + (ROOT / "ARCHITECTURE.md").read_text())
        bad = [name for name in settings.cases or cases.CASES if not Case(name, settings, work).report()]
    if bad:
        sys.exit(f"parity: {len(bad)} GGUF case(s) are not those of llama.cpp: {', '.join(bad)}")


if __name__ == "__main__":
    main()
