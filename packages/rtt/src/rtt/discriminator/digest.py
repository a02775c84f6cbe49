"""What a discriminator is, as one number: two with the same digest say the same.

In: a discriminator and its precision. Out: SHA-256 (hex) over weights, tokenizer and settings.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import torch

from rtt.discriminator.encoding import INSTRUCTION
from rtt.discriminator.model import TokenDiscriminator

__all__ = ["weights_digest"]


def weights_digest(discriminator: TokenDiscriminator, precision: str = "fp32") -> str:
    """Digest of everything that decides a relevance, wherever the weights came from."""
    model: Any = discriminator.model
    facts = {
        "kind": type(model).__name__, "context": discriminator.context, "precision": precision,
        "temperature": discriminator.temperature, "question": discriminator.reads_question,
        "verdict": discriminator.reads_verdict, "matches": discriminator.reads_matches,
        "instruction": INSTRUCTION,
    }  # fmt: skip
    whole = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    whole.update(discriminator.tokenizer.backend_tokenizer.to_str().encode())
    for name, value in sorted(model.state_dict().items()):
        whole.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        whole.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return whole.hexdigest()
