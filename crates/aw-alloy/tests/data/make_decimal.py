"""Writes decimal.json: sums, differences, products and comparisons by Python's `decimal`, which shares no code with this project.

    python3 crates/aw-alloy/tests/data/make_decimal.py > crates/aw-alloy/tests/data/decimal.json

One row: the two numbers as spelled, their sum, difference and product in full, and -1, 0 or 1 for how they compare.
"""
import json
import random
from decimal import Decimal, getcontext

getcontext().prec = 3000
getcontext().Emax = 10**6
getcontext().Emin = -(10**6)
draw = random.Random(20261121)


def number():
    kind = draw.randrange(6)
    sign = "-" if draw.random() < 0.4 else ""
    if kind == 0:
        return sign + str(draw.randrange(0, 101))
    if kind == 1:
        return sign + f"{draw.randrange(0, 101)}.{draw.randrange(0, 10)}"
    if kind == 2:
        return sign + repr(draw.random() * 10 ** draw.randrange(-5, 6))
    if kind == 3:
        return sign + f"{draw.randrange(0, 10)}.{draw.randrange(0, 10**6):06d}e{draw.choice(['', '+', '-'])}{draw.randrange(0, 60)}"
    if kind == 4:
        return sign + str(draw.randrange(1, 10**30)) + "." + str(draw.randrange(0, 10**25)).zfill(25)
    return sign + "0." + "0" * draw.randrange(0, 40) + str(draw.randrange(0, 1000))


def plain(value):
    return "0" if value == 0 else format(value.normalize(), "f")


SPECIAL = [
    ("0.1", "0.2"),
    ("85.4", "88.4"),
    ("-0", "0.0"),
    ("36.0", "40.9"),
    ("1e308", "-1e308"),
    ("5e-324", "1"),
    ("100", "1e2"),
    ("0.45", "45e-2"),
    ("9007199254740993", "9007199254740992"),
    ("0.30000000000000004", "0.3"),
]

rows = []
for at in range(300):
    a, b = SPECIAL[at] if at < len(SPECIAL) else (number(), number())
    x, y = Decimal(a), Decimal(b)
    rows.append([a, b, plain(x + y), plain(x - y), plain(x * y), (x > y) - (x < y)])
print("[\n" + ",\n".join("  " + json.dumps(row) for row in rows) + "\n]")
