#!/usr/bin/env python3
# check_house.py: the small rules: first lines, widths, tabs, TODOs, #if, paths of a machine.
# SPDX-License-Identifier: Apache-2.0

import posixpath
import re

import house

COLUMNS = 100
SOURCE = r".*\.(c|h|hpp|cpp|py|sh|js|ts|cmake)|(.*/)?CMakeLists\.txt|Makefile|\.ci/run"
# Data, and text that is not ours.
PLAIN = re.compile(r"LICENSE|.*\.(xz|bin|csv|json|patch)|.*/(golden|corpus)/.*")
HOME = re.compile(r"(?<![\w.$})/-])/(home|root|work|Users|mnt|media|srv)/\w")
UPWARD = re.compile(r"(?<![\w./])((?:\.\./)+)[\w.]")
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!: \w+ \w+ \w+)")
CONDITIONAL = re.compile(r"^[ \t]*#[ \t]*(if|ifdef|ifndef|elif|else)\b", re.M)


def check_opening(path, text):
    """The first line names the file and its purpose, and the licence follows at once."""
    lines = text.splitlines()
    if lines and lines[0].startswith("#!"):
        lines = lines[1:]
    name = posixpath.basename(path)
    opening = rf"(/\*|//|#) {re.escape(name)}( [A-Z_ |a-z.\[\]=-]+)?: \S+ \S+"
    if not lines or not re.match(opening, lines[0]):
        yield f"{path}:1: the first line does not say '{name}: its purpose'"
    if not any("SPDX-License-Identifier: Apache-2.0" in line for line in lines[1:4]):
        yield f"{path}:2: no SPDX line after the first"


def escapes(path, upward):
    """Whether so many steps up from this file leave the repository."""
    return upward.count("../") > path.count("/")


def check_line(path, line):
    if len(line) > COLUMNS and re.fullmatch(SOURCE, path):
        yield f"{len(line)} columns, {COLUMNS} at most"
    if line != line.rstrip():
        yield "white space at the end"
    if "\t" in line and path.endswith(house.C_SUFFIXES):
        yield "a tab"
    if HOME.search(line):
        yield "a path of one machine"
    if any(escapes(path, match.group(1)) for match in UPWARD.finditer(line)):
        yield "a path out of the repository"
    if path.startswith(("src/", "include/", "tests/", "bench/", "examples/")) and TODO.search(line):
        yield "a TODO without a reason that a reader can act on ('TODO: why and when')"


def check_conditionals(path, text):
    for function in house.functions_of(path, text):
        if CONDITIONAL.search(function.body):
            yield f"{function.where}: {function.name} has an #if inside"


def check_file(path, text):
    if re.fullmatch(SOURCE, path):
        yield from check_opening(path, text)
    for number, line in enumerate(text.splitlines(), 1):
        yield from (f"{path}:{number}: {what}" for what in check_line(path, line))
    if text and not text.endswith("\n"):
        yield f"{path}: no newline at the end"
    if path.startswith("src/"):
        yield from check_conditionals(path, text)


def check(tree):
    return [complaint for path, text in tree.files.items() if not PLAIN.fullmatch(path)
            for complaint in check_file(path, text)]


UP = "../"
HEAD = "/* a.c: one thing.\n * SPDX-License-Identifier: Apache-2.0\n */\n"
GOOD = [{"src/a.c": HEAD + "#if X\n#endif\nint f(void)\n{\n}\n"},
        {"src/b/a.c": HEAD + f'#include "{UP}{UP}include/berth/x.h"\n'},
        {"x.sh": "#!/bin/sh\n# x.sh JOB: does it well.\n# SPDX-License-Identifier: Apache-2.0\n"},
        {"src/a.c": HEAD + "/* TODO: drop once gcc 13 is everywhere. */\n"},
        {"README.md": "Installed in /usr/local/lib, see ./docs/home/x.\n"}]
BAD = [({"src/a.c": HEAD + "int f(void)\n{\n#if X\n    g();\n#endif\n}\n"}, "a.c:4: f has an #if"),
       ({"src/a.c": "int x;\n"}, "a.c:1: the first line"),
       ({"src/b.c": HEAD}, "b.c:1: the first line"),
       ({"src/a.c": "/* a.c: one thing. */\nint x;\n"}, "no SPDX"),
       ({"x.py": "#!/usr/bin/env python3\nimport re\n"}, "x.py:1: the first line"),
       ({"src/a.c": HEAD + "\tint x;\n"}, "a.c:4: a tab"),
       ({"src/a.c": HEAD + "int x; \n"}, "white space"),
       ({"src/a.c": HEAD + "/" * 101 + "\n"}, "101 columns"),
       ({"src/a.c": HEAD + "/* TODO */\n"}, "a TODO"),
       ({"src/a.c": HEAD + "/* TODO: later */\n"}, "a TODO"),
       ({"src/a.c": HEAD + "int x;"}, "no newline"),
       ({"README.md": "See /" + "home/me/x.\n"}, "a path of one machine"),
       ({"docs/x.md": f"See {UP}{UP}elsewhere.\n"}, "a path out of the repository")]

if __name__ == "__main__":
    house.main(check, GOOD, BAD)
