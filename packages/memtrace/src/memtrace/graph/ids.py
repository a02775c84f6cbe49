"""Ids as people see them (`op-12`, `var-7`) and as the store keeps them (12, 7)."""

from __future__ import annotations

__all__ = ["check_names", "operation_id", "operation_number", "variable_id", "variable_number"]


_DIGITS = 18
"""What fits into the eight bytes of a column."""


def operation_id(number: int) -> str:
    """The public id of the operation with this sequence number."""
    return f"op-{number}"


def variable_id(number: int) -> str:
    """The public id of the variable with this sequence number."""
    return f"var-{number}"


def operation_number(identifier: str) -> int:
    """The number in an operation id; `ValueError` for anything else."""
    return _number(identifier, "op-", "an operation")


def variable_number(identifier: str) -> int:
    """The number in a variable id; `ValueError` for anything else."""
    return _number(identifier, "var-", "a variable")


def check_names(*names: str | None) -> None:
    """Refuse what a text column cannot hold as kind, name, role or item id.

    Raises:
        TypeError: For anything but a string (or None, where a name is optional).
        ValueError: For a string with lone surrogates.
    """
    for name in names:
        if name is None or (type(name) is str and name.isascii()):
            continue
        if not isinstance(name, str):
            raise TypeError(f"expected a string as kind, name, role or item id; got {name!r}")
        try:
            name.encode()
        except UnicodeEncodeError:
            raise ValueError(f"expected a name that UTF-8 can write; got {name!r}") from None


def _number(identifier: str, prefix: str, noun: str) -> int:
    digits = identifier.removeprefix(prefix) if isinstance(identifier, str) else ""
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS
    if digits == identifier or not is_number:
        raise ValueError(f"expected the id of {noun} such as '{prefix}12'; got {identifier!r}")
    return int(digits)
