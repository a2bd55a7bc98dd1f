"""PyTorch: `torch.autograd.gradcheck` of the same loss in all parameters; 'every' entry by central
differences, or its fast mode, which projects on random vectors."""

import math

import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.gradchecks.task import Check


class Peer(Check):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        torch.set_num_threads(self.threads)
        self.x, self.eps = torch.from_numpy(self.x), torch.from_numpy(self.eps)
        self.p = tuple(torch.from_numpy(w).requires_grad_() for w in self.weights.values())

    def negative_elbo(self, *tensors):
        p = dict(zip(self.weights, tensors, strict=True))
        act = torch.tanh if self.setting.activation == "tanh" else torch.relu
        h = act(self.x @ p["W1"] + p["b1"])
        mu, logvar = h @ p["Wm"] + p["bm"], h @ p["Wl"] + p["bl"]
        g = act((mu + torch.exp(0.5 * logvar) * self.eps) @ p["W2"] + p["b2"])
        logits = g @ p["W3"] + p["b3"]
        reconstruction = binary_cross_entropy_with_logits(logits, self.x, reduction="sum")
        kl = -0.5 * torch.sum(1 + logvar - mu.square() - logvar.exp())
        return (reconstruction + kl) / len(self.x)

    def loss(self):
        return self.negative_elbo(*self.p).detach()

    def check(self):
        fast = self.variant == "fast"
        passed = torch.autograd.gradcheck(
            self.negative_elbo, self.p, raise_exception=False, fast_mode=fast
        )
        return passed, math.nan
