"""A folder for each new run, also for runs that start in the same second."""

from __future__ import annotations

from itertools import count
from pathlib import Path

from lmcommon.errors import UserError

__all__ = ["own_folder", "register_resolver"]


def own_folder(wanted: str) -> str:
    """Make the folder of a new run: `wanted`, or `wanted-2`, `wanted-3`, ... where it exists.

    It is taken by being made, so two processes never get the same one.

    Raises:
        UserError: The folder cannot be made.
    """
    place, numbers = Path(wanted), count(2)
    while True:
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.mkdir()
            return str(place)
        except OSError as error:
            if not place.exists():
                raise UserError(
                    f"hydra.run.dir: expected a place for the folder of the run; got {place} "
                    f"({error.strerror}); start elsewhere, or give hydra.run.dir=FOLDER"
                ) from error
        place = Path(f"{wanted}-{next(numbers)}")


def register_resolver() -> None:
    """Let YAML say `${own_folder:PATH}`; Hydra asks for a run's folder once."""
    from omegaconf import OmegaConf

    OmegaConf.register_new_resolver("own_folder", own_folder, replace=True)
