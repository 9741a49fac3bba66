"""Validates a document and the model of SPDX against the model's shapes with pySHACL. usage: validate_shapes.py MODEL DATA

Says how long validating took, how many results there are, and the SHA-256 of the results as sorted lines: focus node, path, value,
component, severity, a blank node as `[]`.
"""
import hashlib
import json
import sys
import time

import pyshacl
from rdflib import RDF, BNode, Graph, Literal, Namespace

SH = Namespace("http://www.w3.org/ns/shacl#")


def shown(term):
    if term is None:
        return ""
    if isinstance(term, BNode):
        return "[]"
    if isinstance(term, Literal):
        return f'"{term}"' if term.datatype is None or term.datatype.endswith("#string") else f'"{term}"^^<{term.datatype}>'
    return f"<{term}>"


def main(model, document):
    shapes = Graph().parse(model)
    data = Graph().parse(model).parse(document)
    start = time.perf_counter()
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes)
    seconds = time.perf_counter() - start
    names = ["focusNode", "resultPath", "value", "sourceConstraintComponent", "resultSeverity"]
    found = [result for result in report.subjects(RDF.type, SH.ValidationResult) if (None, SH.detail, result) not in report]
    lines = sorted("\t".join(shown(report.value(result, SH[name])) for name in names) + "\n" for result in found)
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    print(json.dumps({"seconds": seconds, "results": len(lines), "digest": digest}))


main(*sys.argv[1:])
