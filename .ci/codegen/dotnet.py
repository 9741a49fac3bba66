"""Makes reference assemblies and a runtime for Node of the .NET that a package carries as WebAssembly.

usage: dotnet.py FRAMEWORK-FOLDER REFERENCES RUNTIME
"""
import json
import pathlib
import shutil
import struct
import sys


def leb128(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def webcil(data):
    """The assembly inside a WebAssembly module, in the Webcil format; None when there is none."""
    at, segments = 8, []
    while at < len(data):
        kind = data[at]
        size, at = leb128(data, at + 1)
        if kind == 11:
            count, inside = leb128(data, at)
            for _ in range(count):
                if data[inside] != 1:
                    return None
                length, inside = leb128(data, inside + 1)
                segments.append(data[inside : inside + length])
                inside += length
        at += size
    return next((one for one in segments if one[:4] == b"WbIL"), None)


def portable_executable(webcil):
    """The assembly as a portable executable: Webcil has its sections and leaves out its headers."""
    count, _, cli, cli_size = struct.unpack_from("<HHII", webcil, 8)
    sections = [struct.unpack_from("<IIII", webcil, 28 + 16 * at) for at in range(count)]
    head = 0x400
    placed, body = [], b""
    for virtual_size, address, size, start in sections:
        raw = webcil[start : start + size]
        raw += bytes(-len(raw) % 0x200)
        placed.append((virtual_size, address, len(raw), head + len(body)))
        body += raw
    image = (sections[-1][0] + sections[-1][1] + 0x1FFF) & ~0x1FFF
    dos = bytearray(0x80)
    dos[:2] = b"MZ"
    struct.pack_into("<I", dos, 0x3C, len(dos))
    coff = struct.pack("<4sHHIIIHH", b"PE\0\0", 0x14C, count, 0, 0, 0, 0xE0, 0x2022)
    optional = struct.pack("<HBBIIIIII", 0x10B, 48, 0, placed[0][2], 0, 0, 0, 0x2000, 0)
    optional += struct.pack("<III", 0x400000, 0x2000, 0x200)
    optional += struct.pack("<HHHHHHIIIIHH", 4, 0, 0, 0, 4, 0, 0, image, head, 0, 3, 0x8540)
    optional += struct.pack("<IIIIII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    directories = [(0, 0)] * 16
    directories[14] = (cli, cli_size)
    optional += b"".join(struct.pack("<II", *one) for one in directories)
    table = b""
    for at, (virtual_size, address, size, start) in enumerate(placed):
        name = (b".text", b".rsrc", b".reloc")[min(at, 2)]
        flags = (0x60000020, 0x40000040, 0x42000040)[min(at, 2)]
        table += struct.pack("<8sIIIIIIHHI", name, virtual_size, address, size, start, 0, 0, 0, 0, flags)
    headers = bytes(dos) + coff + optional + table
    return headers + bytes(head - len(headers)) + body


framework, references, runtime = map(pathlib.Path, sys.argv[1:])
references.mkdir(parents=True)
runtime.mkdir(parents=True)

loader = (framework / "dotnet.js").read_text()
start, end = loader.index("/*json-start*/") + len("/*json-start*/"), loader.index("/*json-end*/")
config = json.loads(loader[start:end])
resources = {name: config["resources"][name] for name in ("jsModuleNative", "jsModuleRuntime", "wasmNative", "coreAssembly")}
resources["assembly"] = [
    one for one in config["resources"]["assembly"] if one["virtualPath"].startswith(("System.", "netstandard.", "mscorlib."))
]
for one in (one for group in resources.values() for one in group):
    one.pop("hash", None)
    one.pop("cache", None)
    shutil.copy(framework / one["name"], runtime / one["name"])
for one in resources["coreAssembly"] + resources["assembly"]:
    name = one["virtualPath"].removesuffix(".wasm") + ".dll"
    (references / name).write_bytes(portable_executable(webcil((framework / one["name"]).read_bytes())))
config["resources"] = resources
config["globalizationMode"] = "invariant"
config.pop("extensions", None)
properties = config["runtimeConfig"]["runtimeOptions"]["configProperties"]
properties["System.Globalization.Invariant"] = True
properties["System.Resources.UseSystemResourceKeys"] = False
(runtime / "dotnet.js").write_text(loader[:start] + "{}" + loader[end:])
(runtime / "config.json").write_text(json.dumps(config))
(runtime / "package.json").write_text('{"type": "module"}')
