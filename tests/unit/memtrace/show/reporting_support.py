"""Questions and sections made by hand, and texts that try to be more than text."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from memtrace.attribution.types import Verdict, rate
from memtrace.scoring.analysis import failure_of, tabulate
from memtrace.show.cases import FactView, StepView
from memtrace.show.reporting import counting
from memtrace.show.reporting.recommending import advise
from memtrace.show.reporting.types import (
    Asked,
    Example,
    Report,
    Section,
    Spending,
    Statement,
    Studied,
    Summary,
    WorstOperation,
)

NASTY = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "</title><script>1</script>",
    "</style><script>1</script>", "<svg onload=alert(1)>", "<iframe src=//a.example></iframe>",
    "\"><b onmouseover=alert(1)>x", "' autofocus onfocus=alert(1) x='", "{{ 7*7 }}{% raw %}",
    "${alert(1)}", "<a href=javascript:alert(1)>x</a>", "[x](javascript:alert(1))",
    "![x](http://a.example/x.png)", "<http://a.example>", "http://a.example/?q=1", "www.a.example",
    "me@a.example", "[ref]: http://a.example", "| a | b |\n| --- | --- |", "# heading",
    "- item\n- item", "1. item", "1) item", "> quote", "```\ncode\n```", "`code`", "**bold** _it_",
    "&lt;script&gt; &amp; &#60;b&#62;", "<!-- comment", "\u202eevil\u202c\x00\x1b[31m",
    "<style>*{background:url(//a.example)}</style>", "$$x$$ ~~y~~ ==z==", "\\<b\\>\\", "---", "+ x",
    "<link rel=stylesheet href=//a.example>", "<base href=//a.example>",
    "<meta http-equiv=refresh>",
    "\ud800 half a pair", "--><script>1</script>", "<details open ontoggle=alert(1)>", "===",
]  # fmt: skip


def body(
    verdict: Verdict = Verdict.MEMORY, error_type: str = "retrieval", operation: str = "retrieve",
    loss: str = "stored but not retrieved", *, kind: str = "retrieval", proved: bool = False,
    confidence: float = 0.8, reason: str = "it was lost",
) -> dict[str, Any]:  # fmt: skip
    """A row's attribution, as `Attribution.to_dict()` makes it, without paths."""
    is_blamed = verdict is Verdict.MEMORY
    suspect = {
        "operation": "op-9", "name": operation, "kind": kind, "error_type": error_type,
        "loss": loss, "score": confidence, "evidence": reason, "stage": "survival",
    }  # fmt: skip
    flips = {"hits": 1, "trials": 1, "low": 0.2, "high": 1.0}
    trial = {"operations": ["op-9"], "flips": flips, "answers": ["Oslo"], "repairs": ["found it"]}
    return {
        "verdict": str(verdict), "suspects": [suspect] if is_blamed else [],
        "operation": "op-9" if is_blamed else None, "error_type": error_type if is_blamed else None,
        "loss": loss if is_blamed else None, "confidence": confidence, "reason": reason,
        "decisive": {"members": [suspect], "trials": [trial]} if proved else None,
    }  # fmt: skip


def asked(number: int = 1, *, category: str = "update", **changes: Any) -> Asked:
    """A right answer, unless told otherwise."""
    given: dict[str, Any] = {
        "id": f"rag/c1/q{number}/var-{number}", "system": "rag", "category": category,
        "question": "Where?", "gold": "Oslo", "prediction": "Rome", "state": "right",
        "answer": f"var-{number}",
    }  # fmt: skip
    return Asked(**{**given, **changes})


def wrong(number: int = 1, **changes: Any) -> Asked:
    """A wrong answer with an attribution; `body` and `asked` say which words may be given."""
    own = {key: changes.pop(key) for key in (
        "verdict", "error_type", "operation", "loss", "kind", "proved", "confidence", "reason",
    ) if key in changes}  # fmt: skip
    made = body(**own)
    groups = {"system": "rag", "category": changes.get("category", "update")}
    return asked(
        number, state="wrong", attribution=made, failure=failure_of(made, groups),
        method="llm_free", **changes,
    )  # fmt: skip


def section(questions: list[Asked], **changes: Any) -> Section:
    """A section of these questions, without a trace."""
    right, wrong_ones, without = counting.accuracy(questions)
    studied = Studied(
        system="rag", data="made up", model="m", runs=("r",), asked=tuple(questions), seeds=("0",)
    )
    failures = counting.own_failures(questions)
    given: dict[str, Any] = {
        "studied": studied, "right": right, "wrong": wrong_ones, "unscored": without,
        "types": counting.by_type(questions), "cells": tuple(tabulate(failures, ())),
        "cells_by_type": tuple(tabulate(failures, ("category",))),
        "operations": counting.operations_of(studied, 5),
        "invalid": counting.invalid(questions), "unexplained": counting.unexplained(questions),
        "unscored_cases": counting.unscored(questions), "advice": advise(questions),
        "spent": Spending(), "methods": counting.methods_of(questions),
    }  # fmt: skip
    return Section(**{**given, **changes})


def hostile(text: str) -> Report:
    """A report in which every text that comes from data or models is this one."""
    case = wrong(
        1, id=text, category=text, question=text, gold=text, prediction=text, reason=text,
        operation=text, loss=text, error_type=text, why=text, prompt=text, proved=True,
    )  # fmt: skip
    odd = wrong(2, id=text, question=text, verdict=Verdict.JUDGE, reason=text)
    left = asked(3, id=text, category=text, question=text, state="unscored", why=text)
    step = StepView(
        name=text, operation="op-9", kind=text, kept=False, times=2, held=text, instead=text,
        loss="trimmed",
    )  # fmt: skip
    kept = StepView(name=text, operation="op-8", kind=text, kept=True, times=1, held=text)
    fact = FactView(value=text, said=((text, text),), steps=(kept, step), fate="trimmed")
    example = Example(
        asked=case, facts=(fact,), obstacle=text, repairs=((text, text, text),), commands=(text,)
    )
    operation = WorstOperation(
        name=text, failures=rate(1, 2), proved=1, error_types=(text,), facts_lost=1, spent=None,
        examples=(example,),
    )  # fmt: skip
    summary = Summary(model=text, statements=(Statement(text, (text,)),), failure=text)
    questions = [case, odd, left]
    made = section(questions, operations=(operation,), summary=summary)
    studied = Studied(
        system=text, data=text, model=text, runs=(text,), versions={text: text}, seeds=(text,),
        asked=tuple(questions),
    )  # fmt: skip
    both = section(questions, operations=(operation,), summary=summary, studied=studied)
    return Report(title=text, sections=(both, made))


class Page(HTMLParser):
    """What a browser would make of a page: its tags, attributes and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data
