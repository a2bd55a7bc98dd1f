"""The floor: the matrix products of a step and nothing else, into buffers that are already there.

No step that computes them with the same kernels can be faster. The data gradient of the first
layer is not needed, and not computed.
"""

import numpy as np

from benchmarks.steps.task import Step


class Peer(Step):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        s = self.setting
        rows = s.S * s.B  # to the decoder S samples are a longer batch

        def stand_in(*shape):
            return np.full(shape, 0.01, np.float32)

        x, h, head = self.x[: s.B], stand_in(s.B, s.H), stand_in(s.B, s.Z)
        z, g, out = stand_in(rows, s.Z), stand_in(rows, s.H), stand_in(rows, s.D)
        W = {name: self.weights[f"W{name}"] for name in "1ml23"}
        forward = [(x, W["1"]), (h, W["m"]), (h, W["l"]), (z, W["2"]), (g, W["3"])]
        back = [(g.T, out), (out, W["3"].T), (z.T, g), (g, W["2"].T), (h.T, head), (h.T, head)]
        back += [(head, W["m"].T), (head, W["l"].T), (x.T, h)]
        self.products = [(a, b, stand_in(len(a), b.shape[1])) for a, b in forward + back]

    def run(self, count):
        for _ in range(count):
            for a, b, out in self.products:
                np.matmul(a, b, out=out)
