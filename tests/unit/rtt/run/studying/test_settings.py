from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lmcommon.errors import UserError
from rtt.policy.tiny import TinyPolicy
from rtt.relevance.config import DiscriminatorSource, SpanSource
from rtt.run.studying.arms import ARMS
from rtt.run.studying.plan import StudyConfig
from rtt.run.studying.settings import check_settings, settings_of
from rtt.run.studying.training import relevance_of
from rtt.tasks.words import WordsTask
from rtt.train.local.settings import TrainSettings

CONFIG = StudyConfig(task=WordsTask(), policy=TinyPolicy(), relevance=SpanSource())


def settings(config: StudyConfig, arm: str) -> dict[str, object]:
    return settings_of(config, ARMS[arm], relevance_of(config, ARMS[arm]))


def test_the_same_settings_are_accepted_again(tmp_path: Path) -> None:
    for _ in range(2):
        check_settings(tmp_path, settings(CONFIG, "rtt_aon"))


def test_what_differs_is_named(tmp_path: Path) -> None:
    check_settings(tmp_path, settings(CONFIG, "rtt_aon"))
    other = replace(CONFIG, train=TrainSettings(steps=7))
    with pytest.raises(UserError, match=r"expected the settings.*; train\.steps differ"):
        check_settings(tmp_path, settings(other, "rtt_aon"))


def test_what_an_arm_does_not_use_does_not_count() -> None:
    other = replace(CONFIG, relevance=DiscriminatorSource(folder="x"))
    assert settings(other, "rl_aon") == settings(CONFIG, "rl_aon")
    assert settings(other, "rtt_aon") != settings(CONFIG, "rtt_aon")
    longer = replace(CONFIG, train=TrainSettings(steps=7))
    assert settings(longer, "sft") == settings(CONFIG, "sft")


def test_a_discriminator_counts_by_its_weights(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        (folder / "model.bin").write_bytes(b"weights")
    first, moved = (
        settings(replace(CONFIG, discriminator=str(folder)), "learned") for folder in folders
    )
    assert first == moved
    (folders[1] / "model.bin").write_bytes(b"others")
    assert settings(replace(CONFIG, discriminator=str(folders[1])), "learned") != first


def test_an_arm_without_its_discriminator_says_what_to_give() -> None:
    with pytest.raises(UserError, match=r"discriminator: expected the folder.*arm learned"):
        relevance_of(CONFIG, ARMS["learned"])


@pytest.mark.parametrize(("given", "match"), [
    ({"seeds": []}, "seeds: expected whole numbers"), ({"seeds": "x"}, "seeds: .*'x'"),
    ({"tables": None}, "tables: expected some of"), ({"tables": "mian"}, "tables: .*mian"),
])  # fmt: skip
def test_what_a_study_cannot_do_is_refused_at_once(given: dict[str, object], match: str) -> None:
    with pytest.raises(UserError, match=match):
        StudyConfig(**given)


def test_one_name_or_seed_is_as_good_as_a_list() -> None:
    config = StudyConfig(tables=None, arms="rtt_aon", seeds=3)
    assert (config.tables, config.arms, config.seeds) == ((), ("rtt_aon",), (3,))
