"""One budget over several processes: a `Meter` in one of them, asked by all the others.

In: a real `Meter` (`MeterHost`, where the processes are started), and in each process a way to ask
it. Out: `RemoteMeter`, which models use like a meter of their own. Every reservation is decided by
the one meter, so the limit holds over all processes exactly as it does in one. What a process had
reserved when it died is charged in full, since a provider may bill it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from lmcommon.llm.budget import Budget, Meter
from lmcommon.llm.types import ModelFailure, Usage

__all__ = ["Ask", "MeterHost", "RemoteMeter"]

Ask = Callable[[str, tuple[Usage, ...]], Any]
"""Sends the name of a meter's method and its arguments to the host; returns what it gave."""


class MeterHost:
    """The one meter, and who has reserved what.

    Args:
        budget: The limits over all processes together.
    """

    def __init__(self, budget: Budget) -> None:
        self.meter = Meter(budget)
        self._open: dict[str, list[Usage]] = defaultdict(list)
        self._lock = threading.Lock()

    def answer(self, owner: str, method: str, arguments: tuple[Usage, ...]) -> Any:
        """Do what a process asks.

        Args:
            owner: Which process.
            method: A method of `Meter`, or `spent`.
            arguments: Of the method.
        """
        with self._lock:
            if method == "spent":
                return self.meter.spent
            if method == "try_reserve":
                granted = self.meter.try_reserve(*arguments)
                if granted:
                    self._open[owner].append(arguments[0])
                return granted
            if method == "settle":
                self._open[owner].remove(arguments[0])
                return self.meter.settle(*arguments)
            if method in ("is_hopeless", "refuse"):
                return getattr(self.meter, method)(*arguments)
        raise ValueError(f"expected a method of the meter; got {method!r}")

    def bury(self, owner: str) -> None:
        """A process is gone: what it had reserved counts as spent."""
        with self._lock:
            for estimate in self._open.pop(owner, ()):
                self.meter.settle(estimate, estimate)


class RemoteMeter(Meter):
    """A meter whose books are kept in another process.

    Args:
        budget: The limits, for messages and for who asks whether there are any.
        ask: Reaches the host.
    """

    def __init__(self, budget: Budget, ask: Ask) -> None:
        super().__init__(budget)
        self._ask = ask

    @property
    def spent(self) -> Usage:
        """What finished calls used, in all processes."""
        spent: Usage = self._ask("spent", ())
        return spent

    def try_reserve(self, estimate: Usage) -> bool:
        """Set `estimate` aside if it fits beside what all processes spent and reserved."""
        return bool(self._ask("try_reserve", (estimate,)))

    def is_hopeless(self, estimate: Usage) -> bool:
        """Whether `estimate` would not fit even if all calls under way turned out free."""
        return bool(self._ask("is_hopeless", (estimate,)))

    def settle(self, estimate: Usage, actual: Usage) -> None:
        """Replace a reservation by what the call really used."""
        self._ask("settle", (estimate, actual))

    def refuse(self, estimate: Usage) -> ModelFailure:
        """Count a request that is not sent, and say why."""
        with self._lock:
            self._refused += 1
        failure: ModelFailure = self._ask("refuse", (estimate,))
        return failure
