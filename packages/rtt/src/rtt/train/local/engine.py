"""How the local engine runs: on which device, in which precision, on how many processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from lmcommon.errors import UserError
from rtt.policy.tiny import Policy
from rtt.train.local.parallel import Alone, Replicated, Sharded

__all__ = ["LocalEngine"]

_Kind = Literal["ddp", "fsdp2"]


@dataclass(kw_only=True)
class LocalEngine:
    """Settings of the local engine.

    Example:
        `torchrun --nproc-per-node 2 -m rtt.run.train engine.parallel=fsdp2`; without torchrun
        there is one process, whatever `parallel` says, and it reads the others' checkpoints.
    """

    parallel: str = "ddp"
    """How processes share the work: ddp (each holds the model) or fsdp2 (each holds a part)."""
    device: str = "cpu"
    """cpu or cuda."""
    mixed: bool = False
    """Compute in bfloat16 where that is safe; weights, optimiser and loss stay in float32."""

    def __post_init__(self) -> None:
        if self.parallel not in get_args(_Kind):
            raise UserError(
                f"engine.parallel: expected one of {', '.join(get_args(_Kind))}; "
                f"got {self.parallel!r}"
            )
        if self.device not in ("cpu", "cuda"):
            raise UserError(f"engine.device: expected cpu or cuda; got {self.device!r}")

    @contextmanager
    def processes(self) -> Iterator[Alone]:
        """The processes of this run, joined while the context lasts; inside, it is the same ones.

        Raises:
            UserError: There is no such device.
        """
        if self.device == "cuda" and not torch.cuda.is_available():
            raise UserError("engine.device: expected a CUDA device; found none; use cpu")
        if int(os.environ.get("WORLD_SIZE", "1")) == 1:
            yield Alone()
            return
        if torch.distributed.is_initialized():  # by whoever called, who also ends it
            yield self._joined()
            return
        if self.device == "cuda":
            torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
        backend = "gloo" if self.device == "cpu" else "cpu:gloo,cuda:nccl"
        torch.distributed.init_process_group(backend)
        try:
            yield self._joined()
        finally:
            torch.distributed.destroy_process_group()

    def _joined(self) -> Alone:
        return Sharded() if self.parallel == "fsdp2" else Replicated()

    def place(self, policy: Policy) -> Policy:
        """Move a policy to the device and set its precision."""
        policy.model.to(self.device)
        policy.is_mixed = policy.is_mixed or self.mixed
        return policy
