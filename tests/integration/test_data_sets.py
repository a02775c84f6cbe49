"""The public data sets, loaded whole (optional folder; see CONTRIBUTING)."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcommon.data import Conversation, describe, load_conversations, load_prompts
from lmcommon.data.ifeval import read_verdicts
from lmcommon.data.locomo import read_audit
from lmcommon.data.longmemeval import read_runs
from lmcommon.data.muldimif import KINDS

SETS = [
    ("locomo", "locomo/locomo.dev.json"),
    ("longmemeval", "longmemeval/official_schema_sample.json"),
    ("longmemeval", "longmemeval/oracle_sample.json"),
    ("longmemeval", "longmemeval/abstain_sample.json"),
    ("realmem", "realmem"),
]


@pytest.mark.parametrize(("name", "path"), SETS)
def test_conversations_are_sound(shared_data: Path, name: str, path: str) -> None:
    rows = load_conversations(name, shared_data / path)
    assert rows
    for row in rows:
        turns = [turn.id for turn in row.turns]
        assert len(set(turns)) == len(turns), row.id
        assert len({q.id for q in row.questions}) == len(row.questions), row.id
        assert all(session.time is not None for session in row.sessions), row.id
        places = {"turn": set(turns), "session": {session.id for session in row.sessions}}
        for question in row.questions:
            assert set(question.evidence) <= places[question.evidence_unit], question.id
            assert question.asked_in is None or question.asked_in in places["turn"]


def test_locomo_warns_of_its_bad_evidence_only(shared_data: Path) -> None:
    rows = load_conversations("locomo", shared_data / "locomo/locomo.dev.json")
    assert {w.split(": ")[0] for row in rows for w in row.warnings} <= {
        "conv-26:qa37", "conv-43:qa18", "conv-47:qa38",
    }  # fmt: skip
    for row in rows:
        for question in row.questions:
            assert question.is_answerable or question.category == "adversarial", question.id


def test_locomo_times_move_forward(shared_data: Path) -> None:
    for row in load_conversations("locomo", shared_data / "locomo/locomo.dev.json"):
        times = [session.time for session in row.sessions if session.time]
        assert times == sorted(times), row.id


def test_the_audit_names_known_questions(shared_data: Path) -> None:
    rows = load_conversations("locomo", shared_data / "locomo/locomo.dev.json")
    known = {question.id for row in rows for question in row.questions}
    faults = read_audit(shared_data / "locomo/label_errors.dev.json")
    assert faults
    assert {fault.question_id for fault in faults} <= known


def _before(row: Conversation, turn: str) -> set[str]:
    """Sessions that have begun when the turn is asked."""
    begun = set()
    for session in row.sessions:
        begun.add(session.id)
        if any(one.id == turn for one in session.turns):
            return begun
    raise AssertionError(turn)


def test_realmem_evidence_comes_before_its_query(shared_data: Path) -> None:
    for row in load_conversations("realmem", shared_data / "realmem"):
        assert row.questions, row.id
        for question in row.questions:
            assert question.asked_in is not None
            assert set(question.evidence) <= _before(row, question.asked_in), question.id


@pytest.mark.parametrize("path", ["official_schema_sample.json", "abstain_sample.json"])
def test_longmemeval_abstentions_have_no_answer(shared_data: Path, path: str) -> None:
    for row in load_conversations("longmemeval", shared_data / "longmemeval" / path):
        for question in row.questions:
            assert question.is_answerable != row.id.endswith("_abs"), row.id


def test_longmemeval_runs(shared_data: Path) -> None:
    files = sorted((shared_data / "longmemeval/runs").glob("*.jsonl.gz"))
    assert files
    for path in files:
        answers = list(read_runs(path))
        assert len({answer.question_id for answer in answers}) == len(answers), path.name
        if "failures" in path.name:
            assert not any(answer.is_correct for answer in answers), path.name
            assert all(answer.reference for answer in answers), path.name


def test_ifeval_holds_all_25_kinds(shared_data: Path) -> None:
    told = describe(load_prompts("ifeval", shared_data / "ifeval/input_data.dev.jsonl"))
    assert len(told["kinds"]) == 25
    assert told["program_checked"] == told["criteria"]
    assert told["warnings"] == 0


def test_ifbench_kinds_all_have_a_wording(shared_data: Path) -> None:
    told = describe(load_prompts("ifbench", shared_data / "ifbench/IFBench_test.dev.jsonl"))
    assert told["warnings"] == 0
    assert len(told["kinds"]) <= 58


@pytest.mark.parametrize(
    ("name", "prompts", "verdicts"),
    [
        ("ifeval", "input_data.dev.jsonl", "reference_verdicts_strict.dev.jsonl.gz"),
        ("ifeval", "input_data.dev.jsonl", "reference_verdicts_loose.dev.jsonl.gz"),
        ("ifbench", "IFBench_test.dev.jsonl", "reference_verdicts_strict.dev.jsonl.gz"),
        ("ifbench", "IFBench_test.dev.jsonl", "reference_verdicts_loose.dev.jsonl.gz"),
    ],
)
def test_verdicts_join_by_prompt(shared_data: Path, name: str, prompts: str, verdicts: str) -> None:
    rows = load_prompts(name, shared_data / name / prompts)
    ids = {row.prompt: [c.constraint_id for c in row.rubric.criteria] for row in rows}
    for verdict in read_verdicts(shared_data / name / verdicts):
        assert list(verdict.constraint_ids) == ids[verdict.prompt]


def test_muldimif_constraints_have_a_program_check_or_a_warning(shared_data: Path) -> None:
    for row in load_prompts("muldimif", shared_data / "muldimif/test.dev.json.gz"):
        odd = [c for c in row.rubric.criteria if c.constraint_id is None]
        assert len(odd) == len(row.metadata["warnings"]), row.id


def test_muldimif_prose_is_understood_for_each_of_the_12_kinds(shared_data: Path) -> None:
    rows = load_prompts("muldimif", shared_data / "muldimif/test.dev.json.gz")
    criteria = [c for row in rows for c in row.rubric.criteria if c.tags in KINDS.values()]
    share = {
        kind: sum(c.constraint_id is not None for c in of_kind) / len(of_kind)
        for kind in KINDS.values()
        if (of_kind := [c for c in criteria if c.tags == kind])
    }
    least = {("Content", "Identifiers"): 0.3}
    assert len(share) == 12
    assert {k: s for k, s in share.items() if s < least.get(k, 0.95)} == {}


def test_infobench_has_a_verdict_for_every_requirement(shared_data: Path) -> None:
    path = shared_data / "infobench/gpt4_outputs_and_verdicts.jsonl.gz"
    for row in load_prompts("infobench", path):
        assert len(row.metadata["verdicts"]) == len(row.rubric), row.id
        assert all(criterion.tags for criterion in row.rubric.criteria), row.id
