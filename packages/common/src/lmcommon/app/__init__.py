"""The one room that knows Hydra: it turns a verb's function into an entry point.

In: the name of a YAML under `conf/`, the dataclass it must fill, the option groups it may choose
from, and a function `main(config, run) -> headline figures`.
Out: a callable for `python -m` and console scripts which composes the configuration, opens the
run folder, prints the figures as one JSON line last on stdout, and turns every mistake a user can
fix into one line on stderr and exit code 2.

Dataclasses define and validate; YAML only chooses. Every option `conf/<group>/<name>.yaml` starts
from the schema registered as `schema/<group>/<name>`, so a wrong key is refused by name.
"""

from lmcommon.app.command import Verb, entrypoint
from lmcommon.app.compose import compose, conf_dir, register
from lmcommon.app.leaving import leave
from lmcommon.runlog import Run

__all__ = ["Run", "Verb", "compose", "conf_dir", "entrypoint", "leave", "register"]
