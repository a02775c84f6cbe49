"""Put the repository's top-level conf/ into wheels and sdists as lmcommon/conf.

An editable install reads conf/ from the checkout (see lmcommon.app.conf_dir), so nothing is
copied for it; an sdist carries its own copy, from which the wheel is then built.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ConfHook(BuildHookInterface):  # type: ignore[type-arg]
    """Force-include conf/ from the checkout or from the unpacked sdist."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folder to `build_data`; raise when it is nowhere to be found."""
        if version == "editable":
            return
        root = Path(self.root)
        candidates = [root.parent.parent / "conf", root / "conf"]
        conf = next((path for path in candidates if path.is_dir()), None)
        if conf is None:
            raise FileNotFoundError(f"conf/ not found in any of {[str(c) for c in candidates]}")
        target = "conf" if self.target_name == "sdist" else "lmcommon/conf"
        build_data["force_include"][str(conf)] = target
