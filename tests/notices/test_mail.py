"""Mail to the moderators: rare, plain, and without a word of a reader."""

import logging
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from comments.notices.worker import Worker
from comments.settings import Settings, SettingsFault, load
from comments.web.here import House
from tests.people import Moderator, Reader

DESK = ("desk@news.example", "chief@news.example")


class MailServer(socketserver.ThreadingTCPServer):
    """Takes every mail, or greets with something else."""

    daemon_threads = True

    def __init__(self) -> None:
        self.greeting = b"220 here"
        self.got: list[tuple[list[str], EmailMessage]] = []
        super().__init__(("127.0.0.1", 0), _Session)


class _Session(socketserver.StreamRequestHandler):
    server: MailServer

    def handle(self) -> None:
        with suppress(ConnectionResetError):  # a greeting that was not listened to
            self.talk()

    def talk(self) -> None:
        self.say(self.server.greeting)
        envelope: list[str] = []
        while line := self.rfile.readline().decode().strip():
            match line.upper().split(":")[0].split():
                case ["MAIL", "FROM"] | ["RCPT", "TO"]:
                    envelope.append(line.partition("<")[2].partition(">")[0])
                case ["DATA"]:
                    self.say(b"354 go on")
                    text = b"".join(iter(self.rfile.readline, b".\r\n"))
                    message: Any = message_from_bytes(text, policy=default)
                    self.server.got.append((envelope, message))
                case ["QUIT"]:
                    return self.say(b"221 bye")
            self.say(b"250 ok")
        return None

    def say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
def make_settings(store_url: str, data: Path, server: MailServer) -> Callable[..., Settings]:
    def make(**more: object) -> Settings:
        smtp = {"smtp_host": "127.0.0.1", "smtp_port": server.server_address[1], "smtp_security": "none"}
        asked = {"mail_to": list(DESK), "mail_from": "comments@news.example", "mail_every_minutes": 60, **smtp}
        return load({}, **{"redis_url": store_url, "data": data, **asked, **more})

    return make


def test_it_says_how_many_wait_and_since_when(
    make_settings: Callable[..., Settings], server: MailServer, house: House, reader: Reader, moderator: Moderator
) -> None:
    worker = Worker(make_settings(public_url="https://comments.example"), house.client)
    moderator.approved(reader)
    worker.write()
    assert server.got == [], "nothing waits"
    for name in ("Kẻ\u00a0Thù", "Bạn"):
        reader.submitted(name=name, body="chữ của độc giả", email="hoa.bi.mat@reader-mail.vn")
    worker.write()
    ((envelope, message),) = server.got
    assert envelope == ["comments@news.example", *DESK]
    assert (message["From"], message["To"]) == ("comments@news.example", ", ".join(DESK))
    assert message["Subject"] == "2 comments are waiting"
    assert message.get_content_type() == "text/plain"
    text = message.get_content()
    assert "https://comments.example/moderate/" in text
    assert "UTC" in text
    assert not [word for word in ("Thù", "Bạn", "độc giả", "bi.mat") if word in text]
    worker.write()
    assert len(server.got) == 1, "one in an interval, whoever looks"
    house.client.command("DEL", "comments:{outbox}:mailed")
    worker.write()
    assert len(server.got) == 2


def test_it_speaks_the_language_of_the_house(
    make_settings: Callable[..., Settings], server: MailServer, house: House, reader: Reader
) -> None:
    reader.submitted()
    Worker(make_settings(language="vi"), house.client).write()
    ((_, message),) = server.got
    assert message["Subject"] == "1 bình luận đang chờ duyệt"
    assert "chờ từ" in message.get_content()


@pytest.mark.parametrize("greeting", [b"554 no", b"", b"\x00\xff" * 50_000])
def test_a_server_that_does_not_take_it_is_tried_again_soon(
    make_settings: Callable[..., Settings],
    server: MailServer,
    house: House,
    reader: Reader,
    greeting: bytes,
    caplog: pytest.LogCaptureFixture,
) -> None:
    server.greeting = greeting
    reader.submitted()
    with caplog.at_level(logging.WARNING, "comments"):
        Worker(make_settings(), house.client).write()
    assert "was not taken" in caplog.text
    assert "desk@" not in caplog.text
    assert 0 < house.client.command("TTL", "comments:{outbox}:mailed") <= 300


@pytest.mark.parametrize("fault", ["a@x.example\nBcc: b@x.example", "no address", "a@", "<a@x.example>"])
def test_what_is_no_address_is_refused_at_the_start_and_not_repeated(
    make_settings: Callable[..., Settings], fault: str
) -> None:
    for name, value in (("mail_from", fault), ("mail_to", [fault])):
        with pytest.raises(SettingsFault) as refused:
            make_settings(**{name: value})
        assert fault not in str(refused.value)
