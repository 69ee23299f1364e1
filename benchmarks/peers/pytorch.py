"""The workloads in PyTorch: eager, or with the argument "compile" through torch.compile."""
import sys

import torch
from torch import nn
import torch.nn.functional as F

import worker

COMPILED = sys.argv[1:] == ["compile"]
torch.set_num_threads(worker.THREADS)
torch.set_num_interop_threads(1)
torch.manual_seed(0)
prepare = torch.compile if COMPILED else (lambda f: f)


def small_ops(gradient):
    x = torch.full((16,), 0.5, requires_grad=gradient)
    factor, term, one = torch.full((16,), 1.01), torch.full((16,), 0.01), torch.ones(16)

    def forward():
        return worker.chain(x, factor, term, torch.tanh)

    def inference():
        with torch.inference_mode():
            forward()
    return (lambda: torch.autograd.grad(forward(), x, one)) if gradient else inference, worker.OPS


def inference(f, *arguments):
    f = prepare(f)

    def step():
        with torch.inference_mode():
            return f(*arguments)
    return step


def dot_tiny():
    x, y = map(torch.from_numpy, worker.tiny_inputs())
    return inference(lambda x, y: torch.bmm(x.transpose(1, 2), y.transpose(1, 2)), x, y)


def dot(attention, normalized):
    a, b = (torch.from_numpy(v).requires_grad_() for v in worker.dot_inputs(attention))

    def forward(a, b):
        if normalized:
            a, b = F.normalize(a, dim=-1), F.normalize(b, dim=-1)
        return torch.bmm(a, b.transpose(1, 2)) if attention else (a * b).sum(1, keepdim=True)

    one = torch.ones_like(forward(a, b))
    forward = prepare(forward)
    return lambda: torch.autograd.grad(forward(a, b), (a, b), one)


def gemm(n):
    a, b, out = (torch.from_numpy(worker.floats((n, n), seed)) for seed in (1, 2, 3))
    return inference(lambda a, b, out: torch.mm(a, b, out=out), a, b, out)


def kernel(op, count=1):
    return lambda: inference(op, *(torch.from_numpy(worker.floats(worker.KERNEL_SHAPE, i + 1)) for i in range(count)))


class TwoTower(nn.Module):
    def __init__(self, sparse=False):
        super().__init__()
        self.user = nn.Embedding(10000, 32, sparse=sparse)
        self.item = nn.Embedding(5000, 32, sparse=sparse)
        self.out = nn.Linear(1, 1)

    def forward(self, user, item):
        return self.out((self.user(user).flatten(1) * self.item(item).flatten(1)).sum(1, keepdim=True))


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.tower = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 32))

    def forward(self, a, b):
        return (F.normalize(self.tower(a), dim=1) * F.normalize(self.tower(b), dim=1)).sum(1, keepdim=True)


class Sequence(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer(32, 64, batch_first=True)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        return self.out(self.layer(x)[0][:, -1])


def model(name):
    if name in worker.SEQUENCES:
        return Sequence(nn.LSTM if name == "lstm" else nn.GRU)
    if name == "two_tower":
        return TwoTower()
    if name == "siamese":
        return Siamese()
    sizes = worker.SIZES[name]
    activation = nn.Tanh if name == "xor_mlp" else nn.ReLU
    layers = []
    for rows, columns in zip(sizes, sizes[1:]):
        layers += [nn.Linear(rows, columns), activation()]
    return nn.Sequential(*layers[:-1])


LOSSES = {"binary": F.binary_cross_entropy_with_logits, "classes": F.cross_entropy, "mse": F.mse_loss}


def train(name, fused):
    task = worker.task(name)
    wide = lambda v: torch.from_numpy(v).long() if v.dtype == "int32" else torch.from_numpy(v)
    x, y = [wide(v) for v in task.x], wide(task.y)
    network, loss = model(name), LOSSES[task.loss]
    options = {"fused": True} if fused else {"foreach": True}
    optimizer = (torch.optim.SGD if task.sgd else torch.optim.Adam)(network.parameters(), task.rate, **options)
    forward = prepare(lambda *x: loss(network(*x), y))
    update = optimizer.step if fused else prepare(optimizer.step)

    def step():
        optimizer.zero_grad()
        forward(*x).backward()
        update()
    return step


def two_tower_lazy():
    """Only the rows of the embeddings that the batch names are updated."""
    task = worker.task("two_tower")
    x, y = [torch.from_numpy(v).long() for v in task.x], torch.from_numpy(task.y)
    network = TwoTower(sparse=True)
    tables = torch.optim.SparseAdam([network.user.weight, network.item.weight], task.rate)
    rest = torch.optim.Adam(network.out.parameters(), task.rate, fused=True)

    def step():
        tables.zero_grad()
        rest.zero_grad()
        F.binary_cross_entropy_with_logits(network(*x), y).backward()
        tables.step()
        rest.step()
    return step


def predict_row():
    network, x = model("mnist_mlp_small").eval(), torch.from_numpy(worker.row())
    plain = lambda: inference(lambda x: torch.softmax(network(x), 1), x)
    if COMPILED:
        return plain()

    def frozen():
        traced = torch.jit.trace(nn.Sequential(network, nn.Softmax(1)).eval(), x)
        return inference(torch.jit.optimize_for_inference(torch.jit.freeze(traced)), x)
    return worker.best_of(plain, frozen)()


def batch_norm():
    layer = nn.BatchNorm1d(worker.KERNEL_SHAPE[1], eps=1e-3, momentum=0.01)
    x, dy = (torch.from_numpy(worker.floats(worker.KERNEL_SHAPE, seed)) for seed in (1, 2))
    sources = [x.requires_grad_(), *layer.parameters()]
    forward = prepare(layer)
    return lambda: torch.autograd.grad(forward(x), sources, dy)


makers = {
    "dot_vec": lambda: dot(False, False),
    "dot_vec_normalized": lambda: dot(False, True),
    "dot_attn": lambda: dot(True, False),
    "dot_attn_normalized": lambda: dot(True, True),
    "predict_row": predict_row,
    "kernel_exp": kernel(torch.exp),
    "kernel_log": lambda: inference(torch.log, torch.from_numpy(worker.positive())),
    "kernel_tanh": kernel(torch.tanh),
    "kernel_sigmoid": kernel(torch.sigmoid),
    "kernel_softmax": kernel(lambda x: torch.softmax(x, -1)),
    "kernel_layer_norm": kernel(lambda x: F.layer_norm(x, x.shape[1:])),
    "kernel_batch_norm": batch_norm,
    **worker.for_names((*worker.MODELS, *worker.SEQUENCES), lambda name: train(name, fused=True)),
}
if not COMPILED:
    makers |= {
        "small_ops_forward": lambda: small_ops(False),
        "small_ops_gradient": lambda: small_ops(True),
        "dot_tiny": dot_tiny,
        "two_tower_lazy": two_tower_lazy,
        "kernel_add": kernel(torch.add, 2),
        **{f"gemm_{n}": (lambda n=n: gemm(n)) for n in worker.GEMM_SIZES},
    }
else:
    makers |= {name: worker.best_of(makers[name], lambda name=name: train(name, fused=False))
               for name in ("xor_mlp", "iris_mlp", "mnist_mlp_small")}
worker.serve(f"torch {torch.__version__}", makers)
