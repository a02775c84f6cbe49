"""From hand-made results to files."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

import pytest

from lmcommon.errors import DataError, UserError
from rtt.run.studying.collecting import blocks_of, kept_gains
from rtt.run.studying.results import ArmResult, read_results, result_in, write_result
from rtt.run.studying.writing import write_tables

from .study_support import column, result, single


def study(*arms: tuple[str, Sequence[float]], name: str = "heldout_prompt") -> list[ArmResult]:
    """Two seeds of each arm; the second has one hit more at the first prompt."""
    return [
        result(arm, seed, **{name: column([hits[0] + seed - 1, *hits[1:]])})
        for arm, hits in arms
        for seed in (1, 2)
    ]


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    told = result("rtt_aon", 3, heldout_prompt=column([1, 2.5]), training_late=single(0.25))
    write_result(tmp_path, told)
    assert result_in(tmp_path) == told


def test_results_are_found_at_any_depth_beside_other_files_of_that_name(tmp_path: Path) -> None:
    told = study(("rl_aon", [1, 0]), ("rtt_aon", [2, 0]))
    for one in told:
        folder = tmp_path / "a" / str(one.seed) / one.arm
        (folder / "training").mkdir(parents=True)
        (folder / "training" / "result.json").write_text('{"label": "AON"}', encoding="utf-8")
        write_result(folder, one)
    assert {(one.arm, one.seed) for one in read_results(tmp_path)} == {
        ("rl_aon", 1), ("rl_aon", 2), ("rtt_aon", 1), ("rtt_aon", 2)
    }  # fmt: skip


def test_two_results_of_one_arm_are_refused(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place).mkdir()
        write_result(tmp_path / place, result("base", 1, heldout_prompt=column([1])))
    with pytest.raises(UserError, match=r"one result for each model, arm and seed.*'base', 1"):
        read_results(tmp_path)


def test_a_folder_without_results_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"expected results of rtt-study below it.*result\.json"):
        read_results(tmp_path)


@pytest.mark.parametrize("text", ["{", '{"form": "rtt-study arm 1", "model": "m"}'])
def test_a_damaged_result_names_its_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=r"result\.json"):
        read_results(tmp_path)


def test_a_difference_is_paired_by_seed_and_prompt() -> None:
    (block,) = [one for one in blocks_of(study(("rl_aon", [1, 0]), ("rtt_aon", [2, 1])))
                if one.name == "beta"]  # fmt: skip
    (line,) = [one for one in block.differences if one.origin == "ours"]
    cell = line.cells["heldout/prompt"]
    assert (line.label, line.seeds) == ("beta 0.5 minus RL-AON", (1, 2))
    assert (cell.value, cell.low, cell.high) == pytest.approx((25.0, 25.0, 25.0))


def test_seeds_that_only_one_arm_has_are_left_out_of_the_difference() -> None:
    told = study(("rl_aon", [1, 0]), ("rtt_aon", [2, 1]))[:-1]  # rtt_aon lacks seed 2
    block = next(one for one in blocks_of(told) if one.name == "beta")
    line = next(one for one in block.differences if one.origin == "ours")
    assert line.seeds == (1,)


def test_a_table_with_a_single_measured_line_is_left_out() -> None:
    names = [block.name for block in blocks_of(study(("base", [1]), ("sft", [2])))]
    assert names == ["main"]


def test_the_papers_lines_stand_in_the_same_block() -> None:
    (block,) = blocks_of(study(("base", [1]), ("sft", [2])))
    theirs = [line for line in block.lines if line.origin == "paper"]
    assert len(theirs) == 21
    assert theirs[0].cells["ifeval/prompt_strict"].value == 83.40
    gain = next(line for line in block.differences if line.label == "RTT-AON minus RL-AON")
    assert gain.cells["ifeval/prompt_strict"].value == pytest.approx(2.22)


def test_shared_columns_put_ours_and_the_papers_into_one_table(tmp_path: Path) -> None:
    apart = write_tables(study(("base", [1]), ("sft", [2])), tmp_path, title="T").markdown
    told = study(("base", [1]), ("sft", [2]), name="ifeval_prompt_strict")
    together = write_tables(told, tmp_path, title="T").markdown
    assert apart.count("| model | method |") == 4
    assert together.count("| model | method |") == 2
    assert "| tiny | base | 2 | 37.5" in together
    assert "| Qwen3-4B-Instruct-2507 (paper) | base | - | 83.40 ± 1.60 |" in together


def test_what_a_discriminator_keeps_of_the_gain() -> None:
    told = study(("rl_aon", [1, 0]), ("baseline_aon", [3, 2]), ("baseline_learned", [3, 1]))
    ((model, arm, name, got),) = kept_gains(told)
    assert (model, arm, name) == ("tiny", "baseline_learned", "heldout/prompt")
    assert got.value == pytest.approx(0.75)


def test_a_column_that_one_of_three_arms_lacks_has_no_kept_gain() -> None:
    told = study(("rl_aon", [1, 0]), ("baseline_aon", [3, 2]))
    told += [
        result("baseline_learned", seed, heldout_prompt=column([3, 1]), ifeval_x=column([1, 2]))
        for seed in (1, 2)
    ]
    assert [name for _, _, name, _ in kept_gains(told)] == ["heldout/prompt"]


def test_files_hold_the_same_numbers(tmp_path: Path) -> None:
    told = study(("rl_aon", [1, 0, 2]), ("beta_1", [2, 1, 4]), ("rtt_aon", [2, 1, 3]))
    write_tables(told, tmp_path, title="T")
    with (tmp_path / "tables.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    stored = json.loads((tmp_path / "tables.json").read_text(encoding="utf-8"))["rows"]
    assert len(rows) == len(stored) > 0
    for row, one in zip(rows, stored, strict=True):
        assert float(row["value"]) == pytest.approx(one["value"]), (row, one)
    tree = ElementTree.fromstring((tmp_path / "beta.svg").read_text(encoding="utf-8"))
    circles = [one for one in tree.iter() if one.tag.endswith("circle")]
    assert len(circles) == 3 + 5  # ours, the paper's


def test_an_arm_whose_seeds_lack_a_column_is_shown_without_it(tmp_path: Path) -> None:
    told = [
        result("base", 1, heldout_prompt=column([1])), result("base", 2),
        *study(("sft", [2])),
    ]  # fmt: skip
    assert "| tiny | base | 2 | - |" in write_tables(told, tmp_path, title="T").markdown
