"""The loop of the paper, as a baseline: feedback on every failure, merged, one rewrite, no gate.

In each round a share of the training histories is answered (the paper: one history a round), every
failure is attributed, and where a prompt governs the blamed operation a model gives feedback on it;
others are counted as not optimisable. The feedbacks on a prompt are shuffled and merged four at a
time, and the prompt is rewritten once, with its previous version and what was said about that. The
last rewrite wins.

What differs from the original: failures are attributed by survival of facts, without a model and
without replays, so that attribution costs no metric calls (the original traces with a model); every
failure is taken for one, as there. Each version is scored on the validation set for reporting only:
the original decides nothing by it, so these questions do not count. The original has no rules for
templates; here a rewrite that could not be loaded is sent back once, as every method does, and then
the old text stays.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence

from lmcommon.prompt import load_prompt
from lmcommon.rng import random_for
from memtrace.memory.templates import ChatTemplate
from memtrace.optimizing.blaming import Blamer
from memtrace.optimizing.components import component_of, governing, use_at
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.proposing import Proposer
from memtrace.optimizing.records import told_values
from memtrace.optimizing.settings import PaperSettings
from memtrace.optimizing.types import (
    Decision,
    Example,
    LimitReachedError,
    Optimization,
    Scored,
    Splits,
    Version,
)
from memtrace.optimizing.versions import VersionLog, mean_score

__all__ = ["paper_loop"]

_FEEDBACK = (
    "question", "gold", "prediction", "inputs", "outputs", "component", "text", "earlier",
)  # fmt: skip
_ABSTAIN = "(to say that it is not known)"


def paper_loop(
    evaluator: Evaluator, splits: Splits, proposer: Proposer, *,
    settings: PaperSettings | None = None, on_version: Callable[[Version], None] | None = None,
) -> Optimization:  # fmt: skip
    """Rewrite the prompts of a system round by round, whatever comes of it.

    Args:
        evaluator: Scores candidates, within a limit.
        splits: What to learn from; validation questions decide nothing.
        proposer: Asks the reflection model.
        settings: Of the loop.
        on_version: Called with each version.

    Returns:
        The last version, which need not be the best.
    """
    return _Loop(evaluator, splits, proposer, settings or PaperSettings(), on_version).run()


class _Loop:
    """One run of the loop."""

    def __init__(
        self, evaluator: Evaluator, splits: Splits, proposer: Proposer, settings: PaperSettings,
        on_version: Callable[[Version], None] | None,
    ) -> None:  # fmt: skip
        self._evaluator, self._splits, self._proposer = evaluator, splits, proposer
        self._settings, self._log = settings, VersionLog(evaluator, on_version)
        self._blamer = Blamer(evaluator, method="survival", seed=settings.seed)
        self._earlier: dict[str, str] = {}
        """By component: its previous version and what was said about it."""
        self._feedback, self._aggregate, self._rewrite = (
            ChatTemplate(load_prompt("memtrace.optimizing", f"prompts/paper_{name}.md", fields))
            for name, fields in (
                ("feedback", _FEEDBACK), ("aggregate", ("aggregate", "feedbacks")),
                ("rewrite", ("component", "text", "feedback", "earlier")),
            )
        )  # fmt: skip

    def run(self) -> Optimization:
        """All rounds, or as many as there is room for."""
        seed = best = dict(self._evaluator.seed)
        first = last = None
        shares = self._shares()
        stopped = f"all rounds are done: {len(shares)}"
        try:
            first = last = self._validated(seed)
            for number, examples in enumerate(shares, 1):
                version, child = self._round(number, best, examples)
                if version.decision.accepted:
                    best, last = child, version.validation
        except LimitReachedError as error:
            stopped = str(error)
        return Optimization(
            method="paper", seed=seed, best=best, versions=tuple(self._log.versions),
            spending=self._evaluator.spending, seed_validation=first, best_validation=last,
            stopped=stopped,
        )  # fmt: skip

    def _shares(self) -> list[list[Example]]:
        """The training histories dealt out over the rounds."""
        rng = random_for(self._settings.seed, "histories")
        scopes = sorted({one.scope for one in self._splits.train})
        rng.shuffle(scopes)
        rounds = min(self._settings.rounds, len(scopes))
        return [
            [one for one in self._splits.train if one.scope in scopes[number::rounds]]
            for number in range(rounds)
        ]

    def _round(
        self, number: int, candidate: dict[str, str], examples: Sequence[Example]
    ) -> tuple[Version, dict[str, str]]:
        """One round: the version it made, and its texts."""
        said: defaultdict[str, list[str]] = defaultdict(list)
        mass: Counter[str] = Counter()
        for scored in self._evaluator.evaluate(candidate, examples, keeps_trace=True):
            if not scored.is_failure:
                continue
            component, feedback = self._said(number, candidate, scored)
            mass[component] += 1
            if feedback:
                said[component].append(feedback)
        texts: dict[str, str] = {}
        refused: dict[str, str] = {}
        for component, feedbacks in sorted(said.items()):
            merged = self._merged(number, feedbacks)
            proposal = self._proposer.ask(
                component, self._rewrite.fill(
                    component=component, text=candidate[component], feedback=merged,
                    earlier=self._earlier.get(component, ""),
                ), self._proposer.rules(component), draw=number, present=candidate[component],
            )  # fmt: skip
            if proposal.refused is not None:
                refused[component] = proposal.refused
                continue
            texts[component] = proposal.text
            self._earlier[component] = _told(candidate[component], merged)
        child = {**candidate, **texts}
        validation = self._validated(child) if texts else None
        reason = "taken without a test" if texts else "no usable rewrite"
        return self._log.add(
            candidate, child, Decision(accepted=bool(texts), reason=reason),
            validation=validation, mass=mass, refused=refused,
        ), child  # fmt: skip

    def _said(self, number: int, candidate: Mapping[str, str], scored: Scored) -> tuple[str, str]:
        """The prompt that is to blame for a failure, or an operation in brackets; and feedback."""
        blame = self._blamer.blame(scored)
        operation = blame.attribution.operation
        reader = self._blamer.reader(scored)
        components = self._evaluator.components
        component = None if operation is None else component_of(reader, operation, components)
        if component is None:
            name = blame.attribution.suspects[0].name if operation is not None else "nothing"
            return f"({name})", ""
        assert operation is not None
        use = use_at(reader, governing(reader, operation, component), component)
        reply, _ = self._proposer.complete(self._feedback.fill(
            question=scored.example.text, gold=scored.example.gold or _ABSTAIN,
            prediction=scored.prediction, inputs=told_values(reader, use.inputs, []),
            outputs=told_values(reader, use.outputs, []), component=component,
            text=candidate[component], earlier=self._earlier.get(component, ""),
        ), number)  # fmt: skip
        return component, reply.strip()

    def _merged(self, number: int, feedbacks: Sequence[str]) -> str:
        """One feedback out of many, four at a time; a batch whose reply fails is left out."""
        shuffled = list(feedbacks)
        random_for(self._settings.seed, "feedback", number).shuffle(shuffled)
        merged, size = "", self._settings.batch
        for start in range(0, len(shuffled), size):
            told = "\n\n".join(
                f"--- feedback {n}\n{text}"
                for n, text in enumerate(shuffled[start : start + size], 1)
            )
            reply, _ = self._proposer.complete(
                self._aggregate.fill(aggregate=merged or "(none)", feedbacks=told), number
            )
            merged = reply.strip() or merged
        return merged or "(none)"

    def _validated(self, candidate: Mapping[str, str]) -> float | None:
        return mean_score(self._evaluator.measure(candidate, self._splits.validation))


def _told(text: str, feedback: str) -> str:
    return (
        f"# The version before this one\n\n<earlier>\n{text}\n</earlier>\n\nIt was rewritten for "
        f"this feedback:\n\n{feedback}"
    )
