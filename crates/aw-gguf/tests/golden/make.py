"""Makes the golden blocks of this folder with ggml's own functions.

    python make.py LIBRARY

LIBRARY: a shared library of ggml for x86-64 with `ggml_quantize_chunk` and the `dequantize_row_*` functions, for example made
from a build of llama.cpp by

    g++ -shared -o libggml-base.so -Wl,--whole-archive ggml/src/libggml-base.a -Wl,--no-whole-archive -lm -lpthread

Needs numpy. Written with the library of llama.cpp b11434.
"""

import ctypes
import pathlib
import sys

import numpy

HERE = pathlib.Path(__file__).parent
ROW = 1024
# Number, elements and bytes of a block, name of the function back.
TYPES = {
    "q8_0": (8, 32, 34), "q6_K": (14, 256, 210), "q5_K": (13, 256, 176), "q4_K": (12, 256, 144), "q3_K": (11, 256, 110),
    "q2_K": (10, 256, 84), "q4_0": (2, 32, 18), "q5_0": (6, 32, 22), "q5_1": (7, 32, 24),
}


def rows():
    """Weights as models have them, and the shapes on which searches go wrong."""
    random = numpy.random.default_rng(20261121)
    normal = random.standard_normal(ROW)
    scattered = normal * numpy.exp(random.standard_normal(ROW) * 2)
    sparse = numpy.where(random.random(ROW) < 0.9, 0.0, normal)
    steps = numpy.repeat(random.standard_normal(ROW // 16), 16)
    offset = normal * 0.01 + numpy.repeat([-3.0, 3.0, -0.5, 0.0], ROW // 4)
    tiny = normal * 1e-6
    halves = random.standard_normal(ROW).astype(numpy.float16)
    bfloats = (random.standard_normal(ROW).astype(numpy.float32).view(numpy.uint32) & 0xFFFF0000).view(numpy.float32)
    kinds = [normal * 0.02, scattered, sparse, steps, offset, tiny, halves, bfloats]
    return numpy.stack([kind.astype(numpy.float32) for kind in kinds])


def main():
    library = ctypes.CDLL(sys.argv[1])
    quantize = library.ggml_quantize_chunk
    pointer = ctypes.c_void_p
    quantize.argtypes = [ctypes.c_int, pointer, pointer] + [ctypes.c_int64] * 3 + [pointer]
    quantize.restype = ctypes.c_size_t
    values = rows()
    random = numpy.random.default_rng(7)
    importance = numpy.exp(random.standard_normal(ROW) * 1.5).astype(numpy.float32)
    importance[random.random(ROW) < 0.02] = 0.0
    values.tofile(HERE / "values.f32")
    importance.tofile(HERE / "importance.f32")
    for name, (number, block, size) in TYPES.items():
        for suffix, weights in [("", None), (".weighted", importance.ctypes.data)]:
            out = numpy.zeros(values.size // block * size, dtype=numpy.uint8)
            quantize(number, values.ctypes.data, out.ctypes.data, 0, len(values), ROW, weights)
            if not suffix or name != "q8_0":
                out.tofile(HERE / f"{name.lower()}{suffix}.blocks")
            if not suffix:
                back = numpy.zeros_like(values)
                getattr(library, f"dequantize_row_{name}")(pointer(out.ctypes.data), pointer(back.ctypes.data), ctypes.c_int64(values.size))
                print(name, "error", numpy.sqrt(((back - values) ** 2).mean(axis=1)))
                digest = numpy.bitwise_xor.reduce(back.view(numpy.uint32).ravel() * numpy.arange(1, 2 * back.size, 2, dtype=numpy.uint32))
                (HERE / f"{name.lower()}.back").write_text(f"{digest:08x}\n")


main()
