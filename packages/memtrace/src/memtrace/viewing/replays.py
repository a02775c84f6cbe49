"""What-if: the price of a change, and the replay that makes it.

In: interventions as JSON. Out: prices, and jobs that one thread works off in order. Each replay
leaves a trace in the folder of the page, which becomes one to compare with. The trace that is
looked at is never written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.llm.base import ChatModel
from lmcommon.llm.budget import Budget
from memtrace.execution.interventions import Oracle
from memtrace.execution.replies import place_of
from memtrace.graph.reading.trace import Trace
from memtrace.replaying.outcome import Replay
from memtrace.replaying.replayer import Replayer
from memtrace.viewing.types import RefusedError
from memtrace.viewing.wishes import Wish, question_at, read_wish

__all__ = ["Job", "Replays"]

_MOST = 200
"""Jobs that are remembered."""


@dataclass(slots=True)
class Job:
    """One replay that was asked for."""

    number: int
    state: str = "running"
    done: int = 0
    total: int = 0
    error: str | None = None
    result: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """What the page is told."""
        return {"job": str(self.number), "state": self.state, "done": self.done,
                "total": self.total, "error": self.error, "result": self.result}  # fmt: skip


class Replays:
    """Replays of one trace.

    Args:
        path: The trace.
        folder: Where their traces go, and the replies of the model.
        model: Answers what the recording does not; None: nothing does.
        budget: A hard limit on what each may spend.
        add: Takes the trace of a finished replay, and says under which key it can be compared.
    """

    def __init__(
        self, path: Path, folder: Path, model: ChatModel | None, budget: Budget | None,
        add: Callable[[Path], str],
    ) -> None:  # fmt: skip
        self._path, self._folder = path, folder
        self._model, self._budget, self._add = model, budget, add
        self._replayer: Replayer | None = None
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._closing = threading.Event()
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="replay")
        self._points: dict[str, list[dict[str, Any]]] = {}

    def close(self) -> None:
        """Give up the replay that runs after its present question, and those that wait."""
        self._closing.set()
        self._pool.shutdown(cancel_futures=True)
        if self._replayer is not None:
            self._replayer.close()

    @property
    def count(self) -> int:
        """How many replays were asked for."""
        return len(self._jobs)

    def price(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """What a replay would cost. No model is asked.

        Raises:
            UserError: The interventions do not fit the trace.
        """
        wish = read_wish(body)
        with self._run(wish, dry_run=True) as done:
            assert done.price is not None
            usage = done.price.usage
            return {
                "calls": done.price.calls, "at_most": done.price.at_most,
                "prompt_tokens": usage.prompt_tokens, "cost_usd": usage.cost_usd,
                "completion_tokens": usage.completion_tokens, "recorded": done.price.recorded,
                "missing": done.price.calls if self._model is None else 0,
                "model": None if self._model is None else self._model.name,
                "warnings": list(done.warnings), "unapplied": _unapplied(done),
            }  # fmt: skip

    def start(self, body: Mapping[str, Any]) -> Job:
        """Begin a replay, or put it into the line.

        Raises:
            UserError: The interventions are no interventions.
        """
        wish = read_wish(body)
        with self._lock:
            job = Job(len(self._jobs) + 1)
            if job.number > _MOST:
                raise RefusedError(
                    f"replay: expected at most {_MOST} replays of one page; restart it", 429
                )
            self._jobs[str(job.number)] = job
        self._pool.submit(self._work, job, wish)
        return job

    def job(self, name: str) -> Job:
        """A job by its number.

        Raises:
            RefusedError: There is none.
        """
        if name not in self._jobs:
            raise RefusedError(f"jobs: expected the number of a replay; got {name!r}", 404)
        return self._jobs[name]

    def points(self, trace: Trace, operation: str) -> list[dict[str, Any]]:
        """What each point of an operation passes on: what an intervention takes the place of.

        The run is repeated without a model up to there, since a trace may show less than was
        passed on.

        Args:
            trace: The trace.
            operation: Id of the operation.
        """
        if operation not in self._points:
            found = trace.operation(operation)
            place = place_of(found)
            roles = [str(role) for role in found.metadata.get("points", ())] if place else []
            self._points[operation] = self._passed_on(operation, roles) if roles else []
        return self._points[operation]

    # Inside ---------------------------------------------------------------------------------

    def _passed_on(self, operation: str, roles: Sequence[str]) -> list[dict[str, Any]]:
        seen: dict[str, Any] = {}

        def watch(role: str) -> Callable[[Any], Any]:
            def keep(value: Any) -> Any:
                seen[role] = value
                return value

            return keep

        with Trace(self._path) as trace:
            place = place_of(trace.operation(operation))
        assert place is not None
        wish = Wish(
            [Oracle(at=operation, role=role, function=watch(role)) for role in roles],
            scopes=[place.scope], questions=question_at(place.path),
        )  # fmt: skip
        self._run(wish, dry_run=True).close()
        return [{"role": role, "value": seen[role], "is_exact": True}
                for role in roles if role in seen]  # fmt: skip

    def _work(self, job: Job, wish: Wish) -> None:
        path = self._folder / f"replay-{job.number}.db"
        try:
            job.total = self._count(wish)

            def tick(_: Any) -> None:
                job.done += 1
                if self._closing.is_set() and job.done < job.total:
                    raise UserError(
                        f"replay: given up after {job.done} of {job.total} questions, since the "
                        f"page was closed; what was replayed is in {path}"
                    )

            with self._run(wish, out=path, on_episode=tick) as done:
                result = _result(done)
            job.result = {"key": self._add(path), "path": str(path), **result}
            job.state = "done"
        except UserError as error:
            job.error, job.state = str(error), "failed"
        except Exception as error:  # the border: systems of others run here
            job.error, job.state = f"{type(error).__name__}: {error}", "failed"

    def _run(self, wish: Wish, **options: Any) -> Replay:
        return self._made().run(
            wish.interventions, questions=wish.questions, scopes=wish.scopes,
            budget=None if options.get("dry_run") else self._budget, **options,
        )  # fmt: skip

    def _made(self) -> Replayer:
        """The replayer; what it reads of the trace is read on first use."""
        with self._lock:
            if self._replayer is None:
                self._folder.mkdir(parents=True, exist_ok=True)
                self._replayer = Replayer(
                    self._path, model=self._model, cache=self._folder / "replies"
                )
            return self._replayer

    def _count(self, wish: Wish) -> int:
        return sum(
            wish.questions is None or one.id in wish.questions
            for program in self._made().programs.values()
            if wish.scopes is None or program.scope in wish.scopes
            for event in program.events
            for one in getattr(event, "questions", ())
        )


def _result(done: Replay) -> dict[str, Any]:
    return {
        "calls": done.calls, "recorded": done.ledger.recorded,
        "intervened": done.ledger.intervened, "questions": len(done.episodes),
        "changes": [asdict(change) for change in done.changes], "flips": len(done.flips),
        "unapplied": _unapplied(done), "missing": len(done.missing), "complete": done.is_complete,
        "warnings": list(done.warnings), "seconds": round(done.seconds, 3),
        "prompt_tokens": done.ledger.usage.prompt_tokens,
        "completion_tokens": done.ledger.usage.completion_tokens,
        "cost_usd": done.ledger.usage.cost_usd,
    }  # fmt: skip


def _unapplied(done: Replay) -> list[dict[str, str]]:
    return [{"scope": place.scope, "path": place.path, "role": role}
            for place, role in done.unapplied]  # fmt: skip
