"""Lists every tensor of a checkpoint with the safetensors library.

usage: list_headers.py MODEL
"""

import json
import os
import sys

from safetensors import safe_open

tensors = 0
for name in sorted(os.listdir(sys.argv[1])):
    if name.endswith(".safetensors"):
        with safe_open(f"{sys.argv[1]}/{name}", "np") as shard:
            for key in shard.keys():
                shard.get_slice(key).get_shape()
                tensors += 1
print(json.dumps({"tensors": tensors}))
