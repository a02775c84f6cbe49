"""One invocation of a verb: arguments in, run folder and exit code out."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from lmcommon.app.compose import Groups, compose, conf_dir, register, typed
from lmcommon.app.explain import explain, schemas_by_name
from lmcommon.app.leaving import leave
from lmcommon.app.tasks import join_tasks
from lmcommon.app.teach import help_text
from lmcommon.app.unkept import Unkept, json_line
from lmcommon.app.words import quoted, usage, with_words
from lmcommon.errors import UserError
from lmcommon.runlog import Run

__all__ = ["Verb", "entrypoint"]

Config = TypeVar("Config")

_PACE = (
    "timeout_s", "attempts", "concurrency", "requests_per_minute", "tokens_per_minute", "workers",
    "backend", "shared_folder", "ray_address", "ray_gpus",
)  # fmt: skip

EXIT_OK, EXIT_BUG, EXIT_USER, EXIT_INTERRUPTED = 0, 1, 2, 130


def entrypoint(
    name: str, schema: type[Config], main: Callable[[Config, Run], Mapping[str, Any]], *,
    groups: Groups, positional: Sequence[str] = (), keeps_run: bool = True,
    is_refusal: Callable[[Mapping[str, Any]], bool] | None = None, refusal_code: int = EXIT_USER,
    spans_processes: bool = False,
) -> Verb:  # fmt: skip
    """Build the command of a verb.

    Args:
        name: YAML under `conf/` without suffix, such as `memtrace/trace`.
        schema: Dataclass of the whole configuration; `seed` is read from it if present.
        main: Does the work; returns JSON-able headline figures.
        groups: Group name to option name to dataclass: what the YAML may choose from.
        positional: Keys that plain words (those without `=`) are given to, in order.
        keeps_run: Whether a run leaves a folder. Without one there is no resume and no multirun,
            and `run` has a console and progress bars but nowhere to write.
        is_refusal: From the figures: whether the command, though it did its work, leaves with
            `refusal_code` (a checker that found damage).
        refusal_code: The exit code then; 1 tells what was found from what could not be done (2).
        spans_processes: Whether a launcher (torchrun, accelerate, the tasks of a submitit job) may
            start the verb several times: the process of RANK 0 keeps the run and prints, the others
            call `main` with a run that has no folder (`Run.is_kept` is False).
    """
    if unknown := set(positional) - {field.name for field in fields(schema)}:  # type: ignore[arg-type]
        raise ValueError(f"expected fields of {schema.__name__} as positional; got {unknown!r}")
    return Verb(
        name, schema, main, groups, tuple(positional), keeps_run, is_refusal, refusal_code,
        spans_processes,
    )  # fmt: skip


@dataclass
class Verb:
    """A command: calling it reads `sys.argv`, runs, and leaves with an exit code."""

    name: str
    schema: type
    main: Callable[[Any, Run], Mapping[str, Any]]
    groups: Groups
    positional: tuple[str, ...] = ()
    keeps_run: bool = True
    is_refusal: Callable[[Mapping[str, Any]], bool] | None = None
    refusal_code: int = EXIT_USER
    spans_processes: bool = False
    exit_code: int = EXIT_OK

    def __call__(self) -> None:
        """Run as a console script."""
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):  # a value may hold what the locale cannot say
                stream.reconfigure(encoding="utf-8", errors="backslashreplace")
        try:
            code = self.run(sys.argv[1:])
            sys.stdout.flush()
        except BrokenPipeError:  # whoever read our output has seen enough: `... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            code = EXIT_BUG  # as rich does it, when the pipe breaks in a table
        if self.spans_processes and int(os.environ.get("WORLD_SIZE", "1")) > 1:
            leave(code)
        sys.exit(code)

    def run(self, arguments: list[str]) -> int:
        """Run with these arguments; returns the exit code."""
        self.exit_code = EXIT_OK
        os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come back to us instead of Hydra's printer
        try:
            if self.keeps_run:
                arguments = _with_resume(arguments, self.verb)
            arguments = with_words(arguments, self.schema, self.positional, self.verb)
            register(self.name, self.schema, self.groups)
            if {"--help", "-h"} & set(arguments):
                overrides = [word for word in arguments if not word.startswith("-")]
                shown = usage(self.verb, self.schema, self.positional)
                print(help_text(self.name, self.main, overrides, shown, self.keeps_run))
            elif self.spans_processes and int(os.environ.get("RANK", "0")) > 0:
                own = [word for word in arguments if not word.startswith("hydra.")]
                self.main(*self._without_folder(own))
            elif self.keeps_run:
                self._run_in_hydra(arguments)
            else:
                self._run_unkept(arguments)
        except KeyboardInterrupt:
            return EXIT_INTERRUPTED
        except Exception as error:
            explained = explain(error, self.schemas)
            if explained is None:
                raise
            return self._refuse(explained)
        return self.exit_code

    @property
    def schemas(self) -> dict[str, type]:
        """Every dataclass a configuration of this verb can hold, by class name."""
        return schemas_by_name(self.schema, self.groups)

    @property
    def verb(self) -> str:
        """The console name, such as `memtrace-trace`."""
        return self.name.replace("/", "-")

    def _run_in_hydra(self, arguments: list[str]) -> None:
        import hydra

        sys.argv = [self.verb, *_named(arguments, self.verb)]
        wrapped = hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name=self.name)
        wrapped(self._job)()

    def _run_unkept(self, arguments: list[str]) -> None:
        """Run without a folder: compose, work, print."""
        if flags := [word for word in arguments if word.startswith("-")]:
            raise UserError(f"expected words or key=value, got {flags[0]!r} (--help shows them)")
        self._print(self.main(*self._without_folder(arguments)))

    def _without_folder(self, arguments: list[str]) -> tuple[Any, Run]:
        choices: Any = compose(self.name, self.schema, self.groups, arguments)
        seed = int(getattr(choices, "seed", 0))
        return choices, Unkept(seed=seed, overrides=arguments)

    def _print(self, figures: Mapping[str, Any]) -> None:
        """The last line of every verb."""
        sys.stdout.flush()
        print(json_line(figures), flush=True)
        if self.is_refusal is not None and self.is_refusal(figures):
            self.exit_code = self.refusal_code

    def _job(self, config: Any) -> None:
        """What Hydra calls, once a run (several times in a multirun)."""
        from hydra.core.hydra_config import HydraConfig
        from hydra.types import RunMode

        if self.spans_processes and join_tasks() > 0:
            choices = typed(config)
            self.main(choices, Unkept(seed=int(getattr(choices, "seed", 0))))
            return
        hydra_state = HydraConfig.get()
        is_multirun = hydra_state.mode == RunMode.MULTIRUN
        folder = Path(hydra_state.runtime.output_dir)
        overrides = list(hydra_state.overrides.task)
        is_new = not (folder / "manifest.json").exists()
        try:
            choices = typed(config)
            run = Run(folder, seed=int(getattr(choices, "seed", 0)))
            _check_same_config(folder, config)
            run.start(command=sys.argv, overrides=overrides, verb=self.verb)
            self._main(choices, run)
        except KeyboardInterrupt:
            print(f"interrupted; continue with: {self.verb} resume={folder}", file=sys.stderr)
            self.exit_code = EXIT_INTERRUPTED
        except Exception as error:
            explained = explain(error, self.schemas)
            if explained is None or is_multirun:
                raise
            self.exit_code = self._refuse(explained)
            if is_new and not _has_records(folder):
                _remove_run(folder)

    def _main(self, choices: Any, run: Run) -> None:
        try:
            summary = {**self.main(choices, run), "run": str(run.folder)}
        except BaseException as error:
            known = isinstance(error, (UserError, KeyboardInterrupt))
            run.finish("stopped" if known else "failed")
            raise
        run.finish("finished", summary)
        self._print(json.loads((run.folder / "summary.json").read_text(encoding="utf-8")))

    def _refuse(self, error: UserError) -> int:
        print(f"{self.verb}: {error}", file=sys.stderr)
        return EXIT_USER


def _named(arguments: list[str], verb: str) -> list[str]:
    """Add the run folder's name beside the first override (argparse wants them together)."""
    overrides = (place for place, word in enumerate(arguments) if re.match(r"[^-].*=", word))
    place = next(overrides, len(arguments))
    return [*arguments[:place], f"hydra.job.name={verb}", *arguments[place:]]


def _with_resume(arguments: list[str], verb: str) -> list[str]:
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
    try:
        first = json.loads(manifest.read_text(encoding="utf-8"))
        before, verb_before = list(first["overrides"]), first["verb"]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"resume={named[-1]!r}: {manifest} is damaged ({type(error).__name__}: {error}); "
            "start a new run"
        ) from error
    if verb_before != verb:
        raise UserError(f"resume={named[-1]!r}: expected a run of {verb}, got one of {verb_before}")
    rest = [word for word in arguments if not word.startswith("resume=")]
    return [*before, *rest, f"hydra.run.dir={quoted(str(folder.resolve()))}"]


def _check_same_config(folder: Path, config: Any) -> None:
    """Write `config.yaml`, or refuse to continue a run under another configuration.

    A resumed run may have another budget or pace: that is often why it is resumed.
    """
    from omegaconf import OmegaConf

    path = folder / "config.yaml"
    resolved = OmegaConf.to_yaml(config, resolve=True)
    if not path.exists():
        path.write_text(resolved, encoding="utf-8")
        return
    before = OmegaConf.to_container(OmegaConf.load(path))
    now = OmegaConf.to_container(OmegaConf.create(resolved))
    changed = [key for key in sorted(_differing_keys(before, now)) if not _is_pace(key)]
    if changed:
        raise UserError(
            f"{folder}: expected the configuration of the first run, but {', '.join(changed)} "
            "changed; drop the override, or start a new run"
        )


def _is_pace(key: str) -> bool:
    """Whether a key decides how fast and how far a run goes, never what comes out."""
    return bool({"budget", *_PACE} & set(key.split(".")))


def _differing_keys(before: Any, now: Any, prefix: str = "") -> set[str]:
    if isinstance(before, dict) and isinstance(now, dict):
        return {
            key
            for name in before.keys() | now.keys()
            for key in _differing_keys(before.get(name), now.get(name), f"{prefix}{name}.")
        }
    return set() if before == now else {prefix.rstrip(".")}


def _has_records(folder: Path) -> bool:
    bookkeeping = {"config.yaml", "manifest.json", "inputs.json", ".hydra"}
    return folder.is_dir() and any(path.name not in bookkeeping for path in folder.iterdir())


def _remove_run(folder: Path) -> None:
    """A run refused before it recorded anything leaves nothing behind."""
    shutil.rmtree(folder, ignore_errors=True)
    for parent in (folder.parent, folder.parent.parent):
        if parent.name and parent != Path.cwd() and parent.is_dir() and not any(parent.iterdir()):
            parent.rmdir()
