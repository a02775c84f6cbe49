"""Checkpoints: everything a step depends on, written whole or not at all.

Draws are seeded by step number, so policy, optimiser and step are the whole state.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch

from lmcommon.errors import UserError
from rtt.policy.tiny import Policy

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(path: Path, policy: Policy, optimiser: Any, *, step: int) -> None:
    """Write policy, optimiser and step; a kill leaves the old file or the new one."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    state = {
        "step": step,
        "policy": policy.model.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    torch.save(state, part)
    os.replace(part, path)


def load_checkpoint(path: Path, policy: Policy, optimiser: Any) -> int:
    """Restore policy and optimiser in place; returns the number of steps they have taken.

    Raises:
        UserError: The file is damaged or belongs to another model.
    """
    try:
        state = torch.load(path, map_location=policy.model.device, weights_only=True)
        policy.model.load_state_dict(state["policy"])
        optimiser.load_state_dict(state["optimiser"])
        return int(state["step"])
    except (RuntimeError, KeyError, EOFError, ValueError) as error:
        raise UserError(
            f"{path}: expected a checkpoint of this policy; {str(error).splitlines()[0]}; "
            "delete the file to start again, or use the settings it was made with"
        ) from error
