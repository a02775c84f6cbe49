"""AdvancedIF: conversations with yes/no rubrics written by people, all for a judge.

He et al., 2025, arXiv 2511.10507 (data CC BY-NC 4.0: for research, never shipped). Three kinds:
many instructions in one turn, instructions carried over turns, and steering by a system message.
Every field is JSON text, and the rubrics are JSON text inside such a text.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from lmcommon.data.messages import as_metadata, read_messages
from lmcommon.data.rows import Row
from lmcommon.data.types import RubricPrompt, transcript
from lmcommon.judge.types import Criterion, Rubric

__all__ = ["parse_advancedif"]


def parse_advancedif(row: Row) -> RubricPrompt:
    """Read one conversation.

    Rows have no id: it is made of the kind and a hash of conversation and rubrics, so that it does
    not depend on where the row stands. `metadata`: `kind`, `output` (the answer that comes with the
    row, if one does), `messages` if there are several.
    """
    messages = read_messages(row, "conversation_history")
    questions = _questions(row)
    kind = row.text("benchmark_name")
    metadata: dict[str, Any] = {"kind": kind, **as_metadata(messages)}
    if row.has("response"):
        metadata["output"] = _output(row)
    digest = hashlib.sha256(json.dumps([messages, questions]).encode()).hexdigest()[:16]
    return RubricPrompt(
        id=f"{kind}-{digest}",
        prompt=transcript(messages),
        rubric=Rubric(
            tuple(
                Criterion(id=f"c{place}", text=text, tags=(kind,))
                for place, text in enumerate(questions)
            )
        ),
        source="advancedif",
        metadata=metadata,
    )


def _questions(row: Row) -> tuple[str, ...]:
    held = row.unpacked("prompt_metadata").row("prompt_metadata")
    return held.unpacked("rubrics").texts("rubrics")


def _output(row: Row) -> str:
    answers = row.unpacked("response").rows("response")
    if len(answers) != 1:
        raise row.error(f"expected one message, got {len(answers)}", "response")
    return answers[0].text("content")
