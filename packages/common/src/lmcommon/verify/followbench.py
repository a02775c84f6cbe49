"""FollowBench's example constraint: an answer in the form that the examples in the prompt have.

Jiang et al., 2024, arXiv 2310.20410. The prompt shows solved examples in changing forms and asks
for one more; the form of the answer is known. As in the benchmark's own scorer the whole response
must be that form, the answer itself may be anything on one line, right or wrong.
"""

from __future__ import annotations

from lmcommon.verify.fields import Field
from lmcommon.verify.types import Finding, checker

__all__ = ["CHECKERS"]


def _part(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(value)
    return value


PART = Field("a text, empty where nothing stands there", _part)


def _wording(*, before: str, after: str) -> str:
    form = f"{before}[the answer]{after}"
    return f"The whole response has this form, with an answer of one line: {form}"


@checker("followbench:answer", _wording, before=PART, after=PART)
def answer(response: str, *, before: str, after: str) -> Finding:
    """What stands before and after the answer is there; the spans are those parts of the form."""
    end = len(response) - len(after)
    fits = response.startswith(before) and response.endswith(after) and len(before) <= end
    if not fits or "\n" in response[len(before) : end]:
        return Finding(False, ())
    spans = ((0, len(before)), (end, len(response)))
    return Finding(True, tuple(span for span in spans if span[0] < span[1]))


CHECKERS = (answer,)
