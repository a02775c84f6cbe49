"""`rtt-relevance`: one process serves a discriminator, a run elsewhere is weighed by it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lmcommon.extras import is_available
from rtt.discriminator import TinyDiscriminator
from rtt.records import read_rollouts
from rtt.records.parts import FILE
from rtt.tasks.words import WordsTask

from .verb_support import command, environment, figures, run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]
SMALL = [
    "warm_start.steps=0", "policy.hidden=32", "prompts=2", "samples=2", "batch=2",
]  # fmt: skip


@contextmanager
def served(
    folder: Path, cwd: Path, *options: str, port: int = 0
) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The verb, once it listens."""
    words = command("relevance", str(folder), f"port={port}", *options)
    with subprocess.Popen(
        words, cwd=cwd, text=True, env=environment(), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        seen = []
        try:
            for line in process.stdout:
                seen.append(line)
                if found := re.match(r"(http://\S+): ", line):
                    yield found[1], process
                    break
            else:
                raise AssertionError("".join(seen))
        finally:
            if process.poll() is None:
                process.kill()


def model(folder: Path, seed: int) -> Path:
    TinyDiscriminator(hidden=32).build(WordsTask().tokens, seed=seed).save(folder)
    return folder


def relevances(folder: Path) -> list[object]:
    return [record.scored.relevance for record in read_rollouts(folder / FILE)]


@pytest.mark.slow
def test_a_served_discriminator_weighs_as_one_in_the_process(tmp_path: Path) -> None:
    folder = model(tmp_path / "model", seed=1)
    told = figures(run("rollout", *SMALL, "hydra.run.dir=drawn", cwd=tmp_path))
    assert told["responses"] == 4, told
    here = run(
        "score", "drawn", "relevance=discriminator", f"relevance.folder={folder}",
        "hydra.run.dir=here", cwd=tmp_path,
    )  # fmt: skip
    assert here.returncode == 0, here.stderr
    with served(folder, tmp_path) as (url, process):
        asked = ["relevance=discriminator_server", f"relevance.url={url}"]
        there = run("score", "drawn", *asked, "hydra.run.dir=there", cwd=tmp_path)
        assert there.returncode == 0, there.stderr
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
        last = json.loads(output.splitlines()[-1])
    assert process.returncode == 0
    assert "give token=" not in output, "it listens to this machine alone"
    assert last["pairs"] > 0
    assert relevances(tmp_path / "there") == relevances(tmp_path / "here")
    noted = json.loads((tmp_path / "there" / "inputs.json").read_text(encoding="utf-8"))
    assert noted["relevance.url"] == last["digest"]

    other = model(tmp_path / "other", seed=2)
    with served(other, tmp_path, port=int(url.rpartition(":")[2])) as (_, process):
        again = run("score", "resume=there", cwd=tmp_path)
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert again.returncode == 2, again.stderr
    assert "relevance.url: expected what the run in" in again.stderr


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    done = run("relevance", "nowhere/at/all", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "nowhere/at/all" in done.stderr
    assert run("relevance", "port=-1", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize(
    ("options", "warned"),
    [(["host=0.0.0.0"], True), (["host=0.0.0.0", "token=secret"], False)],
    ids=["open", "token"],
)
def test_who_listens_to_everybody_is_told_so(
    options: list[str], warned: bool, tmp_path: Path
) -> None:
    folder = model(tmp_path / "model", seed=1)
    with served(folder, tmp_path, *options) as (_, process):
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert ("give token=" in output) == warned, output
