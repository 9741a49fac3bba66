"""Follows a line from the outside and reports whatever the protocol forbids. Written from spec/line.md alone.

usage: reader.py ROOT REPORT  (says `looking` once it does, until its standard input ends; REPORT gets one JSON object)
"""
import json, os, re, select, sys

line, report = os.path.join(sys.argv[1], "line"), sys.argv[2]
STATIONS = ["intake", "assembly", "finished", "rework", "deferred"]
NAME = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*?)(?:\.retry([1-9][0-9]*))?\.alloy\.json$")
violations, looks, lines, cursor = [], 0, 0, 0


def there(station, file):
    return os.path.lexists(os.path.join(line, station, file))


def look():
    seen = {}
    for station in STATIONS:
        for file in os.listdir(os.path.join(line, station)):
            match = NAME.match(file)
            if not match or not os.path.isfile(os.path.join(line, station, file)):
                continue
            # Listings are no snapshot: a part may have moved on meanwhile. Only what is in both places now is in two.
            other = seen.get(match[1])
            if other and there(*other) and there(station, file) and there(*other):
                violations.append(f"{match[1]} is at {other} and {(station, file)}")
            seen[match[1]] = (station, file)
            wanted = {"finished": ".result.json", "rework": ".error.json"}.get(station)
            beside = file.removesuffix(".alloy.json") + wanted if wanted else None
            if beside and not there(station, beside) and there(station, file) and not there(station, beside):
                violations.append(f"{station}/{file} has no {beside}")


def follow():
    global lines, cursor
    try:
        with open(os.path.join(line, "throughput.jsonl"), "rb") as log:
            log.seek(cursor)
            text = log.read()
    except FileNotFoundError:
        return
    whole = text[: text.rfind(b"\n") + 1]
    for number, row in enumerate(whole.splitlines()):
        try:
            entry = json.loads(row)
            assert isinstance(entry["at"], str) and isinstance(entry["outcome"], str)
        except (ValueError, KeyError, AssertionError, TypeError) as error:
            violations.append(f"line at {cursor} + {number}: {row!r}: {error}")
        lines += 1
    cursor += len(whole)


while True:
    look()
    follow()
    looks += 1
    if looks == 1:
        print("looking", flush=True)
    if select.select([sys.stdin], [], [], 0.005)[0] and not sys.stdin.read(1):
        break
with open(report, "w") as out:
    json.dump({"looks": looks, "lines": lines, "violations": violations}, out)
