#!/usr/bin/env python3
"""Writes what pySHACL reports on the SPDX documents of aw-shacl's tests, and times it on a large one.

    python xtask/parity/shacl.py golden <spdx-3.0.1-model.ttl> crates/aw-shacl/tests/golden/spdx
    python xtask/parity/shacl.py time <spdx-3.0.1-model.ttl> <data.ttl>

The data graph is the document and the model together, the shapes graph is the model. A line a result, sorted: focus node, path, value,
component, severity, the shape it is a property of, and messages the shape declares; blank nodes are `[]`. The goldens were written
with pySHACL 0.40.1 and rdflib 7.6.0. `time` prints processor seconds of reading and of validating, and the same lines to standard output.
"""
import pathlib
import sys
import time

import pyshacl
from rdflib import BNode, Graph, Literal, Namespace, RDF

SH = Namespace("http://www.w3.org/ns/shacl#")


def shown(term):
    if term is None:
        return ""
    if isinstance(term, BNode):
        return "[]"
    if isinstance(term, Literal):
        if term.language:
            return f'"{term}"@{term.language.lower()}'
        return f'"{term}"' if term.datatype is None or term.datatype.endswith("#string") else f'"{term}"^^<{term.datatype}>'
    return f"<{term}>"


def lines(report, shapes):
    found = []
    for result in report.subjects(RDF.type, SH.ValidationResult):
        if (None, SH.detail, result) in report:
            continue
        value = lambda name: report.value(result, SH[name])
        source = value("sourceShape")
        owner = shapes.value(None, SH.property, source) if isinstance(source, BNode) else source
        messages = sorted(shown(message) for message in shapes.objects(source, SH.message))
        found.append("\t".join([shown(value("focusNode")), shown(value("resultPath")), shown(value("value")),
                                shown(value("sourceConstraintComponent")), shown(value("resultSeverity")), shown(owner), *messages]))
    return sorted(found)


def validate(model, document):
    start = time.process_time()
    shapes = Graph().parse(model)
    data = Graph().parse(model).parse(document)
    read = time.process_time()
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes)
    return lines(report, shapes), read - start, time.process_time() - read


def main(what, model, where):
    if what == "time":
        found, read, validated = validate(model, where)
        print("\n".join(found))
        print(f"read {read:.2f} s, validated {validated:.2f} s, {len(found)} results", file=sys.stderr)
        return
    for document in sorted(pathlib.Path(where).glob("*.ttl")):
        found, _, _ = validate(model, document)
        document.with_suffix(".tsv").write_text("".join(line + "\n" for line in found))
        print(f"{document}: {len(found)} results")


main(*sys.argv[1:])
