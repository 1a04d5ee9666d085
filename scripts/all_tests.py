#!/usr/bin/env python3
# all_tests.py: gathers the tests of several builds into one ctest, and tells what came of it.
# SPDX-License-Identifier: Apache-2.0
"""all_tests.py gather BUILD_ROOT PRESET...   writes BUILD_ROOT/all/CTestTestfile.cmake
all_tests.py report JUNIT_FILE             prints the time by build and the sum of results
all_tests.py --self-test"""

import json
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

FIRST = "dev"  # whose tests are all taken
ONCE = {"house", "target", "mutants", "bench"}  # labels of tests that one build is enough for
NEVER = {"soak"}  # labels of tests that have a command of their own
NAMING = {"DEPENDS", "FIXTURES_SETUP", "FIXTURES_CLEANUP", "FIXTURES_REQUIRED"}


def quoted(value):
    text = str(value)
    fence = "=" * next(n for n in range(1, 99) if "]" + "=" * n + "]" not in text)
    return f"[{fence}[{text}]{fence}]"


def labels_of(test):
    return next((each["value"] for each in test.get("properties", [])
                 if each["name"] == "LABELS"), [])


def is_wanted(preset, test):
    unwanted = NEVER if preset == FIRST else NEVER | ONCE
    return not unwanted & set(labels_of(test))


def property_text(preset, name, value):
    if isinstance(value, bool):
        return quoted("TRUE" if value else "FALSE")
    if name in NAMING:
        value = [f"{preset}/{each}" for each in value]
    if name == "LABELS":
        value = [*value, preset]
    if isinstance(value, list):
        return quoted(";".join(str(each).replace(";", "\\;") for each in value))
    return quoted(value)


def test_text(preset, test):
    name = quoted(f"{preset}/{test['name']}")
    properties = {each["name"]: each["value"] for each in test.get("properties", [])}
    properties.setdefault("LABELS", [])
    lines = ["add_test(" + " ".join([name, *map(quoted, test["command"])]) + ")"]
    lines += [f"set_tests_properties({name} PROPERTIES {key} {property_text(preset, key, value)})"
              for key, value in properties.items()]
    return "\n".join(lines) + "\n"


def tests_of(folder):
    listing = subprocess.run(["ctest", "--test-dir", str(folder), "--show-only=json-v1"],
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    return json.loads(listing)["tests"]


def gather(build_root, presets):
    folder = build_root / "all"
    folder.mkdir(parents=True, exist_ok=True)
    wanted = [(preset, test) for preset in presets for test in tests_of(build_root / preset)
              if is_wanted(preset, test)]
    missing = [test["name"] for _, test in wanted if "command" not in test]
    if missing:
        sys.exit(f"all_tests: not built: {', '.join(missing)}")
    text = "".join(test_text(preset, test) for preset, test in wanted)
    (folder / "CTestTestfile.cmake").write_text(text, encoding="utf-8")


def summed(cases):
    """{build: (tests, seconds)}, passed, failed, of (name, seconds, status) triples."""
    by_build, passed = {}, 0
    for name, seconds, status in cases:
        build = name.split("/")[0]
        count, total = by_build.get(build, (0, 0.0))
        by_build[build] = (count + 1, total + seconds)
        passed += status == "run"
    return by_build, passed, len(cases) - passed


def report(path):
    """A test that was skipped has shown nothing: it counts as failed."""
    cases = [(case.get("name"), float(case.get("time")), case.get("status"))
             for case in xml.etree.ElementTree.parse(path).getroot().iter("testcase")]
    by_build, passed, failed = summed(cases)
    for build, (count, seconds) in by_build.items():
        print(f"  tests of {build:<12}{count:>5} in {seconds:>7.1f} s of processor time")
    for name, _, status in cases:
        if status != "run":
            print(f"  {'skipped' if status == 'notrun' else 'failed'}: {name}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def self_test():
    test = {"name": "unit", "command": ["/bin/x", "a;b", "c]=]"], "properties": [
        {"name": "LABELS", "value": ["unit"]}, {"name": "DEPENDS", "value": ["first"]},
        {"name": "TIMEOUT", "value": 10.0}]}
    text = test_text("asan", test)
    soak = {"name": "long", "properties": [{"name": "LABELS", "value": ["soak"]}]}
    cases = [("dev/a", 1.0, "run"), ("dev/b", 2.0, "fail"), ("asan/a", 4.0, "notrun")]
    kept = ["[=[asan/unit]=]" in text, "[=[unit;asan]=]" in text, "[=[asan/first]=]" in text,
            "[==[c]=]]==]" in text, is_wanted("dev", test), not is_wanted("dev", soak),
            is_wanted("dev", {"properties": [{"name": "LABELS", "value": ["house"]}]}),
            not is_wanted("asan", {"properties": [{"name": "LABELS", "value": ["house"]}]}),
            summed(cases) == ({"dev": (2, 3.0), "asan": (1, 4.0)}, 1, 2)]
    print(f"self-test: {len(kept)} claims, {kept.count(False)} broken")
    return kept.count(False)


def main(arguments):
    if arguments == ["--self-test"]:
        return self_test()
    if len(arguments) > 2 and arguments[0] == "gather":
        return gather(pathlib.Path(arguments[1]), arguments[2:])
    if len(arguments) == 2 and arguments[0] == "report":
        return report(arguments[1])
    sys.exit(__doc__)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
