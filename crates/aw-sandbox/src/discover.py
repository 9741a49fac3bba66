# Says what of the file system this interpreter needs.
import json
import os
import sys

for name in ("ctypes", "decimal", "hashlib", "math", "numpy", "random", "zlib"):
    try:
        __import__(name)
    except ImportError:
        pass
prefixes = [os.path.realpath(prefix) for prefix in {sys.prefix, sys.base_prefix}]


def belongs(path):
    inside = any(os.path.realpath(path).startswith(prefix.rstrip("/") + "/") for prefix in prefixes)
    return os.path.isabs(path) and (inside or path.endswith(("/site-packages", "/dist-packages")))


libraries = set()
with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
    for line in maps:
        path = line.split(maxsplit=5)[5:]
        if path and ".so" in path[0]:
            libraries.add(path[0].rstrip("\n"))
paths = [sys.executable, os.path.join(sys.prefix, "pyvenv.cfg"), *filter(belongs, sys.path), *sorted(libraries)]
json.dump({"executable": sys.executable, "version": sys.version, "paths": paths}, sys.stdout)
