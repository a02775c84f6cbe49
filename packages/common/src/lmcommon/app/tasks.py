"""Tasks of a cluster job: what torchrun tells its processes, told by submitit's environment.

`hydra/launcher=submitit_slurm` (or `submitit_local`) with `tasks_per_node=N` starts the same job N
times. Nothing tells these who they are in the words that torch and accelerate read, so we do.
"""

from __future__ import annotations

import os

from lmcommon.extras import require

__all__ = ["join_tasks"]


def join_tasks() -> int:
    """Set RANK, WORLD_SIZE and the rest as torchrun does, in a task of a submitit job.

    Returns:
        The rank; 0 in a process that no cluster launcher has started, or that is alone.
    """
    if "SUBMITIT_EXECUTOR" not in os.environ:
        return 0
    told = require("submitit", extra="lmcommon[cluster]").JobEnvironment()
    if told.num_tasks < 2:
        return 0
    helpers = require("submitit.helpers", extra="lmcommon[cluster]")
    helpers.TorchDistributedEnvironment().export(set_cuda_visible_devices=False, overwrite=True)
    if told.num_nodes == 1:  # a machine's own name need not resolve on it
        os.environ["MASTER_ADDR"] = "127.0.0.1"
    return int(told.global_rank)
