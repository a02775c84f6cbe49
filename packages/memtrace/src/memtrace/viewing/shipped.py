"""The files of the page, as they lie in the package.

Out: address to bytes. They are listed once, so that no path of a request is ever a path of a file.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

__all__ = ["content_type", "read_assets"]

_TYPES = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon",
    ".json": "application/json", ".txt": "text/plain; charset=utf-8", ".woff2": "font/woff2",
}  # fmt: skip


def read_assets() -> dict[str, bytes]:
    """All files of the page by address; `index.html` is `/`."""
    found = dict(_below(files("memtrace.viewing").joinpath("assets"), "/assets"))
    found["/"] = found["/assets/index.html"]
    return found


def content_type(address: str) -> str:
    """The content type of a file, by its suffix; unknown ones are shown by no browser."""
    suffix = address[address.rfind(".") :] if "." in address else ".html"
    return _TYPES.get(suffix, "application/octet-stream")


def _below(folder: Traversable, address: str) -> Iterator[tuple[str, bytes]]:
    for one in folder.iterdir():
        if one.is_dir():
            yield from _below(one, f"{address}/{one.name}")
        elif not one.name.startswith((".", "__")):
            yield f"{address}/{one.name}", one.read_bytes()
