#!/usr/bin/env python3
"""Writes cases.json: documents signed by OpenSSL through Python's `cryptography`, with nothing of Alloyworks but spec/check_artifact.py.

usage: python3 -m venv VENV && VENV/bin/pip install cryptography && VENV/bin/python make.py
The keys are test keys: their secrets are the hashes of the texts below, known to everybody, and good for nothing else.
ECDSA signatures differ from run to run. Each case says what a verifier must answer: good, bad or unknown.
"""

import base64
import copy
import hashlib
import json
import os
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", ".."))
from check_artifact import canonical, payload  # noqa: E402

P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
PKCS8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def secret(text):
    return hashlib.sha256(b"alloyworks test key, not a secret: " + text.encode()).digest()


KEYS = {
    "ES256": ec.derive_private_key(int.from_bytes(secret("es256"), "big"), ec.SECP256R1()),
    "ES384": ec.derive_private_key(int.from_bytes(secret("es384"), "big"), ec.SECP384R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.from_private_bytes(secret("eddsa")),
    "other ES256": ec.derive_private_key(int.from_bytes(secret("other es256"), "big"), ec.SECP256R1()),
}


def spki(name):
    return KEYS[name].public_key().public_bytes(*SPKI)


def key_id(name):
    return hashlib.sha256(spki(name)).hexdigest()[:16]


def numbers(value):
    """The document with every number a float, as the checker's canonical form wants them."""
    if isinstance(value, dict):
        return {name: numbers(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [numbers(inner) for inner in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def digest(document, integrity):
    return hashlib.sha256(canonical(numbers(payload(document, integrity))).encode()).digest()


def sign(name, message):
    key = KEYS[name]
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    return key.sign(message, ec.ECDSA(hashes.SHA384() if name == "ES384" else hashes.SHA256()))


def document():
    pipeline = {"source": {"baseModel": "clay", "architecture": "stoneware"}, "stages": [{"type": "eval", "benchmarks": []}]}
    return {
        "name": "cup",
        "version": "1.0.0",
        **pipeline,
        "results": {
            "benchmarks": [
                {"name": "humaneval", "metric": "pass@1", "score": 85.0, "baseScore": 88.4, "resultHash": "sha256:" + "1" * 64, "extra": 1},
                {"name": "perplexity", "subset": "code", "score": 12, "metric": None},
                {"name": "perplexity", "subset": "prose", "score": 1e-7},
                {"name": "gr\u00f6\u00dfe \u00e9 \U0001f600", "score": 0.1},
            ]
        },
        "integrity": {
            "trustLevel": "self-attested",
            "code": {"runner": "r", "version": "1", "binaryHash": "sha256:" + "2" * 64},
            "modelHash": "sha256:" + "3" * 64,
            "alloyHash": "sha256:" + hashlib.sha256(canonical(pipeline).encode()).hexdigest(),
            "datasets": [{"name": "b", "hash": "sha256:" + "4" * 64}, {"name": "a", "hash": "sha256:" + "5" * 64}],
            "nonce": base64.urlsafe_b64encode(hashlib.sha256(b"nonce").digest()).decode().rstrip("="),
            "audience": "https://verifier.example",
            "attestedAt": "2026-05-03T03:09:37.123Z",
        },
    }


def case(name, verdict, key="ES256", change=None, value=lambda der: der, text=base64.b64encode, after=None, prehash=lambda it: it, of=None):
    it = document()
    if change:
        change(it)
    signed_value = value(sign(of or key, prehash(digest(it, it["integrity"]))))
    it["integrity"]["signature"] = {
        "algorithm": key,
        "publicKey": base64.b64encode(spki(of or key)).decode(),
        "value": text(signed_value).decode(),
        "keyId": key_id(of or key),
    }
    if after:
        after(it)
    return {"name": name, "verdict": verdict, "document": it}


def raw(size):
    def convert(der):
        r, s = utils.decode_dss_signature(der)
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")

    return convert


def high_s(der):
    r, s = utils.decode_dss_signature(der)
    return utils.encode_dss_signature(r, max(s, P256_ORDER - s))


def low_s(der):
    r, s = utils.decode_dss_signature(der)
    return utils.encode_dss_signature(r, min(s, P256_ORDER - s))


def with_numbers(r=None, s=None):
    def convert(der):
        old = utils.decode_dss_signature(der)
        return utils.encode_dss_signature(old[0] if r is None else r, old[1] if s is None else s)

    return convert


def unpadded_url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def in_integrity(name, value):
    def change(it):
        it["integrity"][name] = value

    return change


def in_signature(name, value):
    def change(it):
        it["integrity"]["signature"][name] = value

    return change


def score(it):
    it["results"]["benchmarks"][0]["score"] = 85.1


def swap(it):
    benchmarks = it["results"]["benchmarks"]
    benchmarks[1]["subset"], benchmarks[2]["subset"] = benchmarks[2]["subset"], benchmarks[1]["subset"]


def decompose(it):
    it["results"]["benchmarks"][3]["name"] = "gro\u0308\u00dfe e\u0301 \U0001f600"


def lookalike(it):
    it["integrity"]["m\u043edelHash"] = it["integrity"].pop("modelHash")


def unsigned_members(it):
    it["hardware"] = {"minVramGb": 8}
    it["results"]["benchmarks"][0]["extra"] = 2
    it["results"]["benchmarks"][0]["score"] = 85


def move(it):
    it["results"]["integrity"] = it.pop("integrity")


def bare(it):
    for name in ("nonce", "audience", "modelHash", "datasets", "code"):
        del it["integrity"][name]
    del it["results"]


def stages(it):
    it["stages"][0]["notes"] = "more"


def long_form(der):
    """The length of the sequence spelled in two bytes where one is enough."""
    return b"\x30\x81" + der[1:]


def negative_r(der):
    """The sign of r turned: its first byte without the zero in front of it, or with its highest bit set."""
    length = der[3]
    r = der[4 : 4 + length]
    r = r[1:] if r[0] == 0 else bytes([r[0] | 0x80]) + r[1:]
    rest = der[4 + length :]
    return b"\x30" + bytes([2 + len(r) + len(rest)]) + b"\x02" + bytes([len(r)]) + r + rest


def cases():
    size = {"ES256": 32, "ES384": 48}
    for key in ("ES256", "ES384", "EdDSA"):
        yield case(f"{key}, standard base64", "good", key)
        yield case(f"{key}, base64url without padding", "good", key, text=unpadded_url)
        if key in size:
            yield case(f"{key}, r and s", "good", key, value=raw(size[key]))
            yield case(f"{key}, r and s one byte short", "bad", key, value=lambda der, key=key: raw(size[key])(der)[:-1])
            yield case(f"{key}, r and s and a byte", "bad", key, value=lambda der, key=key: raw(size[key])(der) + b"\0")
        yield case(f"{key}, a byte after the signature", "bad", key, value=lambda der: der + b"\0")
        yield case(f"{key}, a byte missing", "bad", key, value=lambda der: der[:-1])
        yield case(f"{key}, no bytes", "bad", key, value=lambda _: b"")
        yield case(f"{key}, all bytes zero", "bad", key, value=lambda der: bytes(len(der)))
        yield case(f"{key}, the digest of the digest signed", "bad", key, prehash=lambda it: hashlib.sha256(it).digest())
        yield case(f"{key}, the digest in hex signed", "bad", key, prehash=lambda it: it.hex().encode())
    yield case("high s", "good", value=high_s)
    yield case("low s", "good", value=low_s)
    for name, convert in [("r", {"r": 0}), ("s", {"s": 0}), ("r and s", {"r": 0, "s": 0})]:
        yield case(f"{name} of zero", "bad", value=with_numbers(**convert))
        yield case(f"{name} of zero, raw", "bad", value=lambda der, convert=convert: raw(32)(with_numbers(**convert)(der)))
    yield case("r of the order", "bad", value=with_numbers(r=P256_ORDER))
    yield case("s of the order", "bad", value=with_numbers(s=P256_ORDER))
    yield case("s beyond the order", "bad", value=lambda der: with_numbers(s=utils.decode_dss_signature(der)[1] + P256_ORDER)(der))
    yield case("r negative", "bad", value=negative_r)
    yield case("length in two bytes", "bad", value=long_form)
    yield case("minimal document", "good", change=bare)
    yield case("integrity in results", "good", after=move)
    yield case("members outside the payload and 85 for 85.0", "good", after=unsigned_members)
    yield case("another score", "bad", after=score)
    yield case("subsets of a shared name swapped", "bad", after=swap)
    yield case("another spelling of the same letters", "bad", after=decompose)
    yield case("a member name that looks alike", "bad", after=lookalike)
    yield case("stages changed", "bad", after=stages)
    for name, value in [
        ("audience", "https://verifier.example/"),
        ("audience", "https://VERIFIER.example"),
        ("audience", None),
        ("attestedAt", "2026-05-03T03:09:37.123000Z"),
        ("modelHash", "sha256:" + "6" * 64),
        ("nonce", document()["integrity"]["nonce"] + "="),
        ("nonce", base64.urlsafe_b64encode(b"another nonce of its own").decode()),
        ("alloyHash", "sha256:" + "7" * 64),
        ("datasets", [{"name": "a", "hash": "sha256:" + "5" * 64}, {"name": "b", "hash": "sha256:" + "4" * 64}]),
    ]:
        yield case(f"{name} changed to {value}", "bad", after=in_integrity(name, value))
    yield case("nonce of 15 bytes", "bad", change=in_integrity("nonce", base64.urlsafe_b64encode(bytes(15)).decode()))
    yield case("modelHash a number", "bad", after=in_integrity("modelHash", 3))
    for key, of in [("ES384", "ES256"), ("EdDSA", "ES256"), ("ES256", "EdDSA"), ("ES256", "ES384")]:
        yield case(f"{of} called {key}", "bad", key=key, of=of)
    for name in ("es256", "ES256 ", "ES256K", "RS256", "none", "ML-DSA-65", "ML-DSA-87", "SLH-DSA-128s", "\u0415S256"):
        yield case(f"algorithm {name}", "unknown", after=in_signature("algorithm", name))
    yield case("no algorithm", "bad", after=lambda it: it["integrity"]["signature"].pop("algorithm"))
    yield case("another key carried", "bad", after=in_signature("publicKey", base64.b64encode(spki("other ES256")).decode()))
    yield case("another key signed and named", "bad", of="other ES256", after=in_signature("keyId", key_id("ES256")))
    yield case("a key no registry knows", "unknown", of="other ES256")
    yield case("no key id", "unknown", after=lambda it: it["integrity"]["signature"].pop("keyId"))
    yield case("a byte after the key", "bad", after=in_signature("publicKey", base64.b64encode(spki("ES256") + b"\0").decode()))
    yield case("public key as PEM", "good", after=in_signature("publicKey", KEYS["ES256"].public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()))
    yield case("both alphabets at once", "bad", after=lambda it: it["integrity"]["signature"].update(
        value=it["integrity"]["signature"]["value"][:-8] + "+-/_" + it["integrity"]["signature"]["value"][-4:]))
    yield case("two signatures", "bad", after=lambda it: it["results"].update(integrity=copy.deepcopy(it["integrity"])))


def registry():
    def entry(name):
        return {
            "keyId": key_id(name),
            "algorithm": name,
            "publicKey": base64.b64encode(spki(name)).decode(),
            "owner": "tests",
            "registeredAt": "2026-04-01T00:00:00Z",
            "expiresAt": "2026-06-30T00:00:00Z",
            "revokedAt": None,
            "supersededBy": None,
            "registrationAuthority": "tests",
        }

    return {"asOf": "2026-05-04T00:00:00Z", "keys": [entry(name) for name in ("ES256", "ES384", "EdDSA")]}


def main():
    keys = {name: {"testKey": key.private_bytes(*PKCS8).decode(), "keyId": key_id(name)} for name, key in KEYS.items()}
    made = {
        "madeBy": "spec/vectors/signature/make.py; the keys are test keys, known to everybody",
        "now": "2026-05-04T00:00:00Z",
        "testKeys": keys,
        "registry": registry(),
    }
    with open(os.path.join(HERE, "cases.json"), "w", encoding="utf-8") as file:
        head = json.dumps(made, indent=1)[:-2]
        file.write(head + ',\n "cases": [\n' + ",\n".join(json.dumps(case) for case in cases()) + "\n]}\n")


if __name__ == "__main__":
    main()
