"""Ids as people see them (`op-12`, `var-7`) and as the store keeps them (12, 7)."""

from __future__ import annotations

__all__ = ["operation_id", "operation_number", "variable_id", "variable_number"]


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


def _number(identifier: str, prefix: str, noun: str) -> int:
    digits = identifier.removeprefix(prefix) if isinstance(identifier, str) else ""
    if digits == identifier or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"expected the id of {noun} such as '{prefix}12'; got {identifier!r}")
    return int(digits)
