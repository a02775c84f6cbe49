"""Other sets laid out as HIR rows keep their checks: the reader against rows that are real."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from lmcommon.data import RubricPrompt, load_prompts, validate_file
from lmcommon.data.files import write_jsonl


def as_hir(prompt: RubricPrompt, origin: str, truth: Any) -> dict[str, Any]:
    rubrics = [
        {"id": place, "category": "", "description": one.text, "weight": 1}
        for place, one in enumerate(prompt.rubric.criteria, start=1)
    ]
    return {
        "id": prompt.id, "prompt": prompt.prompt, "rubrics": rubrics, "source": origin,
        "messages": [{"role": "user", "content": prompt.prompt}], "tag": "llm_judge",
        "ground_truth": json.dumps(truth),
    }  # fmt: skip


def checks(prompts: list[RubricPrompt]) -> list[list[tuple[str, str | None, Any]]]:
    return [[(c.text, c.constraint_id, c.kwargs) for c in p.rubric.criteria] for p in prompts]


def test_ifeval_as_type1(shared_data: Path, tmp_path: Path) -> None:
    prompts = load_prompts("ifeval", shared_data / "ifeval/input_data.dev.jsonl")
    rows = [
        as_hir(one, "type1", {
            "instruction_id_list": [c.constraint_id for c in one.rubric.criteria],
            "kwargs": [dict(c.kwargs) for c in one.rubric.criteria],
        })
        for one in prompts
    ]  # fmt: skip
    path = tmp_path / "hir.jsonl"
    write_jsonl(path, rows)
    read = load_prompts("hir", path)
    assert checks(read) == checks(prompts)
    assert [one.metadata["warnings"] for one in read] == [[]] * len(read)


def test_muldimif_as_type3(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "muldimif/test.dev.json.gz"
    prompts = load_prompts("muldimif", source)
    with gzip.open(source, "rt", encoding="utf-8") as stream:
        triples = {row["id"]: row["constraints"] for row in json.load(stream)}
    path = tmp_path / "hir.jsonl"
    write_jsonl(path, [
        as_hir(one, "type3", {"constraints": triples[one.id]}) for one in prompts
    ])  # fmt: skip
    assert checks(load_prompts("hir", path)) == checks(prompts)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("ifeval", "ifeval/input_data.dev.jsonl"),
        ("muldimif", "muldimif/test.dev.json.gz"),
        ("infobench", "infobench/gpt4_outputs_and_verdicts.jsonl.gz"),
    ],
)
def test_nothing_is_wrong_with_the_public_sets(shared_data: Path, name: str, file: str) -> None:
    report = validate_file(name, shared_data / file)
    assert report.is_clean, report.lines()
