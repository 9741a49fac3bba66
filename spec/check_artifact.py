#!/usr/bin/env python3
"""Checks an artifact folder by following spec/artifact.md, with nothing of Alloyworks: Python's standard library and OpenSSL.

usage: check_artifact.py FOLDER
Exit status 0 when the artifact is good, 1 when it is not; every finding is printed. Needs `openssl` 3 on the PATH for ed25519.
"""

import base64
import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import tempfile

ED25519_SPKI = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: the DER that precedes the 32 bytes of a public key
UUID_8 = "[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"  # RFC 9562
SEAL = ["document", "lastLink", "signature"]  # The seal's own bytes are under no signature: only this form is one.
SIGNATURE = ["algorithm", "publicKey", "value"]


class Lexeme(float):
    """A number that remembers how it was spelled."""

    def __new__(cls, text):
        number = super().__new__(cls, text)
        number.text = text
        return number


def parse(text):
    def unique(pairs):
        members = dict(pairs)
        if len(members) != len(pairs):
            raise ValueError("a member name occurs twice")
        return members

    def refuse(name):
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, object_pairs_hook=unique, parse_int=Lexeme, parse_float=Lexeme, parse_constant=refuse)


def es_number(value):
    """ECMAScript's Number::toString, as RFC 8785 section 3.2.2.3 asks for."""
    if value == 0:
        return "0"
    sign, value = ("-", -value) if value < 0 else ("", value)
    mantissa, _, exponent = repr(float(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    # Where the decimal point stands, counted from the first digit.
    point = len(whole) + int(exponent or 0) - (len(whole + fraction) - len(digits))
    digits = digits.rstrip("0") or "0"
    if len(digits) <= point <= 21:
        text = digits + "0" * (point - len(digits))
    elif 0 < point <= 21:
        text = digits[:point] + "." + digits[point:]
    elif -6 < point <= 0:
        text = "0." + "0" * -point + digits
    else:
        power = f"e{point - 1:+d}"
        text = digits[0] + ("." + digits[1:] if len(digits) > 1 else "") + power
    return sign + text


def canonical(value):
    """RFC 8785."""
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(canonical, value)) + "]"
    if isinstance(value, float):
        return es_number(float(value))
    return json.dumps(value, ensure_ascii=False)


def publish(value, indent=""):
    """The publishing serialisation of spec/README.md."""
    deeper = indent + "  "
    if isinstance(value, dict) and value:
        lines = [f"{deeper}{json.dumps(name)}: {publish(inner, deeper)}" for name, inner in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + indent + "}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(deeper + publish(inner, deeper) for inner in value) + "\n" + indent + "]"
    return value.text if isinstance(value, Lexeme) else json.dumps(value)


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def digest(value):
    return "sha256:" + sha256(canonical(value).encode())


def root(tree):
    """spec/tree.md; `tree` maps paths to (hex digest, size)."""
    level = []
    for path in sorted(tree, key=lambda path: path.encode()):
        content, size = tree[path]
        leaf = path.encode() + b"\0" + struct.pack(">Q", size) + bytes.fromhex(content)
        level.append(hashlib.sha256(b"\0" + leaf).digest())
    if not level:
        return "sha256:" + sha256(b"")
    while len(level) > 1:
        pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
        level = [hashlib.sha256(b"\1" + b"".join(pair)).digest() if len(pair) == 2 else pair[0] for pair in pairs]
    return "sha256:" + level[0].hex()


def good_signature(signature, context, message):
    if signature["algorithm"] != "EdDSA":
        raise ValueError(f"cannot tell: algorithm {signature['algorithm']}")
    with tempfile.TemporaryDirectory() as folder:
        def put(name, data):
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(data)
            return path

        key = put("key", ED25519_SPKI + bytes.fromhex(signature["publicKey"]))
        value = put("value", bytes.fromhex(signature["value"]))
        signed = put("signed", context.encode() + b"\0" + message)
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", key, "-rawin", "-in", signed, "-sigfile", value]
        return subprocess.run(command, capture_output=True).returncode == 0


def payload(document, integrity):
    """What integrity.signature covers: spec/signature.md."""
    covered = {name: integrity[name] for name in ("alloyHash", "attestedAt", "audience", "modelHash", "nonce") if name in integrity}
    if "binaryHash" in (integrity.get("code") or {}):
        covered["codeHash"] = integrity["code"]["binaryHash"]
    if integrity.get("datasets") is not None:
        covered["datasetHashes"] = [dataset["hash"] for dataset in integrity["datasets"]]
    results = (document.get("results") or {}).get("benchmarks")
    if results is not None:
        def of(result, names):
            return {name: result[name] for name in names if name in result}

        plain = ("metric", "score", "baseScore", "resultHash")
        covered["benchmarkResults"] = {}
        for name in [result["name"] for result in results]:
            same = [result for result in results if result["name"] == name]
            shared = [of(result, plain + ("subset",)) for result in same]
            covered["benchmarkResults"][name] = of(same[0], plain) if len(same) == 1 else shared
    return covered


def unbase64(text):
    """Either alphabet, with or without padding."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    return base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)


def der_signature(raw):
    """r || s as the DER sequence that OpenSSL reads."""
    def integer(data):
        data = data.lstrip(b"\0") or b"\0"
        data = (b"\0" if data[0] & 0x80 else b"") + data
        return b"\x02" + bytes([len(data)]) + data

    half = len(raw) // 2
    both = integer(raw[:half]) + integer(raw[half:])
    return b"\x30" + bytes([len(both)]) + both


def good_attestation(document, integrity):
    """Whether integrity.signature fits the document and the key it carries. Whose key that is, only a registry can tell."""
    signature = integrity["signature"]
    if signature["algorithm"] not in ("ES256", "ES384", "EdDSA"):
        raise ValueError(f"cannot tell: algorithm {signature['algorithm']}")
    hashing, raw_bytes = {"ES256": ("-sha256", 64), "ES384": ("-sha384", 96), "EdDSA": (None, 0)}[signature["algorithm"]]
    message = hashlib.sha256(canonical(payload(document, integrity)).encode()).digest()
    value = unbase64(signature["value"])
    values = [value] + ([der_signature(value)] if len(value) == raw_bytes else [])
    with tempfile.TemporaryDirectory() as folder:
        def put(name, data):
            path = os.path.join(folder, name)
            with open(path, "wb") as file:
                file.write(data)
            return path

        der, signed = put("key.der", unbase64(signature["publicKey"])), put("signed", message)
        key = os.path.join(folder, "key.pem")
        subprocess.run(["openssl", "pkey", "-pubin", "-inform", "DER", "-in", der, "-out", key], capture_output=True, check=True)
        shown = subprocess.run(["openssl", "pkey", "-pubin", "-in", key, "-noout", "-text"], capture_output=True, text=True).stdout
        if {"ES256": "prime256v1", "ES384": "secp384r1", "EdDSA": "ED25519"}[signature["algorithm"]] not in shown:
            return False
        for value in values:
            path = put("value", value)
            command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", signed, "-sigfile", path]
            if hashing:
                command = ["openssl", "dgst", hashing, "-verify", key, "-signature", path, signed]
            if subprocess.run(command, capture_output=True).returncode == 0:
                return True
    return False


def entry(file):
    return file["sha256"].removeprefix("sha256:"), int(file["bytes"])


def after(tree, link):
    """The tree after a link."""
    def replaced(path):
        return any(folder == "" or path.startswith(folder + "/") for folder in link["replaces"])

    result = {path: content for path, content in tree.items() if not replaced(path)}
    result.update({carry["path"]: tree[carry["from"]] for carry in link["carries"]})
    result.update({file["path"]: entry(file) for file in link["writes"]})
    return result


def check(folder):
    names = [name for name in os.listdir(folder) if name.endswith(".alloy.json")]
    if len(names) != 1:
        yield f"the folder holds {len(names)} documents"
        return
    with open(os.path.join(folder, names[0]), "rb") as file:
        data = file.read()
    document = parse(data)
    if publish(document).encode() + b"\n" != data:
        yield "the document is not in the form it was sealed in"
    if names[0] != document["name"] + ".alloy.json":
        yield "the document's name is not the artifact's"
    if not re.fullmatch(UUID_8, document["id"]):
        yield "the document's id is not a UUID of version 8"
    if document["integrity"]["alloyHash"] != digest({"source": document["source"], "stages": document["stages"]}):
        yield "integrity.alloyHash does not recompute"
    if document["integrity"].get("signature") is not None and not good_attestation(document, document["integrity"]):
        yield "integrity.signature does not fit the document and the key it carries"
    chain, seal = document["chain"], document["seal"]
    if list(document)[-1] != "seal" or list(seal) != SEAL or list(seal["signature"]) != SIGNATURE:
        yield "the seal is not the last member, or not in its one form"
    unsealed = {name: value for name, value in document.items() if name != "seal"}
    if seal["document"] != "sha256:" + sha256(publish(unsealed).encode()):
        yield "the document is not what was sealed"
    message = canonical({"document": seal["document"], "lastLink": seal["lastLink"]}).encode()
    if not good_signature(seal["signature"], "alloyworks.seal.v1", message):
        yield "the seal's signature is bad"

    source = {file["path"]: entry(file) for file in chain["source"]["files"]}
    if root(source) != chain["source"]["root"]:
        yield "the source's root does not recompute"
    below = chain["source"]["placedUnder"]
    tree = {(f"{below}/{path}" if below else path): content for path, content in source.items()}
    previous = chain["source"]["root"]
    expected = {}
    for position, link in enumerate(chain["links"]):
        place = f"link {position} ({link['type']})"
        unsigned = {name: value for name, value in link.items() if name != "signature"}
        if link["signature"]["publicKey"] != seal["signature"]["publicKey"]:
            yield f"{place}: another key than the seal's"
        if not good_signature(link["signature"], "alloyworks.link.v1", canonical(unsigned).encode()):
            yield f"{place}: its signature is bad"
        if link["index"] != position or link["previous"] != previous or link["input"] != root(tree):
            yield f"{place}: it does not follow the link before it"
        key = {"stage": link["type"], "codeVersion": link["codeVersion"], "configuration": link["configuration"], "read": link["read"]}
        if link["stageKey"] != digest(key):
            yield f"{place}: its stage key does not recompute"
        stage = dict(document["stages"][int(link["stageIndex"])])
        stage.pop("notes", None)
        if stage.pop("type") != link["type"] or canonical(stage) != canonical(link["configuration"]):
            yield f"{place}: its configuration is not the recipe's"
        tree = after(tree, link)
        if root(tree) != link["output"]:
            yield f"{place}: its output root does not recompute"
        for file in link["records"]:
            if file["path"] in expected or not file["path"].startswith("records/"):
                yield f"{place}: its record {file['path']} has no place of its own below records/"
            expected[file["path"]] = entry(file)
        previous = digest(link)
    if seal["lastLink"] != previous:
        yield "the seal is over another chain"

    card = {}
    if "cardHash" in document["integrity"]:
        card["README.md"] = (document["integrity"]["cardHash"].removeprefix("sha256:"), None)
    for more in (tree, card):
        for path in sorted(set(more) & set(expected) | set(more) & {names[0]}):
            yield f"{path}: two things are to lie there"
        expected.update(more)
    for where, _, files in os.walk(folder):
        for name in files:
            path = os.path.relpath(os.path.join(where, name), folder)
            if path == names[0]:
                continue
            if path not in expected:
                yield f"{path}: not part of the artifact"
                continue
            content, size = expected.pop(path)
            with open(os.path.join(folder, path), "rb") as file:
                found = file.read()
            if sha256(found) != content or size not in (None, len(found)):
                yield f"{path}: its content differs"
    for path in sorted(expected):
        yield f"{path}: missing"


def main():
    if len(sys.argv) != 2 or not os.path.isdir(sys.argv[1]):
        sys.exit(__doc__)
    findings = []
    try:
        findings.extend(check(sys.argv[1]))
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, subprocess.SubprocessError) as error:
        findings.append(f"the document is not an artifact: {type(error).__name__}: {error}")
    for finding in findings:
        print("BAD", finding)
    if not findings:
        print("good")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
