"""Names, versions and entry points of the three distributions agree."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest

MEMBERS = {"common": "lmcommon", "memtrace": "memtrace", "rtt": "rtt"}


def project(root: Path, folder: str) -> dict[str, Any]:
    text = (root / f"packages/{folder}/pyproject.toml").read_text(encoding="utf-8")
    return dict(tomllib.loads(text)["project"])


def test_all_members_have_one_version(repo_root: Path) -> None:
    said = {folder: project(repo_root, folder)["version"] for folder in MEMBERS}
    for folder, name in MEMBERS.items():
        init = (repo_root / f"packages/{folder}/src/{name}/__init__.py").read_text(encoding="utf-8")
        found = re.search(r'__version__ = "(.+)"', init)
        assert found is not None, name
        said[f"{name}.__version__"] = found[1]
    for folder in ("memtrace", "rtt"):
        for line in project(repo_root, folder)["dependencies"]:
            if line.startswith("lmcommon"):
                said[f"{folder} needs"] = line.split("==")[1]
    assert len(set(said.values())) == 1, said


@pytest.mark.parametrize(("folder", "name"), MEMBERS.items())
def test_import_names_belong_to_our_distributions(repo_root: Path, folder: str, name: str) -> None:
    spec = importlib.util.find_spec(name)
    assert spec is not None
    assert spec.origin is not None
    assert Path(spec.origin).is_relative_to(repo_root / "packages" / folder), (
        f"another package called {name!r} is installed: {spec.origin}"
    )


def verbs() -> list[str]:
    return sorted(
        point.value.split(":")[0]
        for point in entry_points(group="console_scripts")
        if point.value.split(".")[0] in MEMBERS.values()
    )


@pytest.mark.parametrize("module", verbs())
def test_every_verb_teaches(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verb = importlib.import_module(module).main
    monkeypatch.chdir(tmp_path)
    assert verb.run(["--help"]) == 0
    shown = capsys.readouterr().out
    assert "usage: " in shown
    assert ("resume=RUN_FOLDER" in shown) == verb.keeps_run
    assert list(tmp_path.iterdir()) == [], "help leaves nothing behind"


@pytest.mark.parametrize("module", verbs())
def test_every_verb_refuses_an_unknown_key(
    module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [module])  # Hydra's entry sets it; put back after
    assert importlib.import_module(module).main.run(["no_such_key=1"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "no_such_key" in told.err
    assert len(told.err.strip().splitlines()) == 1, told.err
    assert list(tmp_path.iterdir()) == [], "nothing half-written"
