"""Trainers of `transformers` that take turns step by step, and what each step of each costs.

For measuring trainers side by side in one process, so that what disturbs the machine disturbs all.
Times are CPU seconds of the process, of which one thread works at a time.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers

__all__ = ["Step", "Stepping", "Timed", "Turns", "take_turns"]


class Turns:
    """Lets one thread at a time take one step, in a fixed order."""

    def __init__(self, names: Sequence[str], rounds: int) -> None:
        rows = [list(names) if number % 2 == 0 else list(names)[::-1] for number in range(rounds)]
        self._order = [name for row in rows for name in row]
        self._place, self._failed = 0, False
        self._change = threading.Condition()

    def wait(self, name: str) -> None:
        with self._change:
            self._change.wait_for(lambda: self._failed or self._order[self._place] == name)
            if self._failed:
                raise SystemExit("another arm failed")

    def done(self, *, failed: bool = False) -> None:
        with self._change:
            self._place, self._failed = self._place + 1, self._failed or failed
            self._change.notify_all()


@dataclass
class Step:
    """What one arm spent on one step, in CPU seconds, and on which responses."""

    seconds: float = 0.0
    phases: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    responses: str = ""
    tokens: int = 0


class Stepping(transformers.TrainerCallback):  # type: ignore[misc]
    """A turn lasts from the beginning of a step to that of the next: logging counts too."""

    def __init__(self, name: str, turns: Turns) -> None:
        self.name, self.turns = name, turns
        self.steps: list[Step] = []

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._close()
        self.turns.wait(self.name)
        torch.manual_seed(state.global_step)
        self.steps.append(Step())
        self.began = time.process_time()

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self._close()

    def _close(self) -> None:
        if self.steps:
            self.steps[-1].seconds = time.process_time() - self.began
            self.turns.done()


class Timed:
    """Splits a step of any trainer by phase."""

    stepping: Stepping
    _inner = 0.0

    @contextmanager
    def _phase(self, name: str) -> Iterator[None]:
        outside, self._inner = self._inner, 0.0
        began = time.process_time()
        try:
            yield
        finally:
            spent = time.process_time() - began
            self.stepping.steps[-1].phases[name] += spent - self._inner
            self._inner = outside + spent

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        with self._phase("rollout"):
            return super()._generate(*args, **kwargs)  # type: ignore[misc]

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: Any, ids: list[list[int]]
    ) -> Any:
        step = self.stepping.steps[-1]
        step.responses = hashlib.sha256(json.dumps(ids).encode()).hexdigest()
        step.tokens = sum(map(len, ids))
        with self._phase("checks"):
            return super()._calculate_rewards(  # type: ignore[misc]
                inputs, prompts, completions, ids
            )

    def _generate_and_score_completions(self, *args: Any, **kwargs: Any) -> Any:
        with self._phase("credit"):
            return super()._generate_and_score_completions(  # type: ignore[misc]
                *args, **kwargs
            )


def take_turns(trainers: dict[str, Any], turns: Turns) -> None:
    failures: list[BaseException] = []

    def work(train: Callable[[], Any]) -> None:
        try:
            train()
        except BaseException as failure:
            failures.append(failure)
            turns.done(failed=True)

    threads = [threading.Thread(target=work, args=(one.train,)) for one in trainers.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
