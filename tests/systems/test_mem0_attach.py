"""Attaching to a user's own `mem0.Memory`: everything is traced, and nothing else changes."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from mem0_support import LINE, find, only_additive, only_classic, state_of, stored, users_memory

import memtrace
from lmcommon.errors import UserError
from memtrace.memory.mem0 import releases

SAID = (
    "Ana: I moved to Lisbon for a new job. I work as a nurse.",
    "Bo: The name of my dog is Pickle.",
    "Ana: I moved to Porto for a new job.",
    "Bo: The name of my dog is no longer Pickle.",
)


def use(made: Any) -> list[Any]:
    """Everything a user does; what comes back, without what is drawn at random."""
    came = [made.add([{"role": "user", "content": text}], user_id="ana") for text in SAID]
    found = find(made, "Where does Ana work?")
    listed = made.get_all(**_scope())["results"]
    one = next(row for row in listed if "nurse" in row["memory"])
    got = made.get(one["id"])
    said = [made.update(one["id"], "Ana works at night."), made.get(one["id"])["memory"]]
    said.append(made.delete(one["id"]))
    events = [[(row["event"], row["memory"]) for row in result["results"]] for result in came]
    texts = [(row["memory"], round(row["score"], 6)) for row in found]
    return [events, sorted(texts), sorted(row["memory"] for row in listed), got["memory"], said]


def mem0_exceptions() -> Any:
    from mem0 import exceptions

    return exceptions


def _scope() -> dict[str, Any]:
    return {"user_id": "ana"} if LINE == "classic" else {"filters": {"user_id": "ana"}}


def test_a_traced_memory_does_what_an_untraced_one_does(tmp_path: Path) -> None:
    plain = use(users_memory())
    made = users_memory()
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"):
        traced = use(made)
    assert traced == plain


def test_the_trace_holds_what_the_store_holds(tmp_path: Path) -> None:
    made = users_memory()
    with memtrace.attach(made, name="bot"), memtrace.record(tmp_path / "t.db"):
        use(made)
    assert state_of(tmp_path / "t.db") == stored(made, "bot")


def test_edges_of_an_attached_memory_hold(tmp_path: Path) -> None:
    made = users_memory()
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"):
        use(made)
    with memtrace.open(tmp_path / "t.db") as trace:
        assert list(map(str, trace.check_edges())) == []
        loose = [
            v.kind for v in trace.variables()
            if v.producer is None and v.kind not in ("message", "question", "prompt")
        ]  # fmt: skip
        places = [op.metadata["place"] for op in trace.operations()]
    assert loose == []
    assert len({tuple(place) for place in places}) == len(places)


def test_a_hit_goes_back_to_the_message_it_was_made_from(tmp_path: Path) -> None:
    made = users_memory()
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"):
        made.add(SAID[1], user_id="ana")
        find(made, "What is the name of the dog?")
    with memtrace.open(tmp_path / "t.db") as trace:
        (hit,) = trace.variables(kind="hit")
        behind = trace.graph.upstream(hit.id).variables
        said = [trace.value(v.id) for v in trace.variables(ids=behind) if v.kind == "message"]
    assert said == [SAID[1]]


def test_outside_a_recording_nothing_is_touched() -> None:
    made = users_memory()
    with memtrace.attach(made) as attached:
        use(made)
        assert attached.scope.count("add") == 0


def test_detaching_leaves_the_object_as_it_was() -> None:
    made = users_memory()
    before = dict(vars(made)), dict(vars(made.llm)), dict(vars(made.vector_store))
    main = sys.modules["mem0.memory.main"]
    pool = main.concurrent
    attached = memtrace.attach(made)
    assert dict(vars(made)) != before[0]
    attached.detach()
    attached.detach()
    assert (dict(vars(made)), dict(vars(made.llm)), dict(vars(made.vector_store))) == before
    assert main.concurrent is pool


def test_an_attached_memory_keeps_random_ids_and_the_real_time(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    rows = []
    for name in ("a.db", "b.db"):
        made = users_memory()
        with memtrace.attach(made), memtrace.record(tmp_path / name):
            made.add(SAID[1], user_id="ana")
        rows += made.get_all(**_scope())["results"]
    assert rows[0]["id"] != rows[1]["id"]
    assert rows[0]["created_at"][:4] == str(datetime.now(UTC).year)


@only_classic
def test_a_swallowed_error_is_recorded(tmp_path: Path) -> None:
    made = users_memory()

    def failing(*args: Any, **kwargs: Any) -> None:
        raise OSError("disk full")

    made.db.add_history = failing
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"):
        assert made.add(SAID[1], user_id="ana")["results"] == []
    with memtrace.open(tmp_path / "t.db") as trace:
        errors = [(op.name, op.error.type, op.error.message) for op in trace.operations()
                  if op.error]  # fmt: skip
    assert errors == [("apply", "OSError", "disk full")]
    assert state_of(tmp_path / "t.db") == stored(made, "mem0")
    assert len(stored(made, "mem0")) == 1


@only_additive
def test_a_swallowed_error_of_a_batch_is_recorded(tmp_path: Path) -> None:
    made = users_memory()

    def failing(*args: Any, **kwargs: Any) -> None:
        raise OSError("disk full")

    made.db.batch_add_history = failing
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"):
        assert len(made.add(SAID[1], user_id="ana")["results"]) == 1
    with memtrace.open(tmp_path / "t.db") as trace:
        errors = [(op.name, op.error.message) for op in trace.operations() if op.error]
    assert errors == [("apply", "disk full")]


def test_an_error_of_the_model_is_the_users_and_recorded(tmp_path: Path) -> None:
    def failing(text: str, messages: Any) -> str:
        raise ConnectionError("no model")

    made = users_memory(failing)
    with (
        memtrace.attach(made),
        memtrace.record(tmp_path / "t.db"),
        pytest.raises(Exception, match="no model"),
    ):
        made.add(SAID[1], user_id="ana")
    with memtrace.open(tmp_path / "t.db") as trace:
        failed = {op.name for op in trace.operations() if op.error}
    assert failed == {"add", "extract"}


@only_classic
def test_dropped_decisions_are_noted(tmp_path: Path) -> None:
    reply = (
        '{"memory": [{"id": "0", "text": "", "event": "DELETE"}, {"id": "9", "text": "x",'
        ' "event": "UPDATE"}, {"id": "1", "text": "kept", "event": "ADD"}]}'
    )

    def wrong(text: str, messages: Any) -> str:
        return text if "Input:" in messages[-1]["content"] else reply

    made = users_memory(wrong)
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"):
        made.add(SAID[1], user_id="ana")
    with memtrace.open(tmp_path / "t.db") as trace:
        dropped = [trace.value(v.id) for v in trace.variables(kind="no_op")]
    assert [text.partition(":")[0] for text in dropped] == ["no text", "unknown id '9'"]
    assert set(stored(made, "mem0").values()) == {"kept"}


@only_additive
def test_duplicates_are_noted(tmp_path: Path) -> None:
    made = users_memory()
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"):
        made.add(SAID[1], user_id="ana")
        made.add(SAID[1], user_id="ana")
    with memtrace.open(tmp_path / "t.db") as trace:
        dropped = [trace.value(v.id) for v in trace.variables(kind="no_op")]
    assert dropped == ["duplicate: Bo: The name of my dog is Pickle."]
    assert len(stored(made, "mem0")) == 1


def test_messages_stored_as_they_are_go_back_to_their_message(tmp_path: Path) -> None:
    made = users_memory()
    messages = [{"role": "user", "content": text} for text in SAID[:2]]
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"):
        made.add(messages, user_id="ana", infer=False)
    assert state_of(tmp_path / "t.db") == stored(made, "mem0")
    with memtrace.open(tmp_path / "t.db") as trace:
        stores = [op for op in trace.operations() if op.name == "store"]
        said = [[trace.value(v) for v in op.inputs["messages"]] for op in stores]
    assert said == [[SAID[0]], [SAID[1]]]


def test_an_image_is_described_before_facts_are_extracted(tmp_path: Path) -> None:
    def seeing(text: str, messages: Any) -> str:
        return SAID[1] if isinstance(messages[0]["content"], list) else text

    made = users_memory(seeing)
    made.config.llm.config["enable_vision"] = True
    image = [{"type": "image_url", "image_url": {"url": "file:///dog.png"}}]
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"):
        made.add([{"role": "user", "content": image}], user_id="ana")
    assert state_of(tmp_path / "t.db") == stored(made, "mem0")
    with memtrace.open(tmp_path / "t.db") as trace:
        names = [op.name for op in trace.operations() if op.kind in ("summary", "extraction")]
    assert names == ["describe", "extract", "parse"]


def test_reset_and_delete_all_are_deletions(tmp_path: Path) -> None:
    made = users_memory()
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"):
        made.add(SAID[0], user_id="ana")
        made.delete_all(user_id="ana")
        made.add(SAID[1], user_id="ana")
        made.reset()
        made.add(SAID[2], user_id="ana")
    held = state_of(tmp_path / "t.db")
    assert held == stored(made, "mem0")
    assert set(held.values()) == {SAID[2]}


def test_a_second_attachment_is_refused() -> None:
    made = users_memory()
    with memtrace.attach(made), pytest.raises(UserError, match="attached as 'mem0'"):
        memtrace.attach(made, name="other")
    memtrace.attach(made, name="other").detach()


def test_another_class_of_the_package_is_refused() -> None:
    main = sys.modules["mem0.memory.main"]
    with pytest.raises(UserError, match="AsyncMemory"):
        memtrace.attach(main.AsyncMemory.__new__(main.AsyncMemory))


def test_a_missing_name_is_refused_by_name() -> None:
    made = users_memory()

    class Odd:
        def embed(self, text: str) -> list[float]:
            return []

    made.vector_store = Odd()
    with pytest.raises(UserError, match=r"Memory\.vector_store\.insert"):
        memtrace.attach(made)


def test_an_unknown_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    made = users_memory()
    monkeypatch.setattr(releases, "version", lambda name: "7.0.0")
    with pytest.raises(UserError, match=r"classic 1\.0\.5 .* got 7\.0\.0"):
        memtrace.attach(made)


def test_two_memories_in_one_trace_stay_apart(tmp_path: Path) -> None:
    one, two = users_memory(), users_memory()
    with (
        memtrace.attach(one, name="one"),
        memtrace.attach(two, name="two"),
        memtrace.record(tmp_path / "t.db"),
    ):
        one.add(SAID[0], user_id="ana")
        two.add(SAID[1], user_id="ana")
    assert state_of(tmp_path / "t.db") == stored(one, "one") | stored(two, "two")


def test_a_store_that_refuses_a_write_is_recorded_and_nothing_else(tmp_path: Path) -> None:
    made = users_memory()

    def failing(*args: Any, **kwargs: Any) -> None:
        raise OSError("store full")

    made.vector_store.insert = failing
    refused = mem0_exceptions().VectorStoreError  # 2.2.1 raises it, the others go on
    with memtrace.attach(made), memtrace.record(tmp_path / "t.db"), suppress(refused):
        made.add(SAID[1], user_id="ana")
    with memtrace.open(tmp_path / "t.db") as trace:
        (apply,) = [op for op in trace.operations() if op.name == "apply"]
        assert apply.error is not None
        swallowed = apply.metadata.get("swallowed", [[apply.error.type, apply.error.message]])
    assert ["OSError", "store full"] in swallowed
    assert state_of(tmp_path / "t.db") == {}


@only_additive
def test_a_model_that_names_no_memory_raises_as_untraced(tmp_path: Path) -> None:
    def wrong(text: str, messages: Any) -> str:
        return '{"memory": ["not an object"]}'

    with pytest.raises(AttributeError):
        users_memory(wrong).add(SAID[1], user_id="ana")
    made = users_memory(wrong)
    with (
        memtrace.attach(made),
        memtrace.record(tmp_path / "t.db"),
        pytest.raises(AttributeError),
    ):
        made.add(SAID[1], user_id="ana")
    with memtrace.open(tmp_path / "t.db") as trace:
        assert {op.name for op in trace.operations() if op.error} == {"add", "parse"}


def test_one_attachment_serves_several_recordings(tmp_path: Path) -> None:
    made = users_memory()
    with memtrace.attach(made, name="bot"):
        with memtrace.record(tmp_path / "first.db"):
            made.add([{"role": "user", "content": SAID[0]}], user_id="ana")
        with memtrace.record(tmp_path / "second.db"):
            made.add([{"role": "user", "content": SAID[2]}], user_id="ana")
            find(made, "Where does Ana work?")
    held = stored(made, "bot")
    assert state_of(tmp_path / "second.db").items() <= held.items()
    assert "Ana: I moved to Porto for a new job." in held.values()
