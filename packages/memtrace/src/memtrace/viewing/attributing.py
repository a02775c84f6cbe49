"""Attributions of the page: read from a run, or made in the background, one failure at a time.

In: the open trace, and attributions that a run has left. Out: what is said of each answer. A thread
with a trace of its own goes through the failures whose right answer is known, those that somebody
is looking at first; a failure whose right answer nobody knows is looked into when it is opened.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Literal

from lmcommon.errors import UserError
from memtrace.attribution.case import Question
from memtrace.viewing.examining import Examiner, examiner
from memtrace.viewing.opened import Opened
from memtrace.viewing.questions import AskedAnswer

__all__ = ["Attributions"]

State = Literal["done", "pending", "none"]
_BREATH_S = 0.002
"""Between two failures the thread lets those who wait for the page go first."""


@dataclass(frozen=True, slots=True)
class _Done:
    body: Mapping[str, Any] | None
    """`Attribution.to_dict()` as JSON; None: it could not be made."""
    why_not: str = ""


class Attributions:
    """What is said of each answer of a trace.

    Args:
        opened: The trace.
        recorded: Attributions that a run has left, by answer.
    """

    def __init__(self, opened: Opened, recorded: Mapping[str, Mapping[str, Any]]) -> None:
        self._opened, self._recorded = opened, dict(recorded)
        self._done: dict[str, _Done] = {}
        self._paths: dict[str, _Done] = {}
        """Made here where the recorded ones keep no paths of facts."""
        self._wanted: dict[str, None] = {}
        """Asked for by name; the last one is the first in line."""
        self._next = 0
        self._change = threading.Condition()
        self._is_closing = False
        self._examiner: Examiner | None = None
        self._failure = ""
        self._due: tuple[list[AskedAnswer], list[AskedAnswer]] = ([], [])
        self._thread = threading.Thread(target=self._work, name="attribution", daemon=True)

    def start(self) -> None:
        """Begin with the failures."""
        self._thread.start()

    def close(self) -> None:
        """Stop after the failure that is being looked at."""
        with self._change:
            self._is_closing = True
            self._change.notify_all()
        if self._examiner is not None:
            self._examiner.stop()
        if self._thread.ident is not None:
            self._thread.join()

    @property
    def pending(self) -> int:
        """How many failures are still to be looked at."""
        if self._failure:
            return 0
        asked = self._opened.asked
        if self._due[0] is not asked:
            self._due = asked, [one for one in asked if _is_due(one)]
        waiting = {one.answer for one in self._due[1] if self.state(one) == "pending"}
        return len(waiting | self._wanted.keys())

    def state(self, asked: AskedAnswer) -> State:
        """How far the attribution of an answer is; none: it is no failure, or nobody asked."""
        found = self._found(asked)
        if found is not None:
            return "done" if found.body is not None else "none"
        is_due = _is_due(asked) or asked.answer in self._wanted
        return "pending" if is_due and not self._failure else "none"

    def body(self, asked: AskedAnswer) -> Mapping[str, Any] | None:
        """The attribution as `Attribution.to_dict()` says it; None: there is none (yet)."""
        found = self._found(asked)
        return None if found is None else found.body

    def paths(self, asked: AskedAnswer) -> list[Mapping[str, Any]]:
        """The paths of the facts, also where a run kept its attribution without them."""
        body = self.body(asked)
        if body is not None and "paths" in body:
            return list(body["paths"])
        made = self._paths.get(asked.answer)
        return [] if made is None or made.body is None else list(made.body["paths"])

    def about(self, asked: AskedAnswer) -> dict[str, Any]:
        """The part of a row that attribution fills."""
        found = self._found(asked)
        body = None if found is None else found.body
        return {
            "attributed": self.state(asked), "blamed": None if body is None else _blamed(body),
            "reason": body["reason"] if body is not None else found.why_not if found
            else self._failure,
        }  # fmt: skip

    def want(self, answers: Iterable[AskedAnswer], *, wait_s: float = 0.0) -> None:
        """Look at these next, and wait a while for them to be done.

        Args:
            answers: Wrong ones; others are left alone.
            wait_s: How long at most.
        """
        missing = [one for one in answers if one.verdict == "wrong" and not self._is_known(one)]
        if not missing:
            return
        with self._change:
            for one in reversed(missing):
                if wait_s:
                    self._wanted.pop(one.answer, None)  # to the front, wherever it stood
                self._wanted.setdefault(one.answer)
            self._change.notify_all()
            self._change.wait_for(
                lambda: bool(self._failure) or all(map(self._is_known, missing)), timeout=wait_s
            )

    # Inside ---------------------------------------------------------------------------------

    def _is_known(self, asked: AskedAnswer) -> bool:
        found = self._found(asked)
        if found is None:
            return False
        return found.body is None or "paths" in found.body or asked.answer in self._paths

    def _found(self, asked: AskedAnswer) -> _Done | None:
        made = self._done.get(asked.answer)
        if made is None and (body := self._recorded.pop(asked.answer, None)) is not None:
            is_same = body["prediction"] == self._opened.texts(asked)[2]
            if is_same:  # else it is of another run
                made = self._done[asked.answer] = _Done(body)
        return made

    def _work(self) -> None:
        try:
            with closing(examiner(self._opened.path, self._opened.counts[0])) as chosen:
                self._examiner = chosen
                while (asked := self._take()) is not None:
                    self._keep(asked, self._examined(chosen, asked))
                    time.sleep(_BREATH_S)
        except UserError as error:  # the trace is damaged: what is asked of it says so too
            with self._change:
                self._failure = f"no attribution: {error}"
                self._change.notify_all()

    def _keep(self, asked: AskedAnswer, done: _Done) -> None:
        with self._change:
            kept = self._done if self._found(asked) is None else self._paths
            kept[asked.answer] = done
            self._wanted.pop(asked.answer, None)
            self._change.notify_all()

    def _take(self) -> AskedAnswer | None:
        """The next one to look at; None: the page is closing."""
        while True:
            with self._change:
                if self._is_closing:
                    return None
                if self._wanted:
                    return self._opened.find(next(reversed(self._wanted)))
            asked = self._opened.asked
            for one in asked[self._next :]:
                self._next += 1
                if _is_due(one) and self._found(one) is None:
                    return one
            with self._change:
                self._change.wait_for(lambda: self._is_closing or self._wanted, timeout=1.0)

    def _examined(self, examiner: Examiner, asked: AskedAnswer) -> _Done:
        try:
            question, gold, _ = self._opened.texts(asked)
            told = Question(
                answer=asked.answer, gold=gold, evidence=asked.evidence or None,
                text=question or None, judged=False, is_live=not asked.has_gold,
            )  # fmt: skip
            return _Done(examiner.examine(told))
        except (UserError, ValueError, KeyError) as error:
            return _Done(None, f"no attribution: {error}")
        except Exception as error:  # the border: one answer must not end all others
            return _Done(None, f"no attribution: {type(error).__name__}: {error}")


def _is_due(asked: AskedAnswer) -> bool:
    return asked.verdict == "wrong" and asked.has_gold


def _blamed(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """The operation that is blamed first; None: nothing is."""
    if body.get("abstained") or not body["suspects"] or body["verdict"] == "no failure":
        return None
    first = body["suspects"][0]
    return {
        "operation": first.get("operation"), "name": first["name"], "kind": first.get("kind", ""),
        "error_type": first["error_type"], "loss": first.get("loss"),
        "proved": bool(body.get("decisive")) and body["verdict"] == "memory error",
        "confidence": body["confidence"],
    }  # fmt: skip
