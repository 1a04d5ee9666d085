# house.py: what the checks of this folder share: the tree they look at, and how they are proved.
# SPDX-License-Identifier: Apache-2.0
"""A check is a function from a Tree to a list of complaints. Its file also holds small trees that
it must complain about, so that a check which can no longer fail is itself found out:

    check_x.py              look at the repository; 1 if there are complaints
    check_x.py --self-test  look at the small trees; 1 if one of them is misjudged
"""

import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
C_SUFFIXES = (".c", ".h", ".hpp", ".cpp")


class Tree:
    """The project's own files, as {path: text}."""

    def __init__(self, files):
        self.files = files

    def matching(self, pattern):
        return {path: text for path, text in self.files.items() if re.fullmatch(pattern, path)}

    def c_files(self, folder=""):
        return {path: text for path, text in self.files.items()
                if path.startswith(folder) and path.endswith(C_SUFFIXES)}


def own_paths(root):
    """What git tracks or would track; in a tree without git, what is not built."""
    if shutil.which("git") and (root / ".git").exists():
        listing = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"],
                                 cwd=root, stdout=subprocess.PIPE, text=True, check=True)
        return sorted(set(listing.stdout.splitlines()))
    found = (path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return sorted(str(path) for path in found
                  if path.parts[0] not in ("build", ".git") and "__pycache__" not in path.parts)


def repository():
    files = {}
    for path in own_paths(ROOT):
        try:
            files[path] = (ROOT / path).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue  # data, or deleted and not yet committed
    return Tree(files)


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def without_comments(text):
    """C text with comments and literals blanked, so that positions and lines stay."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group())
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank, text,
                  flags=re.S)


class Function:
    """A C function's definition: `start` and `end` are lines, `body` is without comments."""

    def __init__(self, path, start, end, name, parameters, body):
        self.path, self.start, self.end = path, start, end
        self.name, self.parameters, self.body = name, parameters, body

    @property
    def lines(self):
        return self.end - self.start + 1

    @property
    def where(self):
        return f"{self.path}:{self.start}"


def functions_of(path, text):
    """Relies on the house format: a body opens and closes with a brace of its own in column 0."""
    code = without_comments(text)
    for match in re.finditer(r"^([A-Za-z_][^;{}#]*?)\n\{\n(.*?)^\}", code, re.S | re.M):
        head = match.group(1)
        name = re.search(r"(\w+)\s*\(", head)
        if name is None:
            continue
        inner = head[name.end():head.rindex(")")]
        parameters = 0 if inner.strip() in ("", "void") else split_count(inner)
        yield Function(path, line_of(code, match.start()), line_of(code, match.end()),
                       name.group(1), parameters, match.group(2))


def split_count(inner):
    """How many parameters a list holds: commas inside parentheses are not between them."""
    depth = commas = 0
    for letter in inner:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        commas += letter == "," and depth == 0
    return commas + 1


def self_test(check, good, bad):
    """`good`: trees without fault. `bad`: pairs of a tree and a piece of the complaint it earns."""
    misjudged = 0
    for files in good:
        for complaint in check(Tree(files)):
            print(f"self-test: complained without reason: {complaint}", file=sys.stderr)
            misjudged += 1
    for files, piece in bad:
        complaints = check(Tree(files))
        if not any(piece in complaint for complaint in complaints):
            print(f"self-test: did not see '{piece}' in {list(files)}: {complaints}",
                  file=sys.stderr)
            misjudged += 1
    print(f"self-test: {len(good) + len(bad)} trees, {misjudged} misjudged")
    return 1 if misjudged or not bad else 0


def main(check, good, bad):
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test(check, good, bad))
    if sys.argv[1:]:
        sys.exit(f"usage: {sys.argv[0]} [--self-test]")
    sys.exit(report(check(repository())))


def report(complaints):
    for complaint in complaints:
        print(complaint)
    print(f"{pathlib.Path(sys.argv[0]).stem}: {len(complaints)} complaints")
    return 1 if complaints else 0
