"""Keras models without Keras: a graph of layers with random weights, NumPy's forward pass of it, and the files that Keras
would write of it."""
import io
import json
import zipfile

import h5py
import numpy as np

BATCH_NORMALIZATION = ("gamma", "beta", "moving_mean", "moving_variance")


def windows(x, size, strides, padding, fill):
    """(examples, out height, out width, size, size, channels) of x, padded as Keras's "same" does."""
    if padding == "same":
        pads = []
        for n, k, s in zip(x.shape[1:3], size, strides):
            total = max((-(-n // s) - 1) * s + k - n, 0)
            pads.append((total // 2, total - total // 2))
        x = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)
    view = np.lib.stride_tricks.sliding_window_view(x, size, (1, 2))[:, ::strides[0], ::strides[1]]
    return view.transpose(0, 1, 2, 4, 5, 3)


class Model:
    """Layers are added with `add`, which returns the name that later layers take them by."""

    def __init__(self, shape, seed, channels_first=False):
        self.rng = np.random.default_rng(seed)
        self.channels_first = channels_first
        self.layers, self.weights, self.shapes = [], {}, {}
        self.shape = tuple(shape)  # as the file says it: channels first or last
        self.output = "input"
        self.sequential = True
        x = np.zeros((1, *self.shape))
        self.shapes["input"] = (x.transpose(0, 2, 3, 1) if self.is_image_first() else x).shape[1:]
        self.layers.append(("InputLayer", "input", [], {"batch_shape": [None, *self.shape]}))

    def is_image_first(self):
        return self.channels_first and len(self.shape) == 3

    def add(self, kind, source=None, variables=(), **config):
        sources = [self.output] if source is None else source if isinstance(source, list) else [source]
        self.sequential = self.sequential and sources == [self.output]
        name = f"{kind.lower()}_{len(self.layers)}"
        if kind in ("Conv2D", "MaxPooling2D", "AveragePooling2D", "GlobalAveragePooling2D"):
            config.setdefault("data_format", "channels_first" if self.channels_first else "channels_last")
        self.layers.append((kind, name, sources, config))
        self.weights[name] = {key: np.asarray(value, np.float32) for key, value in variables}
        self.shapes[name] = self.run(np.zeros((1, *self.shape)), upto=name).shape[1:]
        self.output = name
        return name

    # ---- layers with weights ----

    def channels(self, source):
        return self.shapes[source or self.output][-1]

    def conv(self, filters, size=3, source=None, activation="linear", use_bias=True, **config):
        n = self.channels(source)
        variables = [("kernel", self.rng.normal(0, 1.2 / np.sqrt(n * size * size), (size, size, n, filters)))]
        if use_bias:
            variables.append(("bias", self.rng.normal(0, 0.2, filters)))
        return self.add("Conv2D", source, variables, filters=filters, kernel_size=[size, size], activation=activation,
                        use_bias=use_bias, **config)

    def dense(self, units, source=None, activation="linear"):
        n = self.channels(source)
        return self.add("Dense", source, [("kernel", self.rng.normal(0, 1.2 / np.sqrt(n), (n, units))),
                                          ("bias", self.rng.normal(0, 0.2, units))], units=units, activation=activation)

    def norm(self, source=None, axis=None, **config):
        n = self.channels(source)
        numbers = dict(zip(BATCH_NORMALIZATION, (self.rng.uniform(0.5, 1.5, n), self.rng.normal(0, 0.2, n),
                                                 self.rng.normal(0, 0.2, n), self.rng.uniform(0.5, 1.5, n))))
        if not config.get("scale", True):
            del numbers["gamma"]
        if not config.get("center", True):
            del numbers["beta"]
        is_image = len(self.shapes[source or self.output]) == 3
        axis = axis or (1 if not is_image or self.channels_first else 3)
        return self.add("BatchNormalization", source, numbers.items(), axis=[axis], epsilon=1e-3, **config)

    # ---- NumPy's forward pass ----

    def run(self, x, upto=None):
        """Outputs for x (examples, *shape), shaped as the file says."""
        values = {}
        for kind, name, sources, config in self.layers:
            inputs = [values[source] for source in sources]
            values[name] = self.forward(kind, name, config, inputs or [x])
            if name == (upto or self.output):
                return values[name]
        raise KeyError(upto)

    def forward(self, kind, name, config, inputs):
        x, weights = inputs[0], self.weights.get(name)
        if kind == "InputLayer":
            return x.transpose(0, 2, 3, 1) if self.is_image_first() else x
        if kind == "Add":
            return sum(inputs)
        if kind == "Dense":
            return activate(config, x @ weights["kernel"] + weights["bias"])
        if kind == "BatchNormalization":
            scale = weights.get("gamma", 1) / np.sqrt(weights["moving_variance"] + config["epsilon"])
            return (x - weights["moving_mean"]) * scale + weights.get("beta", 0)
        if kind == "Conv2D":
            view = windows(x, config["kernel_size"], config.get("strides", [1, 1]), config.get("padding", "valid"), 0)
            y = np.einsum("nyxijc,ijcf->nyxf", view, weights["kernel"], optimize=True)
            return activate(config, y + weights.get("bias", 0))
        if kind == "Flatten":
            told = config.get("data_format") == "channels_first"
            return (x.transpose(0, 3, 1, 2) if self.channels_first and not told else x).reshape(len(x), -1)
        if kind == "GlobalAveragePooling2D":
            return x.mean((1, 2))
        if kind in ("MaxPooling2D", "AveragePooling2D"):
            size = config["pool_size"]
            view = windows(x, size, config.get("strides", size), config.get("padding", "valid"), np.nan)
            return (np.nanmax if kind == "MaxPooling2D" else np.nanmean)(view, (3, 4))
        return activate({"activation": "relu"} if kind == "ReLU" else config, x)

    # ---- files ----

    def config(self, keras):
        """The architecture as Keras 2 or 3 writes it."""
        if self.sequential and self.layers[0][0] == "InputLayer":
            layers = [{"class_name": kind, "config": {"name": name, **config}} for kind, name, _, config in self.layers]
            return {"class_name": "Sequential", "config": {"name": "model", "layers": layers}}
        layers = []
        for kind, name, sources, config in self.layers:
            if keras == 2:
                nodes = [[[source, 0, 0, {}] for source in sources]] if sources else []
            else:
                tensors = [{"class_name": "__keras_tensor__",
                            "config": {"shape": [None, *self.shapes[source]], "dtype": "float32",
                                       "keras_history": [source, 0, 0]}} for source in sources]
                nodes = [{"args": [tensors] if kind == "Add" else tensors, "kwargs": {}}] if sources else []
            layers.append({"class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": nodes})
        ends = [self.output, 0, 0]
        return {"class_name": "Functional",
                "config": {"name": "model", "layers": layers, "input_layers": [["input", 0, 0]],
                           "output_layers": [ends] if keras == 2 else ends}}

    def save_h5(self, path, keras=3):
        with h5py.File(path, "w") as file:
            file.attrs["model_config"] = json.dumps(self.config(keras))
            group = file.create_group("model_weights")
            for name, variables in self.weights.items():
                group.create_group(name)
                for key, array in variables.items():
                    group[f"{name}/{name}/{key}:0" if keras == 2 else f"{name}/{key}"] = array

    def save_keras(self, path):
        image, counts = io.BytesIO(), {}
        with h5py.File(image, "w") as file:
            for kind, name, _, _ in self.layers:
                snake = "".join("_" + c.lower() if c.isupper() and i and kind[i - 1].islower() else c.lower()
                                for i, c in enumerate(kind))
                count = counts[snake] = counts.get(snake, -1) + 1
                group = file.create_group(f"layers/{snake}_{count}/vars" if count else f"layers/{snake}/vars")
                for index, array in enumerate(self.weights.get(name, {}).values()):
                    group[str(index)] = array
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("metadata.json", json.dumps({"keras_version": "3.0.0"}))
            archive.writestr("config.json", json.dumps(self.config(3)))
            archive.writestr("model.weights.h5", image.getvalue())


def activate(config, y):
    return np.maximum(y, 0) if config.get("activation") == "relu" else y
