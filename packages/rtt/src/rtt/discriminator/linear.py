"""Matrix products of a frozen model on a CPU through oneDNN, with the weights laid out beforehand.

In: a model. Out: the same with its `Linear` layers replaced; an activation right after one (BERT's
GELU, Llama's SiLU) is computed in the same pass. torch's own float32 product takes MKL, which is
slower on some processors, and passes over the activations once more.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["PackedLinear", "can_pack", "with_packed_linears"]

_FOLLOWED = (("dense", "intermediate_act_fn"), ("gate_proj", "act_fn"))
"""Names of a linear layer and of the activation that its module applies right after it."""
_ROWS = 1024  # what the layout is chosen for; any other number of rows gives the same values


def can_pack(model: Any) -> bool:
    """Whether the layers of a model can be replaced: float32 on a CPU, with oneDNN there."""
    weight = next(model.parameters())
    return (
        weight.device.type == "cpu"
        and weight.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
    )


class PackedLinear(nn.Module):
    """`activation(x W' + b)`; weights as they are now, later changes do not reach it."""

    def __init__(self, linear: nn.Linear, activation: str = "none") -> None:
        super().__init__()
        self.activation = activation
        self._weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), _ROWS)
        self._bias = None if linear.bias is None else linear.bias.detach()

    def forward(self, states: Tensor) -> Tensor:
        """[..., in] to [..., out]."""
        kind = "none" if self.activation == "gelu" else ""
        told: Tensor = torch.ops.mkldnn._linear_pointwise(
            states, self._weight, self._bias, self.activation, [], kind
        )
        return told


def with_packed_linears(model: Any) -> Any:
    """A copy for inference that shares every other parameter with the model."""
    memo = {id(one): one for one in (*model.parameters(), *model.buffers())}
    mine = copy.deepcopy(model, memo)
    for module in list(mine.modules()):
        for linear, activation in _FOLLOWED:
            _fuse(module, linear, activation)
        for name, child in list(module.named_children()):
            if type(child) is nn.Linear and child.out_features > 1:
                setattr(module, name, PackedLinear(child))
    return mine


def _fuse(module: nn.Module, linear: str, activation: str) -> None:
    layer, after = getattr(module, linear, None), getattr(module, activation, None)
    kind = _KINDS.get(type(after).__name__)
    if type(layer) is nn.Linear and kind is not None:
        setattr(module, linear, PackedLinear(layer, kind))
        setattr(module, activation, nn.Identity())


_KINDS = {"GELUActivation": "gelu", "SiLU": "swish", "SiLUActivation": "swish"}
"""Activations by class; GELU with the error function, not the approximation by tanh."""
