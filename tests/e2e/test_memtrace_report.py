"""`memtrace-report` as a user starts it, and its page in a real browser."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memtrace.show.reporting import Report, report_html

from .chromium_support import Chromium, browser

sys.path.insert(0, str(Path(__file__).parents[1] / "unit/memtrace/show"))

from reporting_support import NASTY, hostile

from .verb_support import run_module

pytestmark = pytest.mark.e2e
needs_browser = pytest.mark.skipif(browser() is None, reason="needs a Chromium")


def verb(folder: Path, name: str, *arguments: str) -> tuple[int, str, str]:
    done = run_module(f"memtrace.run.{name}", *arguments, cwd=folder, OMP_NUM_THREADS="1")
    return done.returncode, done.stdout, done.stderr


def figures(out: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def traced(folder: Path) -> dict[str, Any]:
    """A run of memtrace-trace, most of whose answers are wrong."""
    code, out, err = verb(folder, "trace", "llm=scripted", "memory=rag_bm25", "data.size=tiny")
    assert code == 0, err
    return figures(out)


@pytest.fixture(scope="module")
def reported(folder: Path, traced: dict[str, Any]) -> dict[str, Any]:
    """The report on it, with what replays proved."""
    code, out, err = verb(folder, "attribute", f"source.path={traced['run']}", "methods=[replayed]")
    assert code == 0, err
    code, out, err = verb(folder, "report", f"runs=[{traced['run']},{figures(out)['run']}]")
    assert code == 0, err
    return figures(out)


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    with Chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_the_last_line_says_what_the_run_counted(
    traced: dict[str, Any], reported: dict[str, Any]
) -> None:
    (section,) = reported["sections"]
    assert (section["right"], section["wrong"]) == (traced["correct"], traced["failures"])
    assert (section["system"], section["data"]) == ("rag_bm25", "generated")
    assert section["proved"] == traced["failures"], "the right reply is all it takes"
    assert section["advice"] == {"response": traced["failures"]}
    left = {path.name for path in Path(reported["run"]).iterdir()}
    assert {"report.md", "report.html", "summary.json", "config.yaml"} <= left


def test_a_bare_trace_named_from_its_own_folder(traced: dict[str, Any]) -> None:
    code, out, err = verb(Path(traced["run"]), "report", "runs=[trace.db]", "examples=1")
    assert code == 0, err
    assert figures(out)["sections"][0]["wrong"] == traced["failures"]


def test_the_commands_of_the_report_work(folder: Path, reported: dict[str, Any]) -> None:
    text = Path(reported["report"]).with_name("report.md").read_text(encoding="utf-8")
    shown = [line for line in text.splitlines() if line.startswith("- open: `memtrace-show ")]
    words = shown[0].removeprefix("- open: `memtrace-show ").rstrip("`").split()
    code, out, err = verb(folder, "show", *words)
    assert code == 0, err
    assert words[1] in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("runs=[nowhere]",), "nowhere: expected a run folder"),
        (("runs=[x]", "summary_llm=openai"), "choose one with llm@summary_llm=openai"),
    ],
)
def test_mistakes_are_told_in_one_line(
    tmp_path: Path, arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = verb(tmp_path, "report", *arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_a_summary_without_a_usable_reply_leaves_the_reason(
    folder: Path, traced: dict[str, Any]
) -> None:
    code, out, err = verb(
        folder, "report", f"runs=[{traced['run']}]", "llm@summary_llm=scripted", "examples=1"
    )
    assert code == 0, err
    text = Path(figures(out)["report"]).read_text(encoding="utf-8")
    assert "no summary: invalid_output" in text


@needs_browser
def test_the_page_of_a_run_asks_for_nothing_and_complains_of_nothing(
    chromium: Chromium, reported: dict[str, Any]
) -> None:
    path = Path(reported["report"])
    chromium.open(path)
    assert chromium.requests == [path.as_uri()]
    assert chromium.complaints == []
    assert chromium.run("document.scripts.length") == 0
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert chromium.run(wide) == 0
    drawn = chromium.run(
        "Math.max(...[...document.querySelectorAll('.bar .value')]"
        ".map(bar => bar.getBoundingClientRect().width))"
    )
    assert drawn > 100, "bars are drawn"


@needs_browser
def test_examples_open_by_keyboard(chromium: Chromium, reported: dict[str, Any]) -> None:
    chromium.open(Path(reported["report"]))
    chromium.run("document.querySelector('article details summary').focus()")
    shown = "document.querySelector('article details ol.path').checkVisibility()"
    assert chromium.run("document.activeElement.tagName") == "SUMMARY"
    assert not chromium.run("document.querySelector('article details').open")
    chromium.press(" ", 32)
    assert chromium.run("document.querySelector('article details').open")
    assert chromium.run(shown)


@needs_browser
def test_dark_and_light_differ(chromium: Chromium, reported: dict[str, Any]) -> None:
    chromium.open(Path(reported["report"]))
    seen = set()
    for scheme in ("light", "dark"):
        chromium.ask(
            "Emulation.setEmulatedMedia",
            features=[{"name": "prefers-color-scheme", "value": scheme}],
        )
        seen.add(chromium.run("getComputedStyle(document.body).backgroundColor"))
    assert len(seen) == 2, seen


@needs_browser
def test_hostile_texts_run_nothing_and_load_nothing(chromium: Chromium, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    sections = tuple(one for text in NASTY for one in hostile(text).sections)
    page.write_text(report_html(Report(title=NASTY[0], sections=sections)), encoding="utf-8")
    chromium.open(page)
    assert chromium.requests == [page.as_uri()]
    assert chromium.complaints == []
    assert chromium.run("document.scripts.length + document.images.length") == 0
    assert chromium.run("document.querySelectorAll('section').length") == len(sections)
    assert chromium.run("document.querySelector('h1').textContent") == NASTY[0]
