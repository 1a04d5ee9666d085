# ratchet.py: figures that may fall and never rise, kept in ratchet.json.
# SPDX-License-Identifier: Apache-2.0
"""A check measures {name: figure} and asks for complaints(). `--tighten` of that check writes the
figures that have fallen, and those that have no limit yet; nothing here writes a higher one."""

import json
import pathlib

FILE = pathlib.Path(__file__).resolve().with_name("ratchet.json")


def limits():
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


def complaints(measured, known=None):
    known = limits() if known is None else known
    for name, figure in measured.items():
        if name not in known:
            yield f"ratchet.json: no limit for '{name}', now {figure}: run this with --tighten"
        elif figure > known[name]:
            yield f"ratchet.json: '{name}' is {figure}, and was {known[name]}"


def slack(measured):
    """Names whose figure has fallen below its limit."""
    known = limits()
    return [name for name, figure in measured.items() if figure < known.get(name, figure)]


def tightened(measured, known):
    return known | {name: min(figure, known.get(name, figure))
                    for name, figure in measured.items()}


def tighten(measured):
    after = tightened(measured, limits())
    FILE.write_text(json.dumps(after, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def self_test():
    """How many of its own promises it breaks."""
    known = {"a": 5}
    kept = [not list(complaints({"a": 5}, known)), len(list(complaints({"a": 6}, known))) == 1,
            len(list(complaints({"b": 1}, known))) == 1,
            tightened({"a": 6, "b": 1}, known) == {"a": 5, "b": 1},
            tightened({"a": 4}, known) == {"a": 4}]
    return kept.count(False)
