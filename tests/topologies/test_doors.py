"""Ways in: TLS with certificates, users and passwords; and what is said when one is refused."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from flask import Flask

from comments.errors import Unavailable
from comments.store.client import Client, connect
from comments.store.repair import repair
from tests.faults.scenes import a_store
from tests.people import Moderator, Reader
from tests.topologies.fleet import Nodes, Valkey, Watched


@pytest.fixture
def guarded() -> Iterator[Valkey]:
    """A store with a user for the service, who may do only what it needs."""
    with a_store(user="comments on >s3cret ~* &* +@all -@dangerous +info +config|get +cluster|slots") as store:
        store.ask("ACL", "SETUSER", "default", "off")
        yield store


def opened(url: str, **tls: str) -> Client:
    return connect(url, timeout=2, pause=0, pool=2, tls=tls)


def test_a_user_with_a_password_comes_in_and_no_other(guarded: Valkey) -> None:
    place = f"127.0.0.1:{guarded.port}"
    assert opened(f"redis://comments:s3cret@{place}").command("SET", "a", "1")
    for who in ("comments:wrong@", ""):
        with pytest.raises(Unavailable, match="credentials"):
            opened(f"redis://{who}{place}").command("GET", "a")


def test_that_user_may_do_all_that_the_service_does(guarded: Valkey, make_app: Callable[..., Flask]) -> None:
    app = make_app(redis_url=f"redis://comments:s3cret@127.0.0.1:{guarded.port}")
    moderator = Moderator(app.test_client(), app.extensions["comments"].people.add_token("Lan"))
    reader = Reader(app.test_client())
    moderator.approved(reader)
    assert len(reader.bodies()) == 1
    assert app.test_client().get("/readyz").json["durability"] == "kept"
    assert repair(app.extensions["comments"].client, "comments").counts == {}


def test_sentinels_and_cluster_take_a_user_too(sentinels: Watched, cluster: Nodes) -> None:
    for group in (sentinels, cluster):
        for server in group.servers:
            server.ask("ACL", "SETUSER", "comments", "on", ">s3cret", "~*", "&*", "+@all")
        url = group.url.replace("://", "://comments:s3cret@")
        assert opened(url).command("SET", "a", "1")
        with pytest.raises(Unavailable):
            opened(group.url.replace("://", "://comments:wrong@")).command("GET", "a")
        for server in group.servers:
            server.ask("ACL", "DELUSER", "comments")


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, and a certificate of it for 127.0.0.1 and for a client."""
    folder = tmp_path_factory.mktemp("papers")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    openssl("req", "-x509", *key, "-subj", "/CN=authority", "-keyout", "ca.key", "-out", "ca.pem")
    for name in ("server", "client"):
        names = ["-addext", "subjectAltName=IP:127.0.0.1"]
        signed = ["-CA", "ca.pem", "-CAkey", "ca.key", "-addext", "basicConstraints=CA:FALSE"]
        openssl(
            "req",
            "-x509",
            *key,
            "-subj",
            f"/CN={name}",
            *names,
            *signed,
            "-keyout",
            f"{name}.key",
            "-out",
            f"{name}.pem",
        )
    return folder


class Tls(threading.Thread):
    """What stands in front of a store that speaks TLS: takes clients with a certificate of the authority only."""

    def __init__(self, target: int, papers: Path) -> None:
        super().__init__(daemon=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(papers / "server.pem", papers / "server.key")
        context.load_verify_locations(papers / "ca.pem")
        context.verify_mode = ssl.CERT_REQUIRED
        self._context, self._target = context, target
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.start()

    def run(self) -> None:
        with suppress(OSError):
            while True:
                plain, _ = self._server.accept()
                threading.Thread(target=self._relay, args=(plain,), daemon=True).start()

    def _relay(self, plain: socket.socket) -> None:
        store = socket.create_connection(("127.0.0.1", self._target))
        with suppress(OSError), store, self._context.wrap_socket(plain, server_side=True) as client:
            while piece := client.recv(1 << 16):
                store.sendall(piece)
                client.sendall(store.recv(1 << 16))

    def close(self) -> None:
        self._server.close()


def test_tls_with_an_authority_and_a_certificate_of_ours(papers: Path) -> None:
    with a_store() as store:
        front = Tls(store.port, papers)
        own = {"ssl_certfile": str(papers / "client.pem"), "ssl_keyfile": str(papers / "client.key")}
        authority = {"ssl_ca_certs": str(papers / "ca.pem")}
        url = f"rediss://127.0.0.1:{front.port}/0"
        client = opened(url, **own, **authority)
        assert client.pipeline([("SET", "a", "1"), ("GET", "a")]) == [b"OK", b"1"]
        with pytest.raises(Unavailable):
            opened(url, **own).command("GET", "a")  # an authority that this machine does not know
        with pytest.raises(Unavailable):
            opened(url, **authority).command("GET", "a")  # without a certificate
        client.close()
        front.close()
