"""What an optimisation spends, by role, written down as it goes, so that a kill loses no account.

In: models, each wrapped for a role. Out: rows of `costs.jsonl`, and their sums over all attempts.
Only what reached a model counts: a reply that was kept is free.
"""

from __future__ import annotations

from collections.abc import Mapping

from lmcommon.llm.base import ChatModel
from lmcommon.llm.tally import Spent, Tally, TallyModel
from lmcommon.runlog import Run

__all__ = ["Ledger"]


class Ledger:
    """Counts calls by role.

    Args:
        run: Where `costs.jsonl` lies.
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._tallies: dict[str, Tally] = {}

    def counted(self, model: ChatModel, role: str) -> ChatModel:
        """The model, its calls counted under a role (system, judge, reflection, attribution)."""
        return TallyModel(model, self._tallies.setdefault(role, Tally()))

    def write(self) -> None:
        """Write down what was spent since the last time."""
        for role, tally in self._tallies.items():
            spent = tally.take()
            if spent.requests:
                self._run.append("costs", {
                    "attempt": self._run.attempt, "role": role, **spent.to_dict(),
                })  # fmt: skip

    @property
    def spent(self) -> Mapping[str, Spent]:
        """By role, all attempts together."""
        self.write()
        found: dict[str, Spent] = {}
        names = Spent().to_dict()
        for row in self._run.read("costs"):
            one = Spent(**{name: row[name] for name in names})
            found[row["role"]] = found.get(row["role"], Spent()) + one
        return found

    @property
    def total(self) -> Spent:
        """All roles together."""
        return sum(self.spent.values(), Spent())
