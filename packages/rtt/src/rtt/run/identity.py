"""What a run was scored with stays what it is: checked when a run goes on.

In: what a configuration only names: files (a discriminator, a checkpoint, recorded rollouts) and
the server of a discriminator. Out: their digests in `inputs.json` of the run folder; a resumed run
for which they have changed is refused, since its records would come from two different sources.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcommon.errors import UserError
from lmcommon.runlog import Run, write_atomic
from rtt.relevance.config import DiscriminatorServerSource, DiscriminatorSource

__all__ = ["Served", "check_inputs", "digest", "inputs_of"]

FILE = "inputs.json"


@dataclass(frozen=True, slots=True)
class Served:
    """What a server has. Example: `Served("http://127.0.0.1:8010", digest)`."""

    url: str
    digest: str

    def __str__(self) -> str:
        return self.url


def inputs_of(relevance: Any, **paths: str | Path | None) -> dict[str, Path | Served]:
    """Files, folders and servers whose content decides what a run records.

    Args:
        relevance: Settings of the relevance source; a discriminator has weights.
        paths: Further ones by what they are called; None and names that are no path (a hub id)
            are left out.

    Raises:
        UserError: A discriminator is not named, or its server cannot be reached.
    """
    named = dict(paths)
    if isinstance(relevance, DiscriminatorSource):
        relevance.check_named()
        named["relevance.folder"] = relevance.folder
    found: dict[str, Path | Served] = {
        key: Path(one) for key, one in named.items() if one is not None and Path(one).exists()
    }
    if isinstance(relevance, DiscriminatorServerSource):
        reader = relevance.reader()
        try:
            found["relevance.url"] = Served(relevance.url, reader.digest)
        finally:
            reader.close()
    return found


def check_inputs(run: Run, inputs: Mapping[str, Path | Served]) -> None:
    """Note the digests of a run's inputs; on a resumed run, compare them with the first ones.

    Args:
        run: One without a folder (another process than the first) is left alone.
        inputs: By the key that names them.

    Raises:
        UserError: One is not what it was.
    """
    if not run.is_kept:
        return
    path = run.folder / FILE
    now = {
        key: one.digest if isinstance(one, Served) else digest(one)
        for key, one in sorted(inputs.items())
    }
    if not path.exists():
        if now:
            write_atomic(path, json.dumps(now, indent=2) + "\n")
        return
    before: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    for key in sorted(before.keys() | now.keys()):
        if before.get(key) != now.get(key):
            where = str(inputs[key]) if key in inputs else "nothing"
            raise UserError(
                f"{key}: expected what the run in {run.folder} began with (sha256 "
                f"{_short(before.get(key))}); got {where} ({_short(now.get(key))}); put it back, "
                "or start a new run"
            )


def digest(path: Path) -> str:
    """SHA-256 (hex) of a file, or of all files below a folder with their names."""
    if path.is_file():
        return _of_file(path)
    whole = hashlib.sha256()
    for one in _files(path):
        whole.update(f"{one.relative_to(path).as_posix()}\0{_of_file(one)}\n".encode())
    return whole.hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    """Hidden ones left out: they are of version control, or half written."""
    for one in sorted(folder.rglob("*")):
        if one.is_file() and not any(
            part.startswith(".") for part in one.relative_to(folder).parts
        ):
            yield one


def _of_file(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _short(value: str | None) -> str:
    return value[:12] if value else "nothing"
