"""Reports on real runs: systems that lose facts in known ways, replayed, and counted again here."""

from __future__ import annotations

import json
import shutil
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lmcommon.app import Run
from lmcommon.data.config import GeneratedConfig
from lmcommon.data.types import Conversation, Question, Session, Turn
from lmcommon.errors import UserError
from lmcommon.llm.config import ScriptedConfig
from lmcommon.llm.scripted import ScriptedModel
from memtrace.faultbench.llm import SimulatedConfig
from memtrace.memory.config import LongContextConfig, RagConfig
from memtrace.run.attribute import AttributeConfig, attribute
from memtrace.run.attributing.sources import TraceSourceConfig
from memtrace.run.trace import TraceConfig, trace
from memtrace.show.reporting import Report, build_report, report_html, report_markdown

sys.path.insert(0, str(Path(__file__).parents[2] / "unit/memtrace/show"))

from reporting_support import NASTY, Page

SYSTEMS = {
    "narrow": RagConfig(retriever="bm25", top_k=1),
    "short": RagConfig(retriever="bm25", context_tokens=45),
    "rerank": RagConfig(retriever="bm25", top_k=1, rerank="llm", rerank_candidates=6),
    "window": LongContextConfig(budget_tokens=150),
}


@dataclass
class Given:
    """Conversations that are there already."""

    conversations: list[Conversation] = field(default_factory=list)

    def build(self) -> list[Conversation]:
        return self.conversations


def recorded(folder: Path, **config: Any) -> Path:
    run = Run(folder)
    run.start(command=[], overrides=[], verb="memtrace-trace")
    run.finish("finished", trace(TraceConfig(**config), run))
    return folder


@pytest.fixture(scope="module")
def traced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "traced"
    return recorded(
        folder, llm=SimulatedConfig(), data=GeneratedConfig(size="tiny"), systems=SYSTEMS
    )


@pytest.fixture(scope="module")
def replayed(traced: Path) -> Path:
    """Every wrong answer of the run, repaired and replayed."""
    folder = traced.parent / "replayed"
    run = Run(folder)
    (folder / "config.yaml").write_text(
        f"source:\n  path: {traced}\n  every: false\n", encoding="utf-8"
    )
    attribute(AttributeConfig(
        source=TraceSourceConfig(path=str(traced)), methods=["replayed"],
        replay_llm=SimulatedConfig(),
    ), run)  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def report(replayed: Path) -> Report:
    return build_report(replayed)


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def advised(report: Report) -> dict[str, dict[str, int]]:
    return {
        one.studied.system: {found.rule: len(found.cases) for found in one.advice}
        for one in report.sections
    }


def test_every_section_counts_what_the_rows_say(report: Report, traced: Path) -> None:
    assert [one.studied.system for one in report.sections] == list(SYSTEMS)
    states = Counter(
        (row["system"], row["verdict"]["satisfied"]) for row in rows(traced / "episodes.jsonl")
    )
    for section in report.sections:
        name = section.studied.system
        assert section.right.hits == states[name, True]
        assert section.wrong.hits == states[name, False] > 0
        assert section.unscored == states[name, None] == 0
        assert section.studied.data == "generated"
        assert section.studied.model.startswith("simulated")


def test_each_way_of_losing_facts_is_found_proved_and_advised_on(report: Report) -> None:
    blamed = {one.studied.system: one.operations[0].name for one in report.sections}
    assert blamed == {
        "narrow": "retrieve", "short": "build_context", "rerank": "rerank", "window": "trim",
    }  # fmt: skip
    first = {name: next(iter(found)) for name, found in advised(report).items()}
    assert first == {
        "narrow": "not retrieved", "short": "cut from the context",
        "rerank": "retrieval by a model", "window": "trimmed",
    }  # fmt: skip
    for section in report.sections:
        assert section.methods == {"replayed": section.wrong.hits}
        assert section.operations[0].proved == section.operations[0].failures.hits


def test_settings_ranks_and_prompts_are_told(report: Report) -> None:
    said = {
        one.studied.system: f"{one.advice[0].todo} {one.advice[0].because}"
        for one in report.sections
    }
    assert "top_k for retrieve (now 1)" in said["narrow"]
    assert "do not tell at which rank" in said["narrow"]
    assert "context_tokens for build_context (now 45)" in said["short"]
    assert "window for trim (now 150)" in said["window"]
    assert "prompt of rerank (rerank in 1)" in said["rerank"]
    assert "at rank (facts) 3 (1)" in said["rerank"], "its candidates tell where the fact stood"


def test_examples_show_the_path_the_repair_and_how_to_open_them(
    report: Report, traced: Path
) -> None:
    for section in report.sections:
        (example, *_) = section.operations[0].examples
        lost = [step for fact in example.facts for step in fact.steps if not step.kept]
        assert section.operations[0].name in {step.name for step in lost}
        assert example.facts[0].said, "who said it"
        assert any(came == "right 1 of 1 times" for _, came, _ in example.repairs)
        answer, operation = example.asked.answer, (example.asked.attribution or {})["operation"]
        path = traced / "trace.db"
        assert example.commands[0] == f"memtrace-show {path} {operation}"
        assert f"#answer={answer}&op={operation}" in example.commands[2]
        assert example.asked.id.endswith(f"/{answer}")


def test_costs_of_operations_are_those_of_the_trace(report: Report, traced: Path) -> None:
    spent = rows(traced / "costs.jsonl")
    for section in report.sections:
        mine = [row for row in spent if row["system"] == section.studied.system]
        assert section.spent.calls == sum(row["calls"] for row in mine)
        assert section.spent.prompt_tokens == sum(row["prompt_tokens"] for row in mine)


def test_without_replays_nothing_is_called_proved(traced: Path) -> None:
    plain = build_report(traced)
    for section in plain.sections:
        assert sum(one.proved for one in section.operations) == 0
        assert section.advice[-1].rule == "not proved"
        assert set(section.methods) == {"llm_free"}
        assert "proved by replay" not in {cell.error_type for cell in section.cells}


def test_a_bare_trace_is_attributed_on_the_way(traced: Path, tmp_path: Path) -> None:
    shutil.copy(traced / "trace.db", tmp_path / "mine.db")
    bare, whole = build_report(tmp_path / "mine.db"), build_report(traced)
    for left, right in zip(bare.sections, whole.sections, strict=True):
        assert left.studied.data == "mine"
        assert (left.right, left.wrong, left.cells) == (right.right, right.wrong, right.cells)
        assert [one.cases for one in left.advice] == [one.cases for one in right.advice]


def test_failures_whose_trace_is_gone_are_reported_without_paths(
    replayed: Path, tmp_path: Path
) -> None:
    shutil.copy(replayed / "attributions.jsonl", tmp_path)
    report = build_report(tmp_path)
    assert [one.studied.is_whole for one in report.sections] == [False] * len(SYSTEMS)
    operation = report.sections[0].operations[0]
    assert (operation.facts_lost, operation.spent) == (None, None)
    assert operation.examples[0].obstacle == "its trace is not there"
    assert operation.examples[0].repairs, "what was replayed stands in the rows"


def test_ids_name_the_run_where_there_are_several(traced: Path, tmp_path: Path) -> None:
    shutil.copytree(traced, tmp_path / "again")
    report = build_report([traced, tmp_path / "again"])
    (first, *_) = report.sections
    assert len(first.studied.traces) == 2
    assert {one.id.partition("/")[0] for one in first.studied.asked} == {"traced", "again"}
    assert first.wrong.trials == 2 * build_report(traced).sections[0].wrong.trials


def test_a_folder_of_runs_is_every_run_in_it(replayed: Path, report: Report) -> None:
    whole = build_report(replayed.parent)
    assert [one.wrong for one in whole.sections] == [one.wrong for one in report.sections]
    assert [one.methods for one in whole.sections] == [one.methods for one in report.sections]


def test_a_method_must_be_chosen_where_there_are_several(replayed: Path, tmp_path: Path) -> None:
    found = rows(replayed / "attributions.jsonl")
    twice = [*found, *({**row, "method": "last"} for row in found)]
    text = "".join(json.dumps(row) + "\n" for row in twice)
    (tmp_path / "attributions.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="one of last, replayed"):
        build_report(tmp_path)
    assert build_report(tmp_path, method="last").sections[0].methods.keys() == {"last"}


@pytest.mark.parametrize("paths", [[], ["nowhere"]])
def test_nothing_to_report_on_says_what_to_give(paths: Sequence[str]) -> None:
    with pytest.raises(UserError, match="expected"):
        build_report(paths)


def test_a_failed_call_is_unscored_with_its_reason(tmp_path: Path) -> None:
    folder = recorded(
        tmp_path / "run", llm=ScriptedConfig(replies={"no such question": "x"}),
        data=GeneratedConfig(size="tiny"), memory=LongContextConfig(),
    )  # fmt: skip
    (section,) = build_report(folder).sections
    assert section.right.share is None, "nothing was scored, which is not zero"
    assert section.unscored == len(section.unscored_cases) == 8
    assert all(
        "no reply" not in one.why and one.why != "no reason was given"
        for one in section.unscored_cases
    )
    assert [one.rule for one in section.advice] == ["unscored"]
    shutil.copy(folder / "trace.db", tmp_path / "bare.db")
    assert build_report(tmp_path / "bare.db").sections[0].unscored == 8


def test_a_summary_cites_the_cases_of_the_run(traced: Path) -> None:
    case = next(
        one.id for one in build_report(traced).sections[0].studied.asked if one.state == "wrong"
    )
    reply = json.dumps({"statements": [{"text": "It loses one.", "cases": [case]}]})
    found = build_report(traced, summary_llm=ScriptedModel({case: reply, "": reply}))
    first, *others = [one.summary for one in found.sections]
    assert first is not None
    assert [one.cases for one in first.statements] == [(case,)]
    for other in others:  # cases of another section are not theirs
        assert other is not None
        assert (other.statements, other.unknown) == ((), 1)


def test_a_conversation_of_hostile_texts_is_harmless(tmp_path: Path) -> None:
    turns = tuple(
        Turn(id=f"D1:{n}", speaker="Ana", text=f"I keep the amulet in {text} Lisbon.")
        for n, text in enumerate(NASTY) if "\ud800" not in text
    )  # fmt: skip
    questions = tuple(
        Question(
            id=f"c:{n}:{text}", text=f"Where is {text}?", answer="Lisbon", category=text,
            evidence=(f"D1:{n}",),
        )
        for n, text in enumerate(NASTY) if "\ud800" not in text
    )  # fmt: skip
    talk = Conversation(
        id=NASTY[0], sessions=(Session(id="s", turns=turns),), questions=questions, source=NASTY[0]
    )
    folder = recorded(
        tmp_path / "run", llm=ScriptedConfig(replies={"": NASTY[1]}), data=Given([talk]),
        memory=RagConfig(retriever="bm25", top_k=2),
    )  # fmt: skip
    report = build_report(folder, examples=50)
    assert report.sections[0].wrong.hits == len(questions)
    page = Page(report_html(report))
    assert not {"script", "img", "iframe", "link", "base", "b onmouseover"} & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert NASTY[1] in page.text, "shown as text"
    assert "\\<img" in report_markdown(report)


def test_a_verdict_on_an_answer_that_was_given_anew_is_not_taken(
    traced: Path, tmp_path: Path
) -> None:
    shutil.copytree(traced, tmp_path / "run")
    path = tmp_path / "run/attributions.jsonl"
    stale = [{**row, "answer": "var-1", "reason": "stale"} for row in rows(path)]
    path.write_text("".join(json.dumps(row) + "\n" for row in stale), encoding="utf-8")
    assert "stale" not in report_markdown(build_report(tmp_path / "run"))
    assert [one.cells for one in build_report(tmp_path / "run").sections] == [
        one.cells for one in build_report(traced).sections
    ]


def test_a_later_run_that_failed_takes_no_verdict_away(replayed: Path, tmp_path: Path) -> None:
    failed = [
        {**row, "attribution": None, "failure": "no model"}
        for row in rows(replayed / "attributions.jsonl")
    ]
    text = "".join(json.dumps(row) + "\n" for row in failed)
    (tmp_path / "attributions.jsonl").write_text(text, encoding="utf-8")
    shutil.copy(replayed / "config.yaml", tmp_path)
    both = build_report([replayed, tmp_path])
    assert {name for one in both.sections for name in one.methods} == {"replayed"}
