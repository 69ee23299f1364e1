"""The workloads in PyTorch, eager."""
import os
import sys

import torch
from torch import nn
import torch.nn.functional as F

from worker import serve

torch.set_num_threads(int(os.environ.get("BENCH_THREADS", "1")))
torch.set_num_interop_threads(1)
torch.manual_seed(0)
OPS = 1000


def small_ops(gradient):
    x = torch.rand(16, requires_grad=gradient)
    a = torch.full((16,), 0.999)

    def forward():
        y = x
        for _ in range(OPS):
            y = y * a
        return y

    if not gradient:
        def step():
            with torch.inference_mode():
                forward()
        return step, OPS
    one = torch.ones(16)
    return (lambda: torch.autograd.grad(forward(), x, one)), OPS


def dot_tiny():
    x = torch.arange(10.0).reshape(1, 5, 2)
    y = torch.arange(10.0, 20.0).reshape(1, 2, 5)

    def step():
        with torch.inference_mode():
            torch.bmm(x.transpose(1, 2), y.transpose(1, 2))
    return step, 1


def dot(attention, normalized):
    shape = (16, 128, 64) if attention else (256, 64)
    a = torch.randn(shape, requires_grad=True)
    b = torch.randn(shape, requires_grad=True)

    def forward():
        x, y = (F.normalize(a, dim=-1), F.normalize(b, dim=-1)) if normalized else (a, b)
        return torch.bmm(x, y.transpose(1, 2)) if attention else (x * y).sum(1, keepdim=True)

    one = torch.ones_like(forward())
    return (lambda: torch.autograd.grad(forward(), (a, b), one)), 1


def gemm(n):
    a, b = torch.randn(n, n), torch.randn(n, n)

    def step():
        with torch.inference_mode():
            torch.mm(a, b)
    return step, 1


class TwoTower(nn.Module):
    def __init__(self):
        super().__init__()
        self.user = nn.Embedding(10000, 32)
        self.item = nn.Embedding(5000, 32)
        self.out = nn.Linear(1, 1)

    def forward(self, user, item):
        return self.out((self.user(user).flatten(1) * self.item(item).flatten(1)).sum(1, keepdim=True))


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, a, b):
        return (F.normalize(self.tower(a), dim=1) * F.normalize(self.tower(b), dim=1)).sum(1, keepdim=True)


def train(model, inputs, target, loss, sgd=False):
    parameters = list(model.parameters())
    optimizer = torch.optim.SGD(parameters, 0.1) if sgd else torch.optim.Adam(parameters, 1e-4, fused=True)

    def step():
        optimizer.zero_grad()
        loss(model(*inputs), target).backward()
        optimizer.step()
    return step, 1


def mlp(*sizes, activation=nn.ReLU):
    layers = []
    for i, (a, b) in enumerate(zip(sizes, sizes[1:])):
        layers += [nn.Linear(a, b)] + ([activation()] if i + 2 < len(sizes) else [])
    return nn.Sequential(*layers)


def classifier(batch, *sizes):
    return train(mlp(*sizes), [torch.rand(batch, sizes[0])], torch.randint(0, sizes[-1], (batch,)), F.cross_entropy)


def xor():
    x = torch.tensor([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    y = torch.tensor([[0.0], [1], [1], [0]])
    return train(mlp(2, 8, 1, activation=nn.Tanh), [x], y, F.binary_cross_entropy_with_logits, sgd=True)


def two_tower():
    ids = [torch.randint(0, 10000, (256, 1)), torch.randint(0, 5000, (256, 1))]
    return train(TwoTower(), ids, torch.randint(0, 2, (256, 1)).float(), F.binary_cross_entropy_with_logits)


serve({
    "small_ops_forward": lambda: small_ops(False),
    "small_ops_gradient": lambda: small_ops(True),
    "dot_tiny": dot_tiny,
    "dot_vec": lambda: dot(False, False),
    "dot_vec_normalized": lambda: dot(False, True),
    "dot_attn": lambda: dot(True, False),
    "dot_attn_normalized": lambda: dot(True, True),
    **{f"gemm_{n}": (lambda n=n: gemm(n)) for n in (16, 32, 64, 128, 256, 512, 1024)},
    "xor_mlp": xor,
    "iris_mlp": lambda: classifier(32, 4, 16, 3),
    "mnist_mlp_small": lambda: classifier(32, 784, 128, 10),
    "mnist_mlp_big": lambda: classifier(128, 784, 512, 512, 10),
    "two_tower": two_tower,
    "siamese": lambda: train(Siamese(), [torch.rand(64, 128), torch.rand(64, 128)], torch.rand(64, 1), F.mse_loss),
})
