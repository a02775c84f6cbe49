"""A folder for each new run, also for runs that start in the same second."""

from __future__ import annotations

from itertools import count
from pathlib import Path

__all__ = ["own_folder", "register_resolver"]


def own_folder(wanted: str) -> str:
    """Make the folder of a new run: `wanted`, or `wanted-2`, `wanted-3`, ... where it exists.

    It is taken by being made, so two processes never get the same one.

    Raises:
        OSError: The folder cannot be made.
    """
    place = Path(wanted)
    place.parent.mkdir(parents=True, exist_ok=True)
    for number in count(2):
        try:
            place.mkdir()
        except FileExistsError:
            place = Path(f"{wanted}-{number}")
        else:
            break
    return str(place)


def register_resolver() -> None:
    """Let YAML say `${own_folder:PATH}`; Hydra asks for a run's folder once."""
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("own_folder", own_folder, replace=True)
