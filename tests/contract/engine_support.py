"""What the contract of rollout engines needs: policies, engines, log-probabilities by hand."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path

import torch

from lmcommon.data.types import RubricPrompt
from rtt.engine.base import RolloutEngine
from rtt.engine.copied import CopiedSampler
from rtt.engine.drawing import Sampling
from rtt.engine.sampler import Sampler
from rtt.policy.logprobs import response_logprobs
from rtt.policy.pretrained import PretrainedPolicy
from rtt.policy.tiny import Policy, TinyPolicy
from rtt.tasks.words import WordsTask
from rtt.types import Group

TASK = WordsTask()
LENGTH = 12
Open = Callable[[Policy], "RolloutEngine"]


def tiny() -> Policy:
    return TinyPolicy(hidden=128, context=256).build(TASK.tokens, seed=3)


def smollm2() -> Policy:
    return PretrainedPolicy(path="bundled:smollm2").build()


def prompts(count: int = 3) -> list[RubricPrompt]:
    return list(islice(TASK.prompts("train", 5), count))


def sampler(policy: Policy) -> Sampler:
    return Sampler(policy, LENGTH, row_budget=16)


def copied(policy: Policy) -> CopiedSampler:
    return CopiedSampler(policy, LENGTH, row_budget=16)


def in_process(policy: Policy) -> RolloutEngine:
    from rtt.engine.vllm import VllmRollouts

    return VllmRollouts(policy, LENGTH, max_batch=16)


@contextmanager
def server(log: Path, *overrides: str, port: int | None = None) -> Iterator[tuple[str, int]]:
    """A server of `rtt-serve`; yields its address and the process id of the verb."""
    port = port or free_port()
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "rtt.run.serve", f"port={port}", "max_batch=16", *overrides],
            stdout=out, stderr=out, env={**os.environ, "OMP_NUM_THREADS": "1"},
            cwd=log.parent, start_new_session=True,
        )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 300
        while not is_up(url):
            assert process.poll() is None, log.read_text(encoding="utf-8")[-3000:]
            assert time.monotonic() < deadline, log.read_text(encoding="utf-8")[-3000:]
            time.sleep(0.5)
        yield url, process.pid
    finally:
        stop(process.pid)
        process.wait(timeout=60)


def stop(pid: int) -> None:
    """Kill the verb, vLLM's server and its workers: they share a process group."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def is_up(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


TINY_OVERRIDES = ("policy=tiny", "policy.hidden=128", "policy.context=256", "seed=3")


@contextmanager
def on_server(policy: Policy) -> Iterator[RolloutEngine]:
    from rtt.engine.vllm_server import VllmServerRollouts

    with tempfile.TemporaryDirectory() as folder, server(
        Path(folder) / "log", *TINY_OVERRIDES
    ) as (url, _):  # fmt: skip
        engine = VllmServerRollouts(policy, LENGTH, url=url, concurrency=8, patience_s=5)
        with closing(engine):
            yield engine


def largest_gap(policy: Policy, groups: Sequence[Group], temperature: float = 1.0) -> float:
    """Largest difference between an engine's log-probabilities and the policy's own."""
    gaps = [0.0]
    policy.model.eval()
    for group in groups:
        ids = torch.tensor([policy.ask(group.prompt.prompt)])
        for rollout in group.rollouts:
            tokens = torch.tensor([rollout.tokens])
            with torch.no_grad():
                logprob_BT, _ = response_logprobs(
                    policy.model, ids, torch.ones_like(ids), tokens, torch.ones_like(tokens),
                    temperature=temperature,
                )  # fmt: skip
            gaps.append((logprob_BT[0] - torch.tensor(rollout.logprobs)).abs().max().item())
    return max(gaps)


def disturb(policy: Policy, seed: int, size: float = 0.05) -> None:
    """Move every weight a little, as a step of training would."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in policy.model.parameters():
            scale = size * parameter.std()
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))


GREEDY = Sampling(temperature=1.0, top_k=1)
