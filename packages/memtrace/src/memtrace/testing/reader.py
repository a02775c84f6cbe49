"""A model that reads flawlessly and knows nothing."""

from __future__ import annotations

from collections.abc import Mapping

from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest

__all__ = ["perfect_reader"]


def perfect_reader(gold: Mapping[str, str], *, otherwise: str = "I do not know.") -> ScriptedModel:
    """A model that reads flawlessly and knows nothing: it answers from its context or not at all.

    Args:
        gold: Question text to right answer. The answer is given if, and only if, it stands in the
            last message in front of the question.
        otherwise: The reply when it does not, or when the question is unknown.
    """

    def reply(request: ChatRequest) -> str:
        text = request.messages[-1].content
        for question, answer in gold.items():
            before, found, _ = text.rpartition(question)
            if found and answer.casefold() in before.casefold():
                return answer
        return otherwise

    return ScriptedModel(reply, name="perfect_reader")
