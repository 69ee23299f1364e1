"""The programs measured: Nyala's and each peer's, kept open and asked for one workload after the other."""
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(HERE)

PYTHON_PEERS = {
    "pytorch": ["pytorch.py"],
    "torch-compile": ["pytorch.py", "compile"],
    "jax": ["jax_jit.py"],
    "tensorflow": ["tensorflow_functions.py"],
    "keras-tf": ["keras_models.py", "tensorflow"],
    "keras-jax": ["keras_models.py", "jax"],
    "numpy": ["numpy_arrays.py"],
    "onnxruntime": ["onnx_runtime.py"],
    "openvino": ["openvino_runtime.py"],
    "litert": ["lite_runtime.py"],
}
# Up to 0.4.31 JAX ran another way on CPUs, which is faster for some of the workloads.
OLD_JAX = os.path.join(ROOT, "build", "peers-jax", "bin", "python")
CPP_PEERS = ["libtorch", "dlib", "onednn", "openblas"]
LOWER_BOUND = "hand-written"  # measured like a peer, but no competitor


def cpus(threads):
    """The last cores: interrupts tend to go to the first."""
    return sorted(os.sched_getaffinity(0))[-threads:]


def environment(threads, clock="wall"):
    limits = {name: str(threads) for name in
              ("BENCH_THREADS", "NYALA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS",
               "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")}
    cache = os.path.join(ROOT, "build", "peers", "inductor")
    return dict(os.environ, TORCHINDUCTOR_CACHE_DIR=cache, KMP_BLOCKTIME="1", PYTHONWARNINGS="ignore",
                BENCH_CLOCK=clock, **limits)


def openblas_environment():
    """Debian's OpenBLAS takes a newer CPU for a Haswell: the peers that use it get the better kernels."""
    with open("/proc/cpuinfo") as info:
        return {"OPENBLAS_CORETYPE": "SkylakeX"} if " avx512vl" in info.read() else {}


class Program:
    """One open process. `versions` is what it says of itself; None when it did not start."""

    def __init__(self, name, command, threads, clock="wall", extra=None):
        self.name = name
        self.errors = open(os.path.join(log_folder(), name + ".log"), "w")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            env=dict(environment(threads, clock), **(extra or {})),
            preexec_fn=lambda: os.sched_setaffinity(0, cpus(threads)))

    def wait_until_ready(self):
        first = self.process.stdout.readline().split(maxsplit=1)
        self.versions = first[1].strip() if len(first) > 1 else ""
        return first[:1] == ["ready"]

    def ask(self, workload, seconds, group=1):
        """The figure in microseconds, None for a workload that it has not."""
        try:
            self.process.stdin.write(f"{workload} {seconds} {group}\n")
            self.process.stdin.flush()
            return float(self.process.stdout.readline())
        except (ValueError, BrokenPipeError):
            return None

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:  # some tidy up for minutes, and have nothing to save
            self.process.kill()
            self.process.wait()
        self.errors.close()


def log_folder():
    folder = os.path.join(ROOT, "build", "benchmark-logs")
    os.makedirs(folder, exist_ok=True)
    return folder


def peers_python(given=None):
    made = os.path.join(ROOT, "build", "peers", "bin", "python")
    return given or (made if os.path.exists(made) else sys.executable)


def commands(binaries, peers, python):
    """Command and extra environment of each program, by name."""
    found = {"nyala": ([os.path.join(binaries, "nyala_bench")], {}),
             "roofline": ([os.path.join(binaries, "nyala_roofline")], {})}
    if peers == "none":
        return found
    for name in [*CPP_PEERS, LOWER_BOUND]:
        path = os.path.join(binaries, "peers", name)
        if os.path.exists(path):
            found[name] = [path], openblas_environment()
    for name, (script, *arguments) in PYTHON_PEERS.items():
        found[name] = [python, os.path.join(HERE, "peers", script), *arguments], {}
    if os.path.exists(OLD_JAX):
        found["jax-0.4"] = [OLD_JAX, os.path.join(HERE, "peers", "jax_jit.py")], {}
    chosen = peers.split(",")
    return {name: command for name, command in found.items()
            if peers == "installed" or name in ("nyala", "roofline", *chosen)}


def open_programs(binaries, peers, python, threads, clock="wall"):
    """Those that start, one after the other: so many at once would disturb each other's imports."""
    programs = []
    for name, (command, extra) in commands(binaries, peers, python).items():
        program = Program(name, command, threads, clock, extra)
        if program.wait_until_ready():
            programs.append(program)
        else:
            print(f"{name} is not installed: left out (build/benchmark-logs/{name}.log)", file=sys.stderr)
    return programs
