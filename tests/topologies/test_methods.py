"""Every method of the store on a cluster: whatever one command or script touches lies in one slot.

Heard by the servers themselves (MONITOR), so that keys which a script makes up would be heard, too.
"""

import importlib
import inspect
import pkgutil
import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from redis.crc import key_slot

import comments.store
from comments import ids, notary
from comments.model import Address, Decision, Status, Submission
from comments.store import health, records, shards
from comments.store.bans import Ban, Note
from comments.store.client import Client
from comments.store.comments import Change, Entry, Filter
from comments.store.format import check_format
from comments.store.log import LogFilter
from comments.store.outbox import Tried
from comments.store.repair import repair
from comments.store.sharing import Share
from tests.people import Moderator, Reader
from tests.topologies.fleet import HOST, Nodes, Valkey, empty

AT = datetime(2026, 11, 24, tzinfo=UTC)
HOOK = "https://cms.example/hook"
LATER = datetime(2999, 1, 1, tzinfo=UTC)
ARTICLES = [f"article {n}" for n in range(12)]  # in several shards, and so on several nodes


def methods() -> set[str]:
    """Every public way to the store: methods of classes that hold a client, functions that are given one."""
    found = set()
    for name in (module.name for module in pkgutil.iter_modules(comments.store.__path__)):
        module = importlib.import_module(f"comments.store.{name}")
        own = {n: o for n, o in vars(module).items() if getattr(o, "__module__", "") == module.__name__ and n[0] != "_"}
        for each, thing in own.items():
            makes = thing.__init__ if inspect.isclass(thing) else thing
            given = inspect.get_annotations(makes) if inspect.isfunction(makes) else {}
            if Client not in [kind for of, kind in given.items() if of != "return"]:
                continue
            if inspect.isclass(thing):
                found |= {f"{each}.{method}" for method, f in vars(thing).items() if callable(f) and method[0] != "_"}
            else:
                found.add(each)
    return found


# What each is run with, in this order. `t` holds the rooms of an app and what was stored before; see `scene`.
RUNS: dict[str, Callable[[Any], Any]] = {
    "CommentStore.admit": lambda t: t.store.admit(
        source="s", now=t.now, interval=1000, burst=5000, blind="b" * 32, pseudonym="p" * 16, bans=t.bans.asked()
    ),
    "CommentStore.enqueue": lambda t: t.store.enqueue(an_entry(ARTICLES[0], parent=t.tops[0])),
    "CommentStore.enqueue_all": lambda t: t.store.enqueue_all([an_entry(article) for article in ARTICLES]),
    "CommentStore.earlier_answer": lambda t: t.store.earlier_answer(a_submission(ARTICLES[0]), lifetime=60),
    "CommentStore.comments": lambda t: t.store.comments(t.ids),
    "CommentStore.latest": lambda t: t.store.latest("main", ARTICLES[0]),
    "CommentStore.latest_of_site": lambda t: t.store.latest_of_site("main"),
    "CommentStore.queue": lambda t: [
        t.store.queue(Status.PENDING, limit=5, share=t.share),
        t.store.queue(Status.PENDING, limit=5, newest=True, only=Filter(text="câu")),
        t.store.queue(Status.PENDING, limit=5, only=Filter(article=ARTICLES[0])),
    ],
    "CommentStore.reported": lambda t: t.store.reported(limit=5, skip=0, only=Filter()),
    "CommentStore.waiting": lambda t: t.store.waiting(),
    "CommentStore.look": lambda t: t.store.look(t.waiting, t.share),
    "CommentStore.edit": lambda t: t.store.edit(t.seen(t.waiting[0]), t.edited(t.waiting[0]), by="Lan", at=AT),
    "CommentStore.decide": lambda t: t.store.decide(
        [Change(t.seen(one), Decision.APPROVE, None, '{"id":"a","body":"a"}') for one in t.waiting], by="Lan", at=AT
    ),
    "CommentStore.earlier_bodies": lambda t: t.store.earlier_bodies(t.waiting[0]),
    "CommentStore.report": lambda t: t.store.report(t.tops[0], source="s", reason="spam"),
    "CommentStore.moved_after": lambda t: t.store.moved_after({3: "1-1"}, limit=5),
    "CommentStore.set_aside": lambda t: t.store.set_aside(
        t.damaged, version=1, to=Status.REJECTED, by="Lan", at=AT, reason="spam"
    ),
    "Articles.pin": lambda t: t.articles.pin(t.seen(t.tops[0]), pinned=True, by="Lan", at=AT),
    "Articles.pinned": lambda t: t.articles.pinned("main", ARTICLES[0]),
    "Articles.is_open": lambda t: t.articles.is_open("main", ARTICLES[0]),
    "Articles.open": lambda t: t.articles.open("main", ARTICLES[0], is_open=False, by="Lan", at=AT),
    "Articles.close_aged": lambda t: t.articles.close_aged(before=LATER, at=LATER, days=1),
    "PublicStore.page": lambda t: t.public.page("main", ARTICLES[0], limit=5, first=2, newest=True),
    "PublicStore.replies": lambda t: t.public.replies("main", ARTICLES[0], t.tops[0], limit=5),
    "PublicStore.one": lambda t: t.public.one(t.seen(t.tops[0])),
    "PublicStore.counts": lambda t: t.public.counts("main", ARTICLES),
    "Log.page": lambda t: [t.log.page(LogFilter(), limit=5), t.log.page(LogFilter(comment=t.tops[0]), limit=5)],
    "Log.transitions": lambda t: t.log.transitions(limit=5),
    "Log.of": lambda t: t.log.of(t.tops[0]),
    "Log.since": lambda t: t.log.since({3: "0-0", 4: "0-0"}, until=t.now, limit=5),
    "Outbox.hold": lambda t: t.outbox.hold("me"),
    "Outbox.is_held": lambda t: t.outbox.is_held(),
    "Outbox.clock": lambda t: t.outbox.clock(),
    "Outbox.places": lambda t: t.outbox.places(t.now),
    "Outbox.note": lambda t: t.outbox.note("me", 3, "1-1", t.now, t.tops, [HOOK, f"{HOOK}/other"]),
    "Outbox.next": lambda t: t.keep(due=t.outbox.next(HOOK, t.now)),
    "Outbox.settled_at": lambda t: t.outbox.settled_at(t.tops[0]),
    "Outbox.later": lambda t: t.outbox.later(HOOK, t.due, t.now, Tried(t.now, 1, "500")),
    "Outbox.give_up": lambda t: t.outbox.give_up(HOOK, t.outbox.next(HOOK, t.now), Tried(t.now, 2, "500")),
    "Outbox.told": lambda t: t.outbox.told(HOOK, t.outbox.next(HOOK, t.now)),
    "Outbox.standing": lambda t: t.outbox.standing(HOOK),
    "Outbox.resend": lambda t: t.outbox.resend(HOOK, t.now),
    "Outbox.mail_is_due": lambda t: t.outbox.mail_is_due(60),
    "Outbox.mail_failed": lambda t: t.outbox.mail_failed(60),
    "Outbox.let_go": lambda t: t.outbox.let_go("me"),
    "Numbers.tally": lambda t: t.numbers.tally(until=t.now, days=2),
    "CommentStore.confirm": lambda t: t.store.confirm(t.store.comments(t.waiting).values()),
    "Sharing.renew": lambda t: t.sharing.renew(t.share, t.waiting),
    "Sharing.presence": lambda t: t.sharing.presence("Lan", now=t.now),
    "Sharing.give_up": lambda t: t.sharing.give_up("page"),
    "SavedViews.save": lambda t: t.views.save("Lan", "mine", {"q": "a"}),
    "SavedViews.of": lambda t: t.views.of("Lan"),
    "SavedViews.remove": lambda t: t.views.remove("Lan", "mine"),
    "Bans.put": lambda t: t.bans.put(a_ban(int(t.now / 1000))),
    "Bans.asked": lambda t: t.client.command(*t.bans.asked()),
    "Bans.in_force": lambda t: t.bans.in_force(b"another"),
    "Bans.all": lambda t: t.bans.all(0),
    "Bans.lift": lambda t: t.bans.lift("id"),
    "Bans.blind_of": lambda t: t.bans.blind_of("p" * 16),
    "Bans.note": lambda t: t.bans.note("p" * 16, Note("Lan", 1, "a")),
    "Bans.notes": lambda t: t.bans.notes("p" * 16),
    "People.issue_setup_link": lambda t: t.keep(setup=t.people.issue_setup_link()),
    "People.setup_is_good": lambda t: t.people.setup_is_good(t.setup),
    "People.add_first_moderator": lambda t: t.people.add_first_moderator(t.setup, "Mai", "hash"),
    "People.add_moderator": lambda t: t.people.add_moderator("Tú", password_hash="hash"),
    "People.moderators": lambda t: t.people.moderators(),
    "People.moderator": lambda t: t.keep(mai=t.people.moderator("Mai")),
    "People.keep": lambda t: t.people.keep(t.mai, what="passkey", by="Mai", passkeys=[]),
    "People.set_role": lambda t: t.people.set_role("Mai", "moderator", by="Tú"),
    "People.set_second_factor": lambda t: t.people.set_second_factor("Mai", "sealed", 1, ("a",), by="Mai"),
    "People.remove_second_factor": lambda t: t.people.remove_second_factor("Mai", by="Tú"),
    "People.set_identity": lambda t: t.people.set_identity("Mai", "subject", by="Tú"),
    "People.note": lambda t: t.people.note("Tú", "link", "Mai"),
    "People.issue_link": lambda t: t.keep(link=t.people.issue_link("moderator", by="Tú", name="Mai")),
    "People.link": lambda t: t.people.link(t.link),
    "People.use_link": lambda t: t.people.use_link(t.link),
    "People.issue_challenge": lambda t: t.keep(challenge=t.people.issue_challenge("Mai")),
    "People.use_challenge": lambda t: t.people.use_challenge(t.challenge),
    "People.keep_journey": lambda t: t.people.keep_journey("state", nonce="n", verifier="v", seconds=60),
    "People.end_journey": lambda t: t.people.end_journey("state"),
    "People.start_session": lambda t: t.keep(cookie=t.people.start_session(t.people.moderator("Mai"), idle=60)),
    "People.session": lambda t: t.people.session(t.cookie, idle=60, absolute=60),
    "People.devices": lambda t: t.keep(devices=t.people.devices("Mai", t.cookie)),
    "People.end_device": lambda t: t.people.end_device("Mai", t.devices[0].handle),
    "People.end_session": lambda t: t.people.end_session(t.cookie),
    "People.set_password": lambda t: t.people.set_password("Mai", "hash", by="Mai"),
    "People.end_sessions": lambda t: t.people.end_sessions("Mai", by="Tú"),
    "People.remove_moderator": lambda t: t.people.remove_moderator("Mai", by="Tú"),
    "People.add_token": lambda t: t.keep(secret=t.people.add_token("program")),
    "People.tokens": lambda t: t.people.tokens(),
    "People.token": lambda t: t.people.token(t.secret),
    "People.remove_token": lambda t: t.people.remove_token("program"),
    "People.try_again_after": lambda t: t.people.try_again_after("Mai", "s"),
    "People.code_again_after": lambda t: t.people.code_again_after("Mai"),
    "People.source_again_after": lambda t: t.people.source_again_after("s"),
    "People.forgive": lambda t: t.people.forgive("Mai", "s"),
    "Seals.due": lambda t: t.seals.due(),
    "Seals.give_back": lambda t: t.seals.give_back(),
    "Seals.seal": lambda t: t.seals.seal(),
    "Seals.last": lambda t: t.keep(last=t.seals.last()),
    "Seals.has": lambda t: t.seals.has(t.last),
    "Seals.check": lambda t: list(t.seals.check()),
    "check_format": lambda t: check_format(t.client, "comments", "1.0"),
    "look": lambda t: health.look(t.client),
    "broken_promise": lambda t: health.broken_promise(t.client, "disk"),
    "repair": lambda t: repair(t.client, "comments"),
}
WITHOUT_KEYS = {"look", "broken_promise", "Outbox.clock"}  # ask each server about itself


def a_submission(article: str, **more: Any) -> Submission:
    return Submission(
        article=article, name="Hoa", body="Một câu.", email=Address("hoa@reader-mail.vn"), idempotency_key="k", **more
    )


def an_entry(article: str, **more: Any) -> Entry:
    at = int(time.time() * 1000)
    submission = a_submission(article, **more)
    return Entry(
        submission=submission,
        comment_id=shards.comment_id(shards.shard_of("main", article), ids.new_ulid(at)),
        at=at,
        status=Status.PENDING,
        reasons=["link"],
        mail=b"sealed",
        person="p" * 16,
        blind="b" * 32,
        answer="an answer",
        answer_lifetime=60,
    )


def a_ban(now: int) -> Ban:
    return Ban("id", "name", "domain", "", "refuse", "spam", "Lan", now, now + 60)


@pytest.fixture
def scene(make_app: Callable[..., Flask], cluster: Nodes) -> SimpleNamespace:
    """The rooms of an app on an empty cluster, with a few comments, some of them public; one cannot be read."""
    empty(cluster.servers)
    app = make_app(redis_url=cluster.url)
    house = app.extensions["comments"]
    moderator = Moderator(app.test_client(), house.people.add_token("Lan"))
    reader = Reader(app.test_client())
    tops = [moderator.approved(reader, article=article) for article in ARTICLES]
    moderator.approved(reader, article=ARTICLES[0], parent=tops[0])
    waiting = [reader.submitted(article=article) for article in ARTICLES]
    damaged = reader.submitted(article="damaged")
    house.client.command("HSET", f"comments:{{c:{damaged[:2]}}}:c:{damaged}", records.DATA, "?")
    now = int(time.time() * 1000)
    t = SimpleNamespace(**{name: getattr(house, name) for name in type(house).__slots__})
    t.__dict__.update(tops=tops, waiting=waiting, ids=[*tops, *waiting], damaged=damaged, now=now)
    t.share = Share("Lan", "page", now, now + 60_000)
    t.seals = notary.seals(house.client, house.settings, b"a secret for tests")
    t.seen = lambda comment_id: t.store.comments([comment_id])[comment_id]
    t.edited = lambda comment_id: replace(t.seen(comment_id), body="Câu khác.", edited_at=AT)
    t.keep = lambda **more: t.__dict__.update(more)
    return t


_LINE = re.compile(r"\+[\d.]+ \[\d+ (\S+)\] (.*)\r\n")
_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"')


class Ear:
    """Hears every command that one server carries out."""

    def __init__(self, server: Valkey) -> None:
        self._server = server
        self._socket = socket.create_connection((HOST, server.port), timeout=10)
        self._socket.sendall(b"MONITOR\r\n")
        self._lines = self._socket.makefile("r", encoding="utf-8", errors="replace", newline="\r\n")
        assert self._lines.readline() == "+OK\r\n"

    def __enter__(self) -> "Ear":
        return self

    def __exit__(self, *_: object) -> None:
        self._lines.close()
        self._socket.close()

    def heard(self) -> Iterator[tuple[bool, list[str]]]:
        """All until now: whether a script ran it, and its words."""
        self._server.ask("ECHO", "until now")
        while found := _LINE.match(self._lines.readline()):
            words = _WORD.findall(found[2])
            if words == ["ECHO", "until now"]:
                return
            yield found[1] == "lua", words


def keys_of(server: Valkey, commands: Sequence[list[str]]) -> list[set[str]]:
    """The keys of each command, as a server itself sees them."""
    with server.client as client:
        pipe = client.pipeline(transaction=False)
        for words in commands:
            pipe.execute_command("COMMAND GETKEYS", *words)
        return [set(keys) if isinstance(keys, list) else set() for keys in pipe.execute(raise_on_error=False)]


def test_each_way_to_the_store_is_run_here() -> None:
    assert set(RUNS) == methods()


def test_all_keys_of_one_command_or_script_are_of_one_slot(scene: SimpleNamespace, cluster: Nodes) -> None:
    roles = {server: server.facts("INFO", "replication")["role"] for server in cluster.servers}
    asked = next(server for server, role in roles.items() if role == "slave")  # one that nobody listens to
    with ExitStack() as stack:
        ears = [stack.enter_context(Ear(server)) for server, role in roles.items() if role == "master"]
        for name, run in RUNS.items():
            run(scene)
            touched = 0
            for ear in ears:
                heard = list(ear.heard())
                declared: set[str] = set()
                for (in_script, words), keys in zip(heard, keys_of(asked, [w for _, w in heard]), strict=True):
                    if in_script:
                        assert keys <= declared, f"{name}: a script touches {keys - declared}, which it was not given"
                    else:
                        declared = keys
                    assert len({key_slot(key.encode()) for key in keys}) <= 1, f"{name}: {words[:1]} {keys}"
                    touched += len(keys)
            assert (touched > 0) == (name not in WITHOUT_KEYS), f"{name} touched {touched} keys"
