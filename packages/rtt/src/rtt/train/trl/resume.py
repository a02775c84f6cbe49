"""Going on after a kill with the same numbers: what TRL's checkpoints leave out.

A generation batch may serve several optimiser steps (the paper: two). A checkpoint between them
must hold what is left of it, else the resumed run samples anew and goes another way. Each process
writes its part before the rest of the checkpoint, so a finished checkpoint has it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from lmcommon.errors import UserError
from lmcommon.llm.checkpoints import last_checkpoint

__all__ = ["last_checkpoint", "load_pending", "save_pending"]


def save_pending(checkpoint: Path, rank: int, pending: dict[str, Any]) -> None:
    """Write what one process has pending; tensors, numbers, lists and mappings of them."""
    checkpoint.mkdir(parents=True, exist_ok=True)
    part = checkpoint / f".pending_{rank}.{os.getpid()}"
    torch.save(pending, part)
    os.replace(part, _place(checkpoint, rank))


def load_pending(checkpoint: Path, rank: int, device: torch.device) -> dict[str, Any] | None:
    """Read it back; None where the checkpoint was written without (by plain TRL).

    Raises:
        UserError: The checkpoint was written by another number of processes.
    """
    if not list(checkpoint.glob("rtt_pending_*.pt")):
        return None
    file = _place(checkpoint, rank)
    if not file.exists():
        raise UserError(
            f"{checkpoint}: expected a checkpoint written by as many processes as now; found "
            f"nothing of process {rank}; resume with the number of processes it was written with"
        )
    pending: dict[str, Any] = torch.load(file, map_location=device, weights_only=True)
    return pending


def _place(checkpoint: Path, rank: int) -> Path:
    return checkpoint / f"rtt_pending_{rank}.pt"
