"""Is a replay what a run from scratch would have been? Random interventions over every system.

Task, fixed beforehand: for each system, `conversations` generated conversations (seeds from
`--seed` on), a base run of each with the rule-made model, and random interventions at random points
(`memtrace.testing.random_intervention`). Each is run twice: as a replay, and from scratch without
any recorded reply. Metric: the share of pairs in which every operation and every variable is the
same (`first_mismatch`), in order. Also counted: model calls the replays made.

    python bench/replay_equality.py --systems long_context,rag_bm25 --count 250 --seed 7000
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from replay_runs import record_run

from lmcommon.data import generate_conversation
from memtrace.replaying import Replayer, first_mismatch, points
from memtrace.testing import random_intervention, rule_model


def one_system(name: str, count: int, conversations: int, seed: int) -> dict[str, object]:
    """The figures of one system."""
    started = time.perf_counter()
    equal, unreached, calls, scratch_calls, failures = 0, 0, 0, 0, []
    share = -(-count // conversations)
    done = 0
    with tempfile.TemporaryDirectory() as folder:
        for number in range(conversations):
            path = Path(folder) / f"{number}.db"
            row = generate_conversation(
                seed + number, num_sessions=3, num_people=2, num_questions=3
            )
            record_run(path, name, row)
            with Replayer(path, model=rule_model(), cache=False) as replayer:
                every = list(points(replayer.trace))
                for place in range(min(share, count - done)):
                    change = random_intervention(every, seed * 1000 + number * share + place)
                    with (
                        replayer.run([change]) as replay,
                        replayer.run([change], from_scratch=True) as scratch,
                    ):
                        found = first_mismatch(scratch.trace, replay.trace)
                        is_equal = (
                            found is None and first_mismatch(replay.trace, scratch.trace) is None
                        )
                        equal += is_equal
                        unreached += bool(replay.unapplied)
                        calls += replay.calls
                        scratch_calls += scratch.calls
                        if not is_equal:
                            failures.append(f"{change.to_dict()}: {found}")
                    done += 1
    return {
        "system": name, "interventions": done, "equal": equal, "unreached": unreached,
        "calls": calls, "calls_from_scratch": scratch_calls,
        "seconds": round(time.perf_counter() - started, 1), "failures": failures[:5],
    }  # fmt: skip


def main() -> None:
    """Print one JSON line a system, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--systems", default="long_context,rag_bm25,rag_hybrid")
    parser.add_argument("--count", type=int, default=50, help="interventions a system")
    parser.add_argument("--conversations", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    total, equal = 0, 0
    for name in options.systems.split(","):
        row = one_system(name, options.count, options.conversations, options.seed)
        print(json.dumps(row), flush=True)
        total += int(str(row["interventions"]))
        equal += int(str(row["equal"]))
    print(json.dumps({"interventions": total, "equal": equal}))


if __name__ == "__main__":
    main()
