"""The rules of advice: for which cases each is, and what it says of them.

In: the name of an operation and its cases. Out: texts that say what was counted and what replays
showed; no rule promises an effect that nobody measured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from memtrace.attribution.taxonomy import ErrorType, LossKind
from memtrace.attribution.types import Verdict
from memtrace.show.reporting.types import Asked

__all__ = ["RULES", "UNPROVED", "Rule", "is_memory"]

_BY_MODEL = ("rewrite", "rerank")
"""Kinds of steps that retrieve by asking a model."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Which cases a piece of advice is for, and what it says of them.

    Example: `Rule("trimmed", lambda one: one.loss == "trimmed", todo=..., because=...)`
    """

    name: str
    holds: Callable[[Asked], bool]
    todo: Callable[[str, Sequence[Asked]], str]
    """From the operation's name and its cases."""
    because: Callable[[str, Sequence[Asked]], str]


def is_memory(one: Asked) -> bool:
    """Whether an operation of the memory system is blamed."""
    return one.failure is not None and one.failure.verdict is Verdict.MEMORY


def _lost(*losses: LossKind) -> Callable[[Asked], bool]:
    return lambda one: is_memory(one) and one.loss in losses


def _of_type(*kinds: ErrorType) -> Callable[[Asked], bool]:
    return lambda one: (
        is_memory(one) and one.failure is not None and one.failure.error_type in kinds
    )


def _verdict(verdict: Verdict) -> Callable[[Asked], bool]:
    return lambda one: one.failure is not None and one.failure.verdict is verdict


def _setting(cases: Sequence[Asked], key: str) -> str:
    """The value of a parameter, if the traces tell one."""
    told = sorted({str(one.settings[key]) for one in cases if key in one.settings})
    return f" (now {' or '.join(told)})" if told else ""


def _prompts(cases: Sequence[Asked]) -> str:
    named = Counter(one.prompt for one in cases if one.prompt)
    return ", ".join(f"{name} in {count}" for name, count in named.most_common())


def _ranks(name: str, cases: Sequence[Asked]) -> str:
    told = Counter(
        lost.rank for one in cases for lost in one.lost if lost.name == name and lost.rank
    )
    if not told:
        return "; the traces do not tell at which rank"
    shown = ", ".join(f"{rank} ({count})" for rank, count in sorted(told.items()))
    return f"; where the traces tell, at rank (facts) {shown}"


def _count(cases: Sequence[Asked]) -> str:
    return f"{len(cases)} wrong answer{'s' if len(cases) > 1 else ''}"


def _prompt_todo(name: str, cases: Sequence[Asked]) -> str:
    named = _prompts(cases)
    if not named:
        return f"look at what {name} does: it used no prompt that the traces name"
    return f"mend the prompt of {name} ({named}), by hand or with memtrace-optimize"


def _retrieval_todo(name: str, cases: Sequence[Asked]) -> str:
    if _prompts(cases):
        return _prompt_todo(name, cases)
    told = "".join(
        f", {key}{found}" for key in ("context_tokens", "top_k") if (found := _setting(cases, key))
    )
    return f"look at what {name} leaves out{told}"


def _reasons(cases: Sequence[Asked], *, is_why: bool = True) -> str:
    """Why there is no verdict, of the judge or of the attribution."""
    told = Counter((one.why if is_why else one.obstacle) or "no reason was given" for one in cases)
    return "; ".join(f"{count}: {why}" for why, count in told.most_common(3))


def _says(words: str, *more: Callable[[str, Sequence[Asked]], str]) -> (
    Callable[[str, Sequence[Asked]], str]
):  # fmt: skip
    """Number of cases, what they have in common, and what is to be added."""

    def told(name: str, cases: Sequence[Asked]) -> str:
        return f"{_count(cases)}: {words}" + "".join(one(name, cases) for one in more)

    return told


def _replays(name: str, cases: Sequence[Asked]) -> str:
    proved = sum(one.is_proved for one in cases)
    if not proved:
        return "; not proved by replay, so a suspicion"
    return (
        f"; in {proved} this step, or a set it belongs to, was repaired and replayed, and the "
        "answer became right"
    )


def _replies(name: str, cases: Sequence[Asked]) -> str:
    proved = sum(one.is_proved for one in cases)
    if not proved:
        return "; not proved by replay, so a suspicion"
    return f"; in {proved} the right reply itself was put in and replayed"


def _by_model(one: Asked) -> bool:
    return _of_type(ErrorType.RETRIEVAL)(one) and one.kind in _BY_MODEL


def _rules() -> Iterator[Rule]:
    yield Rule(
        "retrieval by a model", _by_model,
        lambda name, cases: f"{_prompt_todo(name, cases)}, or try a larger top_k"
        f"{_setting(cases, 'top_k')}",
        _says("the memory held the fact, and this step did not pass it on", _ranks, _replays),
    )  # fmt: skip
    yield Rule(
        "not retrieved", _lost(LossKind.NOT_RETRIEVED),
        lambda name, cases: (
            f"try a larger top_k for {name}{_setting(cases, 'top_k')}, another index, or query "
            "rewriting, and compare the runs" if _setting(cases, "top_k")
            else f"look at what {name} searches with, and at its cut-off if it has one"
        ),
        _says("the fact was in the store, and was not among what was found", _ranks, _replays),
    )  # fmt: skip
    yield Rule(
        "cut from the context", _lost(LossKind.CUT),
        lambda name, cases: "try a larger context_tokens for "
        f"{name}{_setting(cases, 'context_tokens')}, or fewer and better hits",
        _says("the fact was retrieved, and did not fit the context", _ranks, _replays),
    )  # fmt: skip
    yield Rule(
        "trimmed", _lost(LossKind.TRIMMED),
        lambda name, cases: f"try a larger window for {name}{_setting(cases, 'budget_tokens')}, a "
        "summary of what is dropped, or a memory that retrieves",
        _says("the fact was dropped from the window", _replays),
    )  # fmt: skip
    yield Rule(
        "extraction", _of_type(ErrorType.EXTRACTION), _prompt_todo,
        _says("the fact was said and never reached a memory item", _replays),
    )  # fmt: skip
    yield Rule(
        "update", _of_type(ErrorType.UPDATE), _prompt_todo,
        _says("the memory held the fact, and a later write removed or blurred it", _replays),
    )  # fmt: skip
    yield Rule(
        "deletion", _of_type(ErrorType.DELETION), _prompt_todo,
        _says("the memory held the fact, and the item was deleted", _replays),
    )  # fmt: skip
    yield Rule(
        "retrieval", _of_type(ErrorType.RETRIEVAL), _retrieval_todo,
        _says("the memory held the fact when it was asked, and the context did not", _replays),
    )  # fmt: skip
    yield Rule(
        "should have abstained", lambda one: _of_type(ErrorType.RESPONSE)(one) and one.gold is None,
        lambda name, cases: f"{_prompt_todo(name, cases)}: it has to say when there is no answer",
        _says("by the data set there is no answer, and one was given", _replies),
    )  # fmt: skip
    yield Rule(
        "response", _of_type(ErrorType.RESPONSE),
        lambda name, cases: f"{_prompt_todo(name, cases)}, or try another model",
        _says("the model was given the fact, and the answer is wrong all the same", _replies),
    )  # fmt: skip
    yield Rule(
        "judge", _verdict(Verdict.JUDGE),
        lambda name, cases: "check the judge on these answers before anything else, and ask again "
        "with judge=llm or another judge_llm",
        _says("the answer looks acceptable, and the judge refused it"),
    )  # fmt: skip
    yield Rule(
        "annotation", _verdict(Verdict.ANNOTATION),
        lambda name, cases: "mend or drop these questions: have people label them "
        "(memtrace-bench-build)",
        _says("the right answer or its evidence looks wrong"),
    )  # fmt: skip
    yield Rule(
        "unscored", lambda one: one.state == "unscored",
        lambda name, cases: "find out why these have no verdict, and go on with resume=FOLDER",
        lambda name, cases: f"{len(cases)} unscored ({_reasons(cases)})",
    )  # fmt: skip
    yield Rule(
        "not attributed", lambda one: one.state == "wrong" and one.attribution is None,
        lambda name, cases: "find out why the attribution came to nothing, and run it again",
        lambda name, cases: f"{_count(cases)} without a verdict ({_reasons(cases, is_why=False)})",
    )  # fmt: skip
    yield Rule(
        "abstained", _verdict(Verdict.ABSTAINED),
        lambda name, cases: "let memtrace-attribute look again with a model (methods=[full] "
        "llm=...), or read them",
        _says("nothing is blamed, since the evidence is too weak"),
    )  # fmt: skip


RULES: tuple[Rule, ...] = tuple(_rules())
"""In the order in which they are tried: a case stands behind the first that holds."""

UNPROVED = Rule(
    "not proved", is_memory,
    lambda name, cases: "let memtrace-attribute repair and replay before anything is changed "
    "(methods=[replayed])",
    lambda name, cases: f"{len(cases)} of the blamed operations were not proved by replay",
)  # fmt: skip
