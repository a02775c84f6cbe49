"""A run folder: everything one run of a verb leaves behind, safe to read after a kill.

    runs/<verb>/<time>/
      config.yaml     the resolved configuration
      manifest.json   command, versions, git commit, seed, times, cost, status
      metrics.jsonl   one row a step or item, appended and flushed
      <name>.jsonl    records of the verb
      report.md       what a person reads
      summary.json    the headline figures; the same JSON object is the last line on stdout

Rows are appended whole and flushed, so a kill can tear only the last line, which `read` skips.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence, Sized
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from lmcommon.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Run", "finite", "write_atomic", "write_lines"]

_T = TypeVar("_T")
_RECORDED_VERSIONS = (
    "lmcommon", "memtrace-llm", "rtt-llm", "torch", "transformers", "vllm", "openai", "numpy",
    "hydra-core", "datasets", "networkx",
)  # fmt: skip


class Run:
    """The folder of one run, and the ways to write to it.

    Args:
        folder: Where to write; created if absent.
        seed: The root seed of the run (see `lmcommon.rng`).
    """

    is_kept = True
    """Whether there is a folder to write to."""

    def __init__(self, folder: Path, *, seed: int = 0) -> None:
        self.folder = folder
        self.seed = seed
        self.overrides: tuple[str, ...] = ()
        self.is_resumed = (folder / "manifest.json").exists()
        folder.mkdir(parents=True, exist_ok=True)
        self._manifest: dict[str, Any] = self._load_manifest()
        self._console: Console | None = None

    @property
    def attempt(self) -> int:
        """How often this run was started, from 1."""
        return max(1, int(self._manifest.get("attempts", 1)))

    @property
    def has_records(self) -> bool:
        """Whether anything worth keeping was recorded."""
        bookkeeping = {"config.yaml", "manifest.json", "inputs.json", ".hydra"}
        return any(path.name not in bookkeeping for path in self.folder.iterdir())

    @property
    def console(self) -> Console:
        """Standard output, for tables. The summary line follows after the verb has returned."""
        if self._console is None:
            from rich.console import Console

            # Piped output has no width of its own: wide enough for our tables, never wrapped.
            width = None if sys.stdout.isatty() else 120
            self._console = Console(soft_wrap=False, width=width)
        return self._console

    def append(self, name: str, row: Mapping[str, Any]) -> None:
        """Add one row to `<name>.jsonl` and flush it. NaN is written as null.

        Raises:
            UserError: The disk does not take it.
        """
        line = json.dumps(finite(dict(row)), ensure_ascii=False, allow_nan=False)
        if any("\ud800" <= character <= "\udfff" for character in line):
            line = json.dumps(finite(dict(row)))  # half a surrogate pair cannot be UTF-8
        path = self.folder / f"{name}.jsonl"
        try:
            torn = self._is_torn(path)
            with path.open("a", encoding="utf-8") as file:
                file.write(("\n" if torn else "") + line + "\n")
        except OSError as error:
            raise UserError(
                f"{path}: writing failed: {error.strerror or error}; what was written before is "
                f"intact; free the disk and go on with resume={self.folder}"
            ) from error

    def metrics(self, row: Mapping[str, Any]) -> None:
        """Add one row to `metrics.jsonl`."""
        self.append("metrics", row)

    def read(self, name: str) -> list[dict[str, Any]]:
        """All whole rows of `<name>.jsonl`; a last line torn by a kill is left out.

        Raises:
            UserError: A line in the middle is not JSON: the file was changed by hand.
        """
        path = self.folder / f"{name}.jsonl"
        if not path.exists():
            return []
        lines = path.read_bytes().split(b"\n")  # a kill can tear a character in two
        rows: list[dict[str, Any]] = []
        for number, line in enumerate(lines):
            if not line:
                continue
            try:
                rows.append(json.loads(line.decode()))
            except ValueError as error:
                if number == len(lines) - 1 or _is_cut_short(line, error):
                    continue
                shown = line[:60].decode(errors="replace")
                raise UserError(
                    f"{path}, line {number + 1}: expected one JSON object, got {shown!r}; "
                    "restore the file, or start a new run"
                ) from error
        return rows

    def progress(
        self, items: Iterable[_T], description: str, total: int | None = None
    ) -> Iterator[_T]:
        """Iterate with a progress bar on standard error."""
        from rich.console import Console
        from rich.progress import track

        if total is None and isinstance(items, Sized):
            total = len(items)
        console = Console(stderr=True)
        if not console.is_terminal:
            yield from _plain_progress(items, description, total)
            return
        yield from track(items, description=description, total=total, console=console)

    def report(self, markdown: str) -> Path:
        """Write `report.md`."""
        path = self.folder / "report.md"
        write_atomic(path, markdown)
        return path

    def manifest(self, key: str, value: Any) -> None:
        """Add a JSON-able fact to `manifest.json`."""
        self._manifest[key] = value
        self._write_manifest()

    def start(self, *, command: list[str], overrides: list[str], verb: str) -> None:
        """Write the manifest's first version; on a resumed run, count the attempt."""
        self.overrides = tuple(overrides)
        self._manifest.setdefault("started", _now())
        self._manifest.update(
            verb=verb, command=command, overrides=overrides, seed=self.seed, status="running",
            attempts=int(self._manifest.get("attempts", 0)) + 1,
            python=sys.version.split()[0], versions=_versions(), git=_git_state(),
        )  # fmt: skip
        self._write_manifest()

    def finish(self, status: str, summary: Mapping[str, Any] | None = None) -> None:
        """Note how the run ended and write `summary.json`."""
        self._manifest.update(status=status, finished=_now())
        self._write_manifest()
        if summary is not None:
            text = json.dumps(finite(dict(summary)), indent=2, ensure_ascii=False)
            write_atomic(self.folder / "summary.json", text + "\n")

    def _load_manifest(self) -> dict[str, Any]:
        path = self.folder / "manifest.json"
        if not path.exists():
            return {}
        try:
            loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise UserError(
                f"{path}: expected JSON, got a damaged file ({error}); "
                "delete the run folder or choose another one"
            ) from error
        return loaded

    def _write_manifest(self) -> None:
        text = json.dumps(finite(self._manifest), indent=2, ensure_ascii=False)
        write_atomic(self.folder / "manifest.json", text + "\n")

    @staticmethod
    def _is_torn(path: Path) -> bool:
        if not path.exists() or path.stat().st_size == 0:
            return False
        with path.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"


def _is_cut_short(line: bytes, error: ValueError) -> bool:
    """Whether a line starts as a row and ends before it closes."""
    if not line.endswith(b"}"):
        return True
    if not isinstance(error, json.JSONDecodeError):
        return False
    return error.pos >= len(error.doc) or error.msg.startswith("Unterminated string")


def write_atomic(path: Path, text: str) -> None:
    """Write a whole text file: readers see the old one or the new one, never a part."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows as a whole file of JSON lines, as `Run.append` would one by one."""
    lines = [json.dumps(finite(dict(row)), ensure_ascii=False, allow_nan=False) for row in rows]
    text = "".join(line + "\n" for line in lines)
    if any("\ud800" <= character <= "\udfff" for character in text):
        text = "".join(json.dumps(finite(dict(row))) + "\n" for row in rows)
    write_atomic(path, text)


def _plain_progress(items: Iterable[_T], description: str, total: int | None) -> Iterator[_T]:
    """Progress for logs: a line at every tenth of the way."""
    shown = -1
    for done, item in enumerate(items):
        if total:
            tenth = 10 * done // total
            if tenth > shown:
                shown = tenth
                print(f"{description}: {done}/{total}", file=sys.stderr, flush=True)
        yield item


def finite(value: Any) -> Any:
    """JSON has no NaN or infinity: they become null, at any depth."""
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else None
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [finite(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    return value


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    found = {}
    for name in _RECORDED_VERSIONS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _git_state() -> dict[str, Any] | None:
    """Commit of the checkout this code runs from; None for an installed wheel."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here), *arguments], capture_output=True, text=True, timeout=10,
            check=True,
        )  # fmt: skip
        return done.stdout.strip()

    try:
        root = Path(git("rev-parse", "--show-toplevel"))
        if not (root / "packages" / "common").is_dir():
            return None
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None
