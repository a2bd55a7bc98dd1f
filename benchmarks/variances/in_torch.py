"""PyTorch: the same formulas as in NumPy, in blocks."""

import torch

from benchmarks.variances.task import LOC, SCALE, K, Variance


class Peer(Variance):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        torch.set_num_threads(self.threads)
        self.dtype = getattr(torch, self.problem.dtype)
        self.generator = torch.Generator().manual_seed(1)

    @torch.no_grad()
    def moments(self):
        count, each = self.problem.blocks
        blocks = [self.block(each) for _ in range(count)]
        means = torch.stack([mean for mean, _ in blocks])  # (blocks, 4, D)
        inside = torch.stack([M2 for _, M2 in blocks]).sum(0)
        mean = means.mean(0)
        variance = (inside + each * (means - mean).square().sum(0)) / (count * each - 1)
        return [part for pair in zip(mean.numpy(), variance.numpy(), strict=True) for part in pair]

    def block(self, each):
        """Means and sums of squares around them, (4, D) each."""
        shape = each, self.problem.D
        eps = torch.randn(shape, generator=self.generator, dtype=self.dtype)
        z = LOC + SCALE * eps
        slope = 2 * (z - K)
        f = (z - K).square().sum(1, keepdim=True)
        gradients = slope, slope * eps, f * eps / SCALE, f * (eps.square() - 1) / SCALE
        found = [torch.var_mean(g, 0, correction=0) for g in gradients]
        if self.variant == "four":
            pairs = zip(gradients, found, strict=True)
            self.powers = [third_and_fourth(g - mean) for g, (_, mean) in pairs]
        return torch.stack([mean for _, mean in found]), each * torch.stack([v for v, _ in found])


def third_and_fourth(x):
    """The sums over the samples; what it takes to add those of two blocks is not counted."""
    x2 = x * x
    return (x2 * x).sum(0), (x2 * x2).sum(0)
