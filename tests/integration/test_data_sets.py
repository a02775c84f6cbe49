"""The public data sets, loaded whole (optional folder; see CONTRIBUTING)."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmcommon.data import (
    Conversation,
    describe,
    load_conversations,
    load_marked,
    load_prompts,
    validate_file,
)
from lmcommon.data.ifeval import read_verdicts
from lmcommon.data.locomo import read_audit
from lmcommon.data.longmemeval import read_runs
from lmcommon.data.muldimif import KINDS
from lmcommon.verify import check

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


JUDGED = {
    "advancedif": ("advancedif/sample_data.jsonl", 30, 217),
    "followbench": ("followbench", 944 - 124, 1830),
    "healthbench": ("healthbench/healthbench_500.jsonl.gz", 500, 5965),
    "writingbench": ("writingbench/benchmark_en100.jsonl.gz", 100, 500),
    "qa_feedback": ("qa_feedback/dev_feedback.json.gz", 500, 1373),
}
"""Prompts and criteria; FollowBench's rows of level 0 ask for nothing and are no prompts."""


@pytest.mark.parametrize("name", JUDGED)
def test_every_row_of_the_judged_sets_is_read(shared_data: Path, name: str) -> None:
    path, prompts, criteria = JUDGED[name]
    report = validate_file(name, shared_data / path)
    assert report.is_clean, report.lines()
    assert (report.prompts, report.criteria) == (prompts, criteria)


def test_advancedif_ends_with_the_user_and_has_an_answer(shared_data: Path) -> None:
    rows = load_prompts("advancedif", shared_data / "advancedif/sample_data.jsonl")
    assert all(row.metadata["output"] for row in rows)
    roles = [[one["role"] for one in row.messages] for row in rows]
    assert sum(one[0] == "system" for one in roles) == 10
    assert sum(len(one) == 1 for one in roles) == 10


def test_healthbench_has_negative_points_and_no_rubric_without_positive(shared_data: Path) -> None:
    rows = load_prompts("healthbench", shared_data / "healthbench/healthbench_500.jsonl.gz")
    weights = [[one.weight for one in row.rubric.criteria] for row in rows]
    assert sum(weight < 0 for one in weights for weight in one) == 1859
    assert all(any(weight > 0 for weight in one) for one in weights)
    assert sum("ideal_completion" not in row.metadata for row in rows) == 67
    assert all(row.metadata["canary"] for row in rows)
    assert sum(len(row.messages) > 1 for row in rows) == 213


def test_followbench_has_whole_ladders(shared_data: Path) -> None:
    rows = load_prompts("followbench", shared_data / "followbench")
    ladders: dict[str, list[int]] = {}
    for row in rows:
        ladders.setdefault(row.metadata["ladder"], []).append(row.metadata["level"])
        by_program = row.rubric.criteria[0].constraint_id is not None
        assert len(row.rubric) == (1 if by_program else row.metadata["level"]), row.id
    assert len(ladders) == 164
    known = [row for row in rows if "target" in row.metadata and row.metadata["kind"] != "example"]
    assert {row.rubric.criteria[0].constraint_id for row in known} == {"followbench:target"}
    assert len(known) == 115
    for row in known:
        kwargs = row.rubric.criteria[0].kwargs
        verdict = check("followbench:target", kwargs, prompt="", response=kwargs["answers"][0])
        assert verdict.satisfied, row.id
    assert set(map(tuple, ladders.values())) == {(1, 2, 3, 4, 5)}
    assert sum("label_doubt" in row.metadata for row in rows) == 5


def test_writingbench_is_graded_throughout(shared_data: Path) -> None:
    rows = load_prompts("writingbench", shared_data / "writingbench/benchmark_en100.jsonl.gz")
    assert all(one.is_graded for row in rows for one in row.rubric.criteria)


def test_qa_feedback_has_its_1373_marks(shared_data: Path) -> None:
    rows = load_marked(shared_data / "qa_feedback/dev_feedback.json.gz")
    marks = [mark for row in rows for mark in row.marks]
    assert (len(rows), len(marks)) == (500, 1373)
    assert sum(mark.kind == "Irrelevant" for mark in marks) == 909
    assert sum(not row.marks for row in rows) == 36
