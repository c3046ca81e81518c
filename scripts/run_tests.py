#!/usr/bin/env python3
"""Run the tests of a build folder and count their cases.

    run_tests.py [--match REGEX] [--suite c|py|sh] [--slow FACTOR] [--wrapper COMMAND] [--jobs N] [--verbose] FOLDER

Every test is a program that prints TAP: 'ok N - name', 'not ok N - name', 'ok N - name # SKIP reason'. A program
that crashes, runs out of time, reports no case or fewer cases than it announced counts as one failed case more.
Failed cases are printed with their output and skipped ones with their reason; the last line is
'N passed, N failed' or 'N passed, N failed, N skipped'. All output of a test is kept in FOLDER/test-logs/.
"""
import argparse
import concurrent.futures
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
import time

RESULT = re.compile(r"\s*(not )?ok\b *(\d+)? *(?:- *)?(.*)")
PLAN = re.compile(r"1\.\.(\d+)(?:\s*#\s*SKIP\b\s*(.*))?", re.I)
SKIP = re.compile(r"(.*?)\s*(?<!\\)#\s*SKIP\b\s*(.*)", re.I)

# Tests sync many small files, which takes long on a disk that is slow or busy; what they test does not depend on it.
MEMORY_FOLDER, MEMORY_NEEDED = "/dev/shm", 1 << 30

running = set()
running_lock = threading.Lock()
stopping = threading.Event()


def temporary_folder():
    """Where tests put their files: what TMPDIR says, else a folder in memory if it has room and may hold programs."""
    try:
        stat = os.statvfs(MEMORY_FOLDER)
        roomy = stat.f_bavail * stat.f_frsize >= MEMORY_NEEDED and not stat.f_flag & os.ST_NOEXEC
    except OSError:
        roomy = False
    usable = roomy and os.access(MEMORY_FOLDER, os.W_OK)
    return {"TMPDIR": MEMORY_FOLDER} if usable and "TMPDIR" not in os.environ else {}


class Case:
    def __init__(self, kind, name, output=(), reason=""):
        self.kind, self.name, self.output, self.reason = kind, name, list(output), reason


def parse_tap(text):
    """The cases of a TAP text, and how many were planned (None without a plan)."""
    cases, planned, before = [], None, []
    for line in text.splitlines():
        plan, result = PLAN.fullmatch(line.strip()), RESULT.fullmatch(line)
        if plan:
            planned = (planned or 0) + int(plan.group(1))
            if plan.group(1) == "0" and plan.group(2) is not None:
                cases.append(Case("skipped", "", reason=plan.group(2)))
        elif result:
            skip = SKIP.fullmatch(result.group(3))
            name = skip.group(1) if skip else result.group(3)
            if skip and not name:
                # cmocka writes '# SKIP name'; the reason is what the case printed before.
                cases.append(Case("skipped", skip.group(2), reason=before[-1].strip() if before else ""))
            elif skip:
                cases.append(Case("skipped", name, reason=skip.group(2)))
            else:
                cases.append(Case("failed" if result.group(1) else "passed", name, before))
            before = []
        elif line.startswith("#") and not before and cases:
            # What follows a result and begins with '#' explains it. The result of a cmocka group is not a case.
            if not re.match(r"# (not )?ok - ", line):
                cases[-1].output.append(line)
        else:
            before.append(line)
    return cases, planned, before


def judge(test, code, out, err, seconds, timed_out):
    """All cases of a finished test, with one more where the program itself went wrong."""
    cases, planned, rest = parse_tap(out)
    failed = [case for case in cases if case.kind == "failed"]
    # A failed case that cmocka numbers 0 is a group whose set-up failed, so it may stand beside the planned ones.
    trouble = None
    if timed_out:
        trouble = f"stopped after {seconds:.0f} s"
    elif code < 0:
        trouble = f"killed by {signal.Signals(-code).name}"
    elif code != 0 and not failed:
        trouble = f"exit status {code}"
    elif not cases:
        trouble = "no test case"
    elif planned is not None and len(cases) < planned:
        trouble = f"{planned} cases planned, {len(cases)} seen"
    if trouble:
        cases.append(Case("failed", f"({trouble})", rest))
        failed.append(cases[-1])
    if failed and err:
        lines = err.splitlines()
        failed[-1].output += [f"... {len(lines) - 60} lines left out"] * (len(lines) > 60) + lines[-60:]
    for case in cases:
        case.name = f"{test['name']}: {case.name}" if case.name else test["name"]
    return cases


def stop_group(process):
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def run_test(test, options):
    """Run one program in a process group of its own; its cases and the seconds it took."""
    if stopping.is_set():
        return [], 0.0
    environment = {**os.environ, **temporary_folder(), **test["env"]}
    wrapper = shlex.split(options.wrapper)
    limit = test["timeout"] * options.slow if test["timeout"] > 0 else None
    log = os.path.join(options.folder, "test-logs", test["name"])
    start, timed_out = time.monotonic(), False
    with open(log + ".out", "w+b") as out, open(log + ".err", "w+b") as err:
        try:
            process = subprocess.Popen(wrapper + test["cmd"], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       env=environment, cwd=test["workdir"] or None, start_new_session=True)
        except OSError as error:
            return [Case("failed", f"{test['name']}: (cannot run: {error})")], 0.0
        with running_lock:
            running.add(process)
        try:
            process.wait(limit)
        except subprocess.TimeoutExpired:
            timed_out = True
        stop_group(process)
        process.wait()
        with running_lock:
            running.discard(process)
        seconds = time.monotonic() - start
        out.seek(0)
        err.seek(0)
        texts = [stream.read().decode("utf-8", "replace") for stream in (out, err)]
    cases = judge(test, process.returncode, *texts, seconds, timed_out)
    if options.verbose:
        bad = sum(case.kind == "failed" for case in cases)
        print(f"{test['name']}: {len(cases)} cases, {bad} failed, {seconds:.1f} s", flush=True)
    return cases, seconds


def load_tests(options):
    path = os.path.join(options.folder, "meson-info", "intro-tests.json")
    with open(path, encoding="utf-8") as file:
        tests = json.load(file)
    suites = {f"ranvier:{options.suite}", options.suite}
    tests = [test for test in tests if not options.suite or suites & set(test["suite"])]
    tests = [test for test in tests if re.search(options.match, test["name"])]
    return tests


def report(cases):
    for case in cases:
        if case.kind == "failed":
            print(f"FAILED {case.name}")
            for line in case.output:
                print(f"    {line}")
    for case in cases:
        if case.kind == "skipped":
            print(f"skipped {case.name}" + (f": {case.reason}" if case.reason else ""))
    count = {kind: sum(case.kind == kind for case in cases) for kind in ("passed", "failed", "skipped")}
    line = f"{count['passed']} passed, {count['failed']} failed"
    print(line + (f", {count['skipped']} skipped" if count["skipped"] else ""), flush=True)
    return count


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder")
    parser.add_argument("--match", default="")
    parser.add_argument("--suite", default="")
    parser.add_argument("--slow", type=float, default=1.0)
    parser.add_argument("--wrapper", default="")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    options.folder = os.path.abspath(options.folder)
    os.makedirs(os.path.join(options.folder, "test-logs"), exist_ok=True)

    # A shell's background jobs ignore SIGINT, and so would the programs whose answer to it is tested.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    tests = load_tests(options)
    print(f"test {os.path.relpath(options.folder)}: {len(tests)} programs", flush=True)
    results = {}
    pool = concurrent.futures.ThreadPoolExecutor(options.jobs)
    try:
        futures = {pool.submit(run_test, test, options): test["name"] for test in tests}
        for done in concurrent.futures.as_completed(futures):
            results[futures[done]] = done.result()[0]
    except KeyboardInterrupt:
        stopping.set()
        with running_lock:
            for process in running:
                stop_group(process)
        pool.shutdown(cancel_futures=True)
        return 130
    cases = [case for test in tests for case in results[test["name"]]]
    if not tests:
        cases.append(Case("failed", "no test of that name or suite"))
    count = report(cases)
    return 1 if count["failed"] else 0


sys.exit(main())
