"""The reports of an optimisation: whatever stands in prompts and answers stays text."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from memtrace.attribution.types import Attribution, Verdict
from memtrace.execution.interventions import SetParameter
from memtrace.optimizing.advising import Advice, KnobEffect
from memtrace.optimizing.comparing import Compared
from memtrace.optimizing.knobs import Knob
from memtrace.optimizing.types import (
    Blame,
    Decision,
    Example,
    Optimization,
    Scored,
    Spending,
    Version,
    digest_of,
)
from memtrace.show.optimization.report import View, markdown, write_html

EVIL = [
    "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</pre></main><svg onload=x>",
    "{{ 7 * 7 }}{% raw %}", "javascript:alert(1)", "| a | b |\n```\n# head", "\ud800 lone",
    "&lt;b&gt;", "]]><!--", "<style>*{display:none}</style>",
]  # fmt: skip


def view(evil: str) -> View:
    seed = {"qa": f"keep\n{evil}\nold", evil: "same"}
    best = {"qa": f"keep\n{evil}\nnew {evil}", evil: "same"}
    example = Example(scope=evil, id=evil, text=evil, gold=evil, category=evil)
    wrong = Scored(example=example, digest="d", score=0.0, prediction=evil)
    nothing = Attribution(
        answer="", question=evil, prediction=evil, gold=evil, suspects=(), paths=(),
        confidence=0.0, verdict=Verdict.ABSTAINED, reason=evil,
    )  # fmt: skip
    blame = Blame(scored=wrong, attribution=nothing, elsewhere={evil: 1.0})
    compared = Compared(
        pairs=4, unscored=1, before=0.25, after=0.5, low=0.0, high=0.5, wins=1, losses=0,
        p_value=1.0,
    )  # fmt: skip
    versions = [
        Version(
            number=1, digest="x", parent=digest_of(seed), texts={"qa": evil}, metric_calls=10,
            decision=Decision(accepted=False, reason=evil, seen=3), mass={evil: 1.0},
            refused={evil: evil},
        ),
        Version(
            number=2, digest=digest_of(best), parent=digest_of(seed), texts=best, metric_calls=30,
            decision=Decision(accepted=True, reason="won", wins=5, p_value=0.03, seen=4),
            validation=0.75, mass={"qa": 1.0},
        ),
    ]  # fmt: skip
    done = Optimization(
        method="memtrace", seed=seed, best=best, versions=versions, stopped=evil,
        spending=Spending(evaluations=30), seed_validation=0.5, best_validation=0.75,
    )  # fmt: skip
    knob = Knob(changes=(SetParameter(name="top_k", value=10),), before=(5,), why="retrieve")
    effects = [
        KnobEffect(knob=knob, compared=compared, p_holm=1.0, tokens_before=8, tokens_after=9),
        KnobEffect(knob=knob, obstacle=evil),
    ]
    advice = Advice(operations={evil: 1.0}, effects=effects, unmended=[blame], stopped=evil)
    return View(
        title=evil, facts={evil: evil}, done=done, cost=evil, held_out=compared,
        by_type={evil: compared}, advice=advice,
    )  # fmt: skip


@pytest.mark.parametrize("evil", EVIL)
def test_markup_in_texts_is_text(evil: str, tmp_path: Path) -> None:
    page = write_html(tmp_path / "report.html", view(evil)).read_text(encoding="utf-8")
    harmless = tmp_path / "plain.html"
    plain = write_html(harmless, view("plain")).read_text(encoding="utf-8")
    tags = [re.findall(r"<(/?[a-zA-Z!][a-zA-Z0-9]*)", one) for one in (page, plain)]
    assert sorted(set(tags[0])) == sorted(set(tags[1]))
    assert "<script" not in page
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:http|//)", page)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("evil", EVIL)
def test_markdown_stays_whole(evil: str) -> None:
    text = markdown(view(evil))
    tables = [line for line in text.splitlines() if line.startswith("| v")]
    assert len(tables) == 3, tables  # the head and two versions
    outside = re.sub(r"^(`{3,})diff\n.*?^\1$", "", text, flags=re.DOTALL | re.MULTILINE)
    assert "```diff" not in outside
    assert not re.search(r"<[a-zA-Z/!]", outside)


def test_a_diff_has_signs_beside_colours(tmp_path: Path) -> None:
    page = write_html(tmp_path / "r.html", view("plain")).read_text(encoding="utf-8")
    assert '<span class="removed">- old</span>' in page
    assert '<span class="added">+ new plain</span>' in page


def test_the_curve_steps_where_a_version_was_accepted(tmp_path: Path) -> None:
    page = write_html(tmp_path / "r.html", view("plain")).read_text(encoding="utf-8")
    assert page.count('class="accepted"') == 2  # the first version, and the one that was taken
    assert page.count('class="rejected"') == 1
    assert "0.750 after 30 metric calls" in page


def test_what_was_not_measured_is_not_told_as_zero(tmp_path: Path) -> None:
    done = Optimization(
        method="memtrace", seed={"qa": "a"}, best={"qa": "a"}, versions=[], spending=Spending(),
        seed_validation=None, best_validation=None, stopped="0 of 1 metric calls",
    )  # fmt: skip
    bare = View(title="t", facts={}, done=done, cost="nothing")
    page = write_html(tmp_path / "r.html", bare).read_text(encoding="utf-8")
    assert "No version was accepted" in page
    assert "<svg" not in page
    assert "0.000" not in markdown(bare) + page
