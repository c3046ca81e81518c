#!/usr/bin/env python3
"""Check that the sources depend downwards only.

    check_layers.py [ROOT]

A file in src/STAGE may include headers of its own stage, of lower stages and of stages on the same level. Two stages
on one level must not include each other, directly or round a ring. A public header ranvier/STAGE.h counts as part of
that stage; public headers, which only describe, may include any other public header, but not round a ring. The library
never includes <ranvier.h>. Prints one line per fault and exits 1 if there is any.
"""
import os
import re
import sys

LEVELS = [
    ["base"],
    ["comm", "store", "kernels"],
    ["data", "values"],
    ["neurons", "synapses", "connectivity", "outputs", "optimise"],
    ["network"],
    ["convert"],
    ["compile"],
    ["engine"],
    ["train"],
    ["callbacks"],
    ["cli"],
]
LEVEL = {stage: level for level, stages in enumerate(LEVELS) for stage in stages}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)


def list_files(folder):
    for path, subfolders, names in os.walk(folder):
        subfolders.sort()
        for name in sorted(names):
            if name.endswith((".c", ".h")):
                yield os.path.join(path, name)


def includes_of(path):
    """(line number, included name) of every #include of a file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for match in INCLUDE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match.group(2)


def stage_of_include(root, path, name):
    """The stage that an included header belongs to; None where it is none of ours."""
    if name.startswith("ranvier/"):
        stage = os.path.splitext(name[len("ranvier/"):])[0].split("/")[0]
        return stage if stage in LEVEL else None
    source = os.path.join(root, "src")
    for folder in (os.path.dirname(path), source):
        target = os.path.normpath(os.path.join(folder, name))
        if os.path.isfile(target) and target.startswith(source + os.sep):
            stage = os.path.relpath(target, source).split(os.sep)[0]
            return stage if stage in LEVEL else None
    return None


def find_rings(edges):
    """Rings of a graph {from: {to: place}}: ['a', 'b', 'a'] where a includes b and b includes a."""
    rings, seen = [], set()

    def visit(stage, trail):
        if stage in trail:
            ring = trail[trail.index(stage):]
            if frozenset(ring) not in seen:
                seen.add(frozenset(ring))
                rings.append(ring + [stage])
            return
        for target in sorted(edges.get(stage, {})):
            visit(target, trail + [stage])

    for stage in sorted(edges):
        visit(stage, [])
    return rings


def describe(ring, edges):
    return f"{' -> '.join(ring)} ({', '.join(edges[a][b] for a, b in zip(ring, ring[1:]))})"


def check_source(root, path, stage, edges, faults):
    """Check one file of a stage; note in edges what it includes from stages of its own level."""
    shown = os.path.relpath(path, root)
    for line, name in includes_of(path):
        if name == "ranvier.h" and stage != "cli":
            faults.append(f"{shown}:{line}: includes <ranvier.h>, expected the headers of single stages")
            continue
        target = stage_of_include(root, path, name)
        if target is None or target == stage:
            continue
        if LEVEL[target] > LEVEL[stage]:
            faults.append(f"{shown}:{line}: {stage} includes {name} of the higher stage {target}")
        elif LEVEL[target] == LEVEL[stage] and not name.startswith("ranvier/"):
            edges.setdefault(stage, {}).setdefault(target, f"{shown}:{line}")


def check(root):
    faults, edges = [], {}
    source = os.path.join(root, "src")
    for name in sorted(os.listdir(source)):
        if os.path.isdir(os.path.join(source, name)) and name not in LEVEL:
            faults.append(f"src/{name}: not a stage; stages are listed in scripts/check_layers.py and src/meson.build")
    for path in list_files(source):
        stage = os.path.relpath(path, source).split(os.sep)[0]
        if stage in LEVEL:
            check_source(root, path, stage, edges, faults)
    for ring in find_rings(edges):
        faults.append(f"{describe(ring, edges)}: stages of one level include each other")

    edges = {}
    for path in list_files(os.path.join(root, "include", "ranvier")):
        shown, header = os.path.relpath(path, root), "ranvier/" + os.path.basename(path)
        for line, name in includes_of(path):
            if name == "ranvier.h":
                faults.append(f"{shown}:{line}: includes ranvier.h, which includes it")
            elif name.startswith("ranvier/"):
                edges.setdefault(header, {}).setdefault(name, f"{shown}:{line}")
    for ring in find_rings(edges):
        faults.append(f"{describe(ring, edges)}: public headers include each other")
    return faults


def main(args):
    if len(args) > 1:
        sys.exit(__doc__)
    root = os.path.abspath(args[0]) if args else os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    faults = check(root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


sys.exit(main(sys.argv[1:]))
