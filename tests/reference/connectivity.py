"""Who is connected to whom, by brute force over every position of kernels and pools.

A connection is a list of synapses: source, target, which of its weights, and what that is multiplied with. Written from
the definitions, apart from the engine, whose geometry works the other way round.
"""
import math

import numpy as np


class Synapses:
    """Arrays of one length: pre, post, index into the flat weights, scale; and how many weights there are."""

    def __init__(self, entries, num_weights):
        table = np.array(entries, dtype=float).reshape(-1, 4)
        self.pre, self.post, self.index = (table[:, k].astype(int) for k in range(3))
        self.scale, self.num_weights = table[:, 3], num_weights

    def matrix(self, shape, weights):
        """(sources, targets)"""
        flat = np.broadcast_to(np.ravel(weights), self.num_weights)
        places = self.pre * shape[1] + self.post
        return np.bincount(places, self.scale * flat[self.index], shape[0] * shape[1]).reshape(shape)

    def reduce(self, matrix):
        """What a derivative by the matrix (sources, targets) is by the weights, flat."""
        return np.bincount(self.index, self.scale * matrix[self.pre, self.post], self.num_weights)


def pair(value):
    return (value, value) if np.isscalar(value) else (value[0], value[-1])


def kernel_axis(size, kernel, stride, padding):
    """(number of positions, padding at the start)"""
    if padding == "valid":
        return math.ceil((size - kernel + 1) / stride), 0
    rest = size % stride
    return math.ceil(size / stride), max(kernel - (rest if rest else stride), 0) // 2


def convolution(shape, c):
    """(output shape, synapses) from a source of shape (height, width, channels)"""
    (h, w, channels), (kh, kw), (sh, sw) = shape, pair(c["conv_size"]), pair(c.get("conv_strides", 1))
    filters, padding = c["filters"], c.get("conv_padding", "valid")
    (oh, top), (ow, left) = kernel_axis(h, kh, sh, padding), kernel_axis(w, kw, sw, padding)
    entries = []
    for oy, ox, ky, kx in np.ndindex(oh, ow, kh, kw):
        y, x = oy * sh - top + ky, ox * sw - left + kx
        if 0 <= y < h and 0 <= x < w:
            entries += [((y * w + x) * channels + ch, (oy * ow + ox) * filters + f,
                         ((ky * kw + kx) * channels + ch) * filters + f, 1) for ch, f in np.ndindex(channels, filters)]
    return (oh, ow, filters), Synapses(entries, kh * kw * channels * filters)


def transposed_convolution(shape, c):
    (h, w, channels), (kh, kw), (sh, sw) = shape, pair(c["conv_size"]), pair(c.get("conv_strides", 1))
    filters, padding = c["filters"], c.get("conv_padding", "valid")
    top, left = kernel_axis(h, kh, sh, padding)[1], kernel_axis(w, kw, sw, padding)[1]
    oh, ow = (h * sh, w * sw) if padding == "same" else (h * sh + max(kh - sh, 0), w * sw + max(kw - sw, 0))
    entries = []
    for y, x, ky, kx in np.ndindex(h, w, kh, kw):
        oy, ox = y * sh - top + ky, x * sw - left + kx
        if 0 <= oy < oh and 0 <= ox < ow:
            entries += [((y * w + x) * channels + ch, (oy * ow + ox) * filters + f,
                         ((ky * kw + kx) * filters + f) * channels + ch, 1) for ch, f in np.ndindex(channels, filters)]
    return (oh, ow, filters), Synapses(entries, kh * kw * filters * channels)


def pool(shape, c):
    """A synapse's index is 0; its scale is 1."""
    (h, w, channels), (kh, kw) = shape, pair(c["pool_size"])
    sh, sw = pair(c.get("pool_strides", (kh, kw)))
    oh, ow = math.ceil((h - kh + 1) / sh), math.ceil((w - kw + 1) / sw)
    entries = [(((oy * sh + ky) * w + ox * sw + kx) * channels + ch, (oy * ow + ox) * channels + ch, 0, 1)
               for oy, ox, ky, kx, ch in np.ndindex(oh, ow, kh, kw, channels)]
    return (oh, ow, channels), Synapses(entries, 1)


def after_pool(shape, c, following):
    """A pool, divided by its area, whose positions are the sources of `following`."""
    between, first = pool(shape, c)
    area = np.prod(pair(c["pool_size"]))
    output, second = following(between)
    entries = [(pre, post, index, scale / area) for pre, middle in zip(first.pre, first.post)
               for post, index, scale in zip(*(a[second.pre == middle] for a in (second.post, second.index, second.scale)))]
    return output, Synapses(entries, second.num_weights)


def dense(sources, targets):
    return Synapses([(i, j, i * targets + j, 1) for i, j in np.ndindex(sources, targets)], sources * targets)


def connect(c, source_shape, num_targets, arrays):
    """(shape that the target must have, or None; synapses) of a connectivity of case.json"""
    kind, sources = c["type"], int(np.prod(source_shape))
    if kind == "Dense":
        return None, dense(sources, num_targets)
    if kind == "OneToOne":
        return tuple(source_shape), Synapses([(i, i, i, 1) for i in range(sources)], sources)
    if kind == "Sparse":
        pre, post = arrays[c["pre_ind"]["array"]], arrays[c["post_ind"]["array"]]
        return None, Synapses([(i, j, k, 1) for k, (i, j) in enumerate(zip(pre, post))], len(pre))
    shape, synapses = {
        "Conv2D": convolution,
        "Conv2DTranspose": transposed_convolution,
        "AvgPool2D": pool,
        "AvgPoolConv2D": lambda s, o: after_pool(s, o, lambda between: convolution(between, o)),
        "AvgPoolDense2D": lambda s, o: after_pool(s, o, lambda between: (None, dense(int(np.prod(between)), num_targets))),
    }[kind](source_shape, c)
    return (int(np.prod(shape)),) if shape and c.get("flatten") else shape, synapses
