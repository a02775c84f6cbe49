"""Replays of the real EverOS engine: the same again for nothing, and what a change comes to."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import memtrace
from lmcommon.data import generate_conversation
from lmcommon.embed.config import HashEmbedConfig
from lmcommon.errors import UserError
from lmcommon.judge import NormalizedAnswerJudge
from lmcommon.llm.base import ChatModel
from memtrace.evaluate import evaluate
from memtrace.execution import Drop, Insert, Reorder, Replace, SetParameter, SwapPrompt
from memtrace.memory.everos import EverosConfig
from memtrace.memory.everos.package import has_everos
from memtrace.replaying import Point, Replayer, first_mismatch, points
from memtrace.testing import RuleModel, random_intervention
from memtrace.testing.rules_everos import everos_rules

pytestmark = pytest.mark.skipif(
    not has_everos(), reason="the package everos is not in this environment (Python 3.12)"
)

WRITE_POINTS = [
    ("boundary", "reply"), ("memcell", "cells"), ("episode", "reply"), ("episode", "episode"),
    ("store_episode", "writes"), ("atomic_facts", "reply"), ("atomic_facts", "facts"),
    ("store_facts", "writes"), ("profile", "reply"), ("profile", "profile"),
    ("store_profile", "writes"),
]  # fmt: skip
READ_POINTS = [
    ("recall_profile", "hits"), ("recall_facts_sparse", "hits"), ("recall_facts_dense", "hits"),
    ("recall_sparse", "hits"), ("recall_subject", "hits"), ("rerank", "hits"),
    ("sufficiency", "reply"), ("sufficiency", "decision"), ("multi_query", "reply"),
    ("multi_query", "queries"), ("fuse", "hits"), ("build_context", "context"),
    ("answer", "reply"),
]  # fmt: skip


def model() -> ChatModel:
    return RuleModel(everos_rules(), name="everos")


def record(path: Path, retrieval: str) -> Path:
    row = generate_conversation(5, num_sessions=3, num_people=2, num_questions=2)
    config = EverosConfig(
        retrieval=retrieval, embed=HashEmbedConfig(), top_k=2, isolation="never",
        add_by="session",
    )  # fmt: skip
    with memtrace.record(path):
        system = config.build(model())(f"memory/{row.id}")
        list(evaluate(system, row, NormalizedAnswerJudge()))
        system.close()
    return path


@pytest.fixture(scope="module", params=["hybrid", "agentic"])
def replayer(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replayer]:
    path = record(tmp_path_factory.mktemp("everos") / "t.db", request.param)
    with Replayer(path, model=model()) as made:
        yield made


def the_points(replayer: Replayer, name: str, role: str) -> list[Point]:
    found = [one for one in points(replayer.trace) if (one.name, one.role) == (name, role)]
    if not found:
        pytest.skip(f"this retrieval has no {name}")
    return found


def test_a_factual_replay_asks_nothing_and_is_the_same(replayer: Replayer) -> None:
    with replayer.run() as done:
        assert (done.calls, done.unapplied) == (0, ())
        assert first_mismatch(replayer.trace, done.trace) is None
        assert done.ledger.recorded > 0


@pytest.mark.parametrize(("name", "role"), [*WRITE_POINTS, *READ_POINTS])
def test_a_change_anywhere_is_what_a_run_from_scratch_makes_of_it(
    replayer: Replayer, name: str, role: str
) -> None:
    change = random_intervention(the_points(replayer, name, role), 3)
    with replayer.run([change]) as done, replayer.run([change], from_scratch=True) as scratch:
        assert (done.unapplied, scratch.unapplied) == ((), ())
        found = first_mismatch(scratch.trace, done.trace)
        assert found is None, f"{change.to_dict()}: {found}"


EFFECTS: dict[tuple[str, str], Any] = {
    ("memcell", "cells"): [],
    ("episode", "episode"): {"subject": "Nothing", "text": "Nobody said anything."},
    ("store_episode", "writes"): [],
    ("atomic_facts", "facts"): ["Zoe owns a zebra."],
    ("store_facts", "writes"): [],
    ("store_profile", "writes"): [],
    ("fuse", "hits"): [],
    ("build_context", "context"): "",
}


@pytest.mark.parametrize(("name", "role"), EFFECTS)
def test_a_change_reaches_the_answer_or_the_store(replayer: Replayer, name: str, role: str) -> None:
    point = the_points(replayer, name, role)[-1]
    change = Replace(at=point.operation, role=role, value=EFFECTS[name, role])
    with replayer.run([change]) as done:
        assert done.unapplied == ()
        assert not done.diff().is_empty


def test_stored_entries_can_be_reworded_and_removed(replayer: Replayer) -> None:
    first, *_, last = the_points(replayer, "store_episode", "writes")
    (item,) = [
        one.item for one in replayer.trace.variables(
            ids=replayer.trace.operation(first.operation).outputs["items"]
        )
    ]  # fmt: skip
    for row in (
        {"event": "UPDATE", "item": item, "text": "Rewritten."}, {"event": "DELETE", "item": item},
    ):  # fmt: skip
        change = Insert(at=last.operation, role="writes", value=row)
        with replayer.run([change]) as done:
            state = done.trace.state_at(done.trace.last_seq)
            text = None if item not in state else done.trace.value(state[item].id)
        assert text == row.get("text")


def test_facts_keep_the_order_that_a_replay_gives_them(replayer: Replayer) -> None:
    point = the_points(replayer, "atomic_facts", "facts")[0]
    with replayer.run([Reorder(at=point.operation, role="facts")]) as done:
        before = [
            replayer.trace.value(one)
            for one in replayer.trace.operation(point.operation).outputs["facts"]
        ]
        after = next(one for one in done.trace.operations() if one.name == "atomic_facts")
        assert [done.trace.value(one) for one in after.outputs["facts"]] == before[::-1]


@pytest.mark.parametrize(
    ("name", "role", "value", "message"),
    [
        ("fuse", "hits", [{"item": "nobody"}], "expected a stored item"),
        ("fuse", "hits", [{"text": "x"}], "expected rows"),
        ("store_facts", "writes", [{"event": "ZAP"}], "expected rows"),
        ("store_facts", "writes", [{"event": "DELETE", "item": "x"}], "expected a stored item"),
        ("store_facts", "writes", [{"event": "ADD"}], "expected a text"),
        ("memcell", "cells", [["x"]], "expected lists of rows"),
        ("atomic_facts", "facts", [1], "expected a list of texts"),
        ("episode", "episode", {"subject": "x"}, "expected a mapping"),
        ("recall_sparse", "hits", [{"item": "x", "text": "y"}], "that is in the index"),
    ],
)
def test_nonsense_is_refused_with_what_was_expected(
    replayer: Replayer, name: str, role: str, value: Any, message: str
) -> None:
    point = the_points(replayer, name, role)[0]
    with pytest.raises(UserError, match=message):
        replayer.run([Replace(at=point.operation, role=role, value=value)])


def test_an_item_left_out_costs_only_what_depends_on_it(replayer: Replayer) -> None:
    point = the_points(replayer, "atomic_facts", "facts")[-1]
    with replayer.run([Drop(at=point.operation, role="facts", index=0)]) as done:
        assert done.calls < done.ledger.recorded


def test_another_wording_costs_its_own_calls(replayer: Replayer) -> None:
    from memtrace.memory.everos.prompts import defaults

    text = defaults()["profile"].text + "\nBe brief."
    with replayer.run([SwapPrompt(name="profile", text=text)]) as done:
        assert done.calls == 1  # the later ones are updates


def test_a_setting_can_be_changed(replayer: Replayer) -> None:
    with replayer.run([SetParameter(name="include_profile", value=False)]) as done:
        names = {one.name for one in done.trace.operations()}
    assert "recall_profile" not in names
