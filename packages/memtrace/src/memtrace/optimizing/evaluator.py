"""What a candidate is worth: the recorded run again with its prompts, history by history.

In: a trace in which a system answered all questions with its present prompts, and candidates. Out:
`Scored`s. Questions of one memory are asked together; a model call whose request is as it was is
answered from the recording, or from what other candidates asked. Every score is written down, so a
loop that was killed comes to the same place without paying twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from lmcommon.errors import BudgetError, UserError
from lmcommon.judge.base import AnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.prompt import Prompt
from memtrace.evaluate.types import Episode
from memtrace.execution.interventions import Intervention, SwapPrompt
from memtrace.optimizing.examples import examples_of, recorded_scores, system_of
from memtrace.optimizing.types import (
    Candidate,
    Example,
    LimitReachedError,
    Scored,
    Spending,
    digest_of,
)
from memtrace.replaying import Replayer

__all__ = ["Evaluator"]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_OPEN = 16
"""Kept runs that are open at a time: each holds files open."""


class Evaluator:
    """Scores candidates by replay. Not for threads.

    Args:
        trace: The recorded run; its memories must be of one system, built from a configuration.
        model: Answers what no recording does.
        folder: Where scores, replies and traces are kept; what lies there is used again.
        judge: Judges the new answers; None: the recorded judge.
        scopes: Only these memories; None: all.
        components: Prompts that may change; None: all that the system has.
        max_metric_calls: How many questions may be answered anew, proofs included; None: any.
        on_evaluated: Called with the number of scores that were just made, for progress.

    Raises:
        UserError: The trace holds several systems, no judged question, or no such component.
    """

    def __init__(
        self, trace: Path, *, model: ChatModel | None, folder: Path,
        judge: AnswerJudge | None = None, scopes: Sequence[str] | None = None,
        components: Sequence[str] | None = None, max_metric_calls: int | None = None,
        on_evaluated: Callable[[int], None] | None = None,
    ) -> None:  # fmt: skip
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.model, self.judge = folder, model, judge
        self.spending = Spending()
        self.reserved = 0
        """Metric calls that are kept back from the limit for what comes last."""
        self._max, self._tell = max_metric_calls, on_evaluated
        self._base = Replayer(trace, model=model, judge=judge, cache=folder / "replies")
        self._others: dict[Path, Replayer] = {}
        try:
            programs = {
                name: program
                for name, program in self._base.programs.items()
                if scopes is None or name in scopes
            }
            self.system = system_of(programs)
            self.examples: tuple[Example, ...] = examples_of(programs)
            self.prompts: Mapping[str, Prompt] = self._base.prompts(next(iter(programs)))
        except BaseException:
            self.close()
            raise
        self.components = self._chosen(components)
        self.seed: Candidate = {name: self.prompts[name].text for name in self.components}
        self._known: dict[tuple[str, str], Scored] = {}
        self._counted: set[tuple[str, str]] = set()
        self._journal = folder / "evaluations.jsonl"
        self._read()

    def __enter__(self) -> Evaluator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self.close()

    def close(self) -> None:
        """Close every trace that is open."""
        for replayer in (*self._others.values(), self._base):
            replayer.close()

    def evaluate(
        self, candidate: Candidate, examples: Sequence[Example], *, keeps_trace: bool = False
    ) -> list[Scored]:
        """Score a candidate, one `Scored` an example, in order.

        Args:
            candidate: A text for every component.
            examples: What to ask.
            keeps_trace: Keep the runs, for attribution.

        Raises:
            LimitReachedError: It would take more metric calls than are left; nothing was asked.
            BudgetError: The model's own budget is spent.
        """
        digest = digest_of(candidate)
        fresh = {(digest, one.key) for one in examples} - self._counted
        self.require(len(fresh))
        asked: dict[str, list[Example]] = {}
        for one in examples:
            known = self._known.get((digest, one.key))
            if known is None or (keeps_trace and known.trace is None and known.score is not None):
                asked.setdefault(one.scope, []).append(one)
        for scope, those in asked.items():
            self._ask(candidate, digest, scope, those, keeps_trace)
        self._counted |= fresh
        self.spending.evaluations += len(fresh)
        if self._tell is not None:
            self._tell(len(fresh))
        return [self._known[digest, one.key] for one in examples]

    def measure(self, candidate: Candidate, examples: Sequence[Example]) -> list[Scored]:
        """Score a candidate for a report: like `evaluate`, outside the limit and its count.

        Nothing that a loop decides may depend on it.

        Raises:
            BudgetError: The model's own budget is spent.
        """
        digest = digest_of(candidate)
        asked: dict[str, list[Example]] = {}
        for one in examples:
            if (digest, one.key) not in self._known:
                asked.setdefault(one.scope, []).append(one)
        for scope, those in asked.items():
            self._ask(candidate, digest, scope, those, keeps_trace=False)
            self.spending.reporting += len(those)
        return [self._known[digest, one.key] for one in examples]

    def require(self, metric_calls: int) -> None:
        """Refuse what there is no room for.

        Raises:
            LimitReachedError: Fewer metric calls are left.
        """
        left = self.left
        if metric_calls and left is not None and metric_calls > left:
            raise LimitReachedError(
                f"{self.spending.metric_calls} of {self._max} metric calls are spent"
                f"{self._reserve_told}, the next step takes up to {metric_calls}"
            )

    @property
    def _reserve_told(self) -> str:
        return f" and {self.reserved} kept for the confirmation" if self.reserved else ""

    def price(self, candidate: Candidate, examples: Sequence[Example]) -> int:
        """Metric calls that an evaluation would take."""
        digest = digest_of(candidate)
        return len({(digest, one.key) for one in examples} - self._counted)

    @property
    def left(self) -> int | None:
        """Metric calls that are left; None: no limit."""
        if self._max is None:
            return None
        return self._max - self.reserved - self.spending.metric_calls

    def laboratory(self, trace: Path) -> Replayer:
        """Where a kept run can be made again.

        Stays this object's to close, which it does after some others were asked for.

        Args:
            trace: Its file.
        """
        if trace == self._base.trace.path:
            return self._base
        found = self._others.pop(trace, None)
        if found is None:
            found = Replayer(
                trace, model=self.model, judge=self.judge, cache=self.folder / "replies"
            )
        self._others[trace] = found  # the one used last stands last
        if len(self._others) > _OPEN:
            self._others.pop(next(iter(self._others))).close()
        return found

    def replayed(
        self, interventions: Sequence[Intervention], examples: Sequence[Example]
    ) -> list[Scored]:
        """Score something else than prompts (a parameter, say), under the first prompts.

        Counted like any candidate, and written down.
        """
        told = json.dumps([one.to_dict() for one in interventions], sort_keys=True)
        digest = digest_of({"interventions": told})
        fresh = {(digest, one.key) for one in examples} - self._counted
        self.require(len(fresh))
        asked: dict[str, list[Example]] = {}
        for one in examples:
            if (digest, one.key) not in self._known:
                asked.setdefault(one.scope, []).append(one)
        for scope, those in asked.items():
            self._run(interventions, digest, scope, those, None)
        self._counted |= fresh
        self.spending.evaluations += len(fresh)
        if self._tell is not None:
            self._tell(len(fresh))
        return [self._known[digest, one.key] for one in examples]

    def swaps(self, candidate: Candidate) -> list[Intervention]:
        """What a candidate changes in the recorded run."""
        return [
            SwapPrompt(name=name, text=text)
            for name, text in candidate.items()
            if text != self.seed[name]
        ]

    # Inside ---------------------------------------------------------------------------------

    def _ask(
        self, candidate: Candidate, digest: str, scope: str, examples: Sequence[Example],
        keeps_trace: bool,
    ) -> None:  # fmt: skip
        out = None
        if keeps_trace:
            folder = self.folder / "traces" / digest
            folder.mkdir(parents=True, exist_ok=True)
            stem = _UNSAFE.sub("-", scope)
            out = folder / f"{stem}-{len(list(folder.glob(f'{stem}-*.db')))}.db"
        self._run(self.swaps(candidate), digest, scope, examples, out)

    def _run(
        self, interventions: Sequence[Intervention], digest: str, scope: str,
        examples: Sequence[Example], out: Path | None,
    ) -> None:  # fmt: skip
        by_id = {one.id: one for one in examples}
        with self._base.run(
            interventions, scopes=[scope], questions=list(by_id), out=out, retries_failures=True
        ) as replay:
            episodes = replay.episodes
            usage = replay.ledger.usage
            self.spending.model_calls += replay.calls
            self.spending.prompt_tokens += usage.prompt_tokens
            self.spending.completion_tokens += usage.completion_tokens
            self.spending.cost_usd += usage.cost_usd
        if any(one.failure_kind == "budget" for one in episodes):
            raise BudgetError(
                "llm.budget: it is spent before the loop has ended; what was scored is kept, go on "
                "with a larger one and resume=FOLDER"
            )
        for episode in episodes:
            self._keep(_scored(episode, by_id[episode.question], digest, out))

    def _keep(self, scored: Scored) -> None:
        self._known[scored.digest, scored.example.key] = scored
        row = {
            "digest": scored.digest, "example": scored.example.key, "score": scored.score,
            "prediction": scored.prediction, "failure": scored.failure,
            "trace": None if scored.trace is None else str(scored.trace.relative_to(self.folder)),
            "answer": scored.answer, "prompt_tokens": scored.prompt_tokens,
        }  # fmt: skip
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")

    def _read(self) -> None:
        """Scores of the recording itself, and of an earlier attempt; failed calls are asked again.

        A line that a kill cut short is left out.
        """
        examples = {one.key: one for one in self.examples}
        digest = digest_of(self.seed)
        given = (
            ()
            if self.judge is not None
            else recorded_scores(self._base.trace, self.examples, digest)
        )
        for scored in given:
            self._known[digest, scored.example.key] = scored
        lines = self._journal.read_text("utf-8").splitlines() if self._journal.exists() else []
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if row["example"] not in examples or row["score"] is None:
                continue
            path = None if row["trace"] is None else self.folder / row["trace"]
            self._known[row["digest"], row["example"]] = Scored(
                example=examples[row["example"]], digest=row["digest"], score=row["score"],
                prediction=row["prediction"], failure=row["failure"], answer=row["answer"],
                trace=path if path is not None and path.is_file() else None,
                prompt_tokens=row.get("prompt_tokens"),
            )  # fmt: skip

    def _chosen(self, components: Sequence[str] | None) -> tuple[str, ...]:
        known = tuple(name for name, prompt in self.prompts.items() if prompt.text.strip())
        if components is None:
            return known
        if unknown := [name for name in components if name not in self.prompts]:
            raise UserError(
                f"components: expected some of {', '.join(self.prompts)}; got {unknown[0]!r}"
            )
        return tuple(dict.fromkeys(components))


def _scored(episode: Episode, example: Example, digest: str, trace: Path | None) -> Scored:
    satisfied = episode.verdict.satisfied
    return Scored(
        example=example, digest=digest, prediction=episode.prediction, trace=trace,
        score=None if satisfied is None else float(satisfied),
        failure=episode.verdict.failure, answer=episode.answer,
        prompt_tokens=episode.prompt_tokens or None,
    )  # fmt: skip
