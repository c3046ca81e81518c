"""The engine's random numbers: Philox 4x32-10 (Salmon et al. 2011), keyed by what they are for; seed 0."""
from statistics import NormalDist

import numpy as np

WORD = 0xFFFFFFFF


def philox(key, counter):
    """Four words of 32 bits from a key of two and a counter of four."""
    key, counter = list(key), list(counter)
    for _ in range(10):
        first, second = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [second >> 32 ^ counter[1] ^ key[0], second & WORD, first >> 32 ^ counter[3] ^ key[1], first & WORD]
        key = [(key[0] + 0x9E3779B9) & WORD, (key[1] + 0xBB67AE85) & WORD]
    return counter


def normal(purpose, item, a, num):
    """(num) standard normal numbers: b = 0, 1, ... of one purpose, object and a."""
    key = philox((0, 0), (purpose, 0, item, 0))[:2]
    words = (philox(key, (a, 0, b, 0)) for b in range(num))
    return np.array([NormalDist().inv_cdf(((w[1] << 32 | w[0]) // 4096 + 0.5) * 2.0**-52) for w in words])
