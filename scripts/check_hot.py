#!/usr/bin/env python3
# check_hot.py: what an ISR or a cache-off path may call is in hot.txt's sources, and stays there.
# SPDX-License-Identifier: Apache-2.0
"""check_hot.py: links a Cortex-M3 image in which the sources of hot.txt have a RAM of their own
(tests/target/hot.ld), and complains about
  placement  code or constants of a hot source that the link map has elsewhere
  reach      a branch or an address in a hot function that leads into the flash
  tables     an engine's entry for hot callers, or a constant, that lies in the flash
  tags       a public function tagged ISR, cache-off or any that is not hot
  the run    in QEMU the MPU denies the flash while hot paths run: a touch is a fault
The image keeps its relocations, so every branch and every literal is seen with its target's name.
Built for size and for speed. --self-test: small programs with a fault of each kind."""

import pathlib
import re
import subprocess
import sys
import tempfile

import check_tags
import house

COMPILER = ["arm-none-eabi-gcc", "--specs=picolibc.specs", "-mcpu=cortex-m3", "-mthumb"]
COMPILE = [*COMPILER, "-std=c11", "-DNDEBUG", f"-I{house.ROOT}/include",
           f"-I{house.ROOT}/ports/baremetal_arm", "-c"]
LINK = [*COMPILER, "--oslib=semihost", "--crt0=semihost", f"-L{house.ROOT}/tests/target",
        "-Thot.ld", *("-Wl,--defsym=__" + each for each in (
            "flash=0", "flash_size=0x400000", "ram=0x20000000", "ram_size=0x400000",
            "hot=0x21000000", "hot_size=0x10000", "stack_size=0x1000")),
        "-Wl,--emit-relocs,--no-gc-sections,-Map=image.map"]
RUN = ["timeout", "120", "qemu-system-arm", "-M", "mps2-an385", "-icount", "shift=0", "-nographic",
       "-serial", "none", "-monitor", "none", "-chardev", "stdio,id=c0"]
FLASH = range(0, 0x400000)
LEVELS = ("-Os", "-O2")

# Entries of an engine's table that nothing hot calls.
COLD_ENTRIES = {"beside_size", "start", "fits", "word", "walk", "check", "note_alloc",
                "note_free", "undo"}
# Targets in the flash that hot code may name, and why.
ALLOWED = {"manager_wake": "starts a manager that BERTH_DEFINE made; its first call is no hot one"}
HOT_TAGS = {"ISR", "cache-off", "any"}

PLACED = re.compile(r"^ (\.(?:text|rodata)\S*)(?:\n| ) +0x([0-9a-f]+) +0x([0-9a-f]+) (\S+)$", re.M)
SYMBOL = re.compile(r"^ *\d+: ([0-9a-f]{8}) +(\d+|0x[0-9a-f]+) (\w+) +\w+ +\w+ +\w+ (\S+)$", re.M)
RELOCATION = re.compile(r"^([0-9a-f]{8}) +[0-9a-f]{8} (R_ARM_\w+) +([0-9a-f]{8}) +(\S+)", re.M)
ENTRY = re.compile(r"\(\*(\w+)\)\(")
ENTRIES_AT = 8  # the name and a flag come first


def run(*command, cwd):
    return subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False)


def build(hot, cold, level, folder):
    """Compiles and links; complains if that fails."""
    for kind, sources in (("hot", hot), ("cold", cold)):
        (folder / kind).mkdir()
        for source in sources:
            target = f"{kind}/{pathlib.Path(source).stem}.o"
            done = run(*COMPILE, level, str(house.ROOT / source), "-o", target, cwd=folder)
            if done.returncode != 0:
                return [f"{source}: is not compiled: {done.stdout}"]
    objects = sorted(str(path.relative_to(folder)) for path in folder.glob("*/*.o"))
    done = run(*LINK, *objects, "-o", "image.elf", cwd=folder)
    return [f"the image is not linked: {done.stdout}"] if done.returncode != 0 else []


class Image:
    """What the linker says of an image."""

    def __init__(self, folder):
        def tell(option):
            return run("arm-none-eabi-readelf", "-W", option, "image.elf", cwd=folder).stdout
        self.map = (folder / "image.map").read_text(encoding="utf-8")
        self.hot = self.section(tell("-S"))
        self.symbols = {}  # {name: address}
        self.spans = []    # of functions and of constants in .hot
        for value, size, kind, name in SYMBOL.findall(tell("-s")):
            address = int(value, 16) & (~1 if kind == "FUNC" else ~0)
            self.symbols[name] = address
            if kind in ("FUNC", "OBJECT") and address in self.hot:
                self.spans.append((address, address + int(size, 0), kind, name))
        self.relocations = [(int(at, 16), int(value, 16) & ~1, name)
                            for at, _, value, name in RELOCATION.findall(tell("-r"))
                            if int(at, 16) in self.hot]

    @staticmethod
    def section(headers):
        start, size = re.search(r" \.hot +PROGBITS +([0-9a-f]+) [0-9a-f]+ ([0-9a-f]+)",
                                headers).groups()
        return range(int(start, 16), int(start, 16) + int(size, 16))

    def holder(self, address):
        """(kind, name, offset) of the function or constant that an address in .hot is in."""
        for start, end, kind, name in self.spans:
            if start <= address < end:
                return kind, name, address - start
        return "OBJECT", "a constant", 0

    def file_of(self, address):
        """The source of what is placed at an address."""
        for _, start, size, path in PLACED.findall(self.map):
            if int(start, 16) <= address < int(start, 16) + int(size, 16):
                name = pathlib.Path(path).name
                return name[:-2] + ".c" if path.startswith(("hot/", "cold/")) else name
        return "?"


def check_placement(image):
    for section, start, size, path in PLACED.findall(image.map):
        is_hot = int(start, 16) in image.hot
        if path.startswith("hot/") and int(size, 16) != 0 and not is_hot:
            yield f"{path[4:-2]}.c: its {section} is not in .hot"
        if path.startswith("cold/") and is_hot:
            yield f"{path[5:-2]}.c: its {section} is in .hot"


def check_reach(image, entries, used):
    for at, target, name in image.relocations:
        if target not in FLASH:
            continue
        kind, holder, offset = image.holder(at)
        where = f"{image.file_of(at)}: {holder}"
        if kind == "FUNC" and name in ALLOWED:
            used.add(name)
        elif kind == "FUNC":
            yield f"{where} reaches {name}, which is in the flash"
        elif re.fullmatch(r"berth_\w+_engine", holder):
            entry = (offset - ENTRIES_AT) // 4
            if entry not in range(len(entries)) or entries[entry] not in COLD_ENTRIES:
                what = entries[entry] if entry in range(len(entries)) else "name"
                yield f"{where}: its {what} is {name}, which is in the flash"
        else:
            yield f"{where} holds {name}, which is in the flash"


def tagged_functions(path, text):
    """The public functions that a header lets a hot path call."""
    default = check_tags.tags_in(text[:text.find("*/")])
    for match in check_tags.DECLARED.finditer(house.without_comments(text)):
        tags = check_tags.tags_in(check_tags.comment_before(text, match.start())) or default
        if match.group(1) and HOT_TAGS & set(tags):
            yield match.group(1)


def check_headers(image, headers):
    for path, text in headers.items():
        for name in tagged_functions(path, text):
            if image.symbols.get(name, image.hot.start) not in image.hot:
                where = image.file_of(image.symbols[name])
                yield f"{path}: {name} may be called by a hot path, but {where} is not hot"


def execute(folder, *arguments):
    config = ",arg=".join(["enable=on,target=native,chardev=c0", *arguments])
    return subprocess.run([*RUN, "-semihosting-config", config, "-kernel", "image.elf"], cwd=folder,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False)


def check_run(image, folder, level):
    done = execute(folder)
    if done.returncode != 0:
        fault = re.search(r"PC:\s*(?:0x)?([0-9a-fA-F]+)", done.stdout)
        name = name_of(image, int(fault.group(1), 16)) if fault else ""
        yield f"the run {level}: ends with {done.returncode}{name}\n{done.stdout.strip()}"
    else:
        print(f"{level}: {len(image.hot)} bytes hot; {done.stdout.strip()}")


def check_denial(folder):
    for touch in ("fetch", "read"):
        if "hardfault" not in execute(folder, touch).stdout:
            yield f"the run: to {touch} from the denied flash is no fault, so nothing is proved"


def name_of(image, address):
    below = [(at, name) for name, at in image.symbols.items()
             if at <= address and not name.startswith("$")]
    return f", a fault at {max(below)[1]}" if below else ", a fault"


def check_list(hot, known):
    if hot != sorted(set(hot)):
        yield "hot.txt: not sorted, or a line twice"
    for source in hot:
        if source not in known and not source.startswith("ports/"):
            yield f"hot.txt: {source} is not in sources.txt"


def check(hot, cold, headers=None, level=LEVELS[0], used=None, runs=False):
    entries = ENTRY.findall((house.ROOT / "include/berth/engine.h").read_text(encoding="utf-8"))
    used = set() if used is None else used
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        complaints = build(hot, cold, level, folder)
        if complaints:
            return complaints
        image = Image(folder)
        complaints = [*check_placement(image), *check_reach(image, entries, used),
                      *check_headers(image, headers or {})]
        if runs:
            complaints += [*check_run(image, folder, level), *check_denial(folder)]
        return complaints


def check_repository():
    lines = {name: (house.ROOT / name).read_text(encoding="utf-8").split()
             for name in ("hot.txt", "sources.txt")}
    complaints = list(check_list(lines["hot.txt"], lines["sources.txt"]))
    hot = [each for each in lines["hot.txt"] if "riscv" not in each] + ["tests/target/hot.c"]
    cold = [each for each in lines["sources.txt"] if each not in hot] + ["tests/target/hot_main.c"]
    headers = house.repository().matching(r"include/berth/\w+\.h")
    used = set()
    for level in LEVELS:
        complaints += check(hot, cold, headers, level, used, runs=True)
    complaints += [f"ALLOWED: nothing hot reaches {name}" for name in set(ALLOWED) - used]
    return list(dict.fromkeys(complaints))


COLD = "int cold(int n);\nint cold(int n)\n{\n    return n + 1;\n}\nconst int stone[9] = {1};\n" \
       "int berth_cold(void);\nint berth_cold(void)\n{\n    return 1;\n}\n" \
       "int main(void)\n{\n    return 0;\n}\n"
HEAD = "#include <berth/engine.h>\nint cold(int n);\nextern const int stone[9];\nint hot(int n);\n"
TABLE = "static berth_status_t pebble_start(berth_region_t *region)\n{\n    (void)region;\n" \
        "    return BERTH_OK;\n}\nconst berth_engine_t berth_pebble_engine = {\n" \
        "    .name = \"pebble\", .start = pebble_start};\n"
GOOD = [HEAD + "int hot(int n)\n{\n    return n * 3;\n}\n" + TABLE,
        HEAD + "#include <string.h>\nint hot(int n)\n{\n    char room[99];\n"
               "    memset(room, n, sizeof room);\n    return room[n];\n}\n"]
BAD = [(HEAD + "int hot(int n)\n{\n    return cold(n) + 1;\n}\n", "hot reaches cold"),
       (HEAD + "int hot(int n)\n{\n    return cold(n);\n}\n", "hot reaches cold"),
       (HEAD + "int hot(int n)\n{\n    return stone[n];\n}\n", "hot reaches stone"),
       (HEAD + "int (*which(void))(int);\nint (*which(void))(int)\n{\n    return cold;\n}\n",
        "which reaches cold"),
       (HEAD + "const int *const shelf = stone;\n", "shelf holds stone"),
       (HEAD + "berth_status_t gone(berth_region_t *region, uint32_t at, berth_owner_t to);\n"
               "const berth_engine_t berth_pebble_engine = {.give = gone};\n", "its give is gone"),
       (HEAD + "__attribute__((section(\".text_far\"))) int hot(int n)\n{\n    return n;\n}\n",
        "its .text_far is not in .hot")]
GONE = "#include <berth/engine.h>\n" \
       "berth_status_t gone(berth_region_t *region, uint32_t at, berth_owner_t to);\n" \
       "berth_status_t gone(berth_region_t *region, uint32_t at, berth_owner_t to)\n{\n" \
       "    (void)region;\n    return (berth_status_t)(at + to);\n}\n"
TAGS = {"x.h": "/* x.h: x.\n * SPDX\n */\n\n/* Warms. [task, ISR] */\nint berth_cold(void);\n"}


def self_test():
    misjudged = 0
    with tempfile.TemporaryDirectory() as name:
        hot, cold = pathlib.Path(name) / "sample.c", pathlib.Path(name) / "flash.c"
        cold.write_text(COLD + GONE, encoding="utf-8")
        samples = [*((text, {}, None) for text in GOOD),
                   *((text, {}, piece) for text, piece in BAD),
                   (GOOD[0], TAGS, "berth_cold may be called")]
        for text, headers, piece in samples:
            hot.write_text(text, encoding="utf-8")
            found = check([hot], [cold], headers)
            if not (any(piece in each for each in found) if piece else not found):
                print(f"self-test: '{piece}' and {found}", file=sys.stderr)
                misjudged += 1
    print(f"self-test: {len(samples)} samples, {misjudged} misjudged")
    return 1 if misjudged else 0


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    sys.exit(house.report(check_repository()))
