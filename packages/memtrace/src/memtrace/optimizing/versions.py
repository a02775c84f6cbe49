"""The versions a loop tried, in order, told to whoever listens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.types import Candidate, Decision, Scored, Version, digest_of

__all__ = ["VersionLog", "mean_score"]

_NONE: Mapping[str, float] = MappingProxyType({})
_NOTHING: Mapping[str, str] = MappingProxyType({})


class VersionLog:
    """Keeps versions as they are decided.

    Args:
        evaluator: Whose spending is noted.
        on_version: Called with each.
    """

    def __init__(
        self, evaluator: Evaluator, on_version: Callable[[Version], None] | None = None
    ) -> None:
        self._evaluator, self._tell = evaluator, on_version
        self.versions: list[Version] = []

    def add(
        self, parent: Candidate, child: Candidate, decision: Decision, *,
        validation: float | None = None, mass: Mapping[str, float] = _NONE,
        refused: Mapping[str, str] = _NOTHING,
    ) -> Version:  # fmt: skip
        """Note a version.

        Args:
            parent: What it was made from.
            child: What it is.
            decision: What became of it.
            validation: Its accuracy on the whole validation set.
            mass: Blame when it was proposed.
            refused: Rewrites that were never tried, by component.
        """
        version = Version(
            number=len(self.versions) + 1, digest=digest_of(child), parent=digest_of(parent),
            texts={name: text for name, text in child.items() if text != parent[name]},
            decision=decision, metric_calls=self._evaluator.spending.metric_calls,
            validation=validation, mass=dict(mass), refused=dict(refused),
        )  # fmt: skip
        self.versions.append(version)
        if self._tell is not None:
            self._tell(version)
        return version


def mean_score(scores: Sequence[Scored]) -> float | None:
    """Accuracy over what could be scored; None: nothing could."""
    known = [one.score for one in scores if one.score is not None]
    return sum(known) / len(known) if known else None
