#!/usr/bin/env python3
"""Convolutions, pools and sparse layers against figures that are computed here from the definitions, by brute force
over every position (tests/reference/connectivity.py, layers.py), through the program that `make golden` runs."""
import os
import subprocess
import sys
import tempfile

ROOT = os.environ.get("RV_SOURCE_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GOLDEN = os.path.join(os.environ.get("RV_BUILD_ROOT") or os.path.join(ROOT, "build"), "tests", "golden")

try:
    import numpy as np  # noqa: F401
except ImportError:
    print("1..0 # SKIP numpy is not installed")
    sys.exit(0)

sys.path.insert(0, os.path.join(ROOT, "tests", "reference"))
from eprop import EPROP_LAYERS, generate_eprop  # noqa: E402
from layers import LAYERS, LEARNT, generate_layers  # noqa: E402

count = 0


def report(name, good, detail):
    global count
    count += 1
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good:
        print(f"# {detail}")


def run_golden(folder):
    done = subprocess.run([GOLDEN, folder], capture_output=True, text=True, errors="replace", timeout=250)
    lines = {line.split()[1]: line for line in done.stdout.splitlines() if line.startswith(("PASS ", "FAIL ", "SKIP "))}
    return lines, done.stdout + done.stderr


def layers_agree_with_their_definition(folder):
    for compiler, recipes in (("InferenceCompiler", LAYERS), ("EventPropCompiler", LAYERS | LEARNT)):
        for recipe in recipes:
            name = f"{'fwd' if compiler == 'InferenceCompiler' else 'grad'}_{recipe}"
            generate_layers(compiler, recipe, 1).save(os.path.join(folder, name), f"generated: {recipe}")
    for recipe in EPROP_LAYERS:
        generate_eprop(recipe, 1).save(os.path.join(folder, f"eprop_{recipe}"), f"generated: {recipe}")
    lines, output = run_golden(folder)
    for name in sorted(os.listdir(folder)):
        line = lines.get(name, f"no line of {name}: {output[-500:]}")
        report(f"generated_{name}_passes", line.startswith("PASS "), line)


def kernel_mirrored(case):
    name = case.connections[0]["connectivity"]["weight"]["array"]
    case.arrays[name] = case.arrays[name][::-1].copy()


def synapse_moved(case):
    name = case.connections[0]["connectivity"]["post_ind"]["array"]
    present = set(zip(case.arrays[name.replace("post", "pre")], case.arrays[name]))
    pre, free = case.arrays[name.replace("post", "pre")][0], case.size(case.connections[0]["target"])
    case.arrays[name][0] = next(j for j in range(free) if (pre, j) not in present)


def changed_layers_fail(folder):
    for recipe, change in (("conv_many_filters", kernel_mirrored), ("sparse", synapse_moved)):
        case = generate_layers("InferenceCompiler", recipe, 1)
        change(case)
        case.save(os.path.join(folder, change.__name__), "something changed")
    lines, output = run_golden(folder)
    for name in sorted(os.listdir(folder)):
        line = lines.get(name, output[-500:])
        report(f"{name}_fails", line.startswith("FAIL "), line)


if not os.access(GOLDEN, os.X_OK):
    print("1..0 # SKIP the golden program is not built")
    sys.exit(0)
for test in layers_agree_with_their_definition, changed_layers_fail:
    with tempfile.TemporaryDirectory() as temporary:
        test(temporary)
print(f"1..{count}")
