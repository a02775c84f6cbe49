"""The judge's prompt: is the answer the reference answer, by the words in the prompt?"""

from __future__ import annotations

import json
import re

from lmcommon.judge import AnswerItem, NormalizedAnswerJudge
from lmcommon.llm.types import ChatRequest
from memtrace.testing.rules import Rule

__all__ = ["judge_rule"]

_ASKED = re.compile(
    r"<question>\n(.*?)\n</question>.*?<reference>\n(.*?)\n</reference>.*?<answer>\n(.*)\n</answer>",
    re.DOTALL,
)
_NO_REFERENCE = "(There is no reference answer"
_TAG = "VERDICT:"


def judge_rule() -> Rule:
    """The prompt of `LlmAnswerJudge`, in both forms of reply."""
    return Rule("judge", lambda r: _ASKED.search(r.messages[-1].content) is not None, _judged)


def _judged(request: ChatRequest) -> str:
    text = request.messages[-1].content
    found = _ASKED.search(text)
    assert found is not None
    question, reference, prediction = found.groups()
    gold = None if reference.startswith(_NO_REFERENCE) else reference
    item = AnswerItem(question=question, gold=gold, prediction=prediction)
    verdict = NormalizedAnswerJudge().judge([item])[0]
    # A reader who cannot find the answer in a text says that it is not there.
    is_right = verdict.satisfied is True
    reason = " ".join((verdict.rationale or "compared with the reference").split())
    if _TAG in text[found.end() :]:
        return f"{reason}\n{_TAG} {'YES' if is_right else 'NO'}"
    return json.dumps({"reason": reason, "satisfied": is_right}, ensure_ascii=False)
