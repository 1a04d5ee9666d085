#!/usr/bin/env python3
# stages.py: splits what the plugin counted of the public calls by stage of the pipeline.
# SPDX-License-Identifier: Apache-2.0
"""stages.py PCS.csv COUNTS.csv ELF: prints the instructions of a call by stage: an instruction's is
where its innermost function is written, inlined or not. Ends with 1 if the sums are not what
COUNTS.csv says, within 1 instruction."""

import csv
import re
import subprocess
import sys

HARNESS = "bench/pipeline.c:"  # around the call: the plugin takes it off by itself
WHERE = [  # a stage is the first whose expression is in FILE:FUNCTION
    ("route", r"src/core/route\."),
    ("ledger", r"src/core/ledger\."),
    ("event", r"src/core/(event|poll)\."),
    ("manager", r"src/core/manager\."),
    ("engine", r"src/engines/"),
    ("port", r"bench/stub_port\.|ports/"),
    # What other files of the core do for a stage, by name.
    ("route", r"src/core/.*:\w*(route|suits|hop)"),
    ("ledger", r"src/core/.*:\w*(charge|refund|account|exceed|budget)"),
    ("event", r"src/core/.*:\w*(event|slot)"),
    ("manager", r"src/core/"),
    ("rest", ""),
]
KINDS = ("alloc", "free", "resize")


def places_of(elf, addresses):
    """{address: FILE:FUNCTION of its innermost function}"""
    said = subprocess.run(["addr2line", "-a", "-i", "-f", "-e", elf], input="\n".join(addresses),
                          text=True, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    return {int(line, 16): said[i + 2].rsplit(":", 1)[0] + ":" + said[i + 1]
            for i, line in enumerate(said) if line.startswith("0x")}


def stage_of(place):
    return next(name for name, expression in WHERE if re.search(expression, place))


def read(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def split(runs, places):
    """{stage: {kind: instructions}}"""
    sums = {name: dict.fromkeys(KINDS, 0) for name, _ in WHERE}
    for row in runs:
        place = places[int(row["address"], 16)]
        if HARNESS not in place:
            for kind in KINDS:
                sums[stage_of(place)][kind] += int(row[kind])
    return sums


def per_call(instructions, calls):
    figures = [instructions[kind] / max(calls[kind], 1) for kind in KINDS]
    both = sum(instructions[kind] for kind in KINDS[:2])
    return [*figures, both / max(calls["alloc"] + calls["free"], 1)]


def main():
    runs, counts, elf = read(sys.argv[1]), read(sys.argv[2]), sys.argv[3]
    calls = {row["kind"]: int(row["calls"]) for row in counts}
    means = {row["kind"]: float(row["mean"]) for row in counts}
    sums = split(runs, places_of(elf, [row["address"] for row in runs]))
    print(f"{'stage':<9} {'alloc':>8} {'free':>8} {'resize':>8} {'a+f':>8}")
    for name, instructions in sums.items():
        print(f"{name:<9}", *(f"{each:8.2f}" for each in per_call(instructions, calls)))
    whole = per_call({kind: sum(each[kind] for each in sums.values()) for kind in KINDS}, calls)
    print(f"{'sum':<9}", *(f"{each:8.2f}" for each in whole))
    for kind, figure in zip((*KINDS, "both"), whole):
        if abs(figure - means[kind]) > 1:
            sys.exit(f"stages.py: {kind}: the stages sum up to {figure:.2f}, not {means[kind]:.2f}")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main()
