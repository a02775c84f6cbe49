"""Metrics of runs to series, and series to drawings."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmcommon.errors import UserError
from lmcommon.extras import is_available
from rtt.show.curves import draw_curves, draw_panels, mean_points, span_points
from rtt.show.metrics import METRICS, choose, read_runs, series_of
from rtt.show.svg import curves_html, ticks

from .show_support import Page

SERIES = {"AON": [[(0, 0.0), (20, 0.1)], [(0, 0.0), (20, 0.3), (40, 0.2)]], "CSR": [[(0, 0.0)]]}


def write_run(folder: Path, rows: list[dict[str, Any]], config: str = "", label: str = "") -> str:
    folder.mkdir(parents=True)
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "metrics.jsonl").write_text(lines, encoding="utf-8")
    if config:
        (folder / "config.yaml").write_text(config, encoding="utf-8")
    if label:
        (folder / "result.json").write_text(json.dumps({"label": label}), encoding="utf-8")
    return str(folder)


def test_the_mean_is_taken_over_the_steps_that_all_seeds_have() -> None:
    assert mean_points(SERIES["AON"]) == [(0, 0.0), (20, 0.2)]
    assert span_points(SERIES["AON"]) == [(0, 0.0, 0.0), (20, 0.1, 0.3)]


def test_rows_are_flattened_and_named_alike_in_every_engine(tmp_path: Path) -> None:
    rows = [
        {"step": 1, "reward": 0.5, "by_kind": {"words:end": 0.25}, "note": "x", "done": True},
        {"step": 2, "reward": None, "rtt/token_over_response": 2.0, "completions/mean_length": 7},
    ]
    (run,) = read_runs([write_run(tmp_path / "a", rows)])
    assert run.metrics == {
        "reward": ((1, 0.5),),
        "by_kind/words:end": ((1, 0.25),),
        "token_over_response": ((2, 2.0),),
        "length": ((2, 7.0),),
    }


def test_runs_that_differ_in_their_seed_alone_share_a_label(tmp_path: Path) -> None:
    rows = [{"step": 1, "reward": 1.0}]
    for seed in (0, 1):
        write_run(
            tmp_path / f"s{seed}", rows, f"seed: {seed}\ncredit: {{scheme: intra, reward: aon}}\n"
        )
    write_run(tmp_path / "s2", rows, "seed: 0\ncredit: {scheme: none, reward: aon}\n")
    series = series_of(read_runs([str(tmp_path)]))
    assert {label: len(runs) for label, runs in series["reward"].items()} == {
        "RTT-AON": 2,
        "AON": 1,
    }


def test_runs_that_differ_otherwise_are_told_apart(tmp_path: Path) -> None:
    for rate in ("0.1", "0.2"):
        write_run(
            tmp_path / rate, [{"step": 1, "reward": 1.0}],
            f"seed: 0\ntrain: {{rate: {rate}}}\ncredit: {{scheme: intra, reward: csr}}\n",
        )  # fmt: skip
    series = series_of(read_runs([str(tmp_path / "0.*")]))
    assert set(series["reward"]) == {"RTT-CSR (train.rate=0.1)", "RTT-CSR (train.rate=0.2)"}


def test_runs_that_differ_in_one_of_many_settings_are_never_averaged(tmp_path: Path) -> None:
    for number in range(8):
        bits = {f"k{place}": number >> place & 1 for place in range(3)} | {"a": number % 2, "b": 5}
        write_run(
            tmp_path / str(number), [{"step": 1, "reward": 1.0}],
            f"seed: 0\ntrain: {json.dumps(bits)}\ncredit: {{scheme: intra, reward: csr}}\n",
        )  # fmt: skip
    labels = set(series_of(read_runs([str(tmp_path)]))["reward"])
    assert len(labels) == 8, labels
    assert "RTT-CSR (train.a=0, train.k1=0, train.k2=0)" in labels, "and no more than needed"


def test_methods_of_a_demo_are_named_by_their_results(tmp_path: Path) -> None:
    write_run(tmp_path / "demo" / "aon", [{"step": 0, "reward": 0.0}], label="AON")
    write_run(tmp_path / "demo" / "csr", [{"step": 0, "reward": 0.0}], label="CSR")
    assert [run.name for run in read_runs([str(tmp_path / "demo")])] == ["AON", "CSR"]


def test_a_step_taken_again_after_a_kill_counts_once(tmp_path: Path) -> None:
    rows = [{"step": 1, "reward": 0.1}, {"step": 1, "reward": 0.2}]
    (run,) = read_runs([write_run(tmp_path / "a", rows)])
    assert run.metrics["reward"] == ((1, 0.2),)


def test_nothing_to_draw_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected run folders with metrics\.jsonl"):
        read_runs([str(tmp_path)])
    with pytest.raises(UserError, match="expected runs with rows"):
        read_runs([write_run(tmp_path / "a", [])])


def test_metrics_are_chosen_by_pattern_and_an_unknown_one_is_an_error() -> None:
    known = ["by_kind/b", "by_kind/a", "reward", "x"]
    assert choose(known, METRICS) == ["reward", "by_kind/a", "by_kind/b"]
    assert choose(known, ["x", "by*"]) == ["x", "by_kind/a", "by_kind/b"]
    with pytest.raises(UserError, match="'rewerd'"):
        choose(known, ["rewerd"])


@given(st.floats(-1e6, 1e6), st.floats(0, 1e6), st.sampled_from([0.0, 1.0]))
def test_ticks_cover_the_values_in_a_few_round_steps(low: float, room: float, least: float) -> None:
    high = low + room
    found = ticks(low, high, least=least)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert found[0] <= low + slack, found
    assert found[-1] >= high - slack, found
    assert 2 <= len(found) <= 8, found
    assert all(b - a >= least for a, b in pairwise(found)), found


def test_the_page_of_curves_is_sound_and_told_by_hover_and_by_table() -> None:
    html = curves_html({"reward": SERIES, "<b>": SERIES}, title="<i>", facts=[("runs", 3)])
    page = Page(html)
    assert page.faults == []
    assert "AON, step 20: 0.2" in page.text
    assert "AON (2 seeds)" in page.text
    assert html.count('class="seed"') == 2 * 2
    assert html.count('class="band"') == 2


def test_a_long_run_is_drawn_with_few_points() -> None:
    run = [(step, float(step % 7)) for step in range(20_000)]
    html = curves_html({"reward": {"A": [run, run]}})
    assert len(html) < 60_000, len(html)


def test_labels_keep_their_colour_in_every_panel() -> None:
    html = curves_html({"a": {"X": [[(0, 1.0)]], "Y": [[(0, 1.0)]]}, "b": {"Y": [[(0, 1.0)]]}})
    panel = html.split("<figcaption>b</figcaption>")[1]
    assert '<g class="c1">' in panel
    assert '<g class="c0">' not in panel


@pytest.mark.skipif(not is_available("matplotlib"), reason="needs rtt-llm[plot]")
def test_curves_are_a_small_png(tmp_path: Path) -> None:
    path = draw_curves(SERIES, tmp_path / "curve.png", ylabel="rate")
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.stat().st_size < 150_000


@pytest.mark.skipif(not is_available("matplotlib"), reason="needs rtt-llm[plot]")
def test_many_metrics_are_one_png(tmp_path: Path) -> None:
    apart = {"A": [[(0, 1.0)], [(1, 2.0)]]}
    path = draw_panels({f"m{n}": SERIES for n in range(4)} | {"apart": apart}, tmp_path / "c.png")
    assert path.read_bytes().startswith(b"\x89PNG")
