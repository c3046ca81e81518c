#!/usr/bin/env python3
"""Any filter of any shape selects what NumPy's own indexing selects; thousands of random ones, in TAP.

Filters are resolved by `test_filters --resolve`. Set RV_TEST_SEED to repeat a failure or to look further.
"""
import os
import random
import subprocess
import sys
import warnings

import numpy as np

CASES_PER_KIND = 3000
PROGRAM = os.path.join(os.environ.get("RV_BUILD_ROOT", "build"), "tests", "test_filters")


class Filter:
    """What the library is told (text), and what NumPy is told (index)."""

    def __init__(self, text, index):
        self.text, self.index = text, index


def any_index(rng, size, wrong):
    if wrong:
        return rng.choice([size, size + rng.randrange(9), -size - 1, -size - 1 - rng.randrange(9)])
    return rng.randrange(-size, size)


def make_all(rng, size, wrong):
    return Filter("all", slice(None))


def make_index(rng, size, wrong):
    index = any_index(rng, size, wrong or size == 0)
    return Filter(f"index {index}", index)


def make_indices(rng, size, wrong, num=None):
    if num is None:
        num = rng.choice([0, 1, 1, 2, 3, rng.randrange(2 * size + 1)])
    indices = [any_index(rng, size, False) for _ in range(num if size else 0)]
    if wrong:
        indices.insert(rng.randrange(len(indices) + 1), any_index(rng, size, True))
    return Filter("indices " + ",".join(map(str, indices)), np.array(indices, dtype=np.int64))


def make_mask(rng, size, wrong, num=None):
    """A mask of any density, or of `num` true elements."""
    if num is None:
        density = rng.choice([0, 1, rng.random()])
        mask = [rng.random() < density for _ in range(size)]
    else:
        mask = [True] * min(num, size) + [False] * (size - num)
        rng.shuffle(mask)
    if wrong:
        mask = mask[1:] if len(mask) > 1 and rng.random() < 0.5 else mask + [True]  # NumPy is lax with empty ones
    return Filter("mask " + "".join("01"[x] for x in mask), np.array(mask, dtype=bool))


def make_slice(rng, size, wrong):
    parts = [None if rng.random() < 0.3 else rng.randrange(-size - 4, size + 5) for _ in range(2)]
    step = rng.choice([None, None, 1, 2, 3, -1, -2, -3, 7, -7, 10**30, -10**30])
    texts = ["" if part is None else str(part) for part in parts]
    if step is not None:
        texts.append(str(step))
    elif rng.random() < 0.3:
        texts.append("")
    space = rng.choice(["", "", " "])
    return Filter("slice " + f"{space}:{space}".join(texts), slice(*parts, step))


FLAT = {"all": make_all, "index": make_index, "indices": make_indices, "mask": make_mask, "slice": make_slice}


def make_axes(rng, shape, wrong):
    """One filter per axis, of lists that can be paired in most cases."""
    shape = shape[:rng.choice([len(shape)] * 3 + list(range(1, len(shape) + 1)))]
    faulty = rng.randrange(len(shape)) if wrong else None
    num = rng.choice([0, 1, 2, 3, 5])
    axes = []
    for axis, size in enumerate(shape):
        make = rng.choice([make_all, make_index, make_indices, make_indices, make_mask, make_slice, make_slice])
        exact = {"num": rng.choice([1, num])} if make in (make_indices, make_mask) and rng.random() < 0.9 else {}
        axes.append(make(rng, size, axis == faulty, **exact))
    return Filter("axes " + ";".join(axis.text for axis in axes), tuple(axis.index for axis in axes))


def expect(shape, chosen, by_axis):
    flags = np.zeros(shape if by_axis else int(np.prod(shape)), dtype=bool)
    try:
        if by_axis:  # NumPy overlooks a wrong index on one axis where another one selects nothing
            for size, index in zip(shape, chosen.index):
                np.empty(size)[index]
        flags[chosen.index] = True
    except (IndexError, DeprecationWarning):  # it only warns as long as nothing is selected
        return "error -104"
    return " ".join(map(str, np.flatnonzero(flags)))


def make_cases(rng, kind):
    """(line for the library, NumPy's answer) of many random filters of one kind."""
    for _ in range(CASES_PER_KIND):
        num_dims = rng.choice([1, 1, 2, 3, 4])
        shape = [rng.choice([1, 2, 3, 4, 5, 7]) for _ in range(num_dims)]
        wrong = rng.random() < 0.1
        if kind == "axes":
            chosen = make_axes(rng, shape, wrong)
        else:
            if rng.random() < 0.02:
                shape = [0]
            chosen = FLAT[kind](rng, int(np.prod(shape)), wrong)
        yield ",".join(map(str, shape)) + " " + chosen.text, expect(shape, chosen, kind == "axes")


def main():
    warnings.simplefilter("error")
    seed = int(os.environ.get("RV_TEST_SEED", "0"))
    kinds = [*FLAT, "axes"]
    print(f"1..{len(kinds)}")
    failed = False
    for number, kind in enumerate(kinds, 1):
        cases = list(make_cases(random.Random(f"{seed} {kind}"), kind))
        text = "".join(line + "\n" for line, _ in cases)
        run = subprocess.run([PROGRAM, "--resolve"], input=text, capture_output=True, text=True, check=False)
        got = run.stdout.splitlines()
        wrong = [(line, want, have) for (line, want), have in zip(cases, got) if want != have]
        good = run.returncode == 0 and len(got) == len(cases) and not wrong
        failed |= not good
        refused = sum(want.startswith("error") for _, want in cases)
        print(f"{'ok' if good else 'not ok'} {number} - any_filter_of_kind_{kind}_selects_what_numpy_selects")
        print(f"# {len(cases)} filters, {refused} of them refused by both" if good else f"# seed {seed}, {run.stderr}")
        for line, want, have in wrong[:5]:
            print(f"# {line}: expected '{want}', got '{have}'")
    return failed


sys.exit(main())
