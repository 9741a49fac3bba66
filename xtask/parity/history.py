#!/usr/bin/env python3
"""Writes what each version of schema.org says no more and anew, taken with rdflib from the files themselves.

    python xtask/parity/history.py <folder of the ontologies> > domains/codegen/tests/it/history.tsv

A line a fact: the versions, `-` or `+`, what kind of fact it is, and its terms. A `mention` is a class or property of another vocabulary of
which nothing is said but that it is one; version 30.0 was the first to declare the terms it is equivalent to in that way. Written
with rdflib 7.6.0.
"""
import pathlib
import sys

from rdflib import OWL, RDF, RDFS, Graph, URIRef

SCHEMA = "https://schema.org/"


def facts(path):
    graph = Graph().parse(path)
    found = set()
    for kind, types in [("type", (RDFS.Class, OWL.Class)), ("property", (RDF.Property,))]:
        for term in {subject for it in types for subject in graph.subjects(RDF.type, it)}:
            bare = all(predicate == RDF.type for predicate in graph.predicates(term))
            found.add(("mention-" * (bare and not term.startswith(SCHEMA)) + kind, str(term)))
    edges = [("domain", RDFS.domain), ("domain", URIRef(SCHEMA + "domainIncludes")), ("range", RDFS.range),
             ("range", URIRef(SCHEMA + "rangeIncludes")), ("superclass", RDFS.subClassOf)]
    for kind, predicate in edges:
        found.update((kind, str(subject), str(of)) for subject, of in graph.subject_objects(predicate))
    return found


def main(folder):
    versions = ["15.0", "29.0", "30.0"]
    read = {version: facts(pathlib.Path(folder) / f"schemaorg-{version}.ttl") for version in versions}
    for old, new in zip(versions, versions[1:]):
        for sign, changed in [("-", read[old] - read[new]), ("+", read[new] - read[old])]:
            for fact in sorted(changed):
                print(f"{old}-{new}", sign, *fact, sep="\t")


main(*sys.argv[1:])
