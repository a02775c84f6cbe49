"""On what a run is meant to be started: the section `launch` of a recipe, read by rtt-plan."""

from __future__ import annotations

from dataclasses import dataclass

from lmcommon.errors import UserError

__all__ = ["Launch"]

_FILES = ("", "cpu", "ddp", "fsdp2", "two_nodes", "zero2", "zero3")


@dataclass(kw_only=True)
class Launch:
    """GPUs and how they are shared; a run itself goes by what the launcher has started.

    Example:
        `Launch(gpus=8, rollout_gpus=4, file="fsdp2")`: four GPUs train, four serve vLLM.
    """

    nodes: int = 1
    gpus: int = 0
    """GPUs of each machine; 0: processors."""
    gpu_memory_gb: float = 80.0
    """Of one GPU, in 10^9 bytes."""
    rollout_gpus: int = 0
    """GPUs, over all machines, that serve rollouts and do not train."""
    processes: int = 0
    """Training processes, over all machines; 0: one a training GPU, or a single one."""
    file: str = ""
    """Which file of conf/launch accelerate is given: cpu, ddp, fsdp2, two_nodes, zero2 or zero3;
    nothing: a single process."""

    def __post_init__(self) -> None:
        if self.file not in _FILES:
            raise UserError(
                f"launch.file: expected one of {', '.join(_FILES[1:])}, or nothing; got "
                f"{self.file!r}"
            )
        if self.nodes < 1 or min(self.gpus, self.rollout_gpus, self.processes) < 0:
            raise UserError(
                "launch: expected at least 1 node and 0 or more GPUs and processes; got "
                f"nodes={self.nodes}, gpus={self.gpus}, rollout_gpus={self.rollout_gpus}, "
                f"processes={self.processes}"
            )
        if self.gpu_memory_gb <= 0:
            raise UserError(
                f"launch.gpu_memory_gb: expected a number above 0; got {self.gpu_memory_gb!r}"
            )
        total = self.nodes * self.gpus
        if self.rollout_gpus and self.rollout_gpus >= total:
            raise UserError(
                f"launch.rollout_gpus: expected fewer than the {total} GPUs there are, so that "
                f"some train; got {self.rollout_gpus}"
            )
        if self.nodes > 1 and self.rollout_gpus not in (0, self.gpus):
            raise UserError(
                f"launch.rollout_gpus: expected 0 or {self.gpus} with several machines, so that "
                f"one of them serves and the others train; got {self.rollout_gpus}"
            )
        if self.file == "two_nodes" and self.training_nodes < 2:
            raise UserError(
                "launch.file: expected fsdp2, zero2 or zero3 where one machine trains; got "
                "'two_nodes'"
            )

    @property
    def training_gpus(self) -> int:
        """GPUs that train."""
        return self.nodes * self.gpus - self.rollout_gpus

    @property
    def training_nodes(self) -> int:
        """Machines that train."""
        return self.nodes - (1 if self.nodes > 1 and self.rollout_gpus else 0)

    @property
    def world(self) -> int:
        """Training processes."""
        return self.processes or max(self.training_gpus, 1)

    @property
    def shards(self) -> str:
        """What lies in pieces over the processes: nothing, optimiser or weights."""
        kinds = {"fsdp2": "weights", "two_nodes": "weights", "zero3": "weights",
                 "zero2": "optimiser"}  # fmt: skip
        return kinds.get(self.file, "nothing")
