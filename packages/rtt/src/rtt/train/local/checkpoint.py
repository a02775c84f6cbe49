"""Checkpoints: everything a step depends on, written whole or not at all.

Draws are seeded by step number, so policy, optimiser and step are the whole state. One process, or
the first of several that hold the model each, writes one file. Sharded processes write their parts
side by side into a folder of torch.distributed.checkpoint; any number of processes, one included,
can go on from either.
"""

from __future__ import annotations

import os
import shutil
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from lmcommon.errors import UserError
from rtt.policy.tiny import Policy
from rtt.train.local.parallel import Alone

__all__ = ["find_checkpoint", "load_checkpoint", "save_checkpoint"]

_MOMENTS = ("step", "exp_avg", "exp_avg_sq")
"""What AdamW keeps of each parameter."""


def save_checkpoint(
    path: Path, policy: Policy, optimiser: Any, *, step: int, parallel: Alone | None = None
) -> Path:
    """Write policy, optimiser and step; a kill leaves the old checkpoint or the new one.

    Args:
        path: The file; sharded processes write the folder `<stem>-<step>` beside it.
        policy: What is trained.
        optimiser: Of its parameters.
        step: Steps taken.
        parallel: Who takes part; None: nobody else.

    Returns:
        Where it is.
    """
    parallel = parallel or Alone()
    state = _state(policy, optimiser, step)
    older = _written(path)
    target = path.with_name(f"{path.stem}-{step:08d}") if parallel.is_sharded else path
    part = path.with_name(f".{target.name}.part")
    if parallel.is_sharded:
        _save_parts(part, state, parallel)
    elif parallel.is_main:
        torch.save(state, part)
    if parallel.is_main:
        _rename(part, target)
        for one in older:
            if one != target:
                _remove(one)
    parallel.barrier()
    return target


def find_checkpoint(path: Path) -> Path | None:
    """The checkpoint that was saved as `path`: file or folder; None if there is none.

    Both exist only if a kill came between writing one and removing the other: either is whole.
    """
    written = _written(path)
    return written[-1] if written else None


def load_checkpoint(
    path: Path, policy: Policy, optimiser: Any, *, parallel: Alone | None = None
) -> int:
    """Restore policy and optimiser in place; returns the number of steps they have taken.

    Args:
        path: A file, or a folder of parts, whoever wrote it.
        policy: Of the same settings.
        optimiser: Of its parameters.
        parallel: Who takes part; None: nobody else.

    Raises:
        UserError: It is absent, damaged, or belongs to another model.
    """
    state = _state(policy, optimiser, 0)
    try:
        if path.is_dir():
            _load_parts(path, state)
        else:
            _copy(state, _read(path), "checkpoint")
    except (RuntimeError, KeyError, EOFError, ValueError, OSError) as error:
        raise UserError(
            f"{path}: expected a checkpoint of this policy; {_first_line(error)}; "
            "delete it to start again, or use the settings it was made with"
        ) from error
    for name, parameter in policy.model.named_parameters():
        optimiser.state[parameter] = state["optimiser"][name]
    (parallel or Alone()).barrier()
    return int(state["step"])


def _state(policy: Policy, optimiser: Any, step: int) -> dict[str, Any]:
    """The live tensors by name; moments that do not exist yet are zeros, as AdamW starts them."""
    moments = {}
    for name, parameter in policy.model.named_parameters():
        known = optimiser.state.get(parameter) or {
            "step": torch.tensor(0.0),
            "exp_avg": torch.zeros_like(parameter, requires_grad=False),
            "exp_avg_sq": torch.zeros_like(parameter, requires_grad=False),
        }
        moments[name] = {key: known[key] for key in _MOMENTS}
    policy_state = {name: tensor.detach() for name, tensor in policy.model.state_dict().items()}
    return {"step": torch.tensor(step), "policy": policy_state, "optimiser": moments}


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except UnpicklingError as error:  # whose message is about torch, not about the file
        raise ValueError("it is not one, or damaged") from error


def _copy(into: Any, value: Any, name: str) -> None:
    """Copy nested tensors in place, each to where its slice lies."""
    if isinstance(into, dict):
        if not isinstance(value, dict) or into.keys() != value.keys():
            raise ValueError(f"other names under {name}")
        for key in into:
            _copy(into[key], value[key], key)
        return
    value = torch.as_tensor(value)
    if into.shape != value.shape:
        raise ValueError(f"{name}: shape {tuple(value.shape)} instead of {tuple(into.shape)}")
    with torch.no_grad():
        into.copy_(_sliced(value, into))


def _sliced(value: Tensor, like: Tensor) -> Tensor:
    from torch.distributed.tensor import DTensor, distribute_tensor

    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


def _save_parts(part: Path, state: dict[str, Any], parallel: Alone) -> None:
    from torch.distributed.checkpoint.state_dict_saver import save

    if parallel.is_main:
        _remove(part)  # of a run that was killed here
    parallel.barrier()
    save(state, checkpoint_id=part)
    parallel.barrier()


def _load_parts(path: Path, state: dict[str, Any]) -> None:
    from torch.distributed.checkpoint.api import CheckpointException
    from torch.distributed.checkpoint.state_dict_loader import load

    try:
        with _no_word_on_one_process():
            load(state, checkpoint_id=path)
    except CheckpointException as error:  # which is no Exception
        raise ValueError(_first_line(next(iter(error.failures.values()))[0])) from error


@contextmanager
def _no_word_on_one_process() -> Iterator[None]:
    """Loading without a process group is meant here; torch warns of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0]


def _written(path: Path) -> list[Path]:
    """What was saved as `path`, oldest first, folders after the file."""
    folders = sorted(path.parent.glob(f"{path.stem}-[0-9]*"))
    return [*([path] if path.exists() else []), *folders]


def _rename(part: Path, target: Path) -> None:
    if target.is_dir():  # this step was written before: the same state
        _remove(part)
    else:
        os.replace(part, target)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
