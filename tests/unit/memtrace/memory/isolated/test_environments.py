"""Environments: the table, the interpreters, and how one is made and removed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

import lmcommon
import memtrace
from lmcommon.embed.config import HashEmbedConfig
from lmcommon.errors import UserError
from memtrace.memory.config import MEMORY_SCHEMAS
from memtrace.memory.isolated import environments
from memtrace.memory.isolated.environments import (
    ENVIRONMENTS,
    HERE,
    Environment,
    environment,
    installed_here,
)
from memtrace.memory.isolated.factory import isolated_factory
from memtrace.memory.isolated.interpreters import find_interpreter
from memtrace.memory.isolated.linking import lent_packages
from memtrace.memory.isolated.preparing import prepare, prepared, remove, systems_root
from memtrace.memory.mem0 import config as mem0_config
from memtrace.memory.mem0 import releases
from memtrace.testing import RuleModel
from memtrace.testing.toy_packaged import ToyConfig

from .conftest import Hashing

TINY = Environment(name="tiny", distribution="pip", at_least="1", below="1000", own_pins=())


@pytest.mark.parametrize("row", ENVIRONMENTS.values(), ids=lambda row: row.name)
def test_an_environment_pins_everything_and_installs_a_version_that_counts(
    row: Environment,
) -> None:
    assert row.holds(row.pinned), row
    assert all(re.fullmatch(r"[a-z0-9.\-]+==[0-9][\w.!+]*", pin) for pin in row.pins), row.pins
    assert any(pin.startswith("numpy==") for pin in row.pins), "memtrace needs it in a worker"


@pytest.mark.parametrize(
    ("version", "holds"),
    [("1.0.4", False), ("1.0.5", True), ("1.0.11", True), ("1.0.99rc1", True), ("1.1.0", False),
     ("2", False), ("1.0.5.dev1", True)],
)  # fmt: skip
def test_versions_are_compared_as_numbers(version: str, holds: bool) -> None:
    assert ENVIRONMENTS["mem0_classic"].holds(version) == holds


def test_the_two_lines_of_mem0_exclude_each_other() -> None:
    for version in ("1.0.5", "1.0.11", "2.2.0", "2.2.1"):
        counts = [ENVIRONMENTS[name].holds(version) for name in ("mem0", "mem0_classic")]
        assert sum(counts) == 1, version


def test_what_is_installed_here_counts_if_its_version_does() -> None:
    assert installed_here(TINY)
    assert installed_here(replace(TINY, below="1.1")) is None
    assert installed_here(replace(TINY, distribution="no-such-distribution")) is None


def test_an_unknown_environment_is_refused_by_name() -> None:
    with pytest.raises(UserError, match=r"expected one of mem0, .*; got 'memo'"):
        environment("memo")


def test_an_interpreter_is_found_that_is_new_enough() -> None:
    found = find_interpreter((3, 11))
    assert found is not None
    assert found.version >= (3, 11)
    told = subprocess.run(
        [found.path, "-c", "import platform; print(platform.python_version())"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert told.stdout.strip() == found.label


def test_no_interpreter_is_new_enough_for_the_future() -> None:
    assert find_interpreter((3, 99)) is None


def test_pyenv_is_looked_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "versions" / "3.13.9" / "bin"
    folder.mkdir(parents=True)
    fake = folder / "python3.13"
    fake.write_text("#!/bin/sh\necho '[[3, 13, 9], \"/opt/python3.13\", true]'\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", "")
    found = find_interpreter((3, 13))
    assert found is not None
    assert (found.path, found.label) == (os.path.realpath("/opt/python3.13"), "3.13.9")


@pytest.mark.parametrize(
    ("says", "told"),
    [
        ("echo '[[3, 10, 1], \"x\", true]'", "Python 3.10.1"),
        ("echo '[[3, 12, 1], \"x\", false]'", "without venv or ensurepip"),
        ("echo no such version >&2; exit 127", "exit code 127: no such version"),
    ],
)
def test_an_interpreter_that_will_not_do_is_told(tmp_path: Path, says: str, told: str) -> None:
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\n{says}\n")
    fake.chmod(0o755)
    with pytest.raises(UserError, match=re.escape(told)):
        find_interpreter((3, 11), str(fake))


def test_a_worker_gets_our_two_packages_and_nothing_beside_them(tmp_path: Path) -> None:
    folder = lent_packages(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["lmcommon", "memtrace"]
    for package in (lmcommon, memtrace):
        here = Path(str(package.__file__)).parent.resolve()
        assert (folder / package.__name__).resolve() == here
    assert lent_packages(tmp_path) == folder


def test_the_running_interpreter_needs_no_preparing() -> None:
    found = prepared(HERE)
    assert found is not None
    assert found.python == sys.executable


def test_an_environment_is_made_once_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMCOMMON_CACHE", str(tmp_path))
    assert prepared(TINY) is None
    said: list[list[str]] = [[], []]
    threads = [
        threading.Thread(target=prepare, args=(TINY,), kwargs={"say": words.append})
        for words in said
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(len, said)) == [0, 3], "one made it, the other waited and found it"
    found = prepared(TINY)
    assert found is not None
    code = "import sys; print(sys.prefix != sys.base_prefix)"
    told = subprocess.run([found.python, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "True"
    assert prepared(replace(TINY, own_pins=("x==1",))) is None, "other pins, other environment"
    assert prepared(TINY, extra=["pytest"]) is None
    assert remove(TINY) == [found.folder]
    assert prepared(TINY) is None
    assert [path for path in systems_root().iterdir() if path.is_dir()] == []


def test_a_half_made_environment_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMCOMMON_CACHE", str(tmp_path))
    broken = replace(TINY, own_pins=("no such requirement ==",))
    with pytest.raises(UserError, match="environment 'tiny': cannot be made"):
        prepare(broken)
    assert prepared(broken) is None
    (folder,) = [path for path in systems_root().iterdir() if path.is_dir()]
    assert (folder / "pyvenv.cfg").exists(), "it was half made"


@pytest.mark.slow
def test_a_half_made_environment_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMCOMMON_CACHE", str(tmp_path))
    folder = prepare(TINY).folder
    assert folder is not None
    (folder / "prepared.json").unlink()
    (folder / "lib" / "left.txt").write_text("half of something")
    assert prepared(TINY) is None
    assert prepare(TINY).folder == folder
    assert not (folder / "lib" / "left.txt").exists()


def test_a_system_without_its_environment_says_how_to_make_it() -> None:
    class Config(ToyConfig):
        environment = "everos"

    config = Config(embed=Hashing())
    with pytest.raises(UserError, match=r"everos>=1.5,<1.6.*memtrace-systems prepare=everos"):
        isolated_factory(config, RuleModel(), Hashing().build())


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_a_folder_with_the_name_of_a_package_is_not_the_package(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clone of its repository, or a folder of runs, in the folder one works in."""
    row = ENVIRONMENTS[name]
    if installed_here(row):
        pytest.skip(f"{row.distribution} is installed here")
    for folder in ("everos", "langmem", "mem0", "qdrant_client"):
        (tmp_path / folder).mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    config = MEMORY_SCHEMAS[name](embed=HashEmbedConfig())
    assert not config.is_here()
    with pytest.raises(UserError):
        MEMORY_SCHEMAS[name](embed=HashEmbedConfig(), isolation="never").build(RuleModel())("c1")


@pytest.mark.parametrize(
    ("name", "version", "counts"),
    [
        ("mem0", "2.2.1", True), ("mem0", "2.0.1", False), ("mem0", "2.3", False),
        ("mem0_classic", "1.0.11", True), ("mem0_classic", "1.0.4", False),
        ("everos", "1.5.1", True), ("everos", "1.6.0", False),
    ],
)  # fmt: skip
def test_a_version_is_listed_as_here_only_if_it_is_taken(
    name: str, version: str, counts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(distribution: str) -> str:
        return version

    monkeypatch.setattr(environments, "version", found)
    monkeypatch.setattr(releases, "version", found)
    monkeypatch.setattr(mem0_config, "is_available", lambda package: True)
    assert (installed_here(ENVIRONMENTS[name]) is not None) is counts
    assert MEMORY_SCHEMAS[name](embed=HashEmbedConfig()).is_here() is counts


def test_a_cache_that_cannot_be_written_is_told_in_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("LMCOMMON_CACHE", str(tmp_path / "file"))
    with pytest.raises(UserError, match="LMCOMMON_CACHE names another place"):
        prepare(ENVIRONMENTS["mem0"])


@pytest.mark.slow
def test_an_environment_whose_interpreter_is_gone_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LMCOMMON_CACHE", str(tmp_path))
    python = Path(prepare(TINY).python)
    python.unlink()
    assert prepared(TINY) is None
    assert prepare(TINY).python == str(python)
    assert python.exists()
