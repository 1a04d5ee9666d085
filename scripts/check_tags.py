#!/usr/bin/env python3
# check_tags.py: every public function and contract member says where it may be called.
# SPDX-License-Identifier: Apache-2.0

import re

import house

TAGS = {"task", "ISR", "cache-off", "boot", "panic", "any"}
TAG = re.compile(r"\[([A-Za-z-]+(?:, ?[A-Za-z-]+)*)\]")
DEFAULT = re.compile(r"^ \* Context, unless a function says otherwise: \[", re.M)
# A declared function `name(`, or a member `(*name)(`, at the start of a declaration.
DECLARED = re.compile(r"^(?!\s*(?:typedef|return|#|else|\}))[ \t]*(?:[A-Za-z_]\w*[\w \t*]*?)"
                      r"(?:\b(berth_\w+)|\(\*(\w+)\))\(", re.M)


def comment_before(text, position):
    """The comment that ends on the line before, if there is one."""
    before = text[:position].rstrip()
    start = before.rfind("/*")
    return before[start:] if before.endswith("*/") and "*/" not in before[start:-2] else ""


def tags_in(comment):
    return [tag.strip() for match in TAG.finditer(comment) for tag in match.group(1).split(",")]


def check_header(path, text):
    header_comment = text[:text.find("*/")]
    for tag in set(tags_in(header_comment)) - TAGS:
        yield f"{path}:1: [{tag}] is no context: " + ", ".join(sorted(TAGS))
    code = house.without_comments(text)
    for match in DECLARED.finditer(code):
        name = match.group(1) or match.group(2)
        where = f"{path}:{house.line_of(text, match.start())}"
        tags = tags_in(comment_before(text, match.start()))
        if not tags and not DEFAULT.search(header_comment):
            yield f"{where}: {name} does not say where it may be called"
        for tag in set(tags) - TAGS:
            yield f"{where}: {name}: [{tag}] is no context: " + ", ".join(sorted(TAGS))


def check(tree):
    headers = tree.matching(r"include/berth/\w+\.(h|hpp)")
    return [complaint for path, text in headers.items() for complaint in check_header(path, text)]


HEAD = "/* x.h: words.\n * SPDX\n *\n * Context, unless a function says otherwise: [task].\n */\n"
BARE = "/* x.h: words.\n * SPDX\n */\n"
PLAIN = "/* Frees it. */\nvoid berth_free(void *block);\n"
MEMBER = "typedef struct x {\n    /* Frees. */\n    int (*free)(int a);\n} x_t;\n"
GOOD = [{"include/berth/x.h": HEAD + PLAIN + MEMBER},
        {"include/berth/x.h": BARE + PLAIN.replace("it.", "it. [task, ISR]")},
        {"include/berth/x.h": BARE + "extern BERTH_API const berth_engine_t berth_fit_engine;\n"},
        {"src/x.h": BARE + PLAIN}]
BAD = [({"include/berth/x.h": BARE + PLAIN}, "x.h:5: berth_free does not say"),
       ({"include/berth/x.h": BARE + MEMBER}, "x.h:6: free does not say"),
       ({"include/berth/x.h": BARE + "BERTH_MUST_CHECK void *berth_alloc(int a,\n   int b);\n"},
        "berth_alloc does not say"),
       ({"include/berth/x.h": BARE + PLAIN.replace("it.", "[tsk]")}, "[tsk] is no context"),
       ({"include/berth/x.h": HEAD.replace("[task]", "[nowhere]")}, "[nowhere] is no context")]

if __name__ == "__main__":
    house.main(check, GOOD, BAD)
