"""What scripts that test the program share: an experiment, ways to run the program and to look at it, and TAP."""
import glob
import os
import subprocess
import tempfile

RANVIER = os.environ.get("RANVIER", "build/ranvier")
ROOT = os.environ.get("RV_SOURCE_ROOT", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIGITS = os.path.join(ROOT, "examples", "digits.yaml")
TWO_NEURONS = os.path.join(ROOT, "examples", "two_neurons.yaml")

EXPERIMENT = """\
seed: 3
data:
  root: {root}
  encoder: {{type: linear_latency, min_time: 1, max_time: 16, threshold: 0, max_value: 16}}
  train: {{type: csv, file: optdigits.tra, limit: 300}}
  test: {{type: csv, file: optdigits.tes, limit: 100}}
network:
  populations:
    input:
      shape: 64
      neuron: spike_input
    hidden:
      shape: 32
      neuron:
        type: leaky_integrate_fire
        tau_mem: 20
    output:
      shape: 10
      neuron: {{type: LeakyIntegrate, readout: AvgVar}}
  connections:
    - source: input
      target: hidden
      connectivity: {{type: dense, weight: {{normal: {{mean: 0.3, sd: 0.2}}}}}}
      synapse: {{type: exponential, tau: 5}}
    - source: hidden
      target: output
      connectivity: {{type: dense, weight: {{normal: {{mean: 0.2, sd: 0.37}}}}}}
      synapse: {{type: exponential, tau: 5}}
compiler:
  type: eventprop
  batch_size: 32
  optimiser: {{type: adam, alpha: 0.01}}
training:
  num_epochs: 2
""".format(root=os.path.join(ROOT, "data", "optdigits"))

cases = []


def case(function):
    cases.append(function)
    return function


def run(*args, cwd=None, env=None, **more):
    return subprocess.run([RANVIER, *args], cwd=cwd, capture_output=True, text=True, timeout=120,
                          env={**os.environ, **(env or {})}, **more)


def check(condition, *shown):
    if not condition:
        raise AssertionError("\n".join(str(x) for x in shown))


def check_status(result, status):
    check(result.returncode == status, f"exit status {result.returncode}, expected {status}", result.stderr,
          result.stdout)


def write(folder, text, name="test.yaml"):
    path = os.path.join(folder, name)
    with open(path, "w" if isinstance(text, str) else "wb") as file:
        file.write(text)
    return path


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def checkpoint_bytes(folder):
    return {os.path.basename(path): read(path) for path in glob.glob(os.path.join(folder, "checkpoint", "*.npy"))}


def fails_at(folder, old, new, message, marker=None, args=("info",)):
    """Changes a piece of the experiment; the program must fail with one line that holds the line's number and the
    message. marker: a text in the line at fault, by default what is new."""
    check(old in EXPERIMENT, f"no '{old}' in the experiment")
    text = EXPERIMENT.replace(old, new, 1)
    path = write(folder, text)
    marker = marker or new.strip().splitlines()[0]
    line = text[: text.index(marker)].count("\n") + 1
    result = run(*args, path)
    check_status(result, 1)
    check(len(result.stderr.splitlines()) == 1, "expected one line:", result.stderr)
    check(result.stderr.startswith(f"ranvier: {path}:{line}: "), f"expected line {line}:", result.stderr)
    check(message in result.stderr, f"expected '{message}':", result.stderr)


def main():
    """Runs the cases of the script; the exit status."""
    print(f"1..{len(cases)}")
    failed = 0
    for number, function in enumerate(cases, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                skipped = function(folder)
                print(f"ok {number} - {function.__name__}" + (f" # SKIP {skipped}" if skipped else ""))
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failed += 1
                for line in str(error).splitlines():
                    print(f"  {line}")
                print(f"not ok {number} - {function.__name__}")
    return 1 if failed else 0
