"""What a run only names must still be what it was when the run goes on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lmcommon.app.unkept import Unkept
from lmcommon.errors import UserError
from lmcommon.runlog import Run
from rtt.relevance.config import DiscriminatorSource, SpanSource
from rtt.run.identity import check_inputs, digest, inputs_of


def weights(folder: Path, text: str = "weights") -> Path:
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "deep" / "model.safetensors").write_text(text, encoding="utf-8")
    return folder


def test_the_same_files_are_the_same_wherever_they_lie(tmp_path: Path) -> None:
    one, other = weights(tmp_path / "a"), weights(tmp_path / "b")
    os.utime(other / "config.json", (1, 1))
    (other / ".git").mkdir()
    (other / ".git" / "HEAD").write_text("x", encoding="utf-8")
    assert digest(one) == digest(other)


def test_a_byte_and_a_name_count(tmp_path: Path) -> None:
    one, other = weights(tmp_path / "a"), weights(tmp_path / "b", "Weights")
    assert digest(one) != digest(other)
    third = weights(tmp_path / "c")
    (third / "config.json").rename(third / "settings.json")
    assert digest(one) != digest(third)


def test_a_discriminator_that_changed_is_refused(tmp_path: Path) -> None:
    run, folder = Run(tmp_path / "run"), weights(tmp_path / "d")
    source = DiscriminatorSource(folder=str(folder))
    check_inputs(run, inputs_of(source))
    check_inputs(run, inputs_of(source))
    weights(folder, "trained on")
    with pytest.raises(UserError, match=r"relevance\.folder: expected what the run in .* began"):
        check_inputs(run, inputs_of(source))


def test_one_that_is_gone_is_refused(tmp_path: Path) -> None:
    run, file = Run(tmp_path / "run"), tmp_path / "checkpoint.pt"
    file.write_bytes(b"1")
    check_inputs(run, inputs_of(SpanSource(), checkpoint=file))
    file.unlink()
    with pytest.raises(UserError, match=r"checkpoint: .*got nothing"):
        check_inputs(run, inputs_of(SpanSource(), checkpoint=file))


def test_a_hub_id_and_a_source_without_weights_have_nothing_to_compare(tmp_path: Path) -> None:
    assert inputs_of(DiscriminatorSource(folder="someone/model")) == {}
    assert inputs_of(SpanSource(), checkpoint=None) == {}
    run = Run(tmp_path)
    check_inputs(run, {})
    assert list(tmp_path.iterdir()) == []


def test_another_process_than_the_first_leaves_it_alone(tmp_path: Path) -> None:
    check_inputs(Unkept(), inputs_of(SpanSource(), weights=weights(tmp_path / "d")))
