#!/usr/bin/env python3
# check_sizes.py: no file, function, parameter list or nesting beyond the house's measure.
# SPDX-License-Identifier: Apache-2.0

import re
import statistics
import sys

import house
import ratchet

FILE_LINES = 600
FUNCTION_LINES = 60
PARAMETERS = 5
NESTING = 3
SOURCE = r".*\.(c|h|hpp|cpp|py|sh|js|cmake)|.*CMakeLists\.txt|Makefile|.*/run"
CONTROL = re.compile(r"^\s*(\} )?(if|else|for|while|do|switch)\b.*\{$")


def nesting_of(function):
    """Relies on the house format: a block is indented by 4, and its head ends in a brace."""
    deepest, open_at = 0, []
    for line in function.body.splitlines():
        indent = len(line) - len(line.lstrip())
        while open_at and line.strip().startswith("}") and indent <= open_at[-1]:
            open_at.pop()
        if CONTROL.match(line):
            open_at.append(indent)
            deepest = max(deepest, len(open_at))
    return deepest


def check_function(function):
    figures = [("lines", function.lines, FUNCTION_LINES),
               ("parameters", function.parameters, PARAMETERS),
               ("levels of nesting", nesting_of(function), NESTING)]
    return [f"{function.where}: {function.name} has {figure} {what}, {most} at most"
            for what, figure, most in figures if figure > most]


def check(tree):
    complaints = []
    for path, text in tree.matching(SOURCE).items():
        lines = text.count("\n")
        if lines > FILE_LINES:
            complaints.append(f"{path}: {lines} lines, {FILE_LINES} at most")
    for path, text in tree.c_files().items():
        for function in house.functions_of(path, text):
            complaints += check_function(function)
    return complaints


def measure(tree):
    """Of the library's functions: the figures that only fall."""
    lines = sorted(function.lines for path, text in tree.c_files("src/").items()
                   for function in house.functions_of(path, text))
    if not lines:
        return {}
    return {"src: median function lines": int(statistics.median_high(lines)),
            "src: p90 function lines": lines[-(-len(lines) * 9 // 10) - 1]}


def function_text(body_lines=1, head="static int work(int a)", body="    a++;\n"):
    return head + "\n{\n" + body * body_lines + "}\n"


SIX = "int f(int a, int b, int c,\n      int d, int e, int g)"
NESTED = """    if (a) {
        while (b) {
            if (c) {
                d();
            } else {
                e();
            }
        }
    }
"""
DEEPER = NESTED.replace("e();", "for (;;) {\n                    f();\n                }")
GOOD = [{"a.c": "x\n" * 600}, {"a.c": function_text(57)}, {"a.c": function_text(1, body=NESTED)},
        {"a.c": function_text(1, "int f(int a, int (*b)(int, int), int c, int d, int e)")}]
BAD = [({"a.c": "x\n" * 601}, "601 lines"),
       ({"tests/x.py": "x\n" * 601}, "601 lines"),
       ({"a.c": function_text(58)}, "61 lines"),
       ({"a.c": "int x;\n\n" + function_text(1, SIX)},
        "a.c:3: f has 6 parameters"),
       ({"a.c": function_text(1, body=DEEPER)}, "4 levels")]


def main():
    figures = measure(house.repository())
    if sys.argv[1:] == ["--tighten"]:
        ratchet.tighten(figures)
        return
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(house.self_test(check, GOOD, BAD) or ratchet.self_test())
    print(", ".join(f"{name} {figure}" for name, figure in figures.items()))
    sys.exit(house.report([*check(house.repository()), *ratchet.complaints(figures)]))


if __name__ == "__main__":
    main()
