"""Random case folders of layers: convolutions, pools, and few of all pairs.

As generate.py, whose other draws these share. A layer's connectivity is drawn: sizes, strides (also larger than the
kernel, and pools that overlap), padding, flattened or not.
"""
import numpy as np

from case import Case
from connectivity import connect
from generate import Draft, expect, settle

# name: the connectivity of each hidden layer and of the output; other options as in generate.py
LAYERS = {
    "conv": dict(layers=("Conv2D", "Dense")),
    "conv_transpose": dict(layers=("Conv2DTranspose", "Dense")),
    "pool": dict(layers=("AvgPool2D", "Conv2D", "Dense")),
    "pool_conv": dict(layers=("AvgPoolConv2D", "Dense")),
    "pool_dense": dict(layers=("AvgPoolDense2D", "Dense")),
    "conv_stack": dict(layers=("Conv2D", "AvgPool2D", "Conv2D", "AvgPoolDense2D"), plane=(6, 9)),
    "conv_delay": dict(layers=("Conv2D", "Conv2D", "Dense"), delays="one"),
    "conv_batch": dict(layers=("Conv2D", "AvgPoolConv2D", "AvgPoolDense2D"), plane=(5, 8), batch_size=4, examples=6,
                       regularise=True),
    "conv_many_filters": dict(layers=("Conv2D", "Conv2DTranspose", "Dense"), filters=(15, 18), T=20),
    "one_to_one": dict(layers=("OneToOne", "Dense", "OneToOne")),
    "one_to_one_delays": dict(layers=("Dense", "OneToOne", "Dense"), delays="many"),
    "signed_delays": dict(layers=("OneToOne", "Sparse", "Dense"), delays="many", input="BinarySpikeInput", frames=(30, 1),
                          signed=True, sizes=(8, 20)),
    "sparse": dict(layers=("Sparse", "Sparse", "Dense")),
    "sparse_delays": dict(layers=("Sparse", "Sparse", "Dense"), delays="many", recurrent=True),
    "sparse_batch": dict(layers=("Sparse", "Sparse", "Sparse"), recurrent=True, batch_size=3, examples=5, regularise=True),
    "sparse_wide": dict(layers=("Sparse", "Dense"), sizes=(40, 300), recurrent=True),
}
LEARNT = {
    "sparse_learnt_delays": dict(layers=("Sparse", "Dense"), delays="learnt", recurrent=True, batch_size=3, examples=4),
    "one_to_one_learnt_delays": dict(layers=("OneToOne", "Dense"), delays="learnt"),
}
# there are more neurons than elsewhere, each of which could spoil a draw
COMMON = dict(T=30, examples=2, margin=4e-6, min_slope=0.01)
FLAT = ("Dense", "Sparse", "AvgPoolDense2D")


def generate_layers(compiler, recipe, seed):
    """A Case with its expected arrays, the same for the same arguments."""
    options = COMMON | (LAYERS | LEARNT)[recipe]
    for attempt in range(300):
        rng = np.random.default_rng([seed, attempt, len(compiler), len(recipe), *recipe.encode()])
        case = LayersDraft(compiler, options, rng).case()
        if case and settle(case, options):
            expect(case)
            return case
    raise RuntimeError(f"no good draw for {compiler} {recipe} {seed}")


class LayersDraft(Draft):
    def case(self):
        """None where a kernel did not fit on what was left of the source."""
        o = self.options
        names = [f"hid_{k}" for k in range(len(o["layers"]) - 1)] + ["out"]
        first = o["layers"][0]
        shape = self.plane() if first not in ("Dense", "OneToOne", "Sparse") else (self.neurons(),)
        populations = [{"name": "stimulus", "shape": list(shape), "neuron": self.input("stimulus"), "readout": None}]
        connections = []
        for name, kind in zip(names, o["layers"]):
            num_targets = self.neurons() if kind in FLAT else 0
            connectivity = self.connectivity(kind, shape, num_targets)
            if connectivity is None:
                return None
            source, (implied, synapses) = populations[-1]["name"], connect(connectivity, shape, num_targets, self.arrays)
            shape = implied or (num_targets,)
            if min(shape) < 1:
                return None
            connections.append(self.joined(source, name, connectivity, synapses))
            neuron, readout = self.li(), o.get("readout", "AvgVar")
            if name != "out":
                neuron, readout = self.spiking(name, o.get("neuron")), None
            populations.append({"name": name, "shape": list(map(int, shape)),
                                "neuron": self.filled(name, neuron, shape), "readout": readout})
            if name != "out" and o.get("recurrent"):
                num = int(np.prod(shape))
                connectivity = self.connectivity("Sparse", shape, num)
                synapses = connect(connectivity, shape, num, self.arrays)[1]
                connections.append(self.joined(name, name, connectivity, synapses))
        self.params["network"] = {"populations": populations, "connections": connections}
        if o.get("delays") == "learnt":
            self.params["learn_delays"] = [f"{c['source']}_{c['target']}" for c in connections[:2] if c["target"] != "out"]
        add = self.add_values if o.get("input") else self.add_input
        add("in", int(np.prod(populations[0]["shape"])))
        if self.eventprop:
            labels = self.rng.integers(0, int(np.prod(shape)), self.params["n_examples"])
            self.arrays["labels"] = labels.astype(np.int32)
        return Case(self.params, self.arrays)

    def neurons(self):
        return int(self.rng.integers(*self.options.get("sizes", (4, 20))))

    def plane(self):
        low, high = self.options.get("plane", (3, 7))
        return tuple(int(n) for n in self.rng.integers((low, low, 1), (high, high, 4)))

    def strides(self):
        """1 is drawn often, so that something is left to stack on."""
        return [int(n) for n in self.rng.choice([1, 1, 1, 2, 3], 2)]

    def connectivity(self, kind, shape, num_targets):
        """Options of a connectivity whose source has that shape; None where nothing fits."""
        rng, c = self.rng, {"type": kind}
        if kind in ("Dense", "OneToOne"):
            return c
        if kind == "Sparse":
            return c | self.lists(int(np.prod(shape)), num_targets)
        if len(shape) != 3 or min(shape[:2]) < 2:
            return None
        left = np.array(shape[:2])
        if "Pool" in kind:
            c["pool_size"] = [int(n) for n in rng.integers(1, np.minimum(left, 3) + 1)]
            if rng.random() < 0.5:
                c["pool_strides"] = self.strides()
            left = -(-(left - c["pool_size"] + 1) // np.array(c.get("pool_strides", c["pool_size"])))
        if "Conv" in kind:
            c["filters"] = int(rng.integers(*self.options.get("filters", (1, 4))))
            c["conv_padding"] = str(rng.choice(["valid", "same"]))
            c["conv_size"] = [int(n) for n in rng.integers(1, np.minimum(left, 4) + 1)]
            c["conv_strides"] = self.strides()
        if kind not in ("AvgPoolDense2D",):
            c["flatten"] = False
        return c

    def lists(self, sources, targets):
        """A fifth of all pairs, in no order; some neurons are left without any."""
        pairs = np.argwhere(self.rng.random((sources, targets)) < 0.2)
        self.rng.shuffle(pairs)
        name = f"s{len(self.arrays)}"
        self.arrays[f"{name}.pre"], self.arrays[f"{name}.post"] = pairs.T.astype(np.int32)
        return {"pre_ind": {"array": f"{name}.pre"}, "post_ind": {"array": f"{name}.post"}}

    def joined(self, source, target, connectivity, synapses):
        """A connection, with weights and delays for these synapses."""
        name = f"w.{source}.{target}"
        c = connectivity | {"delay": self.delays(source, target, connectivity["type"], synapses.num_weights)}
        if connectivity["type"] == "AvgPool2D":
            c["weight"] = 2.0
        else:
            mean = 0.0 if source == target else 0.6
            self.arrays[name] = self.rng.normal(mean, 1.0, synapses.num_weights).astype(np.float32)
            c["weight"] = {"array": name}
        synapse = {"type": "Exponential", "tau": 5.0, "scale_i": True}
        if self.options.get("synapse") == "Delta":
            synapse = {"type": "Delta"}
        return {"source": source, "target": target, "synapse": synapse, "connectivity": c}

    def delays(self, source, target, kind, num):
        how = self.options.get("delays")
        if how is None or target == "out":
            return 0
        if how == "one" or kind not in ("Dense", "OneToOne", "Sparse"):
            return 3
        delays = self.rng.integers(0, 10, num) if how == "many" else self.rng.uniform(0, 9, num)
        self.arrays[f"d.{source}.{target}"] = delays.astype(np.float32)
        return {"array": f"d.{source}.{target}"}
