"""Lists and searches 100,000 artifacts with alloyworks and with what people would use instead; prints p50 and p95 of whole processes.

    AW_STORE_FILL=FOLDER cargo test -p aw-store --test it entities_many -- --ignored
    python3 benches/python/entities.py PROGRAM FOLDER [ROUNDS]

FOLDER then holds `entities.sqlite` and the same documents as `files/*.json`. The contenders take turns. A Python process with an index
of its own is there too: a table with two columns and an FTS5 index, made before anything is timed.
"""

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import time
from pathlib import Path

LISTED = "olmoe"
RARE = "quicksilver"
COMMON = "expert"

BY_HAND = """
import sqlite3, sys
file, sql, value = sys.argv[1:]
for row in sqlite3.connect(file).execute(sql, [value]): print(row)
"""


def index(folder: Path) -> Path:
    """A table and an FTS5 index, as somebody would make them by hand."""
    file = folder / "by-hand.sqlite"
    if not file.exists():
        connection = sqlite3.connect(file)
        connection.execute("CREATE TABLE documents (id INTEGER PRIMARY KEY, architecture TEXT, document TEXT)")
        connection.execute("CREATE INDEX by_architecture ON documents (architecture)")
        connection.execute("CREATE VIRTUAL TABLE words USING fts5 (document, content = '')")
        for path in (folder / "files").iterdir():
            text = path.read_text()
            key = int(path.stem)
            connection.execute("INSERT INTO documents VALUES (?, ?, ?)", (key, json.loads(text)["architecture"], text))
            connection.execute("INSERT INTO words (rowid, document) VALUES (?, ?)", (key, text))
        connection.commit()
    return file


def contenders(program: str, folder: Path):
    ours = [program, "--home", str(folder), "--json", "data", "list", "--limit", "50"]
    hand = [sys.executable, "-c", BY_HAND, str(index(folder))]
    columns = "SELECT id, architecture, substr(document, 1, 60) FROM documents"
    found = columns + " WHERE id IN (SELECT rowid FROM words WHERE words MATCH ? ORDER BY rowid DESC LIMIT 50)"
    files = str(folder / "files")
    return {
        ("filter", "alloyworks"): ours + ["--where", f"architecture={LISTED}"],
        ("filter", "python sqlite3"): hand + [columns + " WHERE architecture = ? ORDER BY id DESC LIMIT 50", LISTED],
        ("rare word", "alloyworks"): ours + ["--search", RARE],
        ("rare word", "python sqlite3"): hand + [found, RARE],
        ("rare word", "grep -r"): ["grep", "-rlwi", RARE, files],
        ("common word", "alloyworks"): ours + ["--search", COMMON],
        ("common word", "python sqlite3"): hand + [found, COMMON],
        ("common and rare word, filter", "alloyworks"): ours + ["--search", f"{COMMON} {RARE}", "--where", f"architecture={LISTED}"],
        ("two filters", "alloyworks"): ours + ["--where", f"architecture={LISTED}", "--where", "license=mit"],
        ("one thousandth page", "alloyworks"): ours + ["--after", "50000"],
    }


def main() -> None:
    program, folder = sys.argv[1], Path(sys.argv[2])
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 40
    runs = contenders(program, folder)
    jq = ["sh", "-c", f"find {folder}/files -name '*.json' -print0 | xargs -0 jq -r 'select(.architecture == \"{LISTED}\") | .name'"]
    taken = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name, command in runs.items():
            # Reading every file takes seconds; a few rounds say enough.
            if command[0] == "grep" and turn > 3:
                continue
            start = time.perf_counter()
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            seconds = time.perf_counter() - start
            assert done.stdout, name
            if turn:
                taken[name].append(seconds)
    start = time.perf_counter()
    subprocess.run(jq, stdout=subprocess.DEVNULL, check=True)
    taken[("filter", "jq over files, once")] = [time.perf_counter() - start]
    print(f"load {os.getloadavg()[0]:.1f}, {rounds} rounds, whole processes, milliseconds")
    for (what, name), seconds in sorted(taken.items()):
        ordered = sorted(seconds)
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        print(f"{what:30} {name:22} p50 {statistics.median(ordered) * 1000:9.1f}  p95 {p95 * 1000:9.1f}  n {len(ordered)}")


main()
