"""What a process of a `ReaderPool` does: load a discriminator, then read what it is sent.

In and out, through a pipe: ("read", pairs) or ("digest", None); ("told", answer), ("refused",
message) for what a user can fix, ("broken", traceback) for the rest.
"""

from __future__ import annotations

import signal
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import torch

from lmcommon.errors import UserError
from rtt.discriminator.serving.base import CharacterReader

__all__ = ["answer_of", "work"]


def answer_of(kind: str, told: Any) -> Any:
    """What a process told, or its error as an exception here."""
    if kind == "refused":
        raise UserError(told)
    if kind == "broken":
        raise RuntimeError(f"relevance:\n{told}")
    return told


def work(
    load: Callable[[str], CharacterReader], device: str, threads: int, pipe: Connection
) -> None:
    """What a process does until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent is told, and closes the pipe
    torch.set_num_threads(threads)
    reader: CharacterReader | None = None
    try:
        while True:
            order, pairs = ("load", []) if reader is None else pipe.recv()
            try:
                if reader is None:
                    reader = load(device)
                    told: Any = {
                        "reads_question": reader.reads_question,
                        "reads_verdict": reader.reads_verdict,
                    }
                else:
                    told = reader.digest if order == "digest" else reader.relevances(pairs)
                answer = ("told", told)
            except UserError as error:
                answer = ("refused", str(error))
            except Exception:  # the border to another process: it goes there as text
                answer = ("broken", traceback.format_exc())
            pipe.send(answer)
            if reader is None or answer[0] == "broken":
                return
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return  # nobody asks any more
    finally:
        pipe.close()
