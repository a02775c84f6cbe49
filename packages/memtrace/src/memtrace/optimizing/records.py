"""Reflective records: what a reflection model is shown of one operation, and nothing else.

In: a blamed failure (or a success), and the prompt that is to be rewritten. Out: a `Record` in the
words of GEPA: the operation's own inputs, cut to what matters; its output; feedback that says what
had to survive, where it was lost, what was proved by replay, and what must not change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lmcommon.rng import random_for
from memtrace.attribution.attributing import work_through
from memtrace.attribution.case import Case, Question
from memtrace.attribution.matching import normal_words
from memtrace.attribution.reader import TraceReader
from memtrace.attribution.suspecting import SurvivalStage
from memtrace.attribution.types import FactPath
from memtrace.optimizing.components import (
    Use,
    component_of,
    governing,
    use_at,
    uses_of,
)
from memtrace.optimizing.types import Blame, Record, Scored

__all__ = ["blamed_record", "blind_record", "kept_record", "told_values"]

_LONGEST = 1600
_AROUND = 1
"""Lines shown beside a line that matters."""


def blamed_record(blame: Blame, reader: TraceReader, component: str) -> Record | None:
    """The record of a failure, at the operation that is to blame; None: the prompt had no part.

    Args:
        blame: The failure.
        reader: Its trace.
        component: The prompt to be rewritten.
    """
    operation = blame.operations.get(component)
    if operation is None:
        return None
    use = use_at(reader, governing(reader, operation, component), component)
    paths = [path for path in blame.attribution.paths if path.fact.value]
    wanted = [words for path in paths for words in _traces_of(path)]
    inputs, outputs = (told_values(reader, ids, wanted) for ids in (use.inputs, use.outputs))
    if not any(_holds(line, wanted) for line in inputs.splitlines()):
        paths = []  # it works on the question: the facts are not its business
    told = _ending(blame.scored), *_surviving(blame, component, paths)
    if not paths:
        told = *told, *_question_words(blame.scored.example.text, inputs, outputs)
    return Record(
        inputs=inputs, outputs=outputs,
        feedback="\n".join([*told, *_proving(blame, component)]),
        about={
            "example": blame.scored.example.key, "operation": operation,
            "share": blame.shares.get(component, 0.0), "answer": blame.attribution.answer,
        },
    )  # fmt: skip


def kept_record(scored: Scored, reader: TraceReader, component: str) -> Record | None:
    """The record of a success: what the prompt kept, and must go on keeping; None: nothing known.

    Args:
        scored: A right answer whose run was kept.
        reader: Its trace.
        component: The prompt to be rewritten.
    """
    assert scored.answer is not None
    example = scored.example
    case = Case(reader, Question(
        answer=scored.answer, gold=example.gold, evidence=example.evidence or None,
        text=example.text, judged=True,
    ))  # fmt: skip
    work_through(case, [SurvivalStage()])
    for path in case.paths:
        for step in path.steps:
            if step.kept and component_of(reader, step.operation, [component]) == component:
                use = use_at(reader, governing(reader, step.operation, component), component)
                return _kept(scored, reader, use, list(_traces_of(path)), path.fact.value)
    uses = list(uses_of(reader, scored.answer, component))
    if not uses or case.paths:
        return None
    return _kept(scored, reader, uses[-1], [], "")


def blind_record(scored: Scored, reader: TraceReader, component: str, seed: int) -> Record | None:
    """What loops without attribution show: any one use of the prompt, and how the answer ended.

    Args:
        scored: An answer whose run was kept.
        reader: Its trace.
        component: The prompt to be rewritten.
        seed: Decides which use, where there were several.
    """
    assert scored.answer is not None
    uses = list(uses_of(reader, scored.answer, component))
    if not uses:
        return None
    use = random_for(seed, "use", scored.example.key, component).choice(uses)
    return Record(
        inputs=told_values(reader, use.inputs, []), outputs=told_values(reader, use.outputs, []),
        feedback=_ending(scored), is_kept=not scored.is_failure,
        about={"example": scored.example.key, "operation": use.operation},
    )  # fmt: skip


def _kept(
    scored: Scored, reader: TraceReader, use: Use, wanted: Sequence[Sequence[str]], value: str
) -> Record:
    fact = f" It kept what was needed here ({_quoted(value)})." if value else ""
    return Record(
        inputs=told_values(reader, use.inputs, wanted),
        outputs=told_values(reader, use.outputs, wanted),
        feedback=f"{_ending(scored)}{fact} This must go on working.", is_kept=True,
        about={"example": scored.example.key, "operation": use.operation},
    )  # fmt: skip


def _ending(scored: Scored) -> str:
    example = scored.example
    gold = _quoted(example.gold) if example.gold else "to say that it is not known"
    said = _quoted(scored.prediction)
    if scored.is_failure:
        return (
            f"The question {_quoted(example.text)} was answered wrongly in the end: {said}. The "
            f"right answer is {gold}."
        )
    return f"The question {_quoted(example.text)} was answered rightly in the end: {said}."


def _surviving(blame: Blame, component: str, paths: Sequence[FactPath]) -> Iterator[str]:
    """What had to survive, and where it went."""
    for path in paths[:3]:
        words = path.fact.witnesses[0].text if path.fact.witnesses else ""
        said = f", said in {_quoted(words)}" if words and words != path.fact.value else ""
        yield f"What had to survive: {_quoted(path.fact.value)}{said}."
        if path.death is not None and path.death.operation == blame.operations[component]:
            instead = (
                f"; instead it says {_quoted(path.death.variant)}" if path.death.variant else ""
            )
            yield f"It stands in the inputs above and not in the output{instead}."
        elif path.reached_model and not path.in_answer:
            yield "It stood in what the model was shown, and the answer does not use it."


def _question_words(question: str, inputs: str, outputs: str) -> Iterator[str]:
    """What an operation that works on the question left out of it."""
    if question not in inputs:
        return
    kept = set(normal_words(outputs))
    lost = [
        word.strip(".,?!")
        for word in question.split()[1:]
        if (word[0].isupper() or any(map(str.isdigit, word)))
        and not kept.intersection(normal_words(word.removesuffix("'s").strip(".,?!'s")))
    ]
    if lost:
        yield (
            f"What had to survive: {_quoted(' '.join(lost))}, of the question. It stands in the "
            "inputs above and not in the output."
        )


def _proving(blame: Blame, component: str) -> Iterator[str]:
    """What replays showed."""
    decisive = blame.attribution.decisive
    if decisive is None:
        yield (
            f"This step is suspected ({_suspicion(blame, component)}); that was not proved "
            "by replay."
        )
        return
    told = set()
    for trial in decisive.trials:
        if not trial.operations or not trial.flips.trials:
            continue
        is_here = blame.operations[component] in trial.operations
        flips = f"{trial.flips.hits} of {trial.flips.trials} replays"
        with_ = "; ".join(one for one in trial.repairs if one)
        if is_here and trial.flips.hits and "here" not in told:
            told.add("here")
            alone = "" if len(trial.operations) == 1 else ", together with another step's,"
            yield (
                f"Proof: with this step's output repaired{alone} ({with_}), the answer became "
                f"right in {flips}."
            )
        elif not is_here and not trial.flips.hits and "other" not in told:
            told.add("other")
            yield f"Repairing another step instead did not help ({flips} right)."
    if len(decisive.members) > 1:
        others = [name for name in decisive.prompts if name and name != component]
        also = f" (prompt {', '.join(others)})" if others else ""
        yield f"This step alone does not mend it: another one{also} has to be mended too."


def _suspicion(blame: Blame, component: str) -> str:
    """Why the operation is suspected."""
    here = blame.operations[component]
    found = (one.evidence for one in blame.attribution.suspects if one.operation == here)
    return next(found, blame.attribution.reason)


def _traces_of(path: FactPath) -> Iterator[tuple[str, ...]]:
    """Words by which a fact is found in a text: its spellings, or its witnesses' sentences."""
    for phrase in path.fact.spellings or path.fact.cores:
        yield tuple(phrase.split())


def told_values(
    reader: TraceReader, variables: Iterable[str], wanted: Sequence[Sequence[str]]
) -> str:
    """Values as text, cut to the lines that matter and what stands beside them.

    Args:
        reader: The trace.
        variables: Ids of the values.
        wanted: Words by which a line that matters is known.
    """
    parts, room = [], _LONGEST
    for identifier in dict.fromkeys(variables):
        text = _cut(reader.text(identifier), wanted, room)
        if text.strip():
            parts.append(text)
            room = max(80, room - len(text))
    return "\n".join(parts)[: 2 * _LONGEST] or "(nothing)"


def _cut(text: str, wanted: Sequence[Sequence[str]], room: int) -> str:
    if len(text) <= room:
        return text
    lines = text.splitlines()
    hits = [n for n, line in enumerate(lines) if _holds(line, wanted)]
    keep = sorted({
        n for hit in hits for n in range(hit - _AROUND, hit + _AROUND + 1) if 0 <= n < len(lines)
    })  # fmt: skip
    if not keep:
        return text[: room - 4] + " ..."
    shown, last = [], -1
    for n in keep:
        if n != last + 1:
            shown.append("...")
        shown.append(lines[n])
        last = n
    if last != len(lines) - 1:
        shown.append("...")
    return "\n".join(shown)[:room]


def _holds(line: str, wanted: Sequence[Sequence[str]]) -> bool:
    words = list(normal_words(line))
    return any(
        phrase and any(
            words[n : n + len(phrase)] == list(phrase) for n in range(len(words) - len(phrase) + 1)
        )
        for phrase in wanted
    )  # fmt: skip


def _quoted(text: str | None) -> str:
    shown = " ".join(str(text).split())
    return f'"{shown if len(shown) <= 300 else shown[:297] + "..."}"'
