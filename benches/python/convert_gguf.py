"""Runs llama.cpp's own converter, as people do before they quantise.

usage: convert_gguf.py CONVERTER MODEL OUT TYPE

CONVERTER is the folder of `convert_hf_to_gguf.py`, TYPE an output type of its (`bf16`, `q8_0`). The tokenizer of a synthetic model is none of
those the converter knows by their hash: it is told `gpt-2`, which changes one string of the file and nothing that takes time.
"""

import json
import runpy
import sys
import time

converter, model, out, kind = sys.argv[1:5]
sys.path[:0] = [converter, f"{converter}/gguf-py"]
started = time.perf_counter()

import conversion.base as base  # noqa: E402

base.TextModel.get_vocab_base_pre = lambda self, tokenizer: "gpt-2"
sys.argv = ["convert_hf_to_gguf.py", model, "--outfile", out, "--outtype", kind]
imported = time.perf_counter()
try:
    runpy.run_path(f"{converter}/convert_hf_to_gguf.py", run_name="__main__")
except SystemExit as end:
    if end.code:
        raise
print(json.dumps({"seconds": time.perf_counter() - imported, "imports": imported - started}))
