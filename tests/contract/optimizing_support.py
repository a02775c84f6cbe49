"""A small recorded system with a spoilt prompt, and the models that react to prompt texts.

The system is Long-Context with notes. The prompt of its notes is spoilt: it does not say that facts
have to be kept, so the system's model writes nothing down. A reflection model adds the missing
sentence to whatever prompt it is shown, in the form it is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.base import ChatModel
from lmcommon.llm.scripted import ScriptedModel
from lmcommon.llm.types import ChatRequest, ModelFailure
from memtrace.evaluate import evaluate
from memtrace.execution import Execution, execute
from memtrace.faultbench.simulated.model import simulated_model
from memtrace.memory.config import LongContextConfig
from memtrace.optimizing.evaluator import Evaluator
from memtrace.optimizing.examples import split
from memtrace.optimizing.types import Example, Splits
from memtrace.testing.rules import Rule

Open = Callable[..., Evaluator]
"""Opens an evaluator of the recorded system."""
SPOILT = """### system
You keep the notes of a conversation.
### user
Earlier notes:
{summary}

Older messages:
{dropped}"""
CURE = "Write down every fact."


def system_model() -> ChatModel:
    """Writes useful notes only where the prompt says that facts have to be kept."""
    return simulated_model([Rule("no notes", _is_spoilt, _said_little)], name="obedient")


def fragile_model() -> ChatModel:
    """Breaks down where a system message says BREAK DOWN."""
    inner = system_model()

    def reply(request: ChatRequest) -> str | ModelFailure:
        if "BREAK DOWN" in request.messages[0].content:
            return ModelFailure(kind="timeout", message="too late")
        return inner.generate([request])[0].text

    return ScriptedModel(reply, name="fragile", remembers=False)


def _said_little(request: ChatRequest) -> str:
    """Notes that hold no fact, and are others each time: notes that stay are no new notes."""
    return f"They talked for {len(request.messages[-1].content)} letters."


def _is_spoilt(request: ChatRequest) -> bool:
    asks_notes = request.messages[-1].content.startswith("Earlier notes:")
    return asks_notes and not any(CURE in message.content for message in request.messages)


def recorded(path: Path, *, conversations: int = 6, model: ChatModel | None = None) -> Path:
    """The spoilt system on some histories."""
    config = LongContextConfig(
        budget_tokens=240, trim="summarise", summary_tokens=120, prompts={"summary": SPOILT}
    )
    model = model or system_model()
    with memtrace.record(path) as recorder, execute(recorder, Execution()):
        for seed in range(conversations):
            row = generate_conversation(seed, num_sessions=3, num_people=2, num_questions=6)
            system = config.build(model)(f"memory/{row.id}")
            list(evaluate(system, row, NormalizedAnswerJudge()))
            system.close()
    return path


def divided(examples: tuple[Example, ...]) -> Splits:
    """Two histories to learn from, three to decide by, one held out."""
    return split(examples, shares=(2, 3, 1), seed=1)


def reflection_model(cure: str = CURE) -> ScriptedModel:
    """Adds a sentence to the system message of the prompt it is shown."""
    return ScriptedModel(_reflecting(cure), name=f"reflection {cure}")


def _reflecting(cure: str) -> Callable[[ChatRequest], str]:
    def reply(request: ChatRequest) -> str:
        first, last = request.messages[0].content, request.messages[-1].content
        if first.startswith(("Give feedback on one prompt", "Merge feedback")):
            return f"It should say: {cure}"
        shown = request.messages[0 if len(request.messages) == 1 else 1].content
        if last.startswith("I provided an assistant"):
            text = shown.split("```")[1].strip("\n")
            return f"```\n{_cured(text, cure)}\n```"
        found = re.search(r"<prompt>\n(.*?)\n</prompt>", shown, re.DOTALL)
        assert found is not None, shown
        return f"It lacks a sentence.\n<prompt>\n{_cured(found[1], cure)}\n</prompt>"

    return reply


def _cured(text: str, cure: str) -> str:
    head, mark, rest = text.partition("\n### user")
    return f"{head}\n{cure}{mark}{rest}"
