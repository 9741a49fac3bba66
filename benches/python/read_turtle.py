"""Reads a Turtle file with rdflib and says how long that took. usage: read_turtle.py FILE"""
import json
import sys
import time

from rdflib import Graph

start = time.perf_counter()
graph = Graph().parse(sys.argv[1], format="turtle")
print(json.dumps({"seconds": time.perf_counter() - start, "triples": len(graph)}))
