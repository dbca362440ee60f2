"""Under pressure: a store that is still reading its log, keys that change, files that run out, a deployment."""

import http.client
import json
import os
import random
import resource
import shutil
import signal
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlencode

import pytest
from flask import Flask
from nacl.public import PrivateKey

from comments.resources import folder
from comments.sealing import Unreadable, unseal
from comments.store import records
from comments.store.client import Client, connect
from comments.store.comments import CommentStore
from comments.store.embedded import _ping
from comments.store.embedded import running as running_store
from comments.store.keys import Keys
from tests import service
from tests.faults import scenes
from tests.faults.load import Load, audit
from tests.faults.machine import Machine, no_compiler
from tests.newsroom import Colleague
from tests.people import COMMENTS, MAIL_KEY, Reader, a_submission

Eventually = Callable[..., None]


def test_while_the_store_reads_its_log_back_readers_are_told_when_to_try_again(
    data: Path, eventually: Eventually
) -> None:
    shutil.copy(folder("config") / "valkey.conf", data)
    with (data / "valkey.conf").open("a") as config:
        config.write("key-load-delay 500\n")  # microseconds for each command
    with service.serving(data, COMMENTS_SUBMIT_LIMIT="") as running:
        path = data / "valkey" / "valkey.sock"
        connected = connect(f"unix://{path}", timeout=5, pause=0, pool=1)
        connected.pipeline([("SET", f"planted:{n}", "1") for n in range(12_000)])
        os.kill(scenes.store_process(running), signal.SIGKILL)
        eventually(lambda: _ping(path).startswith(b"-LOADING"), within=10)
        assert running.get("/healthz")[0] == 200
        assert running.get("/readyz")[0] == 503
        status, _, headers = running.post(COMMENTS, a_submission())
        assert (status, headers["Retry-After"]) == (503, "2")
        assert _ping(path).startswith(b"-LOADING")
        connected.everywhere(("CONFIG", "SET", "key-load-delay", "0"))
        connected.close()
        eventually(lambda: running.post(COMMENTS, a_submission())[0] == 202, within=20)


def test_a_mail_key_that_is_replaced_under_load_costs_nobody_anything() -> None:
    new = PrivateKey.generate()
    with scenes.a_store() as store:
        before, token, _ = scenes.an_app(scenes.url_of(store))
        after, _, _ = scenes.an_app(scenes.url_of(store), keys=scenes.KEYS._replace(mail_public=bytes(new.public_key)))
        asks = [before]
        with Load(lambda *request: random.choice(asks)(*request), token) as load:  # noqa: S311 - no secret
            for now in ([before, after], [after]):  # one worker after another has the new key
                count = load.accepted
                service.until(lambda count=count: load.has_accepted(count + 60), 30)
                asks[:] = now
            service.until(lambda: load.has_accepted(200), 30)
        client = connect(scenes.url_of(store), timeout=5, pause=0, pool=2)
        assert audit(client, load.history).is_clean
        assert set(load.history.statuses) <= {200, 202}
        opened = [opens(client, comment_id, [MAIL_KEY, new]) for comment_id in load.history.accepted.values()]
        assert set(map(tuple, opened)) == {(True, False), (False, True)}
        client.close()


def opens(client: Client, comment_id: str, keys: list[PrivateKey]) -> list[bool]:
    """Which of the keys opens a comment's address; with another one it is unreadable, and all else is as before."""
    sealed = client.command("HGET", Keys("comments").comment(comment_id), records.MAIL)
    found = []
    for key in keys:
        try:
            found.append(unseal(bytes(key), sealed, comment_id).reveal().endswith("@reader-mail.vn"))
        except Unreadable:
            found.append(False)
    return found


def test_a_worker_of_two_that_is_stopped_loses_nothing_and_answers_no_error() -> None:
    row, _ = scenes.play(scenes.SCENES["a worker of two stopped (SIGTERM)"], before=60, after=100)
    assert row.finding.is_clean
    assert set(row.history.statuses) <= {200, 202}


def test_a_worker_without_files_left_goes_on_for_who_is_connected_and_recovers(
    data: Path, eventually: Eventually
) -> None:
    with service.serving(data, COMMENTS_SUBMIT_LIMIT="") as running, ExitStack() as stack:
        assert running.post(COMMENTS, a_submission())[0] == 202
        (worker,) = running.workers()
        connected = http.client.HTTPConnection("127.0.0.1", running.port, timeout=10)
        stack.callback(connected.close)
        assert asked(connected) == 202
        had = resource.prlimit(worker, resource.RLIMIT_NOFILE)
        few = len(list(Path(f"/proc/{worker}/fd").iterdir())) + 4
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (few, had[1]))
        idle = [socket.create_connection(("127.0.0.1", running.port), timeout=10) for _ in range(40)]
        eventually(lambda: len(list(Path(f"/proc/{worker}/fd").iterdir())) >= few)
        assert asked(connected) in (202, 503)
        for each in idle:
            each.close()
        eventually(lambda: running.answers("/readyz"), within=10)
        eventually(lambda: running.post(COMMENTS, a_submission())[0] == 202)
        assert running.workers() == [worker]


def asked(connection: http.client.HTTPConnection) -> int:
    """The status of a submission over a connection that is open already."""
    connection.request("POST", COMMENTS, json.dumps(a_submission()), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_no_reader_waits_longer_than_is_allowed_however_long_the_store_may_take(
    data: Path, eventually: Eventually
) -> None:
    settings = {"COMMENTS_TIMEOUT": "10", "COMMENTS_ANSWER_WITHIN": "0.4", "COMMENTS_CACHE_MB": "0"}
    with service.serving(data, **settings) as running:
        store, said = scenes.store_process(running), a_submission(idempotency_key="k")
        assert running.post(COMMENTS, a_submission())[0] == 202
        os.kill(store, signal.SIGSTOP)
        try:
            began = time.monotonic()
            status, body, headers = running.post(COMMENTS, said)
            assert (status, json.loads(body)["outcome"], headers["Retry-After"]) == (503, "unknown", "2")
            assert running.get(f"{COMMENTS}?article=a")[0] == 503
            status, page, headers = running.ask("GET", "/embed?article=a&lang=vi", headers={"Accept": "text/html"})
            assert (status, headers.get_content_type()) == (503, "text/html")
            assert 'lang="vi"' in page.decode()
            assert time.monotonic() - began < 3
        finally:
            os.kill(store, signal.SIGCONT)
        eventually(lambda: running.post(COMMENTS, said)[0] == 202)
        client = connect(running_store(data) or "", timeout=5, pause=0, pool=1)
        assert sum(CommentStore(client, "comments").waiting().values()) == 2
        client.close()


def test_when_memory_is_full_somebody_can_sign_in_and_reject_and_is_told(make_app: Callable[..., Flask]) -> None:
    with scenes.a_store() as store:
        app = make_app(redis_url=scenes.url_of(store))
        reader, lan = Reader(app.test_client()), Colleague(app)
        comment_id = reader.submitted()
        store.ask("CONFIG", "SET", "maxmemory", "1mb")
        assert reader.submit().json["code"] == "store_full"
        lan.signed_in()
        page = lan.get("/moderate/").text
        assert "no room for new comments" in page
        decision = {"id": comment_id, "version": "1", "decision": "reject", "reason": "off_topic"}
        assert lan.post("/moderate/decisions", page="/moderate/", **decision).status_code == 303
        assert "no_room" not in lan.get("/moderate/", status="rejected").text
        store.ask("CONFIG", "SET", "maxmemory", "0")
        assert reader.submit().status_code == 202


@pytest.mark.skipif(bool(no_compiler()), reason=no_compiler())
@pytest.mark.parametrize("short_of", ["no_threads", "no_ports"])
def test_a_machine_without_threads_or_ports_left_is_answered_503_at_most_and_recovers(
    data: Path, short_of: str, eventually: Eventually
) -> None:
    machine = Machine(data)
    with (
        scenes.a_store() as store,
        service.serving(data, COMMENTS_REDIS_URL=scenes.url_of(store), **machine.environ) as running,
    ):
        machine.be(**{short_of: True})
        statuses = {
            running.get(path)[0] for path in (f"{COMMENTS}?article=a", "/embed?article=a", "/readyz", "/metrics")
        }
        statuses |= {running.post(COMMENTS, a_submission())[0], a_sign_in(running)}
        assert statuses <= {200, 202, 401, 503}
        assert 503 in statuses
        assert running.answers("/healthz")
        machine.be()
        eventually(lambda: running.post(COMMENTS, a_submission())[0] == 202)
        assert a_sign_in(running) == 401


def a_sign_in(running: service.Service) -> int:
    """The status of a sign-in by somebody unknown."""
    _, page, headers = running.ask("GET", "/moderate/sign-in")
    token = page.decode().split('name="csrf_token" value="', 1)[1].split('"', 1)[0]
    typed = urlencode({"csrf_token": token, "name": "Lan", "password": "an unlikely word"})
    cookie = headers["Set-Cookie"].split(";")[0]
    form = {"Content-Type": "application/x-www-form-urlencoded", "Cookie": cookie}
    return running.ask("POST", "/moderate/sign-in", typed, form)[0]
