"""The how-to of one's own Mem0 app is true: few changed lines, and the cause is proved."""

from __future__ import annotations

import difflib
import os
import re
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # the tests have no package
from mem0_support import LINE
from scripted_server import Script, serving

import memtrace

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "own-mem0-app.md"
SHOWN = "http://localhost:8000/v1"


def apps() -> list[str]:
    """The app before and after."""
    found = re.findall(
        r"```python\n(import tempfile\n\nimport mem0\n.*?)```", PAGE.read_text("utf-8"), re.DOTALL
    )
    assert len(found) == 2, "the page shows the app twice"
    return [str(code) for code in found]


def newest_city(prompt: str) -> str:
    """The answering model: the newest word on where somebody moved, else where they live."""
    for pattern in (r"moved to (\w+)", r"live in (\w+)"):
        if found := re.findall(pattern, prompt.partition("The user asks")[0]):
            return str(found[-1])
    return "unknown"


def test_at_most_five_lines_change() -> None:
    before, after = (code.splitlines() for code in apps())
    changed = [line for line in difflib.ndiff(before, after) if line.startswith("+ ")]
    marked = [line for line in changed if "# " in line]
    assert len(marked) == 4
    assert all(line in marked or line == "+ " for line in changed), changed


def test_the_app_proves_the_cause(tmp_path: Path) -> None:
    script = Script("Lisbon", newest_city)
    with serving(script) as address:
        code = apps()[1].replace(SHOWN, address)
        assert address in code
        if LINE == "classic":
            code = code.replace('filters={"user_id": "ana"}', 'user_id="ana"')
        (tmp_path / "bot.py").write_text(code, encoding="utf-8")
        told = []
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "bot.py"], cwd=tmp_path, capture_output=True, text=True,
                timeout=300, check=False,
                env={**os.environ, "HOME": str(tmp_path), "MEM0_DIR": str(tmp_path / "mem0"),
                     "MEM0_TELEMETRY": "False"},
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-3000:]
            told.append(done.stdout)
    assert told[0].startswith("Porto\n"), "the wrong answer, printed once"
    for said in told:
        assert re.search(r"blame  extract \(op-\d+\), extraction, never written", said), said
        assert "proved  repaired and run again: right 1 of 1" in said, said
        assert "!" not in said, said
    with memtrace.open(tmp_path / "bot.db") as trace:
        operations = {one.name for one in trace.operations()}
        assert list(map(str, trace.check_edges())) == []
    assert {"extract", "parse", "retrieve", "answer"} <= operations
