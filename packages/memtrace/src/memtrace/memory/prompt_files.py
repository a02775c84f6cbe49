"""Prompts as a folder of files: what a loop leaves, what a system loads, what people edit.

In: texts by name. Out: `<name>.md` for each and `prompts.json`, which says which file is whose. A
text comes back exactly as it was, so a system that loads the folder is the one that was measured.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.runlog import finite, write_atomic
from memtrace.memory.prompt_diffs import diff_text

__all__ = ["INDEX", "load_prompts", "prompt_file", "write_prompts"]

INDEX = "prompts.json"
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def write_prompts(
    folder: Path, seed: Mapping[str, str], best: Mapping[str, str], about: Mapping[str, Any]
) -> Path:
    """Write a folder of prompts.

    Args:
        folder: Where; made if absent.
        seed: The texts before.
        best: The texts now, of the same names.
        about: Further facts for `prompts.json`, JSON-able.

    Returns:
        The file `prompts.json`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = {}
    for name in best:
        file = prompt_file(name, tuple(best))
        _write(folder / file, best[name] + "\n")
        patch = folder / f"{file.removesuffix('.md')}.diff"
        if best[name] == seed[name]:
            patch.unlink(missing_ok=True)
        else:
            _write(patch, diff_text(seed[name], best[name], name))
        rows[name] = {"file": file, "changed": best[name] != seed[name]}
    text = json.dumps(finite({**about, "prompts": rows}), indent=2, ensure_ascii=True)
    write_atomic(folder / INDEX, text + "\n")
    return folder / INDEX


def load_prompts(folder: str | Path) -> dict[str, str]:
    """The prompts of a folder, by name.

    Args:
        folder: The run folder of memtrace-optimize, or the folder `prompts` in it.

    Returns:
        The text of every prompt of the system, changed or not.

    Raises:
        UserError: There are no prompts, or a file is missing.
    """
    given = Path(folder).expanduser()
    found = next(
        (one for one in (given / "prompts", given) if (one / INDEX).is_file()), None
    )  # fmt: skip
    if found is None:
        raise UserError(
            f"prompts: expected a folder with {INDEX}; got {given}; give the run folder of a "
            "finished memtrace-optimize"
        )
    try:
        rows = json.loads((found / INDEX).read_text(encoding="utf-8"))["prompts"]
        files = {str(name): Path(str(row["file"])).name for name, row in rows.items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise UserError(
            f"{found / INDEX}: expected prompts by name, each with its file; got {error!r}"
        ) from error
    return {name: _read(found / file) for name, file in files.items()}


def prompt_file(name: str, names: tuple[str, ...]) -> str:
    """The file of a prompt: its name, if no other name looks the same as a file."""
    safe = _UNSAFE.sub("-", name).strip(".") or "prompt"
    alike = [one for one in names if (_UNSAFE.sub("-", one).strip(".") or "prompt") == safe]
    return f"{safe}.md" if len(alike) < 2 else f"{safe}-{alike.index(name) + 1}.md"


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def _read(path: Path) -> str:
    try:
        text = path.read_bytes().decode("utf-8", "surrogatepass")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected the text of a prompt; got {error}") from error
    return text.removesuffix("\n")
