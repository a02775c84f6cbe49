"""Where rows come from: a file, a folder, or a data set on the Hugging Face hub.

In: a spec. An existing path, or one that looks like a path, is a file or folder; otherwise
`owner/name[:config[:split]]`, where a config that is a file name (`owner/name:part.json`) reads
that file of the repository by the standard library. Out: rows with their place. `datasets` is
imported only when a hub id is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmcommon.data.files import SUFFIXES, OnBad, is_data_file, read_rows
from lmcommon.data.rows import Row
from lmcommon.errors import UserError
from lmcommon.extras import require
from lmcommon.hub import check_hub

__all__ = ["HubId", "open_rows", "parse_spec", "rows_of"]

_EXTRA = "lmcommon[datasets]"
_HUB_ID = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?::(?P<config>[^:]*))?(?::(?P<split>[^:]+))?")


@dataclass(frozen=True, slots=True)
class HubId:
    """A data set on the hub. Example: `google/IFEval:default:train`."""

    repo: str
    config: str | None = None
    split: str | None = None

    def __str__(self) -> str:
        return ":".join([self.repo, *filter(None, (self.config, self.split))])


def parse_spec(spec: str | Path) -> HubId | Path:
    """Tell a path from a hub id.

    Raises:
        UserError: It is neither.
    """
    try:
        path = Path(spec).expanduser()
        is_there = path.exists()
    except (OSError, RuntimeError) as error:  # too long, an unknown ~user
        raise UserError(f"data set: expected a path or a hub id, got {spec!r}: {error}") from error
    if isinstance(spec, Path) or is_there:
        return path
    if "\0" in spec:
        raise UserError(f"data set: expected a path or a hub id, got {spec!r}")
    is_path = spec.startswith(("/", "./", "../", "~", "\\")) or ":" not in spec
    match = _HUB_ID.fullmatch(spec)
    if match is None or (is_path and (is_data_file(spec) or spec[0] in "/.~")):
        if is_path:
            return path
        raise UserError(
            f"data set: expected a file ({', '.join(SUFFIXES)}) or a hub id "
            f"(owner/name[:config[:split]]), got {spec!r}"
        )
    return HubId(match["repo"], match["config"] or None, match["split"])


def open_rows(
    spec: str | Path, *, hub_file: str | None = None, split: str = "train", pattern: str = "",
    on_bad: OnBad | None = None,
) -> Iterator[Row]:  # fmt: skip
    """Read the rows behind a spec.

    Args:
        spec: File, folder or hub id.
        hub_file: File to read from a hub repository if the spec names no config; with a `*` in
            it, all files that fit.
        split: Split to read if the spec names none.
        pattern: Glob for the files of a folder; empty: a folder is refused.
        on_bad: As for `read_rows`; only of files given by their path.

    Raises:
        UserError: Nothing is there, or the hub cannot be reached.
        DataError: A file is malformed.
    """
    source = parse_spec(spec)
    if isinstance(source, HubId):
        yield from _hub_rows(source, hub_file, split)
    elif source.is_dir():
        yield from _folder_rows(source, pattern, on_bad)
    else:
        yield from read_rows(source, on_bad=on_bad)


def rows_of(dataset: Iterable[Mapping[str, Any]], name: str) -> Iterator[Row]:
    """Rows of a data set that `datasets` has loaded; `name` stands for the path in errors."""
    for index, value in enumerate(dataset):
        yield Row(value, name, index)


def _folder_rows(folder: Path, pattern: str, on_bad: OnBad | None = None) -> Iterator[Row]:
    found = sorted(folder.glob(pattern)) if pattern else []
    if not found:
        wanted = f"files named {pattern}" if pattern else "a file, not a folder"
        raise UserError(f"{folder}: expected {wanted}; the folder has none that fit")
    for path in found:
        yield from read_rows(path, on_bad=on_bad)


def _hub_rows(source: HubId, hub_file: str | None, split: str) -> Iterator[Row]:
    file = source.config if source.config and is_data_file(source.config) else None
    if file is None and source.config is None:
        file = hub_file
    datasets = require("datasets", extra=_EXTRA)
    check_hub(
        source.repo, kind="dataset", expected="a file (give its path), or a hub id and a network"
    )
    try:
        if file is not None:
            hub = require("huggingface_hub", extra=_EXTRA)
            path = _fetched(hub, source.repo, file)
        else:
            dataset = datasets.load_dataset(source.repo, source.config, split=source.split or split)
    except Exception as error:  # the border to a library with many error types
        reason = str(error).strip().splitlines()[0] if str(error).strip() else ""
        raise UserError(
            f"hub data set {source}: could not be loaded ({type(error).__name__}: {reason}); "
            "check the id and the network, or give the path of a downloaded file "
            f"({', '.join(SUFFIXES)}): both return the same rows"
        ) from error
    if file is None:
        yield from rows_of(dataset, str(source))
    elif path.is_dir():
        yield from _folder_rows(path, file)
    else:
        yield from read_rows(path)


def _fetched(hub: Any, repo: str, file: str) -> Path:
    """A file of a repository; for a pattern, a folder that holds the files that fit."""
    if "*" in file:
        return Path(hub.snapshot_download(repo, repo_type="dataset", allow_patterns=[file]))
    return Path(hub.hf_hub_download(repo, file, repo_type="dataset"))
