#!/usr/bin/env python3
# check_freestanding.py: the device objects need four functions, own no variable, do not recurse.
# SPDX-License-Identifier: Apache-2.0

import pathlib
import re
import subprocess
import sys
import tempfile

import house

GIVEN = re.compile(r"mem(cpy|move|set|cmp)|__aeabi_\w+")
COMPILE = ["arm-none-eabi-gcc", "--specs=picolibc.specs", "-mcpu=cortex-m3", "-mthumb",
           "-std=c11", "-Os", "-DNDEBUG", "-Iinclude", "-fcallgraph-info=su", "-c"]
EDGE = re.compile(r'edge: \{ sourcename: "(.*?)" targetname: "(.*?)"')
WRITABLE = re.compile(r"\.(data|bss|tdata|tbss|noinit|common)\b")


def run(*command, cwd=house.ROOT):
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, text=True, check=True).stdout


def defined_and_undefined(objects):
    defined, undefined = set(), {}
    for path in objects:
        for line in run("arm-none-eabi-nm", path).splitlines():
            kind, name = line[9:].split()
            if kind == "U":
                undefined.setdefault(name, pathlib.Path(path).stem)
            elif kind.isupper():
                defined.add(name)
    return defined, undefined


def check_needs(objects):
    defined, undefined = defined_and_undefined(objects)
    for name, user in sorted(undefined.items()):
        if name not in defined and not GIVEN.fullmatch(name):
            yield f"{user}: needs {name}"


def check_variables(objects):
    for path in objects:
        for line in run("arm-none-eabi-size", "-A", path).splitlines():
            fields = line.split()
            if len(fields) == 3 and WRITABLE.match(fields[0]) and int(fields[1]) > 0:
                yield f"{pathlib.Path(path).stem}: {fields[1]} bytes of variables in {fields[0]}"


def calls_in(objects):
    """{caller: callees} by the names that the compiler gives them in its call graphs."""
    calls = {}
    for path in objects:
        graph = pathlib.Path(path).with_suffix(".ci").read_text(encoding="utf-8")
        for caller, callee in EDGE.findall(graph):
            calls.setdefault(caller, set()).add(callee)
    return calls


def reaches(calls, start):
    seen, waiting = set(), list(calls[start])
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += calls.get(name, ())
    return seen


def check_recursion(objects):
    calls = calls_in(objects)
    for name in sorted(calls):
        if name in reaches(calls, name):
            yield f"{name} calls itself, at last"


def compile_all(sources, folder):
    objects = []
    for source in sources:
        target = str(pathlib.Path(folder) / (str(source).replace("/", "_")[:-2] + ".o"))
        run(*COMPILE, str(source), "-o", target)
        objects.append(target)
    return objects


def check(sources):
    with tempfile.TemporaryDirectory() as folder:
        objects = compile_all(sources, folder)
        return [*check_needs(objects), *check_variables(objects), *check_recursion(objects)]


BAD = [("int f(const char *s);\nint g(void)\n{\n    return f(0);\n}\n", "needs f"),
       ("int counter = 3;\n", "variables in .data"),
       ("int *g(void)\n{\n    static int n;\n    return &n;\n}\n", "variables in .bss"),
       ("int g(int n);\nint h(int n);\n"
        "__attribute__((noinline)) int h(int n)\n{\n    return n ? g(n - 1) * 3 + n : 0;\n}\n"
        "__attribute__((noinline)) int g(int n)\n{\n    return n ? h(n - 2) * 5 + n : 1;\n}\n",
        "calls itself")]
GOOD = ["#include <string.h>\nvoid f(void *to, void *from, unsigned n);\n"
        "void f(void *to, void *from, unsigned n)\n{\n    memcpy(to, from, n);\n}\n"]


def self_test():
    misjudged = 0
    with tempfile.TemporaryDirectory() as folder:
        source = pathlib.Path(folder) / "sample.c"
        for text, piece in [*((text, None) for text in GOOD), *BAD]:
            source.write_text(text, encoding="utf-8")
            complaints = check([source])
            seen = any(piece in each for each in complaints) if piece else not complaints
            if not seen:
                print(f"self-test: '{piece}' and {complaints}", file=sys.stderr)
                misjudged += 1
    print(f"self-test: {len(GOOD) + len(BAD)} samples, {misjudged} misjudged")
    return 1 if misjudged else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    sys.exit(house.report(check((house.ROOT / "sources.txt").read_text().split())))
