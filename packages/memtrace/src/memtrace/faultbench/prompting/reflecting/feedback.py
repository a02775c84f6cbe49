"""Feedback in words on one case, and the feedback on several cases in one text."""

from __future__ import annotations

import random
import re
from collections import Counter

from memtrace.faultbench.prompting.reflecting.editing import Editor
from memtrace.faultbench.prompting.reflecting.edits import MOST_EDITS, SENTENCES
from memtrace.faultbench.prompting.reflecting.types import Request

__all__ = ["feedback_on", "merged"]

_MARK = re.compile(r"^--- .*$", re.MULTILINE)
_ADVISES = re.compile(r"^(?:[-*] *)?The prompt should\b")
_MOST = 4
"""Advices that a merged feedback keeps."""
_NOTHING = "The prompt did its part here."


def feedback_on(request: Request, rng: random.Random) -> str:
    """What should change in a prompt after one case.

    Args:
        request: The case and the prompt.
        rng: For what is left to chance.
    """
    editor = Editor(request, rng)
    if not editor.failures:
        return _NOTHING
    findings = editor.founded() or editor.suspected()
    if findings:
        texts = [SENTENCES[editor.job].get((one.topic, one.way), "")
                 for one in findings[:MOST_EDITS]]  # fmt: skip
        against = [f"The prompt should not say: {one.text}"
                   for one in editor.guilty(findings[:MOST_EDITS])]  # fmt: skip
        return "\n".join([*map(_advice, filter(None, texts)), *against]) or _NOTHING
    whim = editor.whim()
    return _advice(whim) if whim else _NOTHING


def merged(request: Request) -> str:
    """The advice of several feedbacks and of the text so far, what is said most often first.

    Args:
        request: With the feedbacks in its text.
    """
    votes: Counter[str] = Counter()
    for part in _MARK.split(request.told):
        lines = (one.strip() for one in part.splitlines())
        votes.update(list(dict.fromkeys(one for one in lines if _ADVISES.match(one))))
    return "\n".join(sentence for sentence, _ in votes.most_common(_MOST)) or _NOTHING


def _advice(sentence: str) -> str:
    return f"The prompt should say: {sentence}" if sentence else ""
