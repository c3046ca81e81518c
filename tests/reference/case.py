"""A case folder: case.json and its arrays, in the format of the recorded figures (shared/golden/README.md).

What this project adds to that format, for figures of its own:
- `<population>_times_E`, `<population>_ids_E` where there are several input populations, `<population>_labels` and
  `<population>_readout` where there are several outputs;
- batch_size > 1 in EventProp cases: examples are presented in order, batch_size at a time, the last batch may be
  short, and the suffix of a `Gradient` or `DelayGradient` array counts batches instead of examples.
"""
import json
import os

import numpy as np

from connectivity import connect

LEARNT_MAX_DELAY = 32  # max_delay_steps where delays are learnt


class Case:
    """params: what case.json holds under that name; arrays: name -> numpy array."""

    def __init__(self, params, arrays):
        self.params, self.arrays = params, arrays
        self.T, self.dt = params["timesteps"], params["dt"]
        self.batch_size, self.num_examples = params["batch_size"], params["n_examples"]
        self.populations = {p["name"]: p for p in params["network"]["populations"]}
        self.connections = params["network"]["connections"]
        self.known_synapses = {}

    @classmethod
    def load(cls, folder):
        with open(os.path.join(folder, "case.json"), encoding="utf-8") as file:
            params = json.load(file)["params"]
        arrays = {name[:-4]: np.load(os.path.join(folder, name))
                  for name in os.listdir(folder) if name.endswith(".npy")}
        return cls(params, arrays)

    def save(self, folder, about):
        os.makedirs(folder, exist_ok=True)
        text = {"case": os.path.basename(folder), "about": about, "params": self.params,
                "arrays": {name: list(array.shape) for name, array in self.arrays.items()}}
        with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as file:
            json.dump(text, file, indent=1)
        for name, array in self.arrays.items():
            np.save(os.path.join(folder, name + ".npy"), array)

    def size(self, population):
        return int(np.prod(self.populations[population]["shape"]))

    def value(self, given, default=0.0):
        """A parameter as case.json gives it: a number, null or the name of an array."""
        if isinstance(given, dict):
            return self.arrays[given["array"]].astype(np.float64)
        return default if given is None else given

    def synapses(self, connection):
        """Who is connected to whom, see connectivity.py."""
        key = connection["source"], connection["target"]
        if key not in self.known_synapses:
            shape = self.populations[connection["source"]]["shape"]
            self.known_synapses[key] = connect(connection["connectivity"], shape, self.size(key[1]), self.arrays)[1]
        return self.known_synapses[key]

    def shape(self, connection):
        return self.size(connection["source"]), self.size(connection["target"])

    def weight(self, connection):
        """(sources, targets), 0 where there is no synapse"""
        weight = self.value(connection["connectivity"]["weight"])
        return self.synapses(connection).matrix(self.shape(connection), weight)

    def delay(self, connection):
        """(sources, targets) timesteps; rounded, and clamped where they are learnt"""
        delay = np.rint(self.value(connection["connectivity"]["delay"])).astype(int)
        if self.learns_delays(connection):
            delay = np.clip(delay, 0, LEARNT_MAX_DELAY)
        if np.ndim(delay) == 0:
            return np.broadcast_to(delay, self.shape(connection))
        return self.synapses(connection).matrix(self.shape(connection), delay).astype(int)

    def by_weight(self, connection, matrix):
        """What a derivative by every synapse (sources, targets) is by the weights, in the shape of their array; where
        synapses are listed, sorted by source, then target, as the engine has them."""
        given, synapses = self.value(connection["connectivity"]["weight"]), self.synapses(connection)
        flat = synapses.reduce(matrix)
        if connection["connectivity"]["type"] == "Sparse":
            flat = flat[np.lexsort((synapses.post, synapses.pre))]
        return flat.reshape(np.shape(given)) if np.ndim(given) else flat

    def learns(self, connection):
        return connection["connectivity"]["type"] != "AvgPool2D"

    def learns_delays(self, connection):
        return f"{connection['source']}_{connection['target']}" in self.params.get("learn_delays", [])

    def inputs(self):
        return [name for name, p in self.populations.items() if p["neuron"]["type"].endswith("Input")]

    def type(self, population):
        return self.populations[population]["neuron"]["type"]

    def outputs(self):
        return [name for name, p in self.populations.items() if p["readout"]]

    def hidden(self):
        return [name for name in self.populations if name not in self.inputs() + self.outputs()]

    def input_spikes(self, population, example):
        """(T, n) of 0 and 1: a spike at time x is emitted in the first step t with t dt >= x, forgiving the rounding of
        float32; a second spike of one neuron in one step moves to the next free step; what comes too late is left out."""
        prefix = population if f"{population}_times_{example}" in self.arrays else "in"
        times = self.arrays[f"{prefix}_times_{example}"].astype(np.float64)
        ids = self.arrays[f"{prefix}_ids_{example}"].astype(int)
        spikes, free = np.zeros((self.T, self.size(population))), {}
        for time, neuron in sorted(zip(times, ids)):
            step = max(int(np.ceil(time / self.dt - 1e-4)), free.get(neuron, 0))
            free[neuron] = step + 1
            if step < self.T:
                spikes[step, neuron] = 1
        return spikes

    def input_values(self, population, example):
        """(T, n) what an input that takes values is shown in every step."""
        p = self.populations[population]["neuron"]
        name = f"{population}_values" if f"{population}_values" in self.arrays else "in_values"
        frames = self.arrays[name][example].astype(np.float64).reshape(p["input_frames"], -1)
        return frames[np.minimum(np.arange(self.T) // p["input_frame_timesteps"], p["input_frames"] - 1)]

    def label(self, output, example):
        name = f"{output}_labels" if f"{output}_labels" in self.arrays else "labels"
        return int(self.arrays[name][example])

    def add_spikes(self, population, example, spikes):
        """Expected output: the spikes (T, n) of one example, of either sign, sorted by time and id."""
        steps, ids = np.nonzero(spikes)
        self.arrays[f"{population}_spike_times_{example}"] = (steps * self.dt).astype(np.float32)
        self.arrays[f"{population}_spike_ids_{example}"] = ids.astype(np.int32)
