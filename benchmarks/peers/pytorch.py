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


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = nn.TransformerEncoderLayer(64, 4, 256, 0.0, batch_first=True)
        self.out = nn.Linear(64, 2)

    def forward(self, x):
        return self.out(self.block(x).mean(1))


class Text(nn.Module):
    """The words of each sentence, and no zeros behind them, go through the LSTM."""

    def __init__(self, words):
        super().__init__()
        self.lengths = torch.from_numpy((words > 0).sum(1))
        self.words = nn.Embedding(5000, 32)
        self.layer = nn.LSTM(32, 32, batch_first=True, bidirectional=True)
        self.out = nn.Linear(64, 1)

    def forward(self, x):
        packed = nn.utils.rnn.pack_padded_sequence(self.words(x), self.lengths, True, enforce_sorted=False)
        return self.out(self.layer(packed)[1][0].transpose(0, 1).flatten(1))


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        half = lambda: nn.Sequential(nn.Conv2d(16, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16, 1e-3, 0.01))
        self.block = nn.Sequential(half(), nn.ReLU(), half())
        self.out = nn.Linear(16, 10)

    def forward(self, x):
        return self.out(F.relu(x + self.block(x)).mean((2, 3)))


class Causal(nn.Conv1d):
    def forward(self, x):
        return super().forward(F.pad(x, (2 * self.dilation[0], 0)))


def convolutions(name):
    if name == "cnn":
        return nn.Sequential(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(),
                             nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(0.5), nn.Linear(1600, 10))
    if name == "residual":
        return Residual()
    if name == "separable":
        norm = lambda channels: nn.BatchNorm2d(channels, 1e-3, 0.01)
        return nn.Sequential(nn.Conv2d(32, 32, 3, padding=1, groups=32, bias=False), norm(32), nn.ReLU(),
                             nn.Conv2d(32, 64, 1, bias=False), norm(64), nn.ReLU(),
                             nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
    layers, channels = [], 1
    for dilation in (1, 2, 4, 8, 16, 32):
        layers += [Causal(channels, 32, 3, dilation=dilation), nn.ReLU()]
        channels = 32
    return nn.Sequential(*layers, nn.Conv1d(32, 1, 1))


class Mixed(nn.Module):
    """Computes in bfloat16 where autocast wants it, but for the last layer of a sequence of layers."""

    def __init__(self, network):
        super().__init__()
        layers = isinstance(network, nn.Sequential)
        self.hidden, self.last = (network[:-1], network[-1]) if layers else (network, nn.Identity())

    def forward(self, x):
        with torch.autocast("cpu", torch.bfloat16):
            h = self.hidden(x)
        return self.last(h.float())


def model(name):
    if name in worker.SEQUENCES:
        return Sequence(nn.LSTM if name == "lstm" else nn.GRU)
    if name == "transformer":
        return Transformer()
    if name == worker.TEXT:
        return Text(worker.task(name).x[0])
    if name in worker.CONVOLUTIONS:
        return convolutions(name)
    if name == "two_tower":
        return TwoTower()
    if name == "siamese":
        return Siamese()
    if name in worker.MIXED:
        return Mixed(model(worker.MIXED[name]))
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
    if worker.MIXED.get(name, name) in worker.CONVOLUTIONS:
        x = [x[0].movedim(-1, 1).contiguous()]
        if name == "conv1d_stack":
            y = y.movedim(-1, 1).contiguous()
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


def predict(name):
    network, x = model(name).eval(), torch.from_numpy(worker.task(name).x[0][:1])
    return inference(network, x.movedim(-1, 1).contiguous() if name in worker.CONVOLUTIONS else x)


def stream_lstm():
    """One step of LSTM(16) and Linear(1): the layer as it is, or its cell."""
    layer, cell, out = nn.LSTM(1, 16), nn.LSTMCell(1, 16), nn.Linear(16, 1)

    def way(step, *shape):
        x, states = torch.zeros(shape), (torch.zeros(1, 16), torch.zeros(1, 16))

        def run():
            nonlocal states
            with torch.inference_mode():
                y, states = step(x, states)
            return y
        return run

    def by_layer(x, states):
        h, states = layer(x, states)
        return out(h), states

    def by_cell(x, states):
        h, c = cell(x, states)
        return out(h), (h, c)
    traced = lambda: torch.jit.trace(by_cell, (torch.zeros(1, 1), (torch.zeros(1, 16), torch.zeros(1, 16))))
    return worker.best_of(lambda: way(prepare(by_layer), 1, 1), lambda: way(prepare(by_cell), 1, 1),
                          lambda: way(traced(), 1, 1))()


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
    **worker.for_names((*worker.MODELS, *worker.MIXED, *worker.BLOCKS, worker.TEXT, *worker.CONVOLUTIONS),
                       lambda name: train(name, fused=True)),
    **{f"predict_{name}": (lambda name=name: predict(name)) for name in (*worker.BLOCKS, "cnn")},
    "stream_lstm": stream_lstm,
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
