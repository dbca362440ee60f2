"""Every fault of the suite under a longer load, and the table of docs/reliability.md.

python -m bench.soak                    every fault once, 2,000 acknowledged submissions before and after
python -m bench.soak --times 5          each five times; what was lost is added up
python -m bench.soak --only Cluster     those whose name contains a word
python -m bench.soak --write            puts the table into docs/reliability.md
python -m bench.soak --minutes 60       all faults of one service mixed on one store, which is never emptied; goes on
                                        until 1,000,000 requests were answered as well (--requests)

A fixed seed (--seed) draws what strikes, for how long, and what the clients do.
"""

import argparse
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from redis.exceptions import ResponseError

from comments.store.client import connect
from tests import service
from tests.faults.load import Load, audit, over_http
from tests.faults.machine import Machine
from tests.faults.proxy import Proxy
from tests.faults.scenes import SCENES, Row, a_store_that_loses_power, directory, lacks, play, tear, url_of
from tests.topologies.fleet import Valkey

DOCUMENT = Path(__file__).parent.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- the table -->", "<!-- end of the table -->"
HEAD = (
    "| fault | acknowledged | decided | lost | doubled | other answers "
    "| 99 % within | longest answer | longest pause |\n"
    "|---|---:|---:|---:|---:|---|---:|---:|---:|"
)


def line(name: str, rows: list[Row]) -> str:
    """One row of the table for all plays of a fault."""
    statuses = sorted({status for row in rows for status in row.history.statuses} - {200, 202})
    healed = [row.healed for row in rows if row.healed is not None]
    pause = f"{max(row.pause for row in rows):.1f} s"
    if healed:
        pause += f" ({max(healed):.1f} s after its end)"
    cells = [
        name,
        f"{sum(len(row.history.accepted) for row in rows):,}",
        f"{sum(len(row.history.done) for row in rows):,}",
        str(sum(row.finding.lost + row.finding.undone for row in rows)),
        str(sum(row.finding.doubled for row in rows)),
        ", ".join({0: "none"}.get(status, str(status)) for status in statuses) or "—",
        f"{max(row.history.within(0.99) for row in rows):.2f} s",
        f"{max(row.history.longest for row in rows):.2f} s",
        pause,
    ]
    return f"| {' | '.join(cells)} |"


Fault = tuple[Callable[[], object], Callable[[], object]]  # strike and heal


def faults(
    running: service.Service, machine: Machine, store: Valkey, proxy: Proxy, lose_power: Callable[[], None]
) -> dict[str, Fault]:
    """What can happen to the service's machine and workers, to its one server, and to the way there."""

    def nothing() -> None: ...

    def to_a_worker(number: signal.Signals) -> None:
        os.kill(running.workers()[0], number)

    def rewrite() -> None:
        with suppress(ResponseError):  # one is going on: the log of so long a run is rewritten by itself, too
            store.ask("BGREWRITEAOF")

    wire = {
        fault: (partial(setattr, proxy, "fault", fault), partial(setattr, proxy, "fault", ""))
        for fault in ("cut command", "cut reply", "lose reply", "reset", "delay")
    }
    return {
        **wire,
        "store killed": (store.kill, store.start),
        "log torn": (partial(tear, store), store.start),
        "power lost": (lose_power, store.start),
        "store hangs": (partial(store.signal, signal.SIGSTOP), lambda: store.signal(signal.SIGCONT)),
        "memory full": (
            partial(store.ask, "CONFIG", "SET", "maxmemory", "1mb"),
            partial(store.ask, "CONFIG", "SET", "maxmemory", "0"),
        ),
        "read-only": (partial(store.ask, "REPLICAOF", "127.0.0.1", "1"), partial(store.ask, "REPLICAOF", "NO", "ONE")),
        "log rewritten": (rewrite, nothing),
        "worker killed": (partial(to_a_worker, signal.SIGKILL), nothing),
        "worker told to end": (partial(to_a_worker, signal.SIGTERM), nothing),
        "clock back an hour": (partial(machine.be, ahead=-3600), machine.be),
        "no threads": (partial(machine.be, no_threads=True), machine.be),
        "no ports": (partial(machine.be, no_ports=True), machine.be),
    }


def mixed(minutes: float, requests: int, seed: int) -> bool:
    """One after another on one service and store, some on top of a bad connection; whether all was well."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    struck: Counter[str] = Counter()
    with a_store_that_loses_power() as (store, lose_power), directory() as data:
        proxy, machine = Proxy(("127.0.0.1", store.port), seed), Machine(data)
        settings = {"COMMENTS_SUBMIT_LIMIT": "", "COMMENTS_REDIS_URL": proxy.url, "COMMENTS_PAUSE": "0.2"}
        with service.serving(data, "--workers", "2", **settings, **machine.environ) as running:
            token = service.run("token", "add", "load", "--data", str(data), **settings).stdout.strip()
            possible = faults(running, machine, store, proxy, lose_power)
            began = time.monotonic()
            with Load(over_http(lambda: running.port), token, seed) as load:
                while time.monotonic() - began < minutes * 60 or len(load.history.times) < requests:
                    name = chance.choice(list(possible))
                    strike, heal = possible[name]
                    proxy.share, proxy.fault = 0.01, chance.choice(["", "", "reset", "delay", "lose reply"])
                    strike()
                    time.sleep(chance.uniform(0.1, 3))  # as long as the fault lasts
                    heal()
                    proxy.share, proxy.fault = 0.05, ""
                    struck[name] += 1
                    before = load.accepted
                    service.until(lambda before=before: load.has_accepted(before + 100), 120)
        took, history = time.monotonic() - began, load.history
        proxy.close()
        client = connect(url_of(store), timeout=60, pause=0, pool=2)
        finding = audit(client, history)
        client.close()
    print(
        f"{took / 60:.0f} minutes, seed {seed}: {len(history.times):,} requests, {struck.total()} faults, "
        f"{len(history.accepted):,} acknowledged, {len(history.done):,} decided; "
        f"{finding.lost + finding.undone} lost, {finding.doubled} doubled, {len(finding.wrong)} wrong; "
        f"99 % within {history.within(0.99):.2f} s, 99.9 % within {history.within(0.999):.2f} s, "
        f"the longest {history.longest:.2f} s"
    )
    print("faults:", ", ".join(f"{name} {count}" for name, count in struck.most_common()))
    print("answers:", ", ".join(f"{status} {count:,}" for status, count in sorted(history.statuses.items())))
    for wrong in finding.wrong:
        print("    ", wrong)
    return finding.is_clean


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--times", type=int, default=1)
    arguments.add_argument("--load", type=int, default=2000)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--write", action="store_true")
    arguments.add_argument("--minutes", type=float, default=0.0)
    arguments.add_argument("--requests", type=int, default=1_000_000)
    arguments.add_argument("--seed", type=int, default=1)
    given = arguments.parse_args()
    if given.minutes:
        sys.exit(0 if mixed(given.minutes, given.requests, given.seed) else 1)
    lines = [HEAD]
    print(HEAD, flush=True)
    for name, stage in SCENES.items():
        if given.only not in name or lacks(name):
            continue
        rows = [play(stage, before=given.load, after=given.load, patience=300)[0] for _ in range(given.times)]
        lines.append(line(name, rows))
        print(lines[-1], flush=True)
        for row in rows:
            for wrong in row.finding.wrong:
                print("    ", wrong, flush=True)
    if given.write:
        said = DOCUMENT.read_text(encoding="utf-8")
        table = "\n".join([BEGIN, *lines, END])
        DOCUMENT.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: table, said, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
