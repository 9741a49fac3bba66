"""Writes schema.org as a LinkML schema: what LinkML's generators are given in place of the ontology, which they do not read.

usage: linkml_schema.py ONTOLOGY.ttl OUT.yaml

Every class with its superclasses, every property with its ranges on every class of its domain, every enumeration with its members: what
the program beside it makes contracts of.
"""
import re
import sys

import yaml
from rdflib import RDF, RDFS, Graph, Namespace, URIRef

SCHEMA = Namespace("https://schema.org/")
SCALARS = {"Text": "string", "URL": "uri", "Date": "date", "DateTime": "datetime", "Time": "time", "Number": "float",
           "Integer": "integer", "Float": "float", "Boolean": "boolean"}


def local(term):
    name = re.sub(r"[^A-Za-z0-9_]", "_", str(term).rsplit("/", 1)[-1].rsplit("#", 1)[-1])
    return f"N{name}" if name[0].isdigit() else name


def main(ontology, out):
    graph = Graph().parse(ontology)
    own = lambda found: sorted({term for term in found if isinstance(term, URIRef) and term.startswith(SCHEMA)})
    datatypes = {term for term in own(graph.subjects()) if (term, RDF.type, SCHEMA.DataType) in graph} | {SCHEMA.DataType}
    waiting = list(datatypes)
    while waiting:
        for below in own(graph.subjects(RDFS.subClassOf, waiting.pop())):
            if below not in datatypes:
                datatypes.add(below)
                waiting.append(below)
    classes = [term for term in own(graph.subjects(RDF.type, RDFS.Class)) if term not in datatypes]
    enums = {term: own(graph.subjects(RDF.type, term)) for term in classes}
    enums = {term: members for term, members in enums.items() if members}
    classes = [term for term in classes if term not in enums]
    schema = {"id": "https://example.org/schemaorg", "name": "schemaorg", "default_prefix": "schemaorg",
              "prefixes": {"linkml": "https://w3id.org/linkml/", "schemaorg": "https://schema.org/"},
              "imports": ["linkml:types"], "default_range": "string", "classes": {}, "slots": {}, "enums": {}}
    for term in classes:
        parents = [local(parent) for parent in own(graph.objects(term, RDFS.subClassOf)) if parent in set(classes)]
        one = {"slots": [], "description": str(graph.value(term, RDFS.comment) or "")}
        if parents:
            one["is_a"] = parents[0]
        if parents[1:]:
            one["mixins"] = parents[1:]
        schema["classes"][local(term)] = one
    for term, members in enums.items():
        schema["enums"][local(term)] = {"permissible_values": {local(member): {} for member in members}}
    for term in own(graph.subjects(RDF.type, RDF.Property)):
        ranges = []
        for found in own(graph.objects(term, SCHEMA.rangeIncludes)):
            name = SCALARS.get(local(found), "string") if found in datatypes else local(found)
            if name in schema["classes"] or name in schema["enums"] or found in datatypes:
                ranges.append(name)
        ranges = sorted(set(ranges))
        slot = {"multivalued": True, "description": str(graph.value(term, RDFS.comment) or "")}
        if len(ranges) == 1:
            slot["range"] = ranges[0]
        elif ranges:
            slot["any_of"] = [{"range": name} for name in ranges]
        schema["slots"][local(term)] = slot
        for domain in own(graph.objects(term, SCHEMA.domainIncludes)):
            if local(domain) in schema["classes"]:
                schema["classes"][local(domain)]["slots"].append(local(term))
    with open(out, "w", encoding="utf-8") as file:
        yaml.safe_dump(schema, file, sort_keys=False, allow_unicode=True)


main(*sys.argv[1:])
