"""Who computes: this process alone, or several that torchrun started.

`Alone`, `Replicated` (data parallel: every process holds the model, gradients are summed once an
optimiser step) and `Sharded` (FSDP2: every process holds a part of each parameter, layers are
gathered as they are needed) answer the same few questions, so the trainer reads as if it were
alone. All of it works over gloo on processors and over NCCL on GPUs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from rtt.train.local.packing import MicroBatch

__all__ = ["Alone", "Replicated", "Sharded"]

T = TypeVar("T")

_BUCKET = 1 << 24
"""Numbers that one collective sums; bounds the copy it needs."""


class Alone:
    """One process that does everything."""

    rank = 0
    world = 1
    loss_factor = 1.0
    """What a loss is multiplied by before its backward pass, so that gradients come out summed."""
    is_sharded = False

    @property
    def is_main(self) -> bool:
        """Whether this process writes what all of them did."""
        return self.rank == 0

    def attach(self, model: Any) -> None:
        """Prepare a model for being computed together; its parameters may change hands."""

    def share(self, items: Sequence[T]) -> list[tuple[int, T]]:
        """This process's part of `items`, with their places."""
        return list(enumerate(items))[self.rank :: self.world]

    def collect(self, items: Sequence[tuple[int, T]]) -> list[T]:
        """The parts of all processes, in order of place, on every process."""
        return [item for _, item in sorted(items, key=lambda pair: pair[0])]

    def same(self, value: T) -> T:
        """The first process's value, on every process."""
        return value

    def deal(self, batches: Sequence[MicroBatch]) -> list[MicroBatch]:
        """The micro-batches of this process."""
        return list(batches)

    def run(self, work: Callable[[], T]) -> T:
        """Call `work`, which runs the model forward once."""
        return work()

    def generate(self, work: Callable[[], T]) -> T:
        """Call `work`, which runs the model forward as often as it likes, without gradients."""
        return work()

    def clip_gradients(self, model: Any, limit: float) -> float:
        """Sum gradients over the processes, clip them, and give their norm."""
        return float(torch.nn.utils.clip_grad_norm_(model.parameters(), limit))

    def add_up(self, values: Sequence[float]) -> list[float]:
        """Sums over all processes."""
        return list(values)

    def barrier(self) -> None:
        """Wait for all processes."""


class Replicated(Alone):
    """Data parallel: the whole model on every process of the default group."""

    def __init__(self) -> None:
        self.rank = torch.distributed.get_rank()
        self.world = torch.distributed.get_world_size()

    def attach(self, model: Any) -> None:
        """Give every process the first one's weights."""
        for tensor in (*model.parameters(), *model.buffers()):
            torch.distributed.broadcast(tensor.data, 0)

    def collect(self, items: Sequence[tuple[int, T]]) -> list[T]:
        """The parts of all processes, in order of place, on every process."""
        parts: list[Any] = [None] * self.world
        torch.distributed.all_gather_object(parts, list(items))
        return super().collect([pair for part in parts for pair in part])

    def same(self, value: T) -> T:
        """The first process's value, on every process."""
        held = [value]
        torch.distributed.broadcast_object_list(held, 0)
        return held[0]

    def deal(self, batches: Sequence[MicroBatch]) -> list[MicroBatch]:
        """Every so manieth micro-batch."""
        return list(batches[self.rank :: self.world])

    def clip_gradients(self, model: Any, limit: float) -> float:
        """Sum gradients over the processes, clip them, and give their norm."""
        parameters = [one for one in model.parameters() if one.requires_grad]
        for one in parameters:
            if one.grad is None:  # no micro-batch came this way
                one.grad = torch.zeros_like(one)
        for bucket in _buckets([one.grad for one in parameters]):
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            torch.distributed.all_reduce(flat)
            for gradient, part in zip(
                bucket, flat.split([one.numel() for one in bucket]), strict=True
            ):
                gradient.copy_(part.view_as(gradient))
        return super().clip_gradients(model, limit)

    def add_up(self, values: Sequence[float]) -> list[float]:
        """Sums over all processes."""
        total = torch.tensor(values, dtype=torch.float64)
        torch.distributed.all_reduce(total)
        return total.tolist()

    def barrier(self) -> None:
        """Wait for all processes."""
        torch.distributed.barrier()


class Sharded(Replicated):
    """FSDP2: each process keeps its slice of every parameter, gradient and optimiser state."""

    is_sharded = True

    def attach(self, model: Any) -> None:
        """Shard layer by layer; what is outside the layers (embedding, head) forms a last group."""
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import FSDPModule, fully_shard

        super().attach(model)
        # FSDP averages over the processes; our losses are shares of one sum.
        self.loss_factor = float(self.world)
        mesh = init_device_mesh(model.device.type, (self.world,))
        names = set(model._no_split_modules or ())
        for module in list(model.modules()):
            if type(module).__name__ in names:
                fully_shard(module, mesh=mesh)
        self._whole = _Whole(model)
        fully_shard(self._whole, mesh=mesh)
        self._parts: list[Any] = [
            module for module in self._whole.modules() if isinstance(module, FSDPModule)
        ]

    def deal(self, batches: Sequence[MicroBatch]) -> list[MicroBatch]:
        """As many for each process, for all must gather the layers together: some are idle."""
        rounds = -(-len(batches) // self.world)
        mine = super().deal(batches)
        return [*mine, *[batches[0].idle()] * (rounds - len(mine))]

    def run(self, work: Callable[[], T]) -> T:
        """Call `work` with what is outside the layers gathered; each layer gathers itself."""
        return self._whole(work)  # type: ignore[no-any-return]

    def generate(self, work: Callable[[], T]) -> T:
        """Call `work` with everything gathered, so that processes may differ in their steps."""

        def gathered() -> T:
            for part in self._parts:
                part.set_reshard_after_forward(False, recurse=False)
                part.unshard()
            return work()

        try:
            with torch.no_grad():
                return self._whole(gathered)  # type: ignore[no-any-return]
        finally:
            for part in self._parts:
                part.reshard()
                # The last group is used again at once, by the backward pass: it stays gathered.
                part.set_reshard_after_forward(part is not self._whole, recurse=False)

    def clip_gradients(self, model: Any, limit: float) -> float:
        """Clip the gradients, summed already, and give their norm over all slices."""
        norm: Any = torch.nn.utils.clip_grad_norm_(model.parameters(), limit)
        return float(norm.full_tensor())


class _Whole(nn.Module):
    """The root of a sharded model: runs any work on it with its hooks around."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, work: Callable[[], T]) -> T:
        return work()


def _buckets(tensors: Iterable[Tensor]) -> list[list[Tensor]]:
    """Consecutive tensors of one dtype, of at most `_BUCKET` numbers unless one alone has more."""
    buckets: list[list[Tensor]] = []
    room = 0
    for tensor in tensors:
        fits = buckets and tensor.numel() <= room and tensor.dtype == buckets[-1][0].dtype
        if not fits:
            buckets.append([])
            room = _BUCKET
        buckets[-1].append(tensor)
        room -= tensor.numel()
    return buckets
