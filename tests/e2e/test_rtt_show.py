"""`rtt-show` as a command."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from lmcommon.data.types import RubricPrompt
from lmcommon.extras import is_available
from lmcommon.judge.types import Criterion, Rubric
from rtt.records import records_of, write_rollouts
from rtt.run.show import main
from rtt.train.scoring import Scorer
from rtt.types import Group, Rollout

from .verb_support import run

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_available("hydra"), reason="needs lmcommon[app]"),
]


def show(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return run("show", *words, cwd=cwd)


def group(name: str, *texts: str) -> Group:
    words = [text.split(" ") for text in texts]
    criterion = Criterion(
        id="c0", text='The word "amber" occurs.', constraint_id="words:include",
        kwargs={"word": "amber"},
    )  # fmt: skip
    judged = Criterion(id="c1", text="Be kind.")
    return Group(
        prompt=RubricPrompt(id=name, prompt=f"Ask {name}.", rubric=Rubric((criterion, judged))),
        rollouts=tuple(
            Rollout(
                prompt_id=name, tokens=tuple(range(len(parts))), logprobs=(-1.0,) * len(parts),
                text=" ".join(parts),
                offsets=tuple(
                    (len(" ".join(parts[:n])), len(" ".join(parts[: n + 1])))
                    for n in range(len(parts))
                ),
            )
            for parts in words
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("show")
    scored = Scorer().score([group("p0", "amber dune", "dune dune"), group("p1", "kelp", "amber")])
    write_rollouts(folder / "rollouts.jsonl", records_of(scored[:1], [[9.0, -9.0], [1, 1]], step=1))
    write_rollouts(folder / "rollouts.jsonl", records_of(scored, step=2))
    (folder / "runs" / "a").mkdir(parents=True)
    rows = [{"step": n, "reward": n / 4, "by_kind": {"words:end": 0.5}} for n in range(4)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "runs" / "a" / "metrics.jsonl").write_text(lines, encoding="utf-8")
    return folder


def test_it_prints_a_response_and_writes_a_page(folder: Path, tmp_path: Path) -> None:
    done = show(str(folder), "pick=best", f"out={tmp_path}/new/page.html", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["found"] == 4, "the last step"
    assert figures["advantages"] == "computed"
    assert "[+] The word" in done.stdout
    assert "[?] Be kind. (unscored" in done.stdout
    html = Path(figures["html"]).read_text(encoding="utf-8")
    assert html.count("<article ") == 4
    assert figures["html"] == f"{tmp_path}/new/page.html"


def test_a_recorded_step_is_shown_as_it_was(folder: Path, tmp_path: Path) -> None:
    done = show(str(folder / "rollouts.jsonl"), "step=1", "html=false", "sample=0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["advantages"] == "recorded"
    assert "+9.00 -9.00" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_credit_is_the_one_asked_for(folder: Path, tmp_path: Path) -> None:
    words = [str(folder), "prompt=p1", "html=false", "terminal=2"]
    done = show(*words, "credit=none", "credit.reward=csr", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["label"] == "CSR"
    assert "+0.71" in done.stdout, done.stdout
    assert "-0.71" in done.stdout, done.stdout


def test_curves_are_drawn_beside_the_run(folder: Path, tmp_path: Path) -> None:
    done = show(f"curves=[{folder}/runs]", "png=false", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures["metrics"] == ["reward", "by_kind/words:end"]
    assert "<svg" in (folder / "runs" / "a" / "curves.html").read_text(encoding="utf-8")


@pytest.mark.skipif(not is_available("matplotlib"), reason="needs rtt-llm[plot]")
def test_curves_come_as_png_too(folder: Path, tmp_path: Path) -> None:
    done = show(
        f"curves=['{folder}/runs/*']", "metrics=[reward]", "html=false", "out=c.html", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")


def test_a_mistake_leaves_with_exit_code_2(tmp_path: Path) -> None:
    done = show("nothing", cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    assert "expected a run folder with rollouts.jsonl" in done.stderr
    assert len(done.stderr.splitlines()) == 1, done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["{folder}/runs/a"], "it has metrics: curves="),
        ([], "got neither"),
        (["{folder}", "curves=[x]"], "got both"),
        (["curves=[nothing]", "png=false"], "expected run folders with metrics.jsonl"),
        (["curves=['{folder}/runs']", "metrics=[rewerd]", "png=false"], "by_kind/words:end, rew"),
        (["{folder}", "step=9"], "there are steps 1, 2 and prompts p0, p1"),
        (["{folder}", "sample=9"], "has no sample 9"),
        (["{folder}", "pick=nicest"], "pick: expected one of telling, best, worst, first"),
        (["{folder}", "step=-1"], "step: expected a number, last or all"),
        (["{folder}", "prompts=0"], "prompts: expected at least 1"),
        (["{folder}", "out=/proc/none/page.html"], "cannot be written"),
        (["{folder}/broken.jsonl"], "row 0"),
    ],
)
def test_a_mistake_is_told_in_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], expected: str
) -> None:
    (folder / "broken.jsonl").write_text('{"step": 1}\n', encoding="utf-8")
    code = main.run([word.format(folder=folder) for word in words])
    told = capsys.readouterr()
    assert code == 2, told.out
    assert expected in told.err
    assert len(told.err.splitlines()) == 1, told.err
