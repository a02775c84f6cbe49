"""The one Hydra module: it turns a verb's function into an entry point.

In: the name of a YAML under `conf/`, the dataclass it must fill, the option groups it may choose
from, and a function `main(config, run) -> headline figures`.
Out: a callable for `python -m` and console scripts which composes the configuration, opens the
run folder, prints the figures as one JSON line last on stdout, and turns every mistake a user can
fix into one line on stderr and exit code 2.

Dataclasses define and validate; YAML only chooses. Every option `conf/<group>/<name>.yaml` starts
from the schema registered here as `schema/<group>/<name>`, so a wrong key is refused by name.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lmcommon.errors import UserError
from lmcommon.runlog import Run

__all__ = ["Run", "compose", "conf_dir", "entrypoint", "register"]

Config = TypeVar("Config")
Groups = Mapping[str, Mapping[str, type]]

EXIT_OK, EXIT_BUG, EXIT_USER, EXIT_INTERRUPTED = 0, 1, 2, 130


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
        tried.append(here.parent / "conf")
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
            config: Config = _typed(hydra_compose(name, overrides=list(overrides)))
            return config
    except Exception as error:
        raise _explain(error) or error from None


def entrypoint(
    name: str, schema: type[Config], main: Callable[[Config, Run], Mapping[str, Any]], *,
    groups: Groups,
) -> Callable[[], None]:  # fmt: skip
    """Build the command of a verb.

    Args:
        name: YAML under `conf/` without suffix, such as `memtrace/trace`.
        schema: Dataclass of the whole configuration; `seed` is read from it if present.
        main: Does the work; returns JSON-able headline figures.
        groups: Group name to option name to dataclass: what the YAML may choose from.
    """

    def command() -> None:
        sys.exit(_Command(name, schema, main, groups).run(sys.argv[1:]))

    return command


@dataclass
class _Command:
    """One invocation of a verb from a shell."""

    name: str
    schema: type
    main: Callable[[Any, Run], Mapping[str, Any]]
    groups: Groups
    exit_code: int = EXIT_OK

    def run(self, arguments: list[str]) -> int:
        os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come back to us instead of Hydra's printer
        try:
            import hydra

            arguments = _with_resume(arguments)
            register(self.name, self.schema, self.groups)
            sys.argv = [self.verb, *arguments]
            wrapped = hydra.main(
                version_base="1.3", config_path=str(conf_dir()), config_name=self.name
            )
            wrapped(self._job)()
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        except Exception as error:
            explained = _explain(error)
            if explained is None:
                raise
            return self._refuse(explained)
        return self.exit_code

    @property
    def verb(self) -> str:
        return self.name.replace("/", "-")

    def _job(self, config: Any) -> None:
        """What Hydra calls, once a run (several times in a multirun)."""
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode

        hydra_state = HydraConfig.get()
        is_multirun = hydra_state.mode == RunMode.MULTIRUN
        folder = Path(hydra_state.runtime.output_dir)
        overrides = list(hydra_state.overrides.task)
        is_new = not (folder / "manifest.json").exists()
        try:
            typed = _typed(config)
            run = Run(folder, seed=int(getattr(typed, "seed", 0)))
            _check_same_config(folder, config)
            run.start(command=sys.argv, overrides=overrides, verb=self.verb)
            self._main(typed, run)
        except KeyboardInterrupt:
            print(f"interrupted; continue with: {self.verb} resume={folder}", file=sys.stderr)
            self.exit_code = EXIT_INTERRUPTED
        except Exception as error:
            explained = _explain(error)
            if explained is None or is_multirun:
                raise
            self.exit_code = self._refuse(explained)
            if is_new and not _has_records(folder):
                _remove_run(folder)

    def _main(self, typed: Any, run: Run) -> None:
        try:
            summary = {**self.main(typed, run), "run": str(run.folder)}
        except BaseException as error:
            known = isinstance(error, (UserError, KeyboardInterrupt))
            run.finish("stopped" if known else "failed")
            raise
        run.finish("finished", summary)
        sys.stdout.flush()
        written = (run.folder / "summary.json").read_text(encoding="utf-8")
        print(json.dumps(json.loads(written), ensure_ascii=False), flush=True)

    def _refuse(self, error: UserError) -> int:
        print(f"{self.verb}: {error}", file=sys.stderr)
        return EXIT_USER


def _typed(config: Any) -> Any:
    """The dataclass tree behind a composed configuration; `__post_init__` validates it here."""
    from omegaconf import OmegaConf

    return OmegaConf.to_object(config)


def _with_resume(arguments: list[str]) -> list[str]:
    """Turn `resume=<folder>` into the overrides and folder of that run. Later arguments win."""
    named = [word.removeprefix("resume=") for word in arguments if word.startswith("resume=")]
    if not named:
        return arguments
    folder = Path(named[-1])
    manifest = folder / "manifest.json"
    if not manifest.exists():
        raise UserError(
            f"resume={named[-1]!r}: expected a run folder with manifest.json; "
            "give the folder that the first run printed (runs/<verb>/<time>)"
        )
    first = json.loads(manifest.read_text(encoding="utf-8"))
    rest = [word for word in arguments if not word.startswith("resume=")]
    return [*first["overrides"], *rest, f"hydra.run.dir={_quoted(folder.resolve())}"]


def _quoted(path: Path) -> str:
    """A path as one Hydra override value."""
    return "'" + str(path).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _check_same_config(folder: Path, config: Any) -> None:
    """Write `config.yaml`, or refuse to continue a run under another configuration."""
    from omegaconf import OmegaConf

    path = folder / "config.yaml"
    resolved = OmegaConf.to_yaml(config, resolve=True)
    if not path.exists():
        path.write_text(resolved, encoding="utf-8")
        return
    before = OmegaConf.to_container(OmegaConf.load(path))
    now = OmegaConf.to_container(OmegaConf.create(resolved))
    if changed := sorted(_differing_keys(before, now)):
        raise UserError(
            f"{folder}: expected the configuration of the first run, but {', '.join(changed)} "
            "changed; drop the override, or start a new run"
        )


def _differing_keys(before: Any, now: Any, prefix: str = "") -> set[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        return {
            key
            for name in before.keys() | now.keys()
            for key in _differing_keys(before.get(name), now.get(name), f"{prefix}{name}.")
        }
    return set() if before == now else {prefix.rstrip(".")}


def _has_records(folder: Path) -> bool:
    bookkeeping = {"config.yaml", "manifest.json", ".hydra"}
    return folder.is_dir() and any(path.name not in bookkeeping for path in folder.iterdir())


def _remove_run(folder: Path) -> None:
    """A run refused before it recorded anything leaves nothing behind."""
    shutil.rmtree(folder, ignore_errors=True)
    for parent in (folder.parent, folder.parent.parent):
        if parent.name and parent != Path.cwd() and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()


def _explain(error: BaseException) -> UserError | None:
    """A mistake a user can fix, as one line; None for anything else."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    chain: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in chain:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    for link in chain:
        if isinstance(link, UserError):
            return link
    if isinstance(error, (HydraException, OmegaConfBaseException)):
        return UserError(_one_line([str(link) for link in chain]))
    return None


def _one_line(messages: list[str]) -> str:
    """Join the messages of a chain of Hydra and OmegaConf errors, without their repetitions."""
    seen: list[str] = []
    for message in messages:
        text = re.sub(r"\s+", " ", message).strip()
        text = re.sub(
            r" ?(Check available options inside|Set the environment variable).*", "", text
        )
        if text and not any(text in other for other in seen):
            seen.append(text)
    return "; ".join(seen) + " (see --help for the keys, --info config for the values)"
