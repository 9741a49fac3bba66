"""Imports a module by its path and looks whether every class is there. usage: import.py MODULE CLASSES.json"""

import importlib.util
import json
import sys
import traceback
import typing

path, wanted = sys.argv[1:]


def fail(line, message):
    print(f"finding {path}:{line}: {message}", flush=True)
    sys.exit(1)


import pydantic

spec = importlib.util.spec_from_file_location("contracts", path)
module = importlib.util.module_from_spec(spec)
sys.modules["contracts"] = module
try:
    spec.loader.exec_module(module)
except SyntaxError as error:
    fail(error.lineno, f"SyntaxError: {error.msg}")
except BaseException as error:
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(path)]
    fail(lines[-1] if lines else 0, f"{type(error).__name__}: {error}".replace("\n", " "))
with open(wanted) as file:
    classes = json.load(file)
for name in classes:
    if not isinstance(getattr(module, name, None), type):
        fail(0, f"no class {name}")
    try:
        typing.get_type_hints(getattr(module, name))
    except Exception as error:
        fail(0, f"{name}: {type(error).__name__}: {error}".replace("\n", " "))
try:
    # Building one class finds what annotations alone do not show.
    for name in [name for name in classes if issubclass(getattr(module, name), pydantic.BaseModel)][:1]:
        getattr(module, name).model_rebuild(force=True)
except Exception as error:
    fail(0, f"{name}: {type(error).__name__}: {error}".replace("\n", " "))
print(f"imported with {sys.version.split()[0]} and pydantic {pydantic.VERSION}")
