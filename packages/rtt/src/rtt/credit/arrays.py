"""Reading arguments: tensors, arrays or nested lists in; tensors of one dtype and device out.

The letters after the last underscore of an argument's name are its axes (`relevance_BRT`), so a
shape check needs nothing but the names.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["ArrayLike", "check_shapes", "group_rows", "read_floats", "read_mask"]

ArrayLike = Tensor | Sequence[Any] | Any
"""A tensor, a NumPy array, or a rectangular nested list of numbers."""


def read_floats(**named: ArrayLike) -> tuple[Tensor, ...]:
    """Turn arguments into floating tensors of one dtype and one device, in the given order.

    The dtype is the widest among floating tensors, at least float32; lists take what the tensors
    have. The device is that of the first tensor.

    Raises:
        ValueError: An argument is not a rectangular block of numbers.
    """
    device = next((v.device for v in named.values() if isinstance(v, Tensor)), None)
    dtype = torch.float32
    tensors = []
    for name, value in named.items():
        tensor = _read(name, value)
        if tensor.is_floating_point() and not _is_plain_list(value):
            dtype = torch.promote_types(dtype, tensor.dtype)
        tensors.append(tensor)
    return tuple(tensor.to(dtype).to(device) for tensor in tensors)


def read_mask(name: str, mask: ArrayLike | None, like: Tensor) -> Tensor:
    """Turn a 0/1 mask into a bool tensor; None means that everything counts (shape of `like`)."""
    if mask is None:
        return torch.ones(like.shape, dtype=torch.bool, device=like.device)
    return _read(name, mask).bool().to(like.device)


def check_shapes(**named: Tensor) -> None:
    """Check that axes of one letter have one size.

    Raises:
        ValueError: A tensor has another number of axes than its name says, or sizes disagree;
            the message gives every shape.
    """
    sizes: dict[str, int] = {}
    for name, tensor in named.items():
        axes = name.rsplit("_", 1)[-1]
        fits = tensor.dim() == len(axes) and all(
            sizes.setdefault(axis, size) == size
            for axis, size in zip(axes, tensor.shape, strict=True)
        )
        if not fits:
            shapes = ", ".join(f"{key} {tuple(value.shape)}" for key, value in named.items())
            raise ValueError(
                f"{name}: expected axes [{', '.join(axes)}] that agree with the other arguments; "
                f"got {shapes}"
            )


def group_rows(tensor: Tensor, group_size: int) -> Tensor:
    """Split the first axis [B, ...] into [P, G, ...]; the samples of a prompt are consecutive.

    Raises:
        ValueError: B is no multiple of `group_size`.
    """
    rows = tensor.shape[0]
    if group_size < 1 or rows % group_size:
        raise ValueError(
            f"group_size: expected a positive divisor of the number of rows {rows}; "
            f"got {group_size!r}"
        )
    grouped: Tensor = tensor.unflatten(0, (rows // group_size, group_size))
    return grouped


def _read(name: str, value: ArrayLike) -> Tensor:
    try:
        if _is_plain_list(value):  # in full precision first: the final dtype is not known yet
            return torch.as_tensor(value, dtype=torch.float64)
        if isinstance(value, (list, tuple)):
            return torch.stack(list(value))
        return torch.as_tensor(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(
            f"{name}: expected a tensor or a rectangular nested list of numbers (pad ragged rows "
            f"and mask them: criterion_mask_BR, mask_BT); {error}"
        ) from error


def _is_plain_list(value: ArrayLike) -> bool:
    """Whether it is a nested list of numbers, not a list of tensors."""
    return isinstance(value, (list, tuple)) and not (value and isinstance(value[0], Tensor))
