"""Several real Valkeys on loopback: a primary with replicas and Sentinels, and a cluster."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from comments.store.embedded import _binary
from tests.service import until

HOST = "127.0.0.1"
DURABLE = {"appendonly": "yes", "appendfsync": "always", "save": "", "repl_diskless_sync_delay": "0"}
SERVICE = "comments"


def free_ports(count: int) -> list[int]:
    """Ports that nobody has at this moment."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.create_server((HOST, 0))) for _ in range(count)]
        return [one.getsockname()[1] for one in sockets]


class Valkey:
    """One server process with a directory of its own, which survives its restarts."""

    def __init__(
        self,
        directory: Path,
        port: int,
        mode: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        host: str = HOST,
        inside: Sequence[str] = (),
        **config: Any,
    ) -> None:
        """`inside` is a command that runs the server somewhere else, as in a network of its own."""
        self.directory = directory
        self.port = port
        self.host = host
        self._inside = inside
        self._mode = mode
        self._environ = {**os.environ, **(environ or {})}
        self._file = directory / "valkey.conf"
        self.process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        lines = [
            f"port {port}",
            f"bind {host}",
            "protected-mode no",
            f"dir {directory}",
            'enable-protected-configs "yes"',
        ]
        if "--sentinel" in mode:
            lines = lines[:4]
        for name, values in config.items():
            for value in values if isinstance(values, list) else [values]:
                lines.append(f"{name.replace('_', '-')} {value or chr(34) * 2}")
        self._file.write_text("\n".join(lines) + "\n")

    @property
    def client(self) -> redis.Redis:
        return redis.Redis(self.host, self.port, socket_timeout=5, retry=Retry(NoBackoff(), 0), protocol=2)

    def start(self, *more: str) -> "Valkey":
        """Starts it and waits until it answers."""
        self.begin(*more)
        until(self.answers, 60)  # reading a long log back takes its time
        return self

    def begin(self, *more: str) -> None:
        with (self.directory / "log").open("ab") as log:
            command = [*self._inside, str(_binary()), str(self._file), *more, *self._mode]
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self._environ
            )

    def answers(self) -> bool:
        with suppress(redis.RedisError), self.client as connection:
            return bool(connection.ping())
        assert self.process is None or self.process.poll() is None, (self.directory / "log").read_text()[-2000:]
        return False

    def signal(self, number: signal.Signals) -> None:
        assert self.process
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def ask(self, *words: Any) -> Any:
        with self.client as connection:
            return connection.execute_command(*words)

    def facts(self, *words: str) -> dict[str, str]:
        """A reply like INFO's."""
        reply = self.ask(" ".join(words)) if words[0] == "CLUSTER" else self.ask(*words)
        if isinstance(reply, dict):  # redis-py knows this one
            return {name: str(value) for name, value in reply.items()}
        lines = reply.decode().splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)


@contextmanager
def _directory() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="c-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


class Watched:
    """A primary, two replicas and three sentinels."""

    def __init__(
        self, directory: Path, down_after: int, hosts: Sequence[Mapping[str, Any]] = ({}, {}, {}), **config: Any
    ) -> None:
        """`hosts` says where each server runs, and a sentinel beside it."""
        ports = free_ports(6)
        self.servers = [
            Valkey(directory / f"s{n}", ports[n], **host, **{**DURABLE, **config}) for n, host in enumerate(hosts)
        ]
        first = self.servers[0]
        self.sentinels = [
            Valkey(
                directory / f"w{n}",
                ports[3 + n],
                ["--sentinel"],
                **host,
                sentinel=[
                    f"monitor {SERVICE} {first.host} {first.port} 2",
                    f"down-after-milliseconds {SERVICE} {down_after}",
                    f"failover-timeout {SERVICE} 5000",
                ],
            )
            for n, host in enumerate(hosts)
        ]

    @property
    def url(self) -> str:
        return f"redis+sentinel://{','.join(f'{one.host}:{one.port}' for one in self.sentinels)}/{SERVICE}"

    def start(self) -> None:
        primary, *others = self.servers
        primary.start()
        for replica in others:
            replica.start("--replicaof", primary.host, str(primary.port))
        for sentinel in self.sentinels:
            sentinel.start()
        until(self.is_whole, 30)

    def is_whole(self) -> bool:
        """Whether both replicas are in step and every sentinel knows everybody; not while a role is changing."""
        try:
            return self._is_whole()
        except redis.RedisError:  # a server that changes its role closes its connections
            return False

    def _is_whole(self) -> bool:
        links = [server.facts("INFO", "replication").get("master_link_status", "up") for server in self.servers]
        states = [sentinel.client.sentinel_master(SERVICE) for sentinel in self.sentinels]
        return set(links) == {"up"} and all(
            state["num-slaves"] >= 2 and state["num-other-sentinels"] == 2 and state["flags"] == "master"
            for state in states
        )

    def primary(self) -> Valkey:
        """The one that the sentinels name."""
        _, port = self.sentinels[0].client.sentinel_get_master_addr_by_name(SERVICE)
        return next(server for server in self.servers if server.port == int(port))

    def stop(self) -> None:
        for one in [*self.sentinels, *self.servers]:
            one.kill()


class Nodes:
    """A cluster: three primaries, each with a replica unless `replicas` is false."""

    def __init__(self, directory: Path, timeout: int, replicas: bool = True, **config: Any) -> None:
        ports = free_ports(12)
        count = 6 if replicas else 3
        self.servers = [
            Valkey(
                directory / f"n{n}",
                ports[n],
                cluster_enabled="yes",
                cluster_port=ports[6 + n],
                cluster_node_timeout=timeout,
                cluster_require_full_coverage="no",
                **{**DURABLE, **config},
            )
            for n in range(count)
        ]

    @property
    def url(self) -> str:
        return f"redis+cluster://{','.join(f'{HOST}:{one.port}' for one in self.servers[:3])}"

    def start(self) -> None:
        for server in self.servers:
            server.start()
        first, *others = self.servers
        for number, server in enumerate(self.servers):
            server.ask("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for server in others:
            bus = int(re.search(r"cluster-port (\d+)", server._file.read_text())[1])  # type: ignore[index]  # we wrote it
            first.ask("CLUSTER", "MEET", HOST, server.port, bus)
        edges = [0, 5461, 10923, 16384]
        for n in range(3):
            self.servers[n].ask("CLUSTER", "ADDSLOTSRANGE", edges[n], edges[n + 1] - 1)
        until(lambda: all(self._knows(one) == len(self.servers) for one in self.servers), 30)
        for n, replica in enumerate(self.servers[3:]):
            replica.ask("CLUSTER", "REPLICATE", self.id(self.servers[n]))
        until(self.is_whole, 30)

    @staticmethod
    def _knows(server: Valkey) -> int:
        return int(server.facts("CLUSTER", "INFO")["cluster_known_nodes"])

    def is_whole(self) -> bool:
        """Whether every node sees all slots served, and every replica has a primary that answers it."""
        for server in self.servers:
            info = server.facts("CLUSTER", "INFO")
            if info["cluster_state"] != "ok" or int(info["cluster_slots_ok"]) != 16384:
                return False
            state = server.client.info("replication")
            if state["role"] == "slave" and state["master_link_status"] != "up":
                return False
        primaries = [one for one in self.servers if one.client.info("replication")["role"] == "master"]
        return len(primaries) == 3 and all(
            len(self.servers) == 3 or one.client.info("replication")["connected_slaves"] for one in primaries
        )

    @staticmethod
    def id(server: Valkey) -> str:
        """The node's name in the cluster."""
        return str(server.ask("CLUSTER", "MYID").decode())

    def owner(self, slot: int) -> Valkey:
        """The primary that serves a slot, as the first node that is alive sees it."""
        seen = next(one for one in self.servers if one.process).ask("CLUSTER", "SLOTS")
        for first, last, primary, *_ in seen:
            if first <= slot <= last:
                return next(one for one in self.servers if one.port == primary[1])
        raise LookupError(slot)

    def move(self, slots: Sequence[int]) -> None:
        """Moves slots of one node to another, each key on its own, as it was done before Valkey 9."""
        here = self.owner(slots[0])
        there = next(one for one in self.servers[:3] if one is not here)
        ours, theirs = self.id(here), self.id(there)
        with here.client as source, there.client as target:
            for slot in slots:
                target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ours)
                source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", theirs)
                while keys := source.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100):
                    source.execute_command("MIGRATE", HOST, there.port, "", 0, 5000, "KEYS", *keys)
                for one in (target, source):
                    one.execute_command("CLUSTER", "SETSLOT", slot, "NODE", theirs)

    def move_at_once(self, first: int, last: int) -> None:
        """Moves slots to another node whole, as Valkey 9 does it."""
        here = self.owner(first)
        there = next(one for one in self.servers[:3] if one is not here)
        here.ask("CLUSTER", "MIGRATESLOTS", "SLOTSRANGE", first, last, "NODE", self.id(there))
        until(lambda: self.owner(first) is there, 30)

    def stop(self) -> None:
        for one in self.servers:
            one.kill()


@contextmanager
def watched(
    down_after: int = 1000, hosts: Sequence[Mapping[str, Any]] = ({}, {}, {}), **config: Any
) -> Iterator[Watched]:
    """A primary with replicas and sentinels, whole when the block begins."""
    with _directory() as directory:
        group = Watched(directory, down_after, hosts, **config)
        try:
            group.start()
            yield group
        finally:
            group.stop()


@contextmanager
def clustered(timeout: int = 1000, *, replicas: bool = True, **config: Any) -> Iterator[Nodes]:
    """A cluster, whole when the block begins. `timeout` (ms) is its node timeout."""
    with _directory() as directory:
        nodes = Nodes(directory, timeout, replicas, **config)
        try:
            nodes.start()
            yield nodes
        finally:
            nodes.stop()


def no_second_network() -> str:
    """What this machine lacks for one."""
    try:
        with another_network():
            return ""
    except (OSError, subprocess.CalledProcessError):
        return "needs the right to make a network"


@contextmanager
def another_network() -> Iterator[tuple[dict[str, Any], dict[str, Any], Callable[[bool], None]]]:
    """A host here, a host in a network of its own on this machine, and what cuts (False) and mends the way between.

    Nobody is told of a cut: what is sent is lost, as it is when a cable is pulled. Needs root.
    """
    name, near, far = f"c{os.getpid()}", "198.18.0.1", "198.18.0.2"  # a range for tests (RFC 2544)

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True)

    inside = ["ip", "netns", "exec", name]
    run("ip", "netns", "add", name)
    try:
        run("ip", "link", "add", f"{name}n", "type", "veth", "peer", "name", f"{name}f", "netns", name)
        run("ip", "address", "add", f"{near}/30", "dev", f"{name}n")
        run("ip", "link", "set", f"{name}n", "up")
        run(*inside, "ip", "address", "add", f"{far}/30", "dev", f"{name}f")
        run(*inside, "ip", "link", "set", "lo", "up")

        def join(together: bool) -> None:
            run(*inside, "ip", "link", "set", f"{name}f", "up" if together else "down")

        join(True)
        yield {"host": near}, {"host": far, "inside": inside}, join
    finally:
        subprocess.run(["ip", "link", "delete", f"{name}n"], check=False, capture_output=True)
        run("ip", "netns", "delete", name)


def empty(servers: Sequence[Valkey]) -> None:
    """Empties every primary."""
    for server in servers:
        with suppress(redis.exceptions.ReadOnlyError):
            server.ask("FLUSHALL")
