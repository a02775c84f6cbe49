"""Rules that come as source code in the data, run apart: off unless `SandboxedRules` is made.

A rule is Python source that defines `check_following(instruction, response) -> bool`. It runs in a
process forked for it alone, without the environment, the files handles and the memory of ours,
with limits on time and memory, and (on Linux for x86-64 and ARM64) behind a filter of system calls
that leaves it no network, no process, no program and no change to a file. What is *not* guaranteed:
it can read the files that this user can read (it has no way to send them), and a fault of the
kernel or the interpreter is a way out. For code you do not trust at all use a machine of its own.
"""

from typing import TYPE_CHECKING

from lmcommon.lazy import lazy_exports

if TYPE_CHECKING:
    from lmcommon.verify.sandbox.config import SandboxConfig
    from lmcommon.verify.sandbox.rules import Rule, SandboxedRules
    from lmcommon.verify.sandbox.types import CODE_ID, SandboxLimits

__all__ = ["CODE_ID", "Rule", "SandboxConfig", "SandboxLimits", "SandboxedRules"]

__getattr__, __dir__ = lazy_exports(
    __name__,
    {
        **dict.fromkeys(("Rule", "SandboxedRules"), "lmcommon.verify.sandbox.rules"),
        "SandboxConfig": "lmcommon.verify.sandbox.config",
        **dict.fromkeys(("CODE_ID", "SandboxLimits"), "lmcommon.verify.sandbox.types"),
    },
)
