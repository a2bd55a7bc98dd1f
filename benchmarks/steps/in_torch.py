"""PyTorch: eager with its default Adam, eager with the fused one, and compiled with the fused one;
'gpu' is the second on a GPU.

Modules, `binary_cross_entropy_with_logits`, gradients set to None, noise from a torch.Generator.
Compiled is the forward pass and the loss, and with them their backward pass.
"""

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits

from benchmarks.steps.task import Step


class VAE(nn.Module):
    def __init__(self, s):
        super().__init__()
        act = nn.Tanh if s.activation == "tanh" else nn.ReLU
        self.encoder = nn.Sequential(nn.Linear(s.D, s.H), act())
        self.mu, self.logvar = nn.Linear(s.H, s.Z), nn.Linear(s.H, s.Z)
        self.decoder = nn.Sequential(nn.Linear(s.Z, s.H), act(), nn.Linear(s.H, s.D))

    def forward(self, x, eps):
        """The negative ELBO; eps (B, Z) or (S, B, Z)."""
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h)
        logits = self.decoder(mu + torch.exp(0.5 * logvar) * eps)
        count = logits[..., 0].numel()
        target = x.expand_as(logits)
        reconstruction = binary_cross_entropy_with_logits(logits, target, reduction="sum") / count
        kl = -0.5 * torch.sum(1 + logvar - mu.square() - logvar.exp()) / len(x)
        return reconstruction + kl

    def load(self, weights):
        layers = [self.encoder[0], self.mu, self.logvar, self.decoder[0], self.decoder[2]]
        for layer, name in zip(layers, "1ml23", strict=True):
            layer.weight.data.copy_(torch.from_numpy(weights[f"W{name}"]).T)
            layer.bias.data.copy_(torch.from_numpy(weights[f"b{name}"]))


class Peer(Step):
    def __init__(self, arrays, about):
        super().__init__(arrays, about)
        torch.set_num_threads(self.threads)
        self.device = "cuda" if self.variant == "gpu" else "cpu"
        self.model = VAE(self.setting)
        self.model.load(self.weights)
        self.model.to(self.device)
        fused = self.variant != "eager"
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3, fused=fused)
        self.loss = torch.compile(self.model) if self.variant == "compiled" else self.model
        self.generator = torch.Generator(self.device).manual_seed(0)
        self.x = torch.from_numpy(self.x).to(self.device)
        self.first = torch.from_numpy(self.first).to(self.device)
        self.order = [rows.to(self.device) for rows in self.order]

    def indices(self, rows):
        return torch.from_numpy(rows)

    def run(self, count):
        super().run(count)
        if self.device == "cuda":
            torch.cuda.synchronize()

    def step(self, rows, eps):
        if eps is None:
            noise = {"generator": self.generator, "device": self.device}
            eps = torch.randn(self.setting.noise, **noise)
        loss = self.loss(self.x[rows], eps)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach()
