"""Every fault of the suite: how the service and its store are built, how they are hurt, how they are healed."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask

from comments import create_app
from comments.keys import Keys
from comments.settings import load
from comments.store import embedded
from comments.store.client import connect
from comments.store.servers import slot_of
from tests import service
from tests.faults.load import Ask, Finding, History, Load, audit, in_process, over_http
from tests.faults.machine import no_compiler, preloaded
from tests.faults.proxy import Proxy
from tests.people import MAIL_KEY
from tests.topologies import fleet
from tests.turns import take_turns

KEYS = Keys(b"a secret for tests, not for use", bytes(MAIL_KEY.public_key), Path("nowhere"))


@dataclass
class Scene:
    """What the clients talk to, the store's address for the audit, and the fault."""

    ask: Ask
    token: str
    store: Callable[[], str]
    strike: Callable[[], object]
    heal: Callable[[], object] | None = None
    lasts: float = 1.0  # seconds between the two
    loses: bool = False  # whether the promise that was asked for allows a loss
    forgets: bool = False  # whether others may have seen what nobody was told is safe, before it went


Stage = Callable[[], AbstractContextManager[Scene]]
SCENES: dict[str, Stage] = {}
_NEEDS: dict[str, Callable[[], str]] = {}


def scene(name: str, needs: Callable[[], str] = lambda: "") -> Callable[[Callable[[], Iterator[Scene]]], Stage]:
    """Enters a fault in the list. `needs` says what this machine lacks for it."""

    def enter(build: Callable[[], Iterator[Scene]]) -> Stage:
        SCENES[name] = contextmanager(build)
        _NEEDS[name] = needs
        return SCENES[name]

    return enter


def lacks(name: str) -> str:
    """What this machine lacks for a fault; "" for nothing."""
    return _NEEDS[name]()


@contextmanager
def directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="c-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def an_app(url: str, **settings: Any) -> tuple[Ask, str, Flask]:
    """The service without a server, on a store."""
    usual = {"submit_limit": "", "redis_url": url, "min_free_mb": 0, "cache_mb": 8, "data": tempfile.gettempdir()}
    chosen: dict[str, Any] = {**usual, **settings}
    now, keys = chosen.pop("now", time.time), chosen.pop("keys", KEYS)
    app = create_app(load({}, **chosen), keys, now=now)
    people = app.extensions["comments"].people
    return in_process(take_turns(app)), people.add_token(f"program {len(people.tokens())}"), app


@contextmanager
def a_store(environ: Mapping[str, str] | None = None, **config: Any) -> Iterator[fleet.Valkey]:
    """One durable server."""
    with directory() as path:
        (port,) = fleet.free_ports(1)
        store = fleet.Valkey(path, port, environ=environ, **{**fleet.DURABLE, **config})
        try:
            yield store.start()
        finally:
            store.kill()


def url_of(store: fleet.Valkey) -> str:
    return f"redis://127.0.0.1:{store.port}"


# -- the whole service, with the store that it starts


@contextmanager
def served(strike: Callable[[service.Service], object], **more: Any) -> Iterator[Scene]:
    with directory() as data, service.serving(data, "--workers", "2", COMMENTS_SUBMIT_LIMIT="") as running:
        token = service.run("token", "add", "load", COMMENTS_DATA=str(data)).stdout.strip()
        heal = more.pop("heal", None)
        yield Scene(
            ask=over_http(lambda: running.port),
            token=token,
            store=lambda: embedded.running(data) or "",
            strike=lambda: strike(running),
            heal=(lambda: heal(running)) if heal else None,
            **more,
        )


def store_process(running: service.Service) -> int:
    (pid,) = [p for p in service.children(running.process.pid) if "valkey-server" in service.command_of(p)]
    return pid


@scene("kill -9 of the store")
def _kill_store() -> Iterator[Scene]:
    with served(lambda running: os.kill(store_process(running), signal.SIGKILL)) as one:
        yield one


@scene("kill -9 of a worker")
def _kill_worker() -> Iterator[Scene]:
    with served(lambda running: os.kill(running.workers()[0], signal.SIGKILL)) as one:
        yield one


@scene("the store stopped (SIGSTOP) for 5 s")
def _stop_store() -> Iterator[Scene]:
    with served(
        lambda running: os.kill(store_process(running), signal.SIGSTOP),
        heal=lambda running: os.kill(store_process(running), signal.SIGCONT),
        lasts=5.0,
    ) as one:
        yield one


@scene("kill -9 of the whole service, started again")
def _kill_service() -> Iterator[Scene]:
    with directory() as data, ExitStack() as stack:
        now = [stack.enter_context(service.serving(data, "--workers", "2", COMMENTS_SUBMIT_LIMIT=""))]
        port = [now[0].port]
        token = service.run("token", "add", "load", COMMENTS_DATA=str(data)).stdout.strip()

        def strike() -> None:
            tree = [now[0].process.pid, store_process(now[0]), *now[0].workers()]
            for pid in tree:
                os.kill(pid, signal.SIGKILL)
            service.until(lambda: not any(map(service.alive, tree)), 10)

        def heal() -> None:
            now[0] = stack.enter_context(service.serving(data, "--workers", "2", COMMENTS_SUBMIT_LIMIT=""))
            port[0] = now[0].port

        yield Scene(over_http(lambda: port[0]), token, lambda: embedded.running(data) or "", strike, heal, lasts=0.1)


@scene("a worker of two stopped (SIGTERM)")
def _stop_worker() -> Iterator[Scene]:
    with served(lambda running: os.kill(running.workers()[0], signal.SIGTERM)) as one:
        yield one


# -- the way to the store


def _wire(fault: str, share: float = 0.05) -> Callable[[], Iterator[Scene]]:
    """`share` is of the pieces that pass, which it strikes."""

    def build() -> Iterator[Scene]:
        with a_store() as store:
            proxy = Proxy(("127.0.0.1", store.port))
            proxy.share = share
            ask, token, _ = an_app(proxy.url, timeout=0.5, pause=0.2)
            yield Scene(
                ask,
                token,
                lambda: url_of(store),
                strike=lambda: setattr(proxy, "fault", fault),
                heal=lambda: setattr(proxy, "fault", ""),
                lasts=2.0,
            )
            proxy.close()

    return build


for _fault, _name in {
    "cut command": "connections cut in the middle of commands",
    "cut reply": "connections cut in the middle of replies",
    "lose reply": "replies lost",
    "reset": "connections reset",
    "delay": "one piece in 20 delayed by 0.3 s",
}.items():
    scene(_name)(_wire(_fault))
scene("every reply 0.3 s late, one in ten 3 s")(_wire("slow", share=1.0))


# -- one server of yours


@scene("the store's memory limit reached")
def _full_memory() -> Iterator[Scene]:
    with a_store() as store:
        ask, token, _ = an_app(url_of(store))
        yield Scene(
            ask,
            token,
            lambda: url_of(store),
            strike=lambda: store.ask("CONFIG", "SET", "maxmemory", "1mb"),
            heal=lambda: store.ask("CONFIG", "SET", "maxmemory", "0"),
        )


@scene("the store turned read-only")
def _read_only() -> Iterator[Scene]:
    with a_store() as store:
        ask, token, _ = an_app(url_of(store))
        yield Scene(
            ask,
            token,
            lambda: url_of(store),
            strike=lambda: store.ask("REPLICAOF", "127.0.0.1", "1"),
            heal=lambda: store.ask("REPLICAOF", "NO", "ONE"),
        )


@scene("kill -9 of the store and its log torn in the middle of an entry")
def _torn() -> Iterator[Scene]:
    with a_store() as store:
        ask, token, _ = an_app(url_of(store))

        yield Scene(ask, token, lambda: url_of(store), strike=lambda: tear(store), heal=store.start, lasts=0.2)


def tear(store: fleet.Valkey) -> None:
    """What a crash leaves of a write that nobody was told of."""
    store.kill()
    log = max((store.directory / "appendonlydir").glob("*.incr.aof"), key=lambda path: path.stat().st_mtime)
    with log.open("ab") as file:
        file.write(b"*3\r\n$3\r\nSET\r\n$5\r\ntorn")


# -- the power, and the log


@contextmanager
def a_store_that_loses_power(**config: Any) -> Iterator[tuple[fleet.Valkey, Callable[[], None]]]:
    """A store, and what happens to it then: killed, and its files cut to what was on disk."""
    with directory() as path:
        synced = path / "synced"
        environ = {"LD_PRELOAD": str(preloaded("power.c", path)), "POWER_LOG": str(synced)}
        with a_store(environ, **config) as store:

            def lose_power() -> None:
                store.kill()
                sizes = dict(line.split() for line in synced.read_text().splitlines())  # the last of each file counts
                for file in (store.directory / "appendonlydir").iterdir():
                    os.truncate(file, int(sizes.get(str(file.stat().st_ino), 0)))

            yield store, lose_power


@scene("the power lost: what was not synced is gone", no_compiler)
def _power() -> Iterator[Scene]:
    with a_store_that_loses_power() as (store, lose_power):
        ask, token, _ = an_app(url_of(store))
        yield Scene(ask, token, lambda: url_of(store), strike=lose_power, heal=store.start, lasts=0.2)


@scene("the log rewritten, the rewrite killed, and rewritten again")
def _rewritten() -> Iterator[Scene]:
    with a_store(rdb_key_save_delay=2000) as store:  # microseconds for each key: long enough to be killed in
        ask, token, _ = an_app(url_of(store))

        def rewrite_and_kill() -> None:
            assert store.process
            store.ask("BGREWRITEAOF")
            service.until(lambda: service.children(store.process.pid), 10)
            os.kill(service.children(store.process.pid)[0], signal.SIGKILL)
            service.until(lambda: store.facts("INFO", "persistence")["aof_rewrite_in_progress"] == "0", 10)
            assert store.facts("INFO", "persistence")["aof_last_bgrewrite_status"] == "err"

        def rewrite() -> None:
            store.ask("CONFIG", "SET", "rdb-key-save-delay", "0")
            store.ask("BGREWRITEAOF")
            service.until(lambda: len(list(store.directory.glob("appendonlydir/*.2.base.rdb"))), 20)
            store.kill()  # what was rewritten is what counts from now on
            store.start()

        yield Scene(ask, token, lambda: url_of(store), strike=rewrite_and_kill, heal=rewrite, lasts=0.5)


def no_small_disk() -> str:
    return "" if may_mount() else "needs the right to mount a small disk"


@scene("the disk full", no_small_disk)
def _full_disk() -> Iterator[Scene]:
    with directory() as path, a_small_disk(path):
        (port,) = fleet.free_ports(1)
        store = fleet.Valkey(path / "store", port, **fleet.DURABLE)
        try:
            store.start()
            # the floor is above what can be written in the second between two looks at the disk
            ask, token, _ = an_app(url_of(store), data=path, min_free_mb=16)
            filling = path / "filling"
            yield Scene(
                ask,
                token,
                lambda: url_of(store),
                strike=lambda: filling.write_bytes(bytes(shutil.disk_usage(path).free - 14 * 1024**2)),
                heal=filling.unlink,
            )
        finally:
            store.kill()


@contextmanager
def a_small_disk(path: Path) -> Iterator[None]:
    """64 MB that can be filled. Needs root."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(path)]
    subprocess.run(mount, check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(path)], check=True, capture_output=True)


def may_mount() -> bool:
    """Whether this machine lets us have a small disk."""
    if os.geteuid() != 0:
        return False
    with directory() as path:
        try:
            with a_small_disk(path):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


@scene("the service's clock set back an hour")
def _clock() -> Iterator[Scene]:
    with a_store() as store:
        step = [0.0]
        ask, token, _ = an_app(url_of(store), now=lambda: time.time() + step[0], submit_limit="100000/minute")
        yield Scene(
            ask,
            token,
            lambda: url_of(store),
            strike=lambda: step.__setitem__(0, -3600.0),
            heal=lambda: step.__setitem__(0, 0.0),
        )


# -- several servers


def _sentinels(
    durability: str, strike: Callable[[fleet.Watched], object], **more: Any
) -> Callable[[], Iterator[Scene]]:
    def build() -> Iterator[Scene]:
        with fleet.watched() as group:
            ask, token, _ = an_app(group.url, durability=durability, pause=0.2)
            yield Scene(ask, token, lambda: group.url, lambda: strike(group), loses=durability != "replica")

    return build


scene("Sentinel, durability = replica: kill -9 of the primary")(
    _sentinels("replica", lambda group: group.primary().kill())
)
scene("Sentinel, durability = replica: the primary stopped (SIGSTOP)")(
    _sentinels("replica", lambda group: group.primary().signal(signal.SIGSTOP))
)
scene("Sentinel, durability = disk: kill -9 of the primary")(_sentinels("disk", lambda group: group.primary().kill()))


def _cut_off(durability: str) -> Callable[[], Iterator[Scene]]:
    """The primary and the service on one side, the replicas and two of three sentinels on the other."""

    def build() -> Iterator[Scene]:
        with (
            fleet.another_network() as (near, far, join),
            fleet.watched(hosts=(near, far, far), min_replicas_to_write=1, min_replicas_max_lag=2) as group,
        ):
            ask, token, _ = an_app(group.url, durability=durability, pause=0.2)
            yield Scene(
                ask,
                token,
                lambda: group.url,
                strike=lambda: join(False),
                heal=lambda: join(True),
                lasts=8.0,
                loses=durability != "replica",
                forgets=durability != "replica",
            )

    return build


for _durability in ("replica", "disk"):
    scene(
        f"Sentinel, durability = {_durability}: the primary and the service cut off from the others for 8 s",
        fleet.no_second_network,
    )(_cut_off(_durability))


def _nodes(durability: str, strike: str, heal: str = "", lasts: float = 1.0) -> Callable[[], Iterator[Scene]]:
    """`strike` and `heal` are what is done to the first node."""

    def build() -> Iterator[Scene]:
        with fleet.clustered() as nodes:
            ask, token, _ = an_app(nodes.url, durability=durability, pause=0.2)
            first = nodes.servers[0]
            yield Scene(
                ask,
                token,
                lambda: nodes.url,
                strike=getattr(first, strike),
                heal=getattr(first, heal) if heal else None,
                lasts=lasts,
                loses=durability != "replica",
            )

    return build


def _moving(move: Callable[[fleet.Nodes], object]) -> Callable[[], Iterator[Scene]]:
    def build() -> Iterator[Scene]:
        with fleet.clustered(replicas=False) as nodes:
            ask, token, _ = an_app(nodes.url, pause=0.2)
            yield Scene(ask, token, lambda: nodes.url, strike=lambda: move(nodes))

    return build


scene("Cluster, durability = disk: kill -9 of a primary")(_nodes("disk", "kill"))
# where nothing is left to be a replica, nothing is acknowledged: the killed one comes back, as a replica
scene("Cluster, durability = replica: kill -9 of a primary, started again after 5 s")(
    _nodes("replica", "kill", "start", 5.0)
)
scene("Cluster: 500 slots moved to another node, whole (MIGRATESLOTS)")(
    _moving(lambda nodes: nodes.move_at_once(0, 499))
)


@scene("Cluster without replicas: a node lost for 3 s")
def _lost_node() -> Iterator[Scene]:
    with fleet.clustered(replicas=False) as nodes:
        ask, token, _ = an_app(nodes.url, pause=0.2, submit_limit="100000/minute")
        lost = nodes.servers[0]

        def heal() -> None:
            lost.start()
            service.until(nodes.is_whole, 30)

        yield Scene(ask, token, lambda: nodes.url, strike=lost.kill, heal=heal, lasts=3.0)


_SHARDS = [slot_of(("GET", f"{{c:{shard:02x}}}")) for shard in range(64)]
scene("Cluster: a third of the comments moved to another node, key by key (MIGRATE)")(
    _moving(lambda nodes: nodes.move([slot for slot in _SHARDS if slot < 5461]))
)


# -- one play


@dataclass
class Row:
    """What one fault did."""

    history: History
    finding: Finding
    pause: float  # the longest time without an acknowledgement, from the strike on
    healed: float | None  # seconds from the end of the fault to the first acknowledgement


def play(stage: Stage, *, before: int, after: int, patience: float = 40.0) -> tuple[Row, Scene]:
    """Load, fault, recovery, audit."""
    with stage() as scene:
        with Load(scene.ask, scene.token) as load:
            service.until(lambda: load.has_accepted(before), patience)
            struck = time.monotonic()
            scene.strike()
            healed = None
            if scene.heal:
                time.sleep(scene.lasts)
                scene.heal()
                healed = time.monotonic()
            count = load.accepted
            service.until(lambda: load.has_accepted(count + after), patience)
        client = connect(scene.store(), timeout=10, pause=0, pool=2)
        finding = audit(client, load.history)
        client.close()
        history = load.history
        return Row(
            history, finding, history.longest_pause(struck), history.first_after(healed) if healed else None
        ), scene
