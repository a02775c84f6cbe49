"""LoCoMo: very long two-person conversations with questions and evidence turn ids.

Maharana et al., ACL 2024, arXiv 2402.17753; files `locomo10.json` and cuts of it (CC BY-NC 4.0).
One row is one conversation. Also the label audit of its questions (`read_audit`).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from lmcommon.data.files import read_rows
from lmcommon.data.rows import Row
from lmcommon.data.times import parse_time
from lmcommon.data.types import Conversation, Question, Session, Turn

__all__ = ["CATEGORIES", "LabelError", "parse_locomo", "read_audit"]

CATEGORIES = {
    1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial",
}  # fmt: skip
_ADVERSARIAL = 5
_SESSION = re.compile(r"session_(\d{1,9})")
_TURN_ID = re.compile(r"D(\d{1,9}):(\d{1,9})")
_UPSTREAM_ORDER = (
    "conv-26", "conv-30", "conv-41", "conv-42", "conv-43",
    "conv-44", "conv-47", "conv-48", "conv-49", "conv-50",
)  # fmt: skip


def parse_locomo(row: Row) -> Conversation:
    """Read one conversation. Questions get the ids `<sample_id>:qa<place from 0>`.

    Evidence is split where a string holds several ids; what names no turn is left out of
    `evidence`, kept in the metadata, and noted in the warnings.
    """
    name, talk = row.text("sample_id"), row.row("conversation")
    warnings: list[str] = []
    sessions = _sessions(talk, warnings)
    known = {turn.id for session in sessions for turn in session.turns}
    questions = tuple(
        _question(qa, f"{name}:qa{place}", known, warnings)
        for place, qa in enumerate(row.rows("qa"))
    )
    speakers = [talk.text(key) for key in ("speaker_a", "speaker_b")]
    return Conversation(
        id=name,
        sessions=sessions,
        questions=questions,
        source="locomo",
        warnings=tuple(warnings),
        metadata={
            "speakers": speakers,
            **{
                key: row.value[key]
                for key in ("event_summary", "observation", "session_summary")
                if row.has(key)
            },
        },
    )


def _sessions(talk: Row, warnings: list[str]) -> tuple[Session, ...]:
    """Sessions in order of number; dates without a session are skipped."""
    numbers = sorted(int(match[1]) for key in talk.value if (match := _SESSION.fullmatch(str(key))))
    sessions, seen = [], set[str]()
    for number in numbers:
        key = f"session_{number}"
        time_text = talk.text_or(f"{key}_date_time")
        time = parse_time(time_text)
        if time is None:
            warnings.append(f"{key}: time {time_text!r} not understood")
        turns = tuple(_turn(turn) for turn in talk.rows(key))
        for turn in turns:
            if turn.id in seen:
                raise talk.error(f"expected unique turn ids; {turn.id!r} came before", key)
            seen.add(turn.id)
        sessions.append(Session(id=key, turns=turns, time=time, time_text=time_text))
    return tuple(sessions)


def _turn(row: Row) -> Turn:
    return Turn(
        id=row.text("dia_id"),
        speaker=row.text("speaker"),
        text=row.text("text"),
        caption=row.text_or("blip_caption") or None,
        metadata={key: row.value[key] for key in ("img_url", "query") if row.has(key)},
    )


def _question(row: Row, name: str, known: Collection[str], warnings: list[str]) -> Question:
    category = row.integer("category")
    if category not in CATEGORIES:
        raise row.error(f"expected 1 to 5, got {category}", "category")
    answer: str | None = None
    if category != _ADVERSARIAL or row.has("answer"):
        answer = row.scalar_text("answer")
    raw = row.texts("evidence")
    evidence, bad = _evidence(raw, known)
    for text in raw:
        if text.strip() not in (*evidence, *bad):
            warnings.append(f"{name}: evidence {text!r} is not one turn id; split or mended")
    for piece in bad:
        warnings.append(f"{name}: evidence {piece!r} names no turn")
    metadata: dict[str, object] = {"category_number": category}
    if row.has("adversarial_answer"):
        metadata["adversarial_answer"] = row.scalar_text("adversarial_answer")
    if evidence != raw:
        metadata["evidence_as_written"] = list(raw)
    return Question(
        id=name,
        text=row.text("question"),
        answer=answer,
        evidence=evidence,
        category=CATEGORIES[category],
        metadata=metadata,
    )


def _evidence(raw: tuple[str, ...], known: Collection[str]) -> tuple[tuple[str, ...], list[str]]:
    """Split at `;`, commas and blanks: the ids that name a turn, and the rest."""
    good: dict[str, None] = {}
    bad = []
    for piece in (piece for text in raw for piece in re.split(r"[;,\s]+", text) if piece):
        match = _TURN_ID.fullmatch(piece)
        plain = f"D{int(match[1])}:{int(match[2])}" if match else piece
        if plain in known:
            good[plain] = None
        else:
            bad.append(piece)
    return tuple(good), bad


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelError:
    """One fault that the label audit found (github.com/dial481/locomo-audit, CC BY-NC 4.0).

    Example: `LabelError(question_id="conv-26:qa1", kind="WRONG_CITATION", ...)`
    """

    question_id: str
    """Id of the `Question` that `parse_locomo` makes."""
    kind: str
    """WRONG_CITATION: the answer is right, the evidence is not. Other kinds change scores."""
    correct_answer: str
    correct_evidence: tuple[str, ...]
    reasoning: str


def read_audit(path: str | Path) -> list[LabelError]:
    """Read the label audit (`errors.json`, or a cut of it)."""
    return [_label_error(row) for row in read_rows(path)]


def _label_error(row: Row) -> LabelError:
    match = re.fullmatch(r"locomo_(\d+)_qa(\d+)", row.text("question_id"))
    if match is None or int(match[1]) >= len(_UPSTREAM_ORDER):
        raise row.error("expected locomo_<0 to 9>_qa<number>", "question_id")
    return LabelError(
        question_id=f"{_UPSTREAM_ORDER[int(match[1])]}:qa{int(match[2])}",
        kind=row.text("error_type"),
        correct_answer=row.scalar_text("correct_answer"),
        correct_evidence=row.texts("correct_evidence"),
        reasoning=row.text_or("reasoning"),
    )
