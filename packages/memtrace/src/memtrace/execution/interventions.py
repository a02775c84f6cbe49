"""Interventions: what a replay does differently, as data.

Two sorts. *At a point*: the value that one operation passes on is replaced, shortened, extended,
reordered, computed (an oracle), or drawn again. *In the program*: another prompt, model or
parameter. A point is an operation (its id in the trace, or its place) and one of the roles that
the operation lists in `metadata["points"]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from lmcommon.errors import UserError
from memtrace.execution.places import Place

if TYPE_CHECKING:
    from lmcommon.llm.base import ChatModel

__all__ = [
    "AtPoint", "Drop", "InProgram", "Insert", "Intervention", "Oracle", "Reorder", "Replace",
    "Resample", "SetParameter", "SwapModel", "SwapPrompt", "from_dict",
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Intervention:
    """One thing that a replay does differently."""

    kind: ClassVar[str] = ""

    def to_dict(self) -> dict[str, Any]:
        """As JSON, for metadata of the replay; `from_dict` reads it."""
        row: dict[str, Any] = {"kind": self.kind}
        for field in fields(self):
            value = getattr(self, field.name)
            row[field.name] = list(value) if isinstance(value, tuple) else value
        return row


@dataclass(frozen=True, kw_only=True)
class AtPoint(Intervention):
    """An intervention on what one operation passes on."""

    at: str | Place
    """Id of an operation of the trace that is replayed, or a place."""
    role: str = ""
    """Which of the operation's points; empty: the only one it has."""

    needs_value: ClassVar[bool] = True
    """Whether the value it works on must be known (for a reply: the model be asked)."""

    def apply(self, value: Any) -> Any:
        """What is passed on instead of `value`."""
        raise TypeError(f"{type(self).__name__} must define apply()")

    def checked(self, value: Any, alike: Any) -> Any:
        """The value to pass on, which must be of the same sort as what it stands for."""
        if not _are_alike(alike, value):
            shown = f" such as {_short(alike)}" if alike else ""
            raise UserError(
                f"{self.kind} at {self.at}, role {self.role!r}: expected a "
                f"{type(alike).__name__}{shown}; got {_short(value)}"
            )
        return value

    def _items(self, value: Any) -> list[Any]:
        if isinstance(value, list):
            return list(value)
        raise UserError(
            f"{self.kind} at {self.at}, role {self.role!r}: expected a list to work on; the value "
            f"is a {type(value).__name__}; use Replace"
        )

    def _index(self, items: Sequence[Any], index: Any) -> int:
        if type(index) is not int or not -len(items) <= index < len(items):
            raise UserError(
                f"{self.kind} at {self.at}, role {self.role!r}: expected an index into "
                f"{len(items)} items; got {index!r}"
            )
        return index


@dataclass(frozen=True, kw_only=True)
class Replace(AtPoint):
    """Pass on another value. Example: `Replace(at="op-20", role="facts", value=["Ana left."])`."""

    kind: ClassVar[str] = "replace"
    needs_value: ClassVar[bool] = False
    value: Any

    def apply(self, value: Any) -> Any:
        """The value given."""
        return self.value


@dataclass(frozen=True, kw_only=True)
class Drop(AtPoint):
    """Leave an item of a list out, or the whole value. Example: `Drop(at="op-20", index=0)`."""

    kind: ClassVar[str] = "drop"
    index: int | None = None
    """Which item; None: all of them, or the whole text."""

    def apply(self, value: Any) -> Any:
        """The value without it."""
        if self.index is None:
            return [] if isinstance(value, list) else "" if isinstance(value, str) else None
        items = self._items(value)
        del items[self._index(items, self.index)]
        return items


@dataclass(frozen=True, kw_only=True)
class Insert(AtPoint):
    """Put an item into a list. Example: `Insert(at="op-20", role="facts", value="Ana left.")`."""

    kind: ClassVar[str] = "insert"
    value: Any
    index: int | None = None
    """Before which item; None: at the end."""

    def apply(self, value: Any) -> Any:
        """The list with it."""
        items = self._items(value)
        last = len(items)
        items.insert(
            last if self.index in (None, last) else self._index(items, self.index), self.value
        )
        return items


@dataclass(frozen=True, kw_only=True)
class Reorder(AtPoint):
    """Put a list into another order. Example: `Reorder(at="op-30", order=(1, 0))`."""

    kind: ClassVar[str] = "reorder"
    order: tuple[int, ...] | None = None
    """Old places in the new order, each once; None: back to front."""

    def apply(self, value: Any) -> Any:
        """The list in that order."""
        items = self._items(value)
        order = range(len(items))[::-1] if self.order is None else self.order
        if sorted(order) != list(range(len(items))):
            raise UserError(
                f"reorder at {self.at}, role {self.role!r}: expected the places 0 to "
                f"{len(items) - 1}, each once; got {list(order)}"
            )
        return [items[place] for place in order]


@dataclass(frozen=True, kw_only=True)
class Oracle(AtPoint):
    """Compute what is passed on from what would have been. The function must not change its input.

    Example: `Oracle(at="op-20", role="facts", function=lambda facts: [*facts, "Ana left."])`
    """

    kind: ClassVar[str] = "oracle"
    function: Callable[[Any], Any]

    def apply(self, value: Any) -> Any:
        """What the function says."""
        return self.function(value)

    def to_dict(self) -> dict[str, Any]:
        """The function by its name only: it cannot be read back."""
        name = getattr(self.function, "__qualname__", repr(self.function))
        return {"kind": self.kind, "at": _at(self.at), "role": self.role, "function": name}


@dataclass(frozen=True, kw_only=True)
class Resample(AtPoint):
    """Ask the model again, another draw. Example: `Resample(at="op-20", draw=1)`."""

    kind: ClassVar[str] = "resample"
    role: str = "reply"
    draw: int = 1
    """Which draw, counted from the recorded one."""

    def __post_init__(self) -> None:
        if type(self.draw) is not int or self.draw < 1:
            raise ValueError(f"resample: expected a draw of at least 1; got {self.draw!r}")
        if self.role != "reply":
            raise ValueError(f"resample: expected the role 'reply'; got {self.role!r}")

    def apply(self, value: Any) -> Any:
        """The reply as it came: the draw was changed before the model was asked."""
        return value


@dataclass(frozen=True, kw_only=True)
class InProgram(Intervention):
    """An intervention on the program: it holds from the first operation on."""

    scope: str | None = None
    """Only in this memory; None: in all."""


@dataclass(frozen=True, kw_only=True)
class SwapPrompt(InProgram):
    """Another wording of a prompt. Example: `SwapPrompt(name="qa", text="...")`."""

    kind: ClassVar[str] = "swap_prompt"
    name: str
    """A name of `MemorySystem.prompts`."""
    text: str


@dataclass(frozen=True, kw_only=True)
class SetParameter(InProgram):
    """Another setting. Example: `SetParameter(name="top_k", value=10)`."""

    kind: ClassVar[str] = "set_parameter"
    name: str
    """A field of the system's configuration, such as `top_k`; `embed.batch` for one inside it."""
    value: Any


@dataclass(frozen=True, kw_only=True)
class SwapModel(InProgram):
    """Another model. Example: `SwapModel(model=larger, operation="answer")`."""

    kind: ClassVar[str] = "swap_model"
    model: ChatModel
    operation: str | None = None
    """Only for calls of operations of this name; None: for all."""

    def to_dict(self) -> dict[str, Any]:
        """The model by its name: it cannot be read back."""
        return {
            "kind": self.kind, "scope": self.scope, "model": self.model.name,
            "operation": self.operation,
        }  # fmt: skip


_KINDS: Mapping[str, type[Intervention]] = {
    kind.kind: kind for kind in (Replace, Drop, Insert, Reorder, Resample, SwapPrompt, SetParameter)
}


def from_dict(row: Mapping[str, Any]) -> Intervention:
    """The intervention that a JSON object describes.

    Raises:
        UserError: For an unknown kind or key; says what there is.
    """
    given = dict(row)
    kind = _KINDS.get(str(given.pop("kind", "")))
    if kind is None:
        raise UserError(
            f"intervention: expected kind to be one of {', '.join(_KINDS)}; got {row!r} (oracles "
            "and other models are given in Python)"
        )
    names = [field.name for field in fields(kind)]
    if unknown := sorted(given.keys() - set(names)):
        raise UserError(f"intervention {kind.kind}: expected {', '.join(names)}; got {unknown}")
    if isinstance(at := given.get("at"), list):
        if len(at) != 2 or not all(isinstance(part, str) for part in at):
            raise UserError(
                f"intervention {kind.kind}: expected at to be an operation's id or [scope, path]; "
                f"got {at!r}"
            )
        given["at"] = Place(*at)
    if isinstance(order := given.get("order"), list):
        given["order"] = tuple(order)
    try:
        return kind(**given)
    except (TypeError, ValueError) as error:
        raise UserError(f"intervention {kind.kind}: {error}; got {row!r}") from error


def _are_alike(value: Any, other: Any) -> bool:
    sorts = (str, list, dict)
    return next((isinstance(other, sort) for sort in sorts if isinstance(value, sort)), True)


def _at(at: str | Place) -> Any:
    return list(at) if isinstance(at, Place) else at


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else shown[:77] + "..."
