"""Several processes of one run that hardly speak to each other: each does its share, one merges.

Whatever sets RANK and WORLD_SIZE starts them (torchrun, accelerate, a cluster's launcher), as it
starts rtt-train, on one machine or on several that share the run's folder. Only the folder's name,
what is left to do, and the end are exchanged, so a process never waits for another one's batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import torch

from rtt.train.local.parallel import Alone, Replicated

__all__ = ["joined"]

_PATIENCE = timedelta(days=30)
"""How long the first to be ready waits for the last; one that dies is noticed at once."""


@contextmanager
def joined() -> Iterator[Alone]:
    """The processes that a launcher has started, while the context lasts; alone without one."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Alone()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    torch.distributed.init_process_group("gloo", timeout=_PATIENCE)
    try:
        yield Replicated()
    finally:
        torch.distributed.destroy_process_group()
