"""The loss of the discriminator: binary cross-entropy over labelled tokens (paper eq. 5)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from rtt.credit.arrays import ArrayLike, check_shapes, read_floats

__all__ = ["loss"]


def loss(logits_BT: ArrayLike, labels_BT: ArrayLike, weights_BT: ArrayLike | None = None) -> Tensor:
    """Mean binary cross-entropy over all labelled tokens of the batch, in at least float32.

    `-mean(y log p + (1 - y) log(1 - p))` with `p = sigmoid(logit)`; every labelled token counts
    the same, so a long response weighs more than a short one (as in the paper).

    Args:
        logits_BT: One logit a token; what lies under an ignored label is never looked at.
        labels_BT: 1 relevant, 0 not, -1 ignored (prompt, padding, end of sequence).
        weights_BT: What each token counts, 0 or more; None: all the same. The mean is over the
            weights, so doubling all of them changes nothing.

    Returns:
        A scalar; 0 with zero gradients when every label is ignored or weighs nothing.

    Raises:
        ValueError: Shapes that disagree, or another label than 0, 1 and -1.
    """
    (logits,) = read_floats(logits_BT=logits_BT)
    (labels,) = read_floats(labels_BT=labels_BT)
    labels = labels.to(logits)
    check_shapes(logits_BT=logits, labels_BT=labels)
    counts = labels != -1
    strange = counts & (labels != 0) & (labels != 1)
    if bool(strange.any()):
        raise ValueError(f"labels_BT: expected 0, 1 or -1; got {labels[strange][0].item()}")
    each = binary_cross_entropy_with_logits(
        torch.where(counts, logits, 0.0), torch.where(counts, labels, 0.0), reduction="none"
    )
    if weights_BT is None:
        return torch.where(counts, each, 0.0).sum() / counts.sum().clamp(min=1)
    (weights,) = read_floats(weights_BT=weights_BT)
    weights = torch.where(counts, weights.to(logits), 0.0)
    check_shapes(logits_BT=logits, weights_BT=weights)
    if bool((weights < 0).any()):
        raise ValueError("weights_BT: expected 0 or more; got a negative one")
    total = weights.sum()
    return (each * weights).sum() / torch.where(total > 0, total, torch.ones_like(total))
