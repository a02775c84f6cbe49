"""Records as hypothesis draws them: any text, any number, any shape that fits together."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import strategies as st

from lmcommon.data.types import RubricPrompt
from lmcommon.judge.types import Criterion, Rubric, Verdict
from rtt.records import RolloutRecord
from rtt.types import Rollout, ScoredRollout

TEXTS = st.text(alphabet=st.characters(exclude_categories=()), max_size=8)
"""Half surrogate pairs too: files of other programs hold them."""
NUMBERS = st.floats(allow_nan=True, allow_infinity=False, width=64)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)
SPANS = st.tuples(st.integers(0, 9), st.integers(0, 9))


@st.composite
def verdicts(draw: st.DrawFn) -> Verdict:
    satisfied = draw(st.none() | st.booleans())
    return Verdict(
        satisfied=satisfied,
        failure=draw(TEXTS) if satisfied is None else None,
        spans=draw(st.none() | st.lists(SPANS, max_size=2).map(tuple)),
        source=draw(st.sampled_from(("program", "judge"))),
        rationale=draw(TEXTS),
        confidence=draw(st.none() | st.floats(0, 1)),
        score=None if satisfied is None else draw(st.none() | st.floats(-9, 9)),
    )


SCALED = st.sampled_from([
    {}, {"scale": (1.0, 10.0), "pass_mark": 7.0, "constraint_id": None},
    {"scale": (0.0, 1.0), "pass_mark": 0.5, "constraint_id": None},
])  # fmt: skip


@st.composite
def criteria(draw: st.DrawFn, number: int) -> Criterion:
    values: dict[str, Any] = {
        "id": f"c{number}", "text": draw(TEXTS), "weight": draw(st.floats(-2, 2)),
        "constraint_id": draw(st.none() | TEXTS), "tags": tuple(draw(st.lists(TEXTS))[:2]),
        "kwargs": draw(st.dictionaries(TEXTS, JSON, max_size=2)),
    }  # fmt: skip
    return Criterion(**{**values, **draw(SCALED)})


@st.composite
def records(draw: st.DrawFn) -> RolloutRecord:
    length, count = draw(st.integers(0, 3)), draw(st.integers(0, 3))

    def row() -> tuple[float, ...]:
        return tuple(draw(NUMBERS) for _ in range(length))

    prompt = RubricPrompt(
        id=draw(TEXTS), prompt=draw(TEXTS), source=draw(TEXTS),
        metadata=draw(st.dictionaries(TEXTS, JSON, max_size=2)),
        rubric=Rubric(tuple(draw(criteria(number)) for number in range(count))),
    )  # fmt: skip
    rollout = Rollout(
        prompt_id=draw(TEXTS), text=draw(TEXTS), logprobs=row(),
        tokens=tuple(draw(st.integers(0, 2**40)) for _ in range(length)),
        offsets=tuple(draw(SPANS) for _ in range(length)),
        finish_reason=draw(st.sampled_from(("stop", "length"))),
        policy_version=draw(st.integers(0, 9)),
    )  # fmt: skip
    scored = ScoredRollout(
        rollout=rollout,
        verdicts=tuple(draw(verdicts()) for _ in range(count)),
        relevance=tuple(row() for _ in range(count)),
    )
    return RolloutRecord(
        step=draw(st.integers(0, 3)), group=draw(st.integers(0, 3)), sample=draw(st.integers(0, 3)),
        prompt=prompt, scored=scored, advantage=draw(st.just(()) | st.builds(row)),
        label=draw(TEXTS),
    )  # fmt: skip


def one(
    group: int, sample: int = 0, *, step: int = 0, text: str = "ab", satisfied: bool | None = True
) -> RolloutRecord:
    """A small record at a place; `text` tells it from others."""
    verdict = Verdict.unscored("not judged") if satisfied is None else Verdict(satisfied=satisfied)
    return RolloutRecord(
        step=step, group=group, sample=sample, advantage=(),
        prompt=RubricPrompt(
            id=f"p{group}", prompt="Write.", rubric=Rubric((Criterion(id="c", text="Be kind."),))
        ),
        scored=ScoredRollout(
            rollout=Rollout(
                prompt_id=f"p{group}", tokens=(1,), logprobs=(math.log(0.5),), text=text,
                offsets=((0, len(text)),),
            ),
            verdicts=(verdict,), relevance=((1.0,),),
        ),
    )  # fmt: skip
