"""Lazy public names: a package lists what it exports, the module behind a name loads on first use.

In: the package's `__name__` and a table from public name to the module that defines it.
Out: the `__getattr__` and `__dir__` that PEP 562 asks for. It keeps `import memtrace` light: no
torch, transformers, hydra or networkx is loaded until a name that needs it is touched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module

__all__ = ["lazy_exports"]


def lazy_exports(
    package: str, table: Mapping[str, str]
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """Build the module-level `__getattr__` and `__dir__` of `package`.

    Args:
        package: The package's `__name__`.
        table: Public name to the absolute module that defines it. A name equal to the last part
            of its module exports the module itself.

    Returns:
        The two functions to bind as `__getattr__` and `__dir__`.
    """

    def get(name: str) -> object:
        if name not in table:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(table[name])
        is_module = table[name] == f"{package}.{name}" and not hasattr(module, name)
        value = module if is_module else getattr(module, name)
        setattr(sys.modules[package], name, value)
        return value

    def names() -> list[str]:
        return sorted(table)

    return get, names
