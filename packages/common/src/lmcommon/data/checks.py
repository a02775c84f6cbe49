"""What the settings of every data set are checked for."""

from __future__ import annotations

from lmcommon.errors import UserError

__all__ = ["check_count", "checked_path"]


def check_count(key: str, value: int | None, least: int) -> None:
    """Refuse a number below the least that makes sense.

    Raises:
        UserError: Names the key.
    """
    if value is not None and value < least:
        raise UserError(f"data.{key}: expected a number of at least {least}; got {value!r}")


def checked_path(name: str, path: str, hub: str | None) -> str:
    """The spec of a set, which the user must give.

    Raises:
        UserError: It is empty; says what to give.
    """
    if not path.strip():
        example = f"data.path={hub} (from the hub) or " if hub else ""
        raise UserError(
            f"data.path: expected where {name} is; got nothing; "
            f"give {example}data.path=FILE (.json, .jsonl, also .gz)"
        )
    return path
