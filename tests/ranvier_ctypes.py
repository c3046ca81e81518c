"""The parts of the shared library that test scripts call, by ctypes, and their TAP output."""
import ctypes as c
import glob
import os
import sys
import tempfile
import traceback

MAX_DIMS = 4
NDARRAY_MAX_DIMS = 8
ERRORS = {"FILE": -300, "FORMAT": -301, "SHAPE": -102, "SPIKE": -202, "LABEL": -201, "UNSUPPORTED": -4}


class NDArray(c.Structure):
    _fields_ = [("dtype", c.c_int), ("num_dims", c.c_int), ("shape", c.c_size_t * NDARRAY_MAX_DIMS),
                ("size", c.c_size_t), ("data", c.c_void_p)]


class Dataset(c.Structure):
    _fields_ = [("num_examples", c.c_size_t), ("shape", c.c_size_t * MAX_DIMS), ("num_inputs", c.c_size_t),
                ("values", c.POINTER(c.c_float)), ("spikes", c.c_void_p), ("labels", c.POINTER(c.c_int32)),
                ("num_classes", c.c_int32), ("targets", c.POINTER(c.c_float)), ("num_target_steps", c.c_size_t),
                ("num_targets", c.c_size_t)]


class Shd(c.Structure):
    _fields_ = [("num_units", c.c_size_t), ("time_scale", c.c_double)]


class Nmnist(c.Structure):
    _fields_ = [("width", c.c_size_t), ("height", c.c_size_t), ("time_scale", c.c_double), ("polarity", c.c_int),
                ("dt", c.c_double), ("histogram_thresh", c.c_int)]


def load():
    """The library of the build folder, with a context."""
    root = os.environ.get("RV_BUILD_ROOT", "build")
    found = glob.glob(os.path.join(root, "**", "libranvier.so"), recursive=True)
    if not found:
        sys.exit(f"no libranvier.so in {root}")
    lib = c.CDLL(os.path.abspath(found[0]))
    lib.rv_last_error.restype = c.c_char_p
    lib.rv_last_error.argtypes = [c.c_void_p]
    lib.rv_npy_read.argtypes = [c.POINTER(NDArray), c.c_void_p, c.c_char_p]
    lib.rv_npy_write.argtypes = [c.c_void_p, c.c_char_p, c.POINTER(NDArray)]
    lib.rv_dataset_clear.argtypes = [c.POINTER(Dataset)]
    lib.rv_read_shd.argtypes = [c.POINTER(Dataset), c.c_void_p, c.c_char_p, c.POINTER(Shd)]
    lib.rv_read_nmnist.argtypes = [c.POINTER(Dataset), c.c_void_p, c.c_char_p, c.c_char_p, c.POINTER(Nmnist)]
    lib.rv_read_idx.argtypes = [c.POINTER(Dataset), c.c_void_p, c.c_char_p, c.c_char_p]
    lib.rv_read_csv.argtypes = [c.POINTER(Dataset), c.c_void_p, c.c_char_p, c.c_int]
    lib.rv_read_npy.argtypes = [c.POINTER(Dataset), c.c_void_p, c.c_char_p, c.c_char_p]
    lib.rv_spikes_count.restype = c.c_size_t
    lib.rv_spikes_count.argtypes = [c.c_void_p, c.c_size_t]
    lib.rv_spikes_get.argtypes = [c.c_void_p, c.c_size_t, c.POINTER(c.c_double), c.POINTER(c.c_int32)]
    context = c.c_void_p()
    if lib.rv_context_create(c.byref(context), None) < 0:
        sys.exit(lib.rv_last_error(context).decode())
    lib.context = context
    return lib


def spikes_of(lib, dataset, example):
    """(times in ms, ids) of one example, as lists."""
    n = lib.rv_spikes_count(dataset.spikes, example)
    times, ids = (c.c_double * n)(), (c.c_int32 * n)()
    assert lib.rv_spikes_get(dataset.spikes, example, times, ids) == 0
    return list(times), list(ids)


class Skip(Exception):
    pass


def shared(name):
    """The path of a file of the shared data; the test is skipped where it is missing."""
    root = os.environ.get("RV_SOURCE_ROOT", ".")
    path = os.path.join(os.environ.get("RV_SHARED", os.path.join(root, "..", "shared", "data")), name)
    if not os.path.exists(path):
        raise Skip(f"no shared data: {path} is missing")
    return path


def run(tests):
    """Runs functions of (library, folder), prints TAP and exits."""
    lib, failures = load(), 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        result, note = "ok", ""
        with tempfile.TemporaryDirectory() as folder:
            try:
                test(lib, folder)
            except Skip as skip:
                note = f" # SKIP {skip}"
            except Exception:
                result, failures = "not ok", failures + 1
                note = "\n" + "".join("# " + line + "\n" for line in traceback.format_exc().splitlines())
        print(f"{result} {number} - {test.__name__}{note}", flush=True)
    sys.exit(failures > 0)
