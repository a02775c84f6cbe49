"""What identifies a model's weights, without loading them.

In: a bundled name, a folder or a hub id. Out: JSON-able facts for `ChatModel.identity`. A bundled
model is known by its pinned digest, a folder by the digest of its files, a hub id by its revision.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lmcommon.llm.bundled import BUNDLED_MODELS

__all__ = ["folder_digest", "model_name", "quiet_loading", "weights_identity"]

_DECISIVE = ("*.safetensors", "*.bin", "*.gguf", "*.json", "*.jinja", "*.model")


def model_name(model: str) -> str:
    """A short name: that of the bundled model, else the last part of a folder or hub id."""
    asset = BUNDLED_MODELS.get(model)
    return asset.full_name if asset else Path(model).name


def weights_identity(
    model: str, *, revision: str | None = None, deep: bool = False
) -> Mapping[str, Any]:
    """Facts that decide a model's output.

    Args:
        model: A key of `BUNDLED_MODELS`, a folder, or a hub id.
        revision: Of a hub id.
        deep: Files in subfolders count too.
    """
    if model in BUNDLED_MODELS:
        return {"model": BUNDLED_MODELS[model].full_name, "sha256": BUNDLED_MODELS[model].sha256}
    folder = Path(model)
    if folder.is_dir():
        return {"model": folder.name, "sha256": folder_digest(folder, deep=deep)}
    if folder.is_file():
        return {"model": folder.name, "sha256": _file_digest(folder).hexdigest()}
    return {"model": model, "revision": revision}


def folder_digest(folder: Path, *, deep: bool = False) -> str:
    """SHA-256 over names and contents of the files that decide a model's output."""
    total = hashlib.sha256()
    find = folder.rglob if deep else folder.glob
    for path in sorted({path for pattern in _DECISIVE for path in find(pattern)}):
        name = path.relative_to(folder).as_posix()
        total.update(name.encode() + b"\0" + _file_digest(path).digest())
    return total.hexdigest()


@contextmanager
def quiet_loading(transformers: Any) -> Iterator[None]:
    """No progress bars of `transformers` inside the block."""
    logging = transformers.utils.logging
    was_on = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            logging.enable_progress_bar()


def _file_digest(path: Path) -> Any:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256")
