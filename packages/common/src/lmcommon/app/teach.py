"""What `--help` prints: what the verb does, what can be chosen, and what is chosen now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lmcommon.app.compose import conf_dir

__all__ = ["help_text"]

_SWEEP_AND_RESUME = " [-m key=value1,value2 ...] [resume=RUN_FOLDER]"
_RUN_FOLDER = (
    "The run folder, runs/<verb>/<time>/ below this directory, is printed in the last line."
)
_NO_RUN_FOLDER = "Nothing is kept beside what you ask for; the last line is one JSON object."


def help_text(
    name: str, main: Callable[..., Any], overrides: list[str], usage: str, keeps_run: bool
) -> str:
    """What `--help` prints: what the verb does, what can be chosen, what is chosen now."""
    from hydra import compose as hydra_compose
    from hydra import initialize_config_dir
    from omegaconf import OmegaConf

    folder = conf_dir()
    with initialize_config_dir(str(folder), version_base="1.3"):
        chosen = hydra_compose(name, overrides=overrides, return_hydra_config=True)
    choices = dict(chosen.hydra.runtime.choices)
    OmegaConf.set_struct(chosen, False)
    del chosen["hydra"]
    # A role such as llm@judge_llm chooses from the group before the sign.
    keys = {key: key.split("@")[0] for key in choices if not key.startswith(("hydra", "schema"))}
    options = {
        key: sorted(path.stem for path in (folder / group).glob("*.yaml"))
        for key, group in sorted(keys.items())
        if (folder / group).is_dir() and group not in ("", ".") and key != "base"
    }
    package = name.split("/", maxsplit=1)[0]
    if keeps_run:
        options["experiment"] = sorted(
            path.relative_to(folder / "experiment").with_suffix("").as_posix()
            for path in (folder / "experiment" / package).rglob("*.yaml")
        )
    verb = name.replace("/", "-")
    comment = [
        line.lstrip("# ").rstrip()
        for line in (folder / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
        if line.startswith("#") and "@package" not in line
    ]
    lines = [
        f"{verb}: {(main.__doc__ or '').strip()}",
        *(["", *comment] if comment else []),
        "",
        f"usage: {usage} [key=value ...]{_SWEEP_AND_RESUME if keeps_run else ''}",
        "",
        *_groups(options, choices),
        "Change any value below (such as seed=1):"
        if "seed" in chosen
        else "Change any value below:",
        *("  " + line for line in OmegaConf.to_yaml(chosen).splitlines()),
        "",
        _RUN_FOLDER if keeps_run else _NO_RUN_FOLDER,
    ]
    return "\n".join(lines)


def _groups(options: dict[str, list[str]], choices: dict[str, str]) -> list[str]:
    shown = [
        f"  {key}=".ljust(16) + " ".join(o + "*" * (o == choices.get(key)) for o in names)
        for key, names in options.items()
        if names
    ]
    return ["Choose one option of each group (* now):", *shown, ""] if shown else []
