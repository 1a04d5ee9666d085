#!/usr/bin/env python3
# check_layers.py: who may include whom, and that sources.txt names what there is.
# SPDX-License-Identifier: Apache-2.0

import posixpath
import re

import house

FREESTANDING = {"float.h", "iso646.h", "limits.h", "stdalign.h", "stdarg.h", "stdbool.h",
                "stddef.h", "stdint.h", "stdnoreturn.h"}
# What a public header for C++ may use besides: language support, and what owns or hands out memory.
FOR_CPP = {"cstddef", "cstdint", "exception", "memory", "memory_resource", "new", "type_traits",
           "utility"}
DEVICE = FREESTANDING | {"string.h"}  # for memcpy, memmove, memset, memcmp and nothing else
CONTRACT = {"berth/types.h", "berth/engine.h", "berth/config.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def engines_of(tree):
    """The engines' names, from the folders and files that there are."""
    found = (re.match(r"src/engines/(\w+)", path) for path in tree.files)
    return {match.group(1) for match in found if match}


def layer_of(path):
    """The folder that makes up one unit: src/core, src/engines/fit, ports/linux, ..."""
    parts = path.split("/")
    if parts[:2] == ["src", "engines"]:
        return "/".join([*parts[:2], parts[2].split(".")[0]])
    if parts[0] in ("src", "ports", "compat", "bindings", "examples") or path.startswith("include"):
        return "/".join(parts[:2])
    return parts[0]


def target_of(tree, path, name):
    """The file of this repository that an include means, or None: a header from elsewhere."""
    local = posixpath.normpath(posixpath.join(posixpath.dirname(path), name))
    candidates = [local, "include/" + name, "src/" + name, name]
    return next((each for each in candidates if each in tree.files), None)


def is_own(path, target):
    layer = layer_of(path)
    return target == layer or target.startswith((layer + "/", layer + "."))


def refuse_engine(tree, path, name, target):
    own = path.split("/")[2].split(".")[0]
    if target and is_own(path, target):
        return None
    if name in CONTRACT | {f"berth/{own}.h"} or (target is None and name in DEVICE):
        return None
    return "an engine includes the engine contract and its own headers only"


def refuse_core(tree, path, name, target):
    if name.startswith("berth/") and name[6:-2] in engines_of(tree):
        return "the core knows no engine by name"
    return refuse_device(tree, path, name, target)


def refuse_device(tree, path, name, target):
    if target is None:
        return None if name in DEVICE else "the device side includes no hosted header"
    if target.startswith("include/berth/") or is_own(path, target):
        return None
    return "only public headers and its own"


def refuse_public(tree, path, name, target):
    is_cpp = path.endswith(".hpp")
    if name.startswith("berth/"):
        if name.endswith(".hpp") and not is_cpp:
            return "a header for C includes none for C++"
        return None if target else "there is no such public header"
    if is_cpp and name in FOR_CPP:
        return None
    return None if name in FREESTANDING else "a public header includes freestanding ones only"


def refuse_outside(tree, path, name, target):
    """Ports, tools, compat and examples: any foreign header, ours only if public or their own."""
    shared = target is not None and target.startswith(("include/", "src/wire/"))
    if target is None or shared or is_own(path, target):
        return None
    return "public headers and its own only"


RULES = [(r"include/berth/", refuse_public),
         (r"src/core/", refuse_core),
         (r"src/engines/", refuse_engine),
         (r"src/", refuse_device),
         (r"(ports|compat|tools|web|bindings|examples|bench)/", refuse_outside)]


def check_includes(tree):
    for path, text in tree.c_files().items():
        rule = next((rule for prefix, rule in RULES if re.match(prefix, path)), None)
        if rule is None:
            continue
        for match in INCLUDE.finditer(text):
            name = match.group(2)
            reason = rule(tree, path, name, target_of(tree, path, name))
            if reason:
                yield f"{path}:{house.line_of(text, match.start())}: includes {name}: {reason}"


def check_sources(tree):
    listed = tree.files.get("sources.txt", "").splitlines()
    present = [path for path in tree.c_files("src/") if path.endswith(".c")]
    yield from (f"sources.txt: does not name {path}" for path in present if path not in listed)
    yield from (f"sources.txt: {path} is not there" for path in listed if path not in present)
    if listed != sorted(set(listed)):
        yield "sources.txt: not sorted, or a line twice"


def check(tree):
    return [*check_includes(tree), *check_sources(tree)]


UP = "../"
ENGINE = "src/engines/fit/fit.c"
GOOD = [{"include/berth/types.h": "#include <stdint.h>\n",
         "include/berth/fit.h": '#include "berth/types.h"\n',
         "include/berth/berth.hpp": '#include "berth/types.h"\n#include <memory>\n',
         "src/engines/fit/tree.h": '#include "berth/types.h"\n',
         ENGINE: '#include "tree.h"\n#include "berth/fit.h"\n#include <string.h>\n',
         "sources.txt": ENGINE + "\n",
         "examples/tour/tour.c": '#include <stdio.h>\n#include "berth/fit.h"\n',
         "tests/unit/test_fit.c": f'#include "{UP}{UP}src/engines/fit/tree.h"\n'}]
BAD = [({"include/berth/types.h": "#include <stdio.h>\n"}, "freestanding ones only"),
       ({"include/berth/types.h": '#include "berth/none.h"\n'}, "no such public header"),
       ({"include/berth/types.h": "#include <new>\n"}, "freestanding ones only"),
       ({"include/berth/x.hpp": "#include <vector>\n"}, "freestanding ones only"),
       ({"include/berth/x.hpp": "", "include/berth/y.h": '#include "berth/x.hpp"\n'}, "for C++"),
       ({ENGINE: "#include <stdlib.h>\n", "sources.txt": ENGINE}, "includes stdlib.h"),
       ({ENGINE: '#include "berth/berth.h"\n', "include/berth/berth.h": ""}, "engine contract"),
       ({ENGINE: f'#include "{UP}{UP}core/core.h"\n', "src/core/core.h": ""}, "engine contract"),
       ({ENGINE: '#include "../pool/pool.h"\n', "src/engines/pool/pool.h": ""}, "engine contract"),
       ({"src/core/route.c": '#include "berth/fit.h"\n', "include/berth/fit.h": "", ENGINE: ""},
        "no engine by name"),
       ({"src/core/route.c": "#include <stdio.h>\n"}, "hosted"),
       ({"src/watch/level.c": '#include "../core/core.h"\n', "src/core/core.h": ""}, "public"),
       ({"ports/linux/port.c": '#include "../zephyr/z.h"\n', "ports/zephyr/z.h": ""}, "public"),
       ({"tools/berth/fits.c": '#include "core/core.h"\n', "src/core/core.h": ""}, "public"),
       ({ENGINE: "", "sources.txt": ""}, "does not name"),
       ({"sources.txt": ENGINE}, "is not there"),
       ({"src/a.c": "", "src/b.c": "", "sources.txt": "src/b.c\nsrc/a.c"}, "not sorted")]

if __name__ == "__main__":
    house.main(check, GOOD, BAD)
