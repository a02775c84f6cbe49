"""Checkpoints of a `transformers` Trainer: which one a killed run can go on from."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["last_checkpoint"]

_STATE = "trainer_state.json"
"""What `transformers` writes last into a checkpoint."""


def last_checkpoint(folder: str | Path) -> Path | None:
    """The newest checkpoint in a folder that was written to its end; None: there is none.

    A kill while a checkpoint is written leaves a part of one, which is passed over.
    """
    found = [
        (int(path.name.rpartition("-")[2]), path)
        for path in Path(folder).glob("checkpoint-*")
        if path.name.rpartition("-")[2].isdigit() and _is_whole(path)
    ]
    return max(found, default=(0, None))[1]


def _is_whole(checkpoint: Path) -> bool:
    try:
        json.loads((checkpoint / _STATE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return True
