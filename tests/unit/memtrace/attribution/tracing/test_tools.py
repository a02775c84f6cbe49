"""Each tool of an exploration, through the protocol: what the model asks and what it is shown."""

from __future__ import annotations

import json
from typing import Any

import pytest

from memtrace.attribution.tracing import TracingSettings, TracingStage

FINISH = {
    "action": "finish", "operation": "o1", "error_type": "update", "confidence": 0.5, "reason": "r",
}  # fmt: skip


def result(run: Any, asked: Any, *actions: Any, **settings: Any) -> str:
    """What the model is shown after its last action before it finishes."""
    model = asked(*actions, FINISH)
    case = run.case()
    TracingStage(model, TracingSettings(**settings)).examine(case)
    return str(model.shown[len(actions)].split("result of the last action:\n")[1])


def evidence(run: Any) -> str:
    """The handle of the message with the fact."""
    region, case = run.region(), run.case()
    return str(region.handle(run.reader.variable(case.witnesses[0].variable)))


def window(run: Any, version: int) -> str:
    region = run.region()
    found = [v for v in region.variables() if v.kind == "memory_item" and v.version == version]
    return str(region.handle(found[0]))


def test_following_words_stops_where_they_end(run: Any, asked: Any) -> None:
    shown = result(
        run, asked, {"action": "follow", "targets": [evidence(run)], "pattern": "lisbon"}
    )
    assert f'not passed on by {run.handle("trim")} "trim" "trim"' in shown, shown
    assert f"opened:\n{run.handle('trim')} " in shown, shown
    assert "reaches" not in shown


def test_following_words_to_the_answer_says_so(lossy: Any, asked: Any) -> None:
    run, name, _ = lossy
    shown = result(
        run, asked, {"action": "follow", "targets": [evidence(run)], "pattern": "lisbon"}
    )
    assert ("reaches" in shown) == (name == "answer"), shown
    assert ("rests in" in shown) == (name == "retrieve"), shown


def test_following_without_words_queues_the_readers(run: Any, asked: Any) -> None:
    shown = result(run, asked, {"action": "follow", "targets": [window(run, 1)]})
    assert shown.startswith("opened:\n"), shown
    assert '"append"' in shown.split("\n")[1], shown


def test_an_operation_shows_inputs_outputs_and_changes(run: Any, asked: Any) -> None:
    shown = result(run, asked, {"action": "open", "target": run.handle("trim")})
    assert "  in window: " in shown, shown
    assert "  out window: " in shown, shown
    assert 'gone: "Ana: I finally moved to Lisbon with my two cats."' in shown, shown


def test_a_long_operation_has_pages(run: Any, asked: Any) -> None:
    action = {"action": "open", "target": run.handle("trim")}
    pages = [
        result(run, asked, {**action, "page": page}, page_chars=400, value_chars=300)
        for page in (1, 2)
    ]
    assert "(page 1 of " in pages[0], pages[0]
    assert "(page 2 of " in pages[1], pages[1]
    assert pages[0] != pages[1]


def test_a_page_that_is_not_there_is_refused(run: Any, asked: Any) -> None:
    shown = result(run, asked, {"action": "open", "target": "o1", "page": 99})
    assert shown.startswith("refused: page: expected 1 to "), shown


def test_a_value_is_viewed_by_pages(run: Any, asked: Any) -> None:
    region = run.region()
    prompt = next(v for v in region.variables() if v.kind == "prompt" and v.producer is not None)
    action = {"action": "view", "target": region.handle(prompt)}
    shown = [
        result(run, asked, {**action, "page": page}, page_chars=400).split("\n")[1]
        for page in (1, 2)
    ]
    whole = run.reader.text(prompt.id)
    assert "".join(map(json.loads, shown)) == whole[:800], shown


def test_a_value_is_searched_by_a_regular_expression(run: Any, asked: Any) -> None:
    action = {"action": "view", "target": window(run, 2), "pattern": r"chapter \d"}
    shown = result(run, asked, action)
    assert '6 matches of "chapter \\\\d"' in shown, shown


def test_a_refused_pattern_is_told(run: Any, asked: Any) -> None:
    shown = result(run, asked, {"action": "search", "pattern": "(a+)+"})
    assert shown.startswith("refused: pattern: expected one without a repeated group"), shown


def test_versions_are_compared(run: Any, asked: Any) -> None:
    shown = result(run, asked, {"action": "diff", "target": window(run, 2)})
    assert f"{window(run, 1)} -> {window(run, 2)}: 0 lines gone, 7 new" in shown, shown
    named = result(
        run, asked, {"action": "diff", "target": window(run, 1), "other": window(run, 2)}
    )
    assert "7 lines gone, 0 new" in named, named


def test_a_first_version_has_none_before_it(run: Any, asked: Any) -> None:
    shown = result(run, asked, {"action": "diff", "target": window(run, 1)})
    assert "has no version before it" in shown, shown


def test_the_region_is_searched_in_the_order_of_time(run: Any, asked: Any) -> None:
    shown = result(run, asked, {"action": "search", "pattern": "lisbon"})
    lines = shown.split("\n")
    assert lines[0] == '3 texts match "lisbon"', shown
    assert lines[1].startswith(f"{evidence(run)} message"), shown


def test_the_memory_is_shown_as_an_operation_found_it(run: Any, asked: Any) -> None:
    before = result(
        run, asked, {"action": "state", "target": run.handle("trim"), "pattern": "lisbon"}
    )
    after = result(
        run, asked, {"action": "state", "target": run.handle("answer"), "pattern": "lisbon"}
    )
    assert before.startswith("1 items live"), before
    assert after.startswith("0 items live"), after


def test_a_variable_tells_who_made_and_who_reads_it(run: Any, asked: Any) -> None:
    shown = result(run, asked, {"action": "expand", "target": window(run, 2)})
    assert f"took the place of {window(run, 1)}" in shown, shown
    assert f"read by {run.handle('trim')} " in shown, shown


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ({"action": "open", "target": "o77777"}, "there is no operation 'o77777'"),
        ({"action": "view", "target": "o1"}, "there is no variable 'o1'"),
        ({"action": "open"}, 'open needs a "target"'),
        ({"action": "search"}, 'search needs a "pattern"'),
        ({"action": "follow", "pattern": "x"}, 'needs "targets"'),
        ({"action": "finish"}, 'a verdict needs "error_type"'),
        ({"action": "finish", "operation": "o9999", "error_type": "update"}, "no operation"),
        ({"action": "finish", "operation": None, "error_type": "update"}, 'needs an "operation"'),
    ],
)
def test_what_cannot_be_done_is_answered_with_the_reason(
    run: Any, asked: Any, action: Any, problem: str
) -> None:
    shown = result(run, asked, action)
    assert shown.startswith("refused: "), shown
    assert problem in shown, shown
