#!/usr/bin/env python3
# mutants.py: breaks the engine in small mechanical ways, and tells which breaks no test notices.
# SPDX-License-Identifier: Apache-2.0
"""usage: mutants.py [--count N] [--seed S] [--jobs J] [--build DIR] [--list] [--only FILE:LINE]

Each mutant is one edit of one line of src/engines/fit: a relation or an operator exchanged, a
constant off by one, a negation or a statement dropped. It is compiled once and put to the unit,
property, exactness and fault tests; the first that fails, crashes or runs over its time kills it.

A mutant that the compiler turns into the very same code is not counted. A survivor must be argued
in survivors.txt: FILE, the line before and after, and why it changes nothing that matters. The exit
is 1 if a survivor is not argued there, or if fewer than 95 % are killed; 2 if a test fails on the
engine as it is.
"""

import argparse
import concurrent.futures
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
ENGINE = pathlib.Path("src/engines/fit")
SURVIVORS = pathlib.Path(__file__).resolve().parent / "survivors.txt"
BAR_PERCENT = 95.0
SAMPLE_PERCENT = 80.0  # of a few dozen: one survivor weighs 5 % there
SECONDS = 20  # each test ends in a fraction of it on the sound engine
# What the language leaves undefined must not pass for right because this machine happens to do it.
TRAPS = ["-fsanitize=alignment,shift,builtin,bounds", "-fsanitize-undefined-trap-on-error"]
FLAGS = ["-std=c11", "-O1", "-Iinclude", "-Itests/model", "-D_GNU_SOURCE", "-w"]
MODEL = [f"tests/model/{name}.c" for name in ("model", "shape", "trial", "generate")]

CORE = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "src/core").glob("*.c"))]
ENGINES = [f"src/engines/{name}.c" for name in ("pool", "arena", "foreign")]

LAYOUT = "@layout"  # the sound engine's own, in the folder of the build

# Name: (sources, libraries, runs), in the order in which they are tried: the quickest first.
TESTS = {
    "test_fit": (["tests/unit/test_fit.c", "tests/unit/form.c"], ["-lcmocka"], [[]]),
    "test_start": (["tests/unit/test_start.c", "tests/unit/form.c"], ["-lcmocka"], [[]]),
    "test_inspect": (["tests/unit/test_inspect.c", "tests/unit/form.c"], ["-lcmocka"], [[]]),
    "test_undo": (["tests/unit/test_undo.c", "tests/unit/form.c"], ["-lcmocka"], [[]]),
    "layout": (["tests/target/layout.c", *MODEL], [], [["--expect", LAYOUT]]),
    "property": (["tests/property/property.c", *MODEL], [],
                 [["--ops", "60000", "--round", "1000"], ["--ops", "150000", "--seed", "77"]]),
    "exact": (["tests/property/exact.c", *MODEL], [], [["--states", "800"]]),
    "wrong_free": (["tests/fault/wrong_free.c", "tests/fault/scene.c"], [], [[]]),
    "bit_flip": (["tests/fault/bit_flip.c", "tests/fault/scene.c"], [], [["--quick"]]),
    "sealless": (["tests/fault/sealless.c"], [], [[]]),
    "test_check": (["tests/unit/test_check.c", "tests/unit/scene_core.c", *CORE, *ENGINES],
                   ["-lcmocka"], [[]]),
    "test_debug": (["tests/unit/test_debug.c"], ["-lcmocka"], [[]]),
    "overrun": (["tests/fault/overrun.c", "tests/fault/scene.c"], [], [[]]),
}

EXCHANGES = [
    ("relation", r"(?<![<>=!-])<(?![<=])", "<="), ("relation", r"(?<![<>=!-])>(?![>=])", ">="),
    ("relation", r"<=", "<"), ("relation", r"(?<![->])>=", ">"),
    ("relation", r"==", "!="), ("relation", r"!=", "=="),
    ("arithmetic", r"(?<![+(,=] )(?<=\S )\+(?= )", "-"), ("arithmetic", r"(?<=\S )-(?= )", "+"),
    ("arithmetic", r"\+=", "-="), ("arithmetic", r"-=", "+="),
    ("arithmetic", r"\+\+", "--"), ("arithmetic", r" \* (?=[\w(])", " + "),
    ("shift", r"(?<=\S )<<(?= )", ">>"), ("shift", r"(?<=\S )>>(?= )", "<<"),
    ("logic", r"&&", "||"), ("logic", r"\|\|", "&&"),
    ("bits", r"(?<=\S )&(?= )", "|"), ("bits", r"(?<=\S )\|(?= )", "&"),
    ("bits", r"(?<=\S )\^(?= )", "|"),
    ("negation", r"!(?=[\w(])", ""), ("negation", r"~(?=[\w(])", ""),
]
NUMBER = re.compile(r"(?<![\w.])(\d+|0x[0-9A-Fa-f]+)(u?)(?![\w.])")
STATEMENT = re.compile(r"^\s+(?!return|break|continue|const |static |struct |uint\w+ |bool |"
                       r"size_t |for|if|while|do|else|case|default|goto|berth_\w+_t "
                       r"|\w+_t \**\w+( =|;|\[))[\w*(].*;$")


class Mutant:
    def __init__(self, file, number, before, after, kind):
        self.file, self.number, self.kind = file, number, kind
        self.before, self.after = before, after

    def key(self):
        return (self.file, " ".join(self.before.split()), " ".join(self.after.split()))

    def __str__(self):
        return (f"{ENGINE}/{self.file}:{self.number} ({self.kind})\n"
                f"    - {self.before.strip()}\n    + {self.after.strip()}")


def code_lines(text):
    """(number, line, code) of each line in a function: code is the line with comments blanked."""
    plain = re.sub(r"/\*.*?\*/", lambda match: re.sub(r"[^\n]", " ", match.group()), text,
                   flags=re.S)
    for number, (line, code) in enumerate(zip(text.split("\n"), plain.split("\n")), 1):
        if re.match(r"\s+\S", code) and not re.match(r"\s*(#|_Static_assert)", code):
            yield number, line, code


def mutants_of_line(file, number, line, code):
    def replaced(start, end, new, kind):
        return Mutant(file, number, line, line[:start] + new + line[end:], kind)

    for kind, pattern, new in EXCHANGES:
        for match in re.finditer(pattern, code):
            yield replaced(match.start(), match.end(), new, kind)
    for match in NUMBER.finditer(code):
        value = int(match.group(1), 0)
        for other in (value + 1, value - 1):
            if other >= 0:
                yield replaced(match.start(), match.end(), f"{other}{match.group(2)}", "constant")
    if STATEMENT.match(code):
        body = len(line) - len(line.lstrip())
        yield replaced(body, len(code.rstrip()), ";", "dropped")


def all_mutants(folder):
    found = []
    for path in sorted(folder.glob("*.[ch]")):
        for number, line, code in code_lines(path.read_text()):
            found.extend(mutants_of_line(path.name, number, line, code))
    return found


def compiler(arguments, cwd=ROOT):
    return subprocess.run(["gcc", *arguments], cwd=cwd, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)


def engine_object(folder, out):
    """Compiles the engine's files of a folder into one object; None if they do not compile."""
    sources = sorted(str(path) for path in folder.glob("*.c"))
    parts = []
    for index, source in enumerate(sources):
        part = out.with_suffix(f".{index}.o")
        options = [*FLAGS, *TRAPS, f"-I{ROOT / 'src'}", "-c", source, "-o", str(part)]
        if compiler(options).returncode != 0:
            return None
        parts.append(str(part))
    if compiler(["-r", "-nostdlib", *parts, "-o", str(out)]).returncode != 0:
        return None
    return out


def code_of(path):
    """What an object does: its bytes without names and debugging."""
    stripped = path.with_suffix(".stripped")
    subprocess.run(["objcopy", "--strip-unneeded", "-R", ".comment", path, stripped], check=True)
    return stripped.read_bytes()


class Bench:
    """The tests' own objects, compiled once, and a way to put an engine to them."""

    def __init__(self, build):
        self.build = build
        self.engine = build / "sound"  # a copy: who edits the engine meanwhile changes no verdict
        shutil.copytree(ROOT / ENGINE, self.engine)
        self.objects = {}
        self.tests = {name: test for name, test in TESTS.items()
                      if all((ROOT / source).exists() for source in test[0])}
        for name, (sources, _, _) in self.tests.items():
            self.objects[name] = [self.object_of(source) for source in sources]

    def object_of(self, source):
        out = self.build / (source.replace("/", "_") + ".o")
        if not out.exists():
            done = compiler([*FLAGS, "-c", source, "-o", str(out)])
            if done.returncode != 0:
                sys.exit(f"mutants: {source} does not compile\n{done.stdout}")
        return str(out)

    def write_layout(self, engine):
        program = self.build / "layout"
        compiler([*self.objects["layout"], str(engine), "-o", str(program)])
        told = subprocess.run([str(program)], stdout=subprocess.PIPE, check=True)
        (self.build / "layout.txt").write_bytes(told.stdout)

    def killer(self, engine, folder):
        """The name of the first test that notices, or None."""
        for name, (_, libraries, runs) in self.tests.items():
            program = folder / name
            linked = compiler([*self.objects[name], str(engine), *libraries, "-o", str(program)])
            if linked.returncode != 0:
                return f"{name} does not link"
            for arguments in runs:
                known = [each.replace(LAYOUT, str(self.build / "layout.txt")) for each in arguments]
                if not passes([str(program), *known]):
                    return name
        return None


def passes(command):
    try:
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def judge(bench, mutant, sound):
    """What became of a mutant: 'killed by X', 'survived', 'same code' or 'does not compile'."""
    with tempfile.TemporaryDirectory(dir=bench.build) as name:
        folder = pathlib.Path(name)
        shutil.copytree(bench.engine, folder / "fit")
        target = folder / "fit" / mutant.file
        lines = target.read_text().split("\n")
        lines[mutant.number - 1] = mutant.after
        target.write_text("\n".join(lines))
        engine = engine_object(folder / "fit", folder / "engine.o")
        if engine is None:
            return "does not compile"
        if code_of(engine) == sound:
            return "same code"
        killer = bench.killer(engine, folder)
        return f"killed by {killer}" if killer else "survived"


def argued_survivors():
    """{(file, before, after)} of survivors.txt."""
    argued = set()
    text = SURVIVORS.read_text() if SURVIVORS.exists() else ""
    for entry in re.split(r"\n\s*\n", text):
        match = re.search(r"^(\S+):\n\s*- (.*)\n\s*\+ (.*)\n\s*why: \S", entry, flags=re.M)
        if match:
            argued.add((match.group(1), " ".join(match.group(2).split()),
                        " ".join(match.group(3).split())))
    return argued


def run(bench, mutants, sound, jobs):
    counts = {"killed": 0, "survived": 0, "same code": 0, "does not compile": 0}
    unargued = []
    argued = argued_survivors()
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for mutant, fate in zip(mutants, pool.map(lambda each: judge(bench, each, sound), mutants)):
            counts["killed" if fate.startswith("killed") else fate] += 1
            print(f"{fate}: {mutant}", flush=True)
            if fate == "survived" and mutant.key() not in argued:
                unargued.append(mutant)
    return counts, unargued


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/mutants")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only")
    options = parser.parse_args()

    if not options.list:
        shutil.rmtree(options.build, ignore_errors=True)
        options.build.mkdir(parents=True)
        bench = Bench(options.build.resolve())
    mutants = all_mutants(ROOT / ENGINE if options.list else bench.engine)
    random.Random(options.seed).shuffle(mutants)
    if options.only:
        mutants = [each for each in mutants if f"{each.file}:{each.number}" == options.only]
    mutants = mutants[:options.count]
    if options.list:
        print("\n".join(map(str, mutants)))
        return 0

    sound = engine_object(bench.engine, bench.build / "sound.o")
    if sound is None:
        sys.exit("mutants: the engine does not compile")
    bench.write_layout(sound)
    killer = bench.killer(sound, bench.build)
    if killer:
        print(f"mutants: {killer} fails on the engine as it is", file=sys.stderr)
        return 2

    counts, unargued = run(bench, mutants, code_of(sound), options.jobs)
    judged = counts["killed"] + counts["survived"]
    percent = 100.0 * counts["killed"] / judged if judged else 100.0
    is_sample = judged < 100
    bar = SAMPLE_PERCENT if is_sample else BAR_PERCENT
    print(f"\nmutants: {counts['killed']} of {judged} killed ({percent:.1f} %), bar {bar:.0f} %; "
          f"{counts['same code']} the same code, {counts['does not compile']} did not compile")
    for mutant in unargued:
        print(f"not argued in survivors.txt: {mutant}")
    return 0 if percent >= bar and (is_sample or not unargued) else 1


if __name__ == "__main__":
    sys.exit(main())
