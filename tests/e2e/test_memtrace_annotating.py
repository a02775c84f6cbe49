"""From a run to cases, forms, agreement, an export, and the analysis of the failures."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from .verb_support import run_module

pytestmark = pytest.mark.e2e


def verb(folder: Path, name: str, *arguments: str) -> tuple[int, str, str]:
    done = run_module(f"memtrace.run.{name}", *arguments, cwd=folder, OMP_NUM_THREADS="1")
    return done.returncode, done.stdout, done.stderr


def figures(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run")
    code, out, err = verb(folder, "trace", "llm=scripted", "memory=rag_bm25", "data.size=tiny")
    assert code == 0, err
    return Path(figures(out)["run"])


@pytest.fixture(scope="module")
def cases(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cases of the run, with the forms of two annotators who differ on the first case."""
    folder = tmp_path_factory.mktemp("cases") / "mine"
    code, out, err = verb(folder.parent, "bench_build", f"runs=[{run}]", f"out={folder}")
    assert code == 0, err
    built = {case["id"]: case for case in lines(folder / "cases.jsonl")}
    assert figures(out)["cases"] == len(built)
    empty = lines(folder / "annotations" / "TEMPLATE.jsonl.txt")
    assert {row["verdict"] for row in empty} == {""}
    for who in ("ana", "bo"):
        filled = []
        for row in empty:
            suspect = built[row["case"]]["suspects"][0]
            label = {"verdict": "memory error", "operations": [suspect["operation"]],
                     "error_types": [suspect["error_type"]], "reason": "as suggested"}  # fmt: skip
            if who == "bo" and row["case"] == "0000":
                label = {"verdict": "annotation error"}
            filled.append(json.dumps(row | label))
        path = folder / "annotations" / f"{who}.jsonl"
        path.write_text("\n".join(filled) + "\n", encoding="utf-8")
    return folder


def test_forms_are_checked_and_compared(cases: Path) -> None:
    code, out, err = verb(cases, "bench_build", "action=check", f"out={cases}")
    assert code == 0, err
    found = figures(out)
    assert found["annotators"] == ["ana", "bo"]
    assert found["labelled"] == found["cases"] - 1
    assert "no majority: 0000" in out
    assert found["agreement"][0]["operation"] == pytest.approx(1 - 1 / found["cases"])


def test_annotated_cases_are_scored(cases: Path, tmp_path: Path) -> None:
    code, out, err = verb(
        tmp_path, "attribute", "source=cases", f"source.path={cases}", "methods=[llm_free]"
    )
    assert code == 0, err
    found = figures(out)["methods"]["llm_free"]
    assert (found["exact"], found["unscored"]) == (1.0, 1), "labelled as attribution suggested"


def test_an_export_is_read_back_as_memtracebench(cases: Path, tmp_path: Path) -> None:
    code, out, err = verb(cases, "bench_build", "action=export", f"out={cases}")
    assert code == 0, err
    file = figures(out)["files"][0]
    code, out, err = verb(
        tmp_path, "attribute", "source=memtracebench", f"source.path={file}", "methods=[llm_free]"
    )
    assert code == 0, err
    assert figures(out)["methods"]["llm_free"]["exact"] == 1.0, out


def test_cases_are_not_written_over(cases: Path, run: Path) -> None:
    code, _, err = verb(cases, "bench_build", f"runs=[{run}]", f"out={cases}")
    assert code == 2
    assert "expected a new folder" in err


@pytest.mark.parametrize("action", ["check", "export"])
def test_an_operation_that_is_not_in_the_trace_is_told(
    cases: Path, tmp_path: Path, action: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(cases, copy)
    path = copy / "annotations" / "ana.jsonl"
    rows = lines(path)
    rows[0]["operations"] = ["op-99999"]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    code, _, err = verb(tmp_path, "bench_build", f"action={action}", f"out={copy}")
    assert code == 2
    assert "ana.jsonl, case '0000', field 'operations'" in err
    assert "'op-99999'" in err


@pytest.mark.parametrize("action", ["check", "export"])
def test_without_annotations_it_says_how_to_begin(cases: Path, tmp_path: Path, action: str) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(cases, copy)
    for path in (copy / "annotations").glob("*.jsonl"):
        path.unlink()
    code, out, err = verb(tmp_path, "bench_build", f"action={action}", f"out={copy}")
    assert code == 0, err
    assert "nothing is annotated yet: copy" in out


def test_a_wrong_form_is_told_with_its_place(cases: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(cases, copy)
    path = copy / "annotations" / "ana.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace("memory error", "memory", 1))
    code, _, err = verb(tmp_path, "bench_build", "action=check", f"out={copy}")
    assert code == 2
    assert "ana.jsonl, row 0, field 'verdict': expected one of memory error" in err, err


@pytest.mark.parametrize("keys", ["[]", "[system,category]", "[length]"])
def test_failures_are_tabulated(run: Path, tmp_path: Path, keys: str) -> None:
    code, out, err = verb(tmp_path, "analyze", f"runs=[{run}]", f"by={keys}")
    assert code == 0, err
    found = figures(out)
    with (Path(found["run"]) / "table.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert sum(int(row["failures"]) for row in table) == found["failures"]
    assert all(0 <= float(row["low"]) <= float(row["share"]) <= float(row["high"]) <= 1
               for row in table), table  # fmt: skip
    assert "## Error types and operations" in (Path(found["run"]) / "report.md").read_text()


def test_runs_of_attribute_are_tabulated_by_method(run: Path, tmp_path: Path) -> None:
    code, out, err = verb(
        tmp_path, "attribute", f"source.path={run}", "methods=[llm_free,last]",
        "source.replays=false",
    )  # fmt: skip
    assert code == 0, err
    folder = figures(out)["run"]
    code, _, err = verb(tmp_path, "analyze", f"runs=[{folder}]")
    assert code == 2
    assert "method: expected one of last, llm_free" in err
    code, out, err = verb(tmp_path, "analyze", f"runs=[{folder}]", "method=last")
    assert code == 0, err
    assert list(figures(out)["error_types"]) == ["response"]
