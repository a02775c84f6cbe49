"""Composing a configuration: find `conf/`, register the schemas, get typed objects back."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lmcommon.app.explain import explain, schemas_by_name
from lmcommon.app.folders import register_resolver
from lmcommon.errors import UserError

__all__ = ["Groups", "compose", "conf_dir", "register", "typed"]

Config = TypeVar("Config")
Groups = Mapping[str, Mapping[str, type]]


def conf_dir() -> Path:
    """Find `conf/`: the LMCOMMON_CONF variable, else the checkout, else the copy in the wheel."""
    tried: list[Path] = []
    if named := os.environ.get("LMCOMMON_CONF"):
        tried.append(Path(named).resolve())
    else:
        here = Path(__file__).resolve()
        tried += [
            parent / "conf" for parent in here.parents if (parent / "packages/common").is_dir()
        ]
        tried.append(here.parents[1] / "conf")
    for path in tried:
        if path.is_dir():
            return path
    raise UserError(
        f"configuration folder not found: expected one of {[str(path) for path in tried]}; "
        "set LMCOMMON_CONF to the folder that holds the YAML files"
    )


def register(name: str, schema: type, groups: Groups) -> None:
    """Make a verb's schemas known to Hydra: `schema/root/<name>` and `schema/<group>/<option>`."""
    from hydra.core.config_store import ConfigStore

    register_resolver()
    store = ConfigStore.instance()
    store.store(group="schema/root", name=name.replace("/", "_"), node=_thawed(schema))
    for group, options in groups.items():
        for option, node in options.items():
            store.store(group=f"schema/{group}", name=option, node=_thawed(node))


def _thawed(schema: type) -> Any:
    """A schema node that YAML may fill: OmegaConf makes frozen dataclasses read-only."""
    from omegaconf import DictConfig, OmegaConf

    def thaw(node: Any) -> None:
        OmegaConf.set_readonly(node, None)
        for key in node:
            child = node._get_node(key)
            if isinstance(child, DictConfig) and not (child._is_none() or child._is_missing()):
                thaw(child)

    node = OmegaConf.structured(schema)
    thaw(node)
    return node


def compose(
    name: str, schema: type[Config], groups: Groups, overrides: Sequence[str] = ()
) -> Config:
    """Compose a verb's configuration without running it (notebooks, tests).

    Raises:
        UserError: Unknown key or option, or a value the dataclass refuses.
    """
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir

    register(name, schema, groups)
    try:
        with initialize_config_dir(str(conf_dir()), version_base="1.3"):
            config: Config = typed(hydra_compose(name, overrides=list(overrides)))
            return config
    except Exception as error:
        raise explain(error, schemas_by_name(schema, groups)) or error from None


def typed(config: Any) -> Any:
    """The dataclass tree behind a composed configuration; `__post_init__` validates it here."""
    from omegaconf import OmegaConf

    return OmegaConf.to_object(config)
