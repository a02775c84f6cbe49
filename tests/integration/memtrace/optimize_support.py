"""A system whose prompt has a fault that can be mended, and a reflection model that mends it.

The system's model answers half of the questions only if its prompt tells it to copy a line. The
reflection model reads nothing but what it is sent: first it rewrites without effect, and once that
version is among those that did not help, it writes the instruction.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.data.types import Conversation
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm import ScriptedModel
from lmcommon.llm.types import ChatRequest, Message
from memtrace.evaluate import evaluate
from memtrace.memory import RagConfig
from memtrace.memory.config import MemoryConfig
from memtrace.testing import RuleModel

CURE = "Copy the whole line that answers."
IDLE = "Be polite."
_PROMPT = re.compile(r"<prompt>\n(.*?)\n</prompt>", re.DOTALL)
_READER = RuleModel(remembers=False)


def answered(request: ChatRequest) -> str:
    """The system's model."""
    question = request.messages[-1].content.rpartition("Question:")[2].strip()
    if CURE not in request.messages[0].content and sum(question.encode()) % 2:
        return "I do not know."
    return str(_READER.generate([request])[0].text)


def rewritten(request: ChatRequest) -> str:
    """The reflection model."""
    asked = request.messages[-1].content
    text = _PROMPT.findall(asked)[0]
    added = CURE if IDLE in asked else IDLE
    return f"So.\n<prompt>\n{text.replace('### user', added + chr(10) + '### user', 1)}\n</prompt>"


def served(body: Mapping[str, Any]) -> str:
    """Both, as a server hears of them."""
    messages = tuple(Message(one["role"], one["content"]) for one in body["messages"])
    request = ChatRequest(messages=messages)
    return rewritten(request) if "<prompt>" in messages[-1].content else answered(request)


def system_model() -> ScriptedModel:
    return ScriptedModel(answered, name="half-deaf")


def reflection_model() -> ScriptedModel:
    return ScriptedModel(rewritten, name="reflecting")


def memory(**options: Any) -> RagConfig:
    given = {"retriever": "bm25", "top_k": 4, "max_answer_tokens": 40, **options}
    return RagConfig(**given)


def conversations(count: int = 10) -> list[Conversation]:
    """Histories with questions that have an answer: a model of rules never abstains."""
    made = (
        generate_conversation(seed, num_sessions=2, num_people=2, num_questions=8)
        for seed in range(count)
    )
    return [
        replace(one, questions=tuple(q for q in one.questions if q.answer is not None))
        for one in made
    ]


def recorded(path: Path, config: MemoryConfig | None = None, count: int = 10) -> Path:
    """A trace of the system with its faulty prompt."""
    make = (config or memory()).build(system_model())
    with memtrace.record(path):
        for one in conversations(count):
            for _ in evaluate(make(f"rag_bm25/{one.id}"), one, NormalizedAnswerJudge()):
                pass
    return path
