"""Webhooks: what they are told, what they are not, and that whatever they do disturbs nobody."""

import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from flask import Flask

from comments import doctor
from comments.model import Status, Transition, moment_of
from comments.notices import webhooks
from comments.notices import worker as work_on
from comments.notices.worker import Worker, stands
from comments.settings import Secret, Settings, load
from comments.store import records
from comments.store.outbox import HELD, Outbox
from comments.web.here import House
from tests.description import DESCRIPTION, validate
from tests.faults.load import over_http
from tests.notices.receiver import Answer, Receiver, drop_by_drop, listening, status, without_end
from tests.people import COMMENTS, MODERATION, Moderator, Reader, a_submission
from tests.service import COMMAND, clean_environment, end, run, serving

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOLD_BACK, AN_HOUR = 10_000, 3_600_000
HOLDER = "comments:{outbox}:holder"
Eventually = Callable[..., None]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with listening() as made:
        yield made


@pytest.fixture
def settings(store_url: str, data: Path, receiver: Receiver) -> Settings:
    return load({}, redis_url=store_url, data=data, **told(receiver))


def told(receiver: Receiver) -> dict[str, str]:
    return {"webhook_urls": receiver.url, "webhook_secret": SECRET, "webhook_private": "yes"}


class Clock:
    """The store's, ahead of itself."""

    ahead = 0

    def wait(self, milliseconds: int) -> None:
        self.ahead += milliseconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made, read = Clock(), Outbox.clock
    monkeypatch.setattr(Outbox, "clock", lambda outbox: read(outbox) + made.ahead)
    return made


@pytest.fixture
def worker(settings: Settings, house: House, clock: Clock) -> Worker:
    """One that is at work since the log is empty."""
    made = Worker(settings, house.client)
    assert made.hold()
    made.look()
    return made


def work(worker: Worker, receiver: Receiver) -> None:
    """Everything that can be told now."""
    while worker.look() == 0:
        pass
    while worker.tell(receiver.url) == 0:
        pass


@pytest.mark.topologies
def test_an_approved_comment_is_told_in_its_public_form(
    worker: Worker, receiver: Receiver, clock: Clock, reader: Reader, moderator: Moderator
) -> None:
    comment_id = moderator.approved(reader, email="hoa.bi.mat@reader-mail.vn", article="bài 1")
    work(worker, receiver)
    assert receiver.heard == [], "it may still be taken back"
    clock.wait(HOLD_BACK)
    work(worker, receiver)
    (heard,) = receiver.heard
    validate(heard.said, DESCRIPTION["components"]["schemas"]["Notice"])
    data = heard.said["data"]
    (public,) = reader.read("bài 1")["comments"]
    assert data["comment"] == {name: public[name] for name in data["comment"]}
    assert {"body", "html", "name"} <= set(data["comment"])
    assert data | {"comment": None} == {
        "id": comment_id,
        "article": "bài 1",
        "site": "main",
        "status": "approved",
        "version": 2,
        "comment": None,
    }
    assert heard.said["type"] == "comment.approved"
    assert heard.said["timestamp"] == moderator.log(comment=comment_id)[-1]["at"]
    assert b"Lan" not in heard.body, "who decided is the newsroom's business"
    assert "bi.mat" not in str(heard)
    work(worker, receiver)
    assert len(receiver.heard) == 1


def test_of_what_is_not_public_only_the_state_is_told(
    worker: Worker, receiver: Receiver, clock: Clock, reader: Reader, moderator: Moderator
) -> None:
    moderator.decide(reader.submitted(name="Kẻ Phá Hoại", body="lời thô tục"), "reject", reason="Nội quy 7")
    clock.wait(HOLD_BACK)
    work(worker, receiver)
    (heard,) = receiver.heard
    assert heard.said["data"]["comment"] is None
    for private in ("Phá", "tục", "quy", moderator.log()[0]["comment"] + "x"):
        assert private not in heard.body.decode()


def test_what_is_undone_within_the_hold_back_tells_nobody(
    worker: Worker, receiver: Receiver, clock: Clock, reader: Reader, moderator: Moderator
) -> None:
    moderator.decide(moderator.approved(reader), "restore", 2)
    reader.submitted()
    clock.wait(HOLD_BACK)
    work(worker, receiver)
    assert receiver.heard == []


def test_what_changes_while_it_waits_to_be_told_is_told_as_it_stands_once_that_has_stood(
    worker: Worker, receiver: Receiver, clock: Clock, reader: Reader, moderator: Moderator, patient: Worker
) -> None:
    comment_id = moderator.approved(reader)
    clock.wait(HOLD_BACK)
    worker.look()
    moderator.decide(comment_id, "spam", 2)
    assert (patient.tell(receiver.url), patient.tell(receiver.url)) == (0, 1)
    assert receiver.heard == [], "the new decision has its own hold-back"
    clock.wait(AN_HOUR)
    assert (patient.tell(receiver.url), patient.tell(receiver.url)) == (0, 1)
    assert receiver.states() == ["spam"]


@pytest.fixture
def patient(settings: Settings, house: House) -> Worker:
    """The same with a long hold-back."""
    return Worker(replace(settings, moderation=replace(settings.moderation, hold_back_seconds=3600)), house.client)


def test_what_changes_while_it_is_being_told_is_told_anew(
    worker: Worker, receiver: Receiver, clock: Clock, reader: Reader, moderator: Moderator
) -> None:
    comment_id = moderator.approved(reader)
    clock.wait(HOLD_BACK)
    worker.look()

    def meanwhile(out: Any) -> None:
        receiver.answer = status(204)
        moderator.decide(comment_id, "spam", 2)
        clock.wait(HOLD_BACK)
        worker.look()
        out.write(b"HTTP/1.1 204 x\r\n\r\n")

    receiver.answer = meanwhile
    work(worker, receiver)
    assert receiver.states() == ["approved", "spam"]


def entries(*changes: tuple[int, str, str]) -> list[Transition]:
    """A history: at which second, from which status, to which; "" for none."""
    return [
        Transition(f"{1000 * at}-0-00", moment_of(at), "Lan", "x", Status(a) if a else None, Status(b), None, number)
        for number, (at, a, b) in enumerate(changes, 1)
    ]


P, A, R, S = "pending", "approved", "rejected", "spam"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ([(0, "", P), (60, P, A)], [1]),
        ([(0, "", P), (60, P, A), (69, A, P)], []),
        ([(0, "", P), (60, P, A), (70, A, P)], [1, 2]),
        ([(0, "", P), (60, P, A), (69, A, P), (78, P, R)], [3]),
        ([(0, "", P), (60, P, A), (99, A, R), (100, R, P), (101, P, A)], [1]),
        ([(0, "", P), (3, P, A)], [1]),
        ([(0, "", P), (3, P, A), (6, A, P)], []),
        ([(0, "", S)], []),
        ([(0, "", P), (60, P, P)], []),
        ([(0, "", P), (60, P, A), (99, A, A)], [1, 2]),
        ([(0, "", P), (60, P, A), (99, A, P), (101, P, P), (103, P, A)], [1, 4]),
    ],
)
def test_what_stands_after_the_hold_back_is_told(changes: list[tuple[int, str, str]], told: list[int]) -> None:
    history = entries(*changes)
    assert [at for at in range(1, len(history)) if stands(history, history[at].cursor, HOLD_BACK)] == told
    if changes[0][1] == "" and len(changes) == 1:
        assert not stands(history, history[0].cursor, HOLD_BACK)


def test_it_is_signed_as_the_standard_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The example of the specification's own libraries."""
    name, body = "msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}'
    headers = webhooks.signed(body, name=name, at=1614265330, secret=Secret(SECRET))
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert (headers["webhook-id"], headers["webhook-timestamp"]) == (name, "1614265330")


@pytest.fixture
def untaken(worker: Worker, receiver: Receiver, clock: Clock, reader: Reader, moderator: Moderator) -> None:
    """A notice that is due, and a receiver that takes none."""
    moderator.approved(reader)
    receiver.answer = status(500)
    clock.wait(HOLD_BACK)
    worker.look()


@pytest.mark.usefixtures("untaken")
def test_a_notice_keeps_its_name_until_it_is_taken(worker: Worker, receiver: Receiver, clock: Clock) -> None:
    for _ in range(3):
        assert worker.tell(receiver.url) > 1, "it is left alone for a moment"
        assert worker.tell(receiver.url) == 1, "and not asked again at once"
        clock.wait(120_000)
    receiver.answer = status(200)
    work(worker, receiver)
    assert len(receiver.heard) == 4
    assert len({heard.name for heard in receiver.heard}) == 1
    assert {heard.body for heard in receiver.heard} == {receiver.heard[0].body}


@pytest.mark.usefixtures("untaken")
def test_however_often_a_webhook_fails_it_is_asked_again_in_a_minute(worker: Worker, receiver: Receiver) -> None:
    worker._failures[receiver.url] = 5000
    assert worker.tell(receiver.url) == 60


def test_whatever_goes_wrong_a_thread_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(work_on, "_AFTER_TROUBLE", 0.0)
    held, over = threading.Event(), threading.Event()
    held.set()
    jobs = iter([lambda: {}["a field that is not there"], over.set])
    work_on._repeat(lambda: next(jobs)() or 0.0, held, over)
    assert "a notice did not leave" in caplog.text


def test_who_cannot_tell_whether_to_deliver_does_not(
    worker: Worker, house: House, monkeypatch: pytest.MonkeyPatch, eventually: Eventually
) -> None:
    monkeypatch.setattr(work_on, "_LOOKS_EVERY", 0.01)
    monkeypatch.setattr(work_on, "_AFTER_TROUBLE", 0.01)
    held, over = threading.Event(), threading.Event()
    thread = threading.Thread(target=worker._hold, args=(held, over))
    thread.start()
    eventually(held.is_set)
    house.client.command("EVAL", "redis.call('DEL', KEYS[1]) redis.call('RPUSH', KEYS[1], 'x')", 1, HOLDER)
    eventually(lambda: not held.is_set())
    house.client.command("DEL", HOLDER)
    eventually(held.is_set)
    over.set()
    thread.join(5)


def test_a_connection_that_nobody_can_watch_is_closed(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    monkeypatch.setattr(webhooks, "_connected", lambda *_: ours)

    def no_thread(_: threading.Timer) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Timer, "start", no_thread)
    with theirs, pytest.raises(RuntimeError):
        webhooks.post(receiver.url, b"{}", {}, private_networks=True)
    assert ours.fileno() == -1


@pytest.mark.parametrize(
    "answer",
    [
        status(500),
        status(302, "Location: http://127.0.0.1:1/"),
        status(302, "Location: /hooks"),
        without_end,
        drop_by_drop,
        lambda out: out.write(b"\x00" * 1000),
        lambda out: None,
    ],
)
def test_no_answer_harms_anybody(
    worker: Worker,
    receiver: Receiver,
    clock: Clock,
    reader: Reader,
    moderator: Moderator,
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
) -> None:
    monkeypatch.setattr(webhooks, "DEADLINE", 0.3)
    moderator.approved(reader)
    clock.wait(HOLD_BACK)
    worker.look()
    receiver.answer = answer
    began = monotonic()
    assert worker.tell(receiver.url) > 1
    assert monotonic() - began < 3
    assert len(receiver.heard) == 1, "no redirect was followed"
    clock.wait(120_000)
    receiver.answer = status(200)
    work(worker, receiver)
    assert len(receiver.heard) == 2, "nothing is lost"


def test_of_a_long_answer_only_the_status_is_read(receiver: Receiver) -> None:
    receiver.answer = lambda out: out.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000000\r\n\r\n" + b"x" * 10**8)
    began = monotonic()
    webhooks.post(receiver.url, b"{}", {}, private_networks=True)
    assert monotonic() - began < 3


def test_an_answer_may_take_longer_than_a_connection(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhooks, "_CONNECT", 0.1)

    def late(out: Any) -> None:
        threading.Event().wait(0.3)
        status(204)(out)

    receiver.answer = late
    webhooks.post(receiver.url, b"{}", {}, private_networks=True)


def test_a_name_with_a_dead_address_is_reached_by_another(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    (found,) = socket.getaddrinfo("127.0.0.1", receiver.server_address[1], type=socket.SOCK_STREAM)
    dead = (*found[:-1], ("127.0.0.1", 1))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [dead, found])
    webhooks.post(receiver.url, b"{}", {}, private_networks=True)
    assert receiver.heard


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "169.254.169.254", "10.1.2.3"]
)
def test_private_networks_are_refused_unless_they_are_allowed(receiver: Receiver, host: str) -> None:
    url = f"https://{host}:{receiver.server_address[1]}/"
    with pytest.raises(webhooks.NotTaken, match="private network"):
        webhooks.post(url, b"{}", {}, private_networks=False)


def test_a_certificate_is_asked_for(receiver: Receiver, data: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl")
    files = ["-keyout", str(data / "key"), "-out", str(data / "certificate")]
    key = ["-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
    subprocess.run(["openssl", "req", *key, *files], check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(data / "certificate", data / "key")
    receiver.encrypt(context)
    with pytest.raises(webhooks.NotTaken, match="SSLCertVerificationError"):
        webhooks.post(receiver.url.replace("http:", "https:"), b"{}", {}, private_networks=True)
    assert receiver.heard == []


def test_what_fails_for_a_day_is_given_up_kept_and_can_be_sent_again(
    worker: Worker,
    settings: Settings,
    receiver: Receiver,
    clock: Clock,
    reader: Reader,
    moderator: Moderator,
    house: House,
    make_app: Callable[..., Flask],
) -> None:
    comment_id = moderator.approved(reader)
    receiver.answer = status(500)
    clock.wait(HOLD_BACK)
    worker.look()
    worker.tell(receiver.url)
    assert found(settings, house) == (doctor.PROBLEM, "1 changes wait, and 1 of them have failed so far")
    attempts = 1
    while house.outbox.standing(receiver.url).waiting:
        clock.wait(AN_HOUR // 2)
        attempts += worker.tell(receiver.url) != 1
        assert attempts < 30
    assert attempts > 8
    verdict, says = found(settings, house)
    assert verdict == doctor.PROBLEM
    assert comment_id in says
    assert "it answers 500" in says
    assert "for=us" not in says
    app = make_app(**told(receiver))
    assert 'comments_webhook_given_up{host="127.0.0.1"} 1.0' in app.test_client().get("/metrics").text
    assert house.outbox.resend(receiver.url, house.outbox.clock()) == 1
    receiver.answer = status(200)
    work(worker, receiver)
    assert receiver.heard[-1].said["data"]["id"] == comment_id
    assert found(settings, house) == (doctor.OK, "0 changes wait")


def found(settings: Settings, house: House) -> tuple[str, str]:
    *_, finding = doctor._webhooks(house.outbox, settings.notices.webhook_urls)
    return finding.verdict, finding.says


def test_of_several_processes_on_one_store_one_delivers(
    settings: Settings, receiver: Receiver, clock: Clock, worker: Worker, house: House, reader: Reader
) -> None:
    other = Worker(settings, house.client)
    assert (worker.hold(), other.hold(), worker.hold()) == (True, False, True)
    assert 0 < house.client.command("TTL", HOLDER) <= HELD


def test_who_lost_the_outbox_moves_nothing_in_it(
    settings: Settings, receiver: Receiver, clock: Clock, worker: Worker, house: House, reader: Reader, moderator: Any
) -> None:
    house.client.command("DEL", HOLDER)
    assert Worker(settings, house.client).hold()
    moderator.approved(reader)
    clock.wait(HOLD_BACK)
    worker.look()
    assert house.outbox.standing(receiver.url).waiting == 0


def test_what_was_decided_is_told_while_memory_is_full(
    worker: Worker, receiver: Receiver, clock: Clock, reader: Reader, moderator: Moderator, house: House
) -> None:
    moderator.approved(reader)
    house.client.command("CONFIG", "SET", "maxmemory", "1")
    try:
        assert worker.hold()
        clock.wait(HOLD_BACK)
        work(worker, receiver)
    finally:
        house.client.command("CONFIG", "SET", "maxmemory", "0")
    assert receiver.states() == ["approved"]
    assert house.outbox.standing(receiver.url).waiting == 0


def test_a_comment_that_cannot_be_read_stops_nothing(
    worker: Worker, receiver: Receiver, clock: Clock, reader: Reader, moderator: Moderator, house: House
) -> None:
    bad, good = (moderator.approved(reader) for _ in range(2))
    clock.wait(HOLD_BACK)
    worker.look()
    (key,) = house.client.command("KEYS", f"*:c:{bad}")
    house.client.command("HSET", key, records.DATA, "{")
    work(worker, receiver)
    assert [heard.said["data"]["id"] for heard in receiver.heard] == [good]
    assert house.outbox.standing(receiver.url).waiting == 0


def test_changes_while_nobody_delivered_are_told_afterwards(
    worker: Worker,
    receiver: Receiver,
    clock: Clock,
    reader: Reader,
    moderator: Moderator,
    settings: Settings,
    house: House,
) -> None:
    first = moderator.approved(reader)
    clock.wait(HOLD_BACK)
    work(worker, receiver)
    gone = moderator.approved(reader)
    moderator.decide(first, "reject", 2)
    clock.wait(24 * AN_HOUR)
    house.outbox.let_go(house.client.command("GET", HOLDER).decode())
    later = Worker(settings, house.client)
    assert later.hold()
    work(later, receiver)
    heard_of = [(heard.said["data"]["id"], heard.said["data"]["status"]) for heard in receiver.heard]
    assert heard_of[0] == (first, "approved")
    assert sorted(heard_of[1:]) == sorted([(gone, "approved"), (first, "rejected")])


def test_submissions_do_not_notice_a_webhook_that_hangs(
    settings: Settings, receiver: Receiver, reader: Reader, moderator: Moderator, house: House, eventually: Eventually
) -> None:
    hangs, over = threading.Event(), threading.Event()
    receiver.answer = lambda out: hangs.wait(20)
    place = settings.store
    quick = load({}, redis_url=place.redis_url, data=place.data, hold_back_seconds=0, **told(receiver))
    threads = Worker(quick, house.client).start(over)
    eventually(lambda: house.client.command("HLEN", "comments:{outbox}:read"))
    moderator.approved(reader)
    eventually(lambda: receiver.heard)
    began = monotonic()
    for _ in range(20):
        reader.submitted()
    assert monotonic() - began < 2
    over.set()
    hangs.set()
    for thread in threads:
        thread.join(5)
        assert not thread.is_alive()
    assert house.client.command("EXISTS", HOLDER) == 0, "another one may go on at once"


def approve(port: int, token: str) -> str:
    """The id of a comment that was submitted and approved."""
    ask = over_http(lambda: port)
    _, answer = ask("POST", COMMENTS, json.dumps(a_submission()).encode(), {})
    comment_id = str(json.loads(answer)["id"])
    verdict = {"id": comment_id, "version": 1, "decision": "approve"}
    body = json.dumps({"decisions": [verdict]}).encode()
    assert ask("POST", f"{MODERATION}/decisions", body, {"Authorization": f"Bearer {token}"})[0] == 200
    return comment_id


def test_what_a_killed_service_was_about_to_tell_is_told_by_the_next(
    data: Path, receiver: Receiver, eventually: Eventually
) -> None:
    environ = {f"COMMENTS_{name.upper()}": text for name, text in told(receiver).items()}
    environ["COMMENTS_HOLD_BACK_SECONDS"] = "0"
    hangs = threading.Event()
    receiver.answer = lambda out: hangs.wait(60)
    with serving(data, **environ) as service:
        token = run("token", "add", "Lan", "--data", str(data)).stdout.strip()
        comment_id = approve(service.port, token)
        eventually(lambda: receiver.heard, within=20)
        os.kill(service.process.pid, signal.SIGKILL)
        end(service.process)
    receiver.answer = status(204)
    hangs.set()
    with serving(data, **environ):
        eventually(lambda: len(receiver.heard) > 1, within=HELD + 20)
    assert {heard.name for heard in receiver.heard} == {f"{comment_id}-2"}


def test_web_workers_of_another_kind_have_a_command_that_delivers(
    valkey: str,
    data: Path,
    receiver: Receiver,
    house: House,
    reader: Reader,
    moderator: Moderator,
    eventually: Eventually,
) -> None:
    environ = {f"COMMENTS_{name.upper()}": text for name, text in told(receiver).items()}
    environ |= {"COMMENTS_HOLD_BACK_SECONDS": "0", "COMMENTS_REDIS_URL": valkey, "COMMENTS_DATA": str(data)}
    process = subprocess.Popen([COMMAND, "deliver"], env=clean_environment(**environ))
    try:
        eventually(lambda: house.client.command("HLEN", "comments:{outbox}:read"), within=20)
        moderator.approved(reader)
        eventually(lambda: receiver.heard)
        process.terminate()
        assert process.wait(10) == 0
    finally:
        end(process)
    assert not house.outbox.is_held()


def test_a_command_that_has_nobody_to_tell_says_so(data: Path) -> None:
    done = run("deliver", COMMENTS_DATA=str(data))
    assert (done.returncode, done.stderr.count("nobody to tell")) == (1, 1)
