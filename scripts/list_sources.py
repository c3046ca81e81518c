#!/usr/bin/env python3
"""List the source files of a folder, one a line, sorted, for the build files.

    list_sources.py src/STAGE   C files of one stage, relative to src/
    list_sources.py include     public headers, relative to include/
    list_sources.py tests       tests and their support files, relative to tests/
    list_sources.py bench       C files, relative to bench/
    list_sources.py examples    C files, relative to examples/
    list_sources.py --all       all of them, relative to the root: the state that scripts/build.sh compares

A file counts if its name ends as listed below and holds only letters, digits, '_', '-' and '.', so that the copies
that editors leave beside a file are never built.
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ENDINGS = {"src": (".c",), "include": (".h",), "tests": (".c", ".py", ".sh"), "bench": (".c",),
           "examples": (".c",)}
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")


def list_folder(folder):
    """Files of a folder of the project, sorted, relative to the root."""
    top = folder.split("/")[0]
    if top not in ENDINGS:
        sys.exit(f"list_sources: {folder}: expected one of {', '.join(ENDINGS)}")
    found = []
    for path, subfolders, names in os.walk(os.path.join(ROOT, folder)):
        subfolders[:] = [name for name in subfolders if NAME.match(name) and name != "__pycache__"]
        for name in names:
            if NAME.match(name) and name.endswith(ENDINGS[top]):
                found.append(os.path.relpath(os.path.join(path, name), ROOT).replace(os.sep, "/"))
    return sorted(found)


def main(args):
    if args == ["--all"]:
        for top in ENDINGS:
            for path in list_folder(top):
                print(path)
    elif len(args) == 1 and not args[0].startswith("-"):
        for path in list_folder(args[0].rstrip("/")):
            print(path.split("/", 1)[1])
    else:
        sys.exit(__doc__)


main(sys.argv[1:])
