"""Makes `smartcomment_small.json` with the real smartcomment package (0.1.2, Python 3.12).

    python make_smartcomment_fixture.py smartcomment_small.json

A memory pipeline in miniature that has what is hard to read: equal predictions, scores and empty
fact lists of different questions in one node, item versions made by mutations, retrieval that leads
to stored items, a delete marker, an operation around another, links outside of any operation,
operations without inputs or outputs, all ways of encoding values, metadata on links, unknown
fields, annotations.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import smartcomment as sc


def pretty(value: Any) -> str:
    """The encoding of messages and memory units in MemTraceBench."""
    return json.dumps(value, indent=4, sort_keys=True, ensure_ascii=False)


def message(name: str, text: str) -> Any:
    """A message node with the id of its turn."""
    value = {"content": text, "role": "user", "name": "Ann", "timestamp": None, "seen": True}
    return sc.comment_variable(
        value, to_runtime=True, id_strategy=lambda _: name, encoding_fn=pretty, category="message",
        comment="a turn", metadata={"speakers": ["Ann", "Bo"], "score": 0.5},
    )  # fmt: skip


def question(name: str, text: str) -> Any:
    """A question node."""
    return sc.comment_variable(
        text, to_runtime=True, id_strategy=lambda _: name, class_name="query",
        category="message & query", metadata={"evidence": ["D1:1"], "question_type": "temporal"},
    )  # fmt: skip


def construct() -> dict[str, dict[str, Any]]:
    """Two sessions of turns become memory units; one unit is deleted."""
    template = sc.comment_variable(
        "Extract the facts of:\n{message}\n\"quoted\" and 'quoted'", to_runtime=True,
        id_strategy=lambda _: "fact-extraction-system-prompt", category="prompt",
    )  # fmt: skip
    units: dict[str, dict[str, Any]] = {}
    turns = {
        "D1:1": "Ich wohne in Köln. 🏠", "D1:2": "hello", "D2:1": "I moved to Lisbon.",
        "D2:2": "hm", "D2:3": "Forget my cat.",
    }  # fmt: skip
    for session, names in {"day 1": ["D1:1", "D1:2"], "day 2": ["D2:1", "D2:2", "D2:3"]}.items():
        with sc.comment_session(session_name=session, category="memory_construction"):
            for name in names:
                extract_and_store(message(name, turns[name]), name, turns[name], template, units)
    return units


def extract_and_store(
    turn: Any, name: str, text: str, template: Any, units: dict[str, dict[str, Any]]
) -> None:
    """One message through extraction and update."""
    facts = [] if text in ("hello", "hm") else [text]
    with sc.comment_op_scope(
        op_name="memory_system.extract_facts", category="extraction", comment="facts of a turn",
        metadata={"llm_model": "gpt-x", "temperature": 0.0},
    ):  # fmt: skip
        reply = json.dumps({"facts": facts})
        for source in (turn, template):
            sc.comment_link(
                source=source,
                target=(reply, {"class_name": "raw_fact_extraction_response",
                                "category": "llm_response"}),
                edge_metadata={"source_code": "lambda x: x.strip()", "attempt": 1},
            )  # fmt: skip
        fact_node = (facts, {"class_name": "extracted_facts", "category": "llm_response",
                             "id_strategy": "content", "encoding_fn": repr})  # fmt: skip
        sc.comment_link(
            source=(reply, {"class_name": "raw_fact_extraction_response"}), target=fact_node
        )
    with sc.comment_op_scope(op_name="memory_system.update_memory_decision", category="update"):
        if not facts:
            return
        if name == "D2:1":
            unit = units["u1"]
            with sc.comment_mutation(
                target=unit, inputs=[fact_node], category="memory_entry",
                id_strategy=lambda value: f"memory-unit-{value['id']}", encoding_fn=pretty,
                mutation_name="update unit", reuse_op=True,
            ):  # fmt: skip
                unit["memory"] = text
            return
        if name == "D2:3":
            marker = ("deleted memory-unit-u2", {"class_name": "delete_marker",
                                                 "category": "marker"})  # fmt: skip
            sc.comment_link(source=fact_node, target=marker)
            sc.comment_link(source=unit_node(units["u2"]), target=marker, category="deletion")
            return
        for key in ("u1", "u2"):
            units[key] = {"id": key, "memory": text if key == "u1" else "has a cat"}
            sc.comment_link(source=fact_node, target=unit_node(units[key]))


def unit_node(unit: dict[str, Any]) -> Any:
    """A memory unit as smartcomment wants it."""
    return (unit, {"id_strategy": lambda value: f"memory-unit-{value['id']}",
                   "category": "memory_entry", "encoding_fn": pretty})  # fmt: skip


def ask(units: dict[str, dict[str, Any]]) -> None:
    """Two questions with equal answers; both answers come before both verdicts."""
    texts = {"q1": "Where does Ann live?", "q2": "What is her cat called?"}
    with sc.comment_session(session_name="search", category="memory_search"):
        for name, text in texts.items():
            sc.comment_op(
                inputs=[question(name, text)],
                outputs=[unit_node(units["u1" if name == "q1" else "u2"])],
                op_name="memory_system.retrieve", category="retrieval", comment="score=0.83",
                metadata={"top_k": 1},
            )  # fmt: skip
    answer = ("I don't know", {"class_name": "prediction", "category": "llm_response"})
    with sc.comment_session(session_name="evaluation", category="memory_evaluation"):
        for name, text in texts.items():
            with sc.comment_op_scope(op_name="question-answering", category="evaluation"):
                context = (f"facts for {name}", {"class_name": "context",
                                                 "category": "memory_context"})  # fmt: skip
                unit = unit_node(units["u1" if name == "q1" else "u2"])
                sc.comment_link(source=unit, target=context)
                sc.comment_link(source=context, target=answer)
                sc.comment_link(source=question(name, text), target=answer)
                if name == "q1":  # an operation inside, whose result comes back
                    sc.comment_op(inputs=[answer], outputs=[("checked q1", {"category": "check"})],
                                  op_name="self-check")  # fmt: skip
                    sc.comment_link(source=("checked q1", {"category": "check"}),
                                    target=("final q1", {"category": "note"}))  # fmt: skip
        for name, text in texts.items():
            gold = ("Lisbon" if name == "q1" else "2022", {"class_name": "golden_answers",
                    "category": "golden_answers", "encoding_fn": str})  # fmt: skip
            sc.comment_op(
                inputs=[question(name, text), gold, answer],
                outputs=[(0.0, {"class_name": "judge_score"})],
                op_name="llm-judge", category="evaluation",
            )  # fmt: skip


def odd_ends() -> None:
    """What is legal and rare."""
    with sc.comment_session(session_name=None):
        sc.comment_op(inputs=[], outputs=["from nothing"], op_name="source")
        sc.comment_op(inputs=["to nothing"], outputs=[], op_name="sink")
        with sc.comment_op_scope(op_name="without edges"):
            pass
        values = [
            (1, None, True), {"a", "b"}, b"bytes", {"k": (1, 2)}, "it's \"both\"", "\ud800",
            "  spaced ", "", "nul \x00", float("inf"), 10**30, {"n": float("nan")},
        ]  # fmt: skip
        for place, value in enumerate(values):
            encoders = {11: json.dumps}
            sc.comment_variable(
                value, id_strategy=lambda _, place=place: f"odd:{place}@{place}",
                encoding_fn=encoders.get(place),
            )  # fmt: skip
    sc.comment_link(source="outside a", target="outside b")
    sc.comment_link(source="outside b", target="outside c", edge_metadata={"why": "no operation"})


def annotate(graph: dict[str, Any]) -> None:
    """Labels and unknown fields, as the benchmark adds them."""

    def find(part: str, value: str) -> str:
        nodes = graph["data"]["nodes"]
        named = [node for node in nodes if node["full_node_id"].startswith(part)]
        return next(node["full_node_id"] for node in named if value in node["value"])

    operation = [one["op_id"] for one in graph["data"]["operations"]
                 if one["op_name"] == "question-answering"]  # fmt: skip
    graph["data"]["annotations"] = [
        {
            "query_id": f"query:{name}@1", "query": text, "golden_answers": [gold],
            "golden_answers_id": find("golden_answers:", gold), "prediction": "I don't know",
            "prediction_id": find("prediction:", "know"), "source_evidence_ids": ["D1:1@1"],
            "final_error_type": kind, "final_op_id": place, "reason": "written by hand",
        }
        for name, text, gold, kind, place in (
            ("q1", "Where does Ann live?", "Lisbon", "ResponseError", operation[0]),
            ("q2", "What is her cat called?", "2022", "AnnotationError", "null"),
        )
    ]  # fmt: skip
    graph["metadata"] = {"memtracebench_graph_filename": "small.json", "layer_type": "toy"}
    graph["an_unknown_field"] = {"kept": [1, 2.5, None]}
    graph["data"]["an_unknown_list"] = [{"a": 1}, "text", None]
    graph["data"]["an_unknown_object"] = {"b": 2}
    graph["data"]["nodes"][0]["an_unknown_field"] = "kept too"
    graph["data"]["edges"][0]["an_unknown_field"] = ["kept", "as", "well"]


def main(target: Path) -> None:
    """Write the file."""
    with sc.comment_graph(user_id="ann", project_id="Toy", strict=False) as graph:
        ask(construct())
        odd_ends()
    exported = graph.export_graph()
    annotate(exported)
    text = json.dumps(exported, indent=4, ensure_ascii=False)
    text = text.replace(str(Path(__file__).resolve()), "make_smartcomment_fixture.py")
    target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
