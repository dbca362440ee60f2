"""What stores of each format look like: the log of one as it was written then, and what the service says of it.

python -m tests.store.formats    writes both for the format of today; those of older formats stay as they are
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any

import hiredis
from flask import Flask

from comments import create_app
from comments.installation import known
from comments.keys import Keys
from comments.settings import load
from comments.store.client import Client
from comments.store.format import FORMAT
from comments.store.repair import repair
from comments.web.here import House
from tests.faults.scenes import a_store, url_of
from tests.people import MAIL_KEY, Moderator, Reader
from tests.service import until

HERE = Path(__file__).parent
ARTICLE = "bài số 1"
STATUSES = ("pending", "approved", "rejected", "spam")


def plant(client: Client, number: int) -> None:
    """Plays the log of a store of that format into an empty one."""
    reader = hiredis.Reader()
    reader.feed((HERE / f"format_{number}.aof").read_bytes())
    while command := reader.gets():
        if command[0].upper() != b"SELECT":
            client.command(*command)


def told(app: Flask, token: str) -> dict[str, Any]:
    """What the service says of all that is in the store."""
    house: House = app.extensions["comments"]
    reader, moderator = Reader(app.test_client()), Moderator(app.test_client(), token)
    return {
        "token": token,
        "public": reader.read(ARTICLE),
        "closed": reader.read("closed"),
        "desk": [comment for status in STATUSES for comment in moderator.queue(status=status)],
        "log": moderator.log(),
        "people": [[one.name, one.role] for one in house.people.moderators()],
        "bans": [[ban.kind, ban.effect, ban.reason, ban.until] for ban in house.bans.all(0)],
        "wrong": repair(house.client, "comments", look=True).counts,
    }


def fill(app: Flask) -> str:
    """One of each that lasts; the token of a program."""
    house: House = app.extensions["comments"]
    house.people.add_moderator("Lan", role="admin", password_hash="none")
    token = house.people.add_token("program")
    reader, moderator = Reader(app.test_client()), Moderator(app.test_client(), token)
    web = {"url": "https://hoa.example/", "email": "hoa@reader-mail.vn"}
    first = moderator.approved(reader, article=ARTICLE, body="Đầu tiên 👍🏽: https://bao.example/a?b=1&c=2", **web)
    moderator.decide(reader.submitted(article=ARTICLE, body="Trả lời\n\n" + "dài " * 200, parent=first), "approve")
    house.desk.answer(first, "Cảm ơn bạn.", by="Lan", key="k1")
    house.desk.pin(first, pinned=True, by="Lan")
    gone = moderator.approved(reader, article=ARTICLE, body="<script>alert(1)</script>")
    moderator.decide(gone, "reject", version=2, reason="off_topic")
    above = moderator.approved(reader, article=ARTICLE, body="Bị gỡ, nhưng có trả lời")
    moderator.decide(reader.submitted(article=ARTICLE, body="Vẫn còn", parent=above), "approve")
    moderator.decide(above, "reject", version=2)
    house.desk.revise(moderator.approved(reader, article=ARTICLE, body="Sai chính tả"), 2, "Đúng chính tả", by="Lan")
    moderator.decide(reader.submitted(article=ARTICLE, body="Mua ngay!", email="rao@reader-mail.vn"), "spam")
    moderator.approved(reader, article="closed", body="Câu cuối")
    house.desk.open_article("main", "closed", is_open=False, by="Lan")
    waiting = reader.submitted(article=ARTICLE, body="Chờ duyệt", email="rao@reader-mail.vn")
    person = house.store.comments([waiting])[waiting].person
    house.desk.ban("person", person, effect="silence", days=30, reason="spam", by="Lan")
    return token


def main() -> None:
    keys = Keys(b"a secret for tests, not for use", bytes(MAIL_KEY.public_key), Path("nowhere"))
    with a_store(aof_use_rdb_preamble="no") as store, tempfile.TemporaryDirectory() as data:
        settings = load({}, redis_url=url_of(store), data=data, submit_limit="", cache_mb=0, min_free_mb=0)
        app = create_app(known(settings), keys, now=time.time)
        said = told(app, fill(app))
        store.ask("BGREWRITEAOF")
        until(lambda: list(store.directory.glob("appendonlydir/*.2.base.aof")), 20)
        (log,) = store.directory.glob("appendonlydir/*.2.base.aof")
        (HERE / f"format_{FORMAT}.aof").write_bytes(log.read_bytes())
    (HERE / f"format_{FORMAT}.json").write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
