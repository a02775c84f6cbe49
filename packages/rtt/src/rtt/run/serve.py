"""The verb rtt-serve: a vLLM server for the rollouts of one training run.

It writes the policy to a folder, starts vLLM's own server on it with what training needs (token
ids, our worker extension) and stays until it is stopped.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from lmcommon.app import Run, entrypoint
from lmcommon.errors import UserError
from lmcommon.llm.vllm_offline import VLLM_ENVIRONMENT
from rtt.engine.vllm import save_policy
from rtt.policy.tiny import Policy
from rtt.run.schemas import GROUPS

__all__ = ["ServeConfig", "command", "environment", "main", "serve", "stay"]

_OURS = {"VLLM_SERVER_DEV_MODE": "1"}


@dataclass(kw_only=True)
class ServeConfig:
    """Configuration of rtt-serve."""

    seed: int = 0
    task: Any = None
    """Whose words a tiny policy knows."""
    policy: Any = None
    host: str = "127.0.0.1"
    """Anybody who reaches it can change its weights: keep it where only the trainer does."""
    port: int = 8000
    context: int = 0
    """Longest prompt + response in tokens; 0: the policy's."""
    max_batch: int = 64
    """Responses under way at once."""
    memory_share: float = 0.9
    """Share of a GPU's memory."""
    tensor_parallel: int = 1
    options: list[str] = field(default_factory=list)
    """Further arguments of vLLM's server."""


def serve(config: ServeConfig, run: Run) -> dict[str, Any]:
    """Serve a policy with vLLM, ready for sampler=vllm_server of rtt-train and rtt-rollout."""
    if importlib.util.find_spec("vllm") is None:
        raise UserError("rtt-serve: expected vLLM; pip install 'lmcommon[vllm]'")
    policy: Policy = config.policy.build(getattr(config.task, "tokens", ()), seed=config.seed)
    with tempfile.TemporaryDirectory(prefix="rtt-serve-") as folder:
        save_policy(policy, Path(folder))
        line = command(config, Path(folder), context=policy.context)
        del policy
        run.console.print(f"http://{config.host}:{config.port}: {' '.join(line)}", soft_wrap=True)
        code = stay(line, environment(os.environ))
    if code not in (0, -signal.SIGINT, -signal.SIGTERM, 130, 143):
        raise UserError(f"rtt-serve: vLLM's server ended with exit code {code}; it says why above")
    return {"url": f"http://{config.host}:{config.port}"}


def command(config: ServeConfig, folder: Path, *, context: int | None) -> list[str]:
    """The command line of vLLM's server."""
    is_cpu = not torch.cuda.is_available()
    told = {
        "model": folder, "served-model-name": "policy", "host": config.host, "port": config.port,
        "max-num-seqs": config.max_batch, "seed": config.seed % 2**31,
        "dtype": "float32" if is_cpu else "bfloat16",
        "worker-extension-cls": "rtt.engine.vllm_extension.WorkerExtension",
        "logprobs-mode": "raw_logprobs",
    }  # fmt: skip
    if limit := config.context or context:
        told["max-model-len"] = limit
    if not is_cpu:
        told |= {
            "gpu-memory-utilization": config.memory_share,
            "tensor-parallel-size": config.tensor_parallel,
        }
    flags = [word for key, value in told.items() for word in (f"--{key}", str(value))]
    if is_cpu:
        flags.append("--enforce-eager")
    return [
        sys.executable, "-m", "vllm.entrypoints.openai.api_server", *flags, *config.options,
    ]  # fmt: skip


def stay(line: Sequence[str], env: Mapping[str, str]) -> int:
    """Run a server until it ends; its exit code. Whoever ends this process ends the server too:
    left behind, it would go on holding the port and the GPU.
    """
    with subprocess.Popen(line, env=dict(env)) as server:
        before = signal.signal(signal.SIGTERM, lambda *_: server.terminate())
        try:
            return server.wait()
        except BaseException:
            server.terminate()
            raise
        finally:
            signal.signal(signal.SIGTERM, before)


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The server's environment: ours where it is not set already, and the endpoints we need."""
    own = {key: value for key, value in VLLM_ENVIRONMENT.items() if "MULTIPROCESSING" not in key}
    return {**own, **inherited, **_OURS}


main = entrypoint(
    "rtt/serve", ServeConfig, serve, groups={key: GROUPS[key] for key in ("task", "policy")},
    keeps_run=False,
)  # fmt: skip

if __name__ == "__main__":
    main()
