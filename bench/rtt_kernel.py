"""Loss, log-probabilities and entropy, forward and backward: our kernels, TRL's, the naive way.

    python bench/rtt_kernel.py [--sizes 1024x576x49152 512x896x151936] [--repeats 5] [--device cpu]

A size is tokens x hidden x vocabulary. Every (kernel, repeat) is a process of its own, kernels take
turns, and each process runs the computation once to warm up, measures the peak memory of a second
run from a thread, and times a third. Memory is what is held beyond the inputs and the head's own
gradient; time is CPU seconds (device seconds on CUDA). Gradients are compared with the naive ones.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lmcommon.stats import mean_interval
from rtt.loss import clipped_loss
from rtt.policy import fused_policy_loss, token_logprobs

KERNELS = ("naive", "trl", "recompute", "single pass")


class Inputs:
    def __init__(self, size: tuple[int, int, int], device: str, seed: int) -> None:
        rows, hidden, vocabulary = size
        draw = torch.Generator().manual_seed(seed)
        self.hidden_NH = (0.5 * torch.randn(rows, hidden, generator=draw)).to(device)
        self.weight_VH = (0.05 * torch.randn(vocabulary, hidden, generator=draw)).to(device)
        self.target_N = torch.randint(0, vocabulary, (rows,), generator=draw).to(device)
        self.old_N = (-10 + 0.1 * torch.randn(rows, generator=draw)).to(device)
        self.advantage_N = torch.randn(rows, generator=draw).to(device)
        self.scale_N = torch.full((rows,), 1 / rows, device=device)
        self.hidden_NH.requires_grad_()
        self.weight_VH.requires_grad_()

    def clipped(self, logprob_N: Tensor) -> Tensor:
        loss_N = clipped_loss(logprob_N - self.old_N, self.advantage_N, clip_high=0.27)
        return (self.scale_N * loss_N).sum()


def naive(given: Inputs) -> tuple[Tensor, Tensor]:
    logprob_NV = (given.hidden_NH @ given.weight_VH.T).log_softmax(dim=-1)
    entropy_N = -(logprob_NV.detach().exp() * logprob_NV.detach()).sum(dim=-1)
    return given.clipped(logprob_NV.gather(1, given.target_N[:, None])[:, 0]), entropy_N


def trl(given: Inputs) -> tuple[Tensor, Tensor]:
    from trl.kernels import ChunkedLogProbFunction
    from trl.trainer.utils import _CHUNKED_LOGPROB_CHUNK_SIZE

    logprob_N, entropy_N, *_ = ChunkedLogProbFunction.apply(
        given.hidden_NH, given.weight_VH, None, given.target_N, 1.0, _CHUNKED_LOGPROB_CHUNK_SIZE,
        None, 1.0, ("log_probs", "entropy"),
    )  # fmt: skip
    return given.clipped(logprob_N), entropy_N


def recompute(given: Inputs) -> tuple[Tensor, Tensor]:
    logprob_N, entropy_N = token_logprobs(given.hidden_NH, given.weight_VH, given.target_N)
    return given.clipped(logprob_N), entropy_N


def single_pass(given: Inputs) -> tuple[Tensor, Tensor]:
    fused = fused_policy_loss(
        given.hidden_NH, given.weight_VH, given.target_N, given.old_N, given.advantage_N,
        given.scale_N, clip_high=0.27,
    )  # fmt: skip
    return fused.loss, fused.entropy_N


FUNCTIONS: dict[str, Callable[[Inputs], tuple[Tensor, Tensor]]] = {
    "naive": naive, "trl": trl, "recompute": recompute, "single pass": single_pass,
}  # fmt: skip


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


class Peak:
    """Highest resident memory while it is open, above that at the start, in bytes."""

    def __enter__(self) -> Peak:
        self.base = self.top = resident()
        self._is_open = True
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while self._is_open:
            self.top = max(self.top, resident())
            time.sleep(0.001)

    def __exit__(self, *_: object) -> None:
        self._is_open = False
        self._thread.join()


def measure(kernel: str, size: tuple[int, int, int], device: str, seed: int) -> dict[str, Any]:
    """One process's work: what one kernel needs on one problem."""
    torch.set_num_threads(1)
    given = Inputs(size, device, seed)

    def run() -> Tensor:
        given.hidden_NH.grad = given.weight_VH.grad = None
        loss, _ = FUNCTIONS[kernel](given)
        loss.backward()
        return loss.detach()

    head_bytes = given.weight_VH.numel() * given.weight_VH.element_size()
    if device == "cuda":
        run()
        given.hidden_NH.grad = given.weight_VH.grad = None
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        base = torch.cuda.memory_allocated()
        run()
        torch.cuda.synchronize()
        extra = torch.cuda.max_memory_allocated() - base - head_bytes
        begun = time.perf_counter()
        loss = run()
        torch.cuda.synchronize()
        seconds = time.perf_counter() - begun
    else:
        with Peak() as peak:  # the first run: later ones would reuse freed pages unseen
            run()
        extra = peak.top - peak.base - head_bytes
        begun = time.process_time()
        loss = run()
        seconds = time.process_time() - begun
    hidden_gradient, head_gradient = given.hidden_NH.grad, given.weight_VH.grad
    assert hidden_gradient is not None
    assert head_gradient is not None
    reference = Inputs(size, device, seed)
    naive(reference)[0].backward()
    assert reference.hidden_NH.grad is not None
    assert reference.weight_VH.grad is not None
    return {
        "kernel": kernel, "extra_mb": extra / 2**20, "seconds": seconds, "loss": loss.item(),
        "hidden_error": relative(hidden_gradient, reference.hidden_NH.grad),
        "head_error": relative(head_gradient, reference.weight_VH.grad),
    }  # fmt: skip


def relative(one: Tensor, other: Tensor) -> float:
    return ((one - other).norm() / other.norm()).item()


def spawn(kernel: str, size: str, device: str, seed: int) -> dict[str, Any]:
    command = [sys.executable, __file__, "--one", kernel, "--sizes", size, "--device", device]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*command, "--seed", str(seed)], capture_output=True, text=True, check=False,
        env=environment,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(done.stderr)
    loaded: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return loaded


def table(size: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    by_kernel = {name: [row for row in rows if row["kernel"] == name] for name in KERNELS}
    peer = by_kernel["trl"]
    lines = [
        f"\n**{size.replace('x', ' x ')}** (tokens x hidden x vocabulary)\n",
        "| kernel | extra MB | of TRL's | seconds | of TRL's, paired [95 %] | error of the "
        "gradients (hidden, head) |",
        "|---|---|---|---|---|---|",
    ]
    for name, runs in by_kernel.items():
        ratios = [a["seconds"] / b["seconds"] for a, b in zip(runs, peer, strict=True)]
        low, high = mean_interval(ratios, seed=0)
        memory = statistics.median(run["extra_mb"] for run in runs)
        theirs = statistics.median(run["extra_mb"] for run in peer)
        errors = [max(run[key] for run in runs) for key in ("hidden_error", "head_error")]
        lines.append(
            f"| {name} | {memory:.0f} | {memory / theirs:.0%} "
            f"| {statistics.median(run['seconds'] for run in runs):.2f} "
            f"| {statistics.mean(ratios):.2f} [{low:.2f}, {high:.2f}] "
            f"| {errors[0]:.1e}, {errors[1]:.1e} |"
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", nargs="+", default=["1024x576x49152", "512x896x151936"])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--one", choices=KERNELS, help=argparse.SUPPRESS)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.one:
        rows, hidden, vocabulary = (int(part) for part in arguments.sizes[0].split("x"))
        size = (rows, hidden, vocabulary)
        print(json.dumps(measure(arguments.one, size, arguments.device, arguments.seed)))
        return
    figures = {}
    for size in arguments.sizes:
        rows = [
            spawn(kernel, size, arguments.device, repeat)
            for repeat in range(arguments.repeats)
            for kernel in KERNELS
        ]
        print("\n".join(table(size, rows)), flush=True)
        figures[size] = rows
    name = torch.cuda.get_device_name() if arguments.device == "cuda" else "CPU, one thread"
    print(json.dumps({"device": name, "torch": torch.__version__, "runs": figures}))


if __name__ == "__main__":
    main()
