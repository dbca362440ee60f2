"""What is wrong with an installation: each check is one finding, and no check changes anything."""

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from nacl.public import PrivateKey

from comments import keys
from comments.errors import CommentsError
from comments.installation import client
from comments.keys import KeyFault
from comments.notary import OLDER, note_of, noted, seals
from comments.settings import Settings
from comments.store.client import Client
from comments.store.health import Facts, look, missing
from comments.store.outbox import Outbox
from comments.store.people import People
from comments.store.repair import CLASSES, FOR_SOMEBODY, Report, repair
from comments.store.seals import Fault

OK, PROBLEM, UNKNOWN = "ok", "problem", "unknown"

_OLDEST = {"Redis": (7,), "Valkey": (8,)}
_BROKEN = {("Valkey", (9, 0, 0)), ("Valkey", (9, 0, 1)), ("Valkey", (9, 0, 2))}  # CVE-2026-27623: anyone can stop it
_CLOCK = 5.0  # seconds that two clocks may differ: tokens and sessions tolerate as much


class Finding(NamedTuple):
    """`verdict` is ok, problem or unknown; `says` is a sentence for the operator."""

    verdict: str
    what: str
    says: str


def ok(what: str, says: str) -> Finding:
    return Finding(OK, what, says)


def problem(what: str, says: str) -> Finding:
    return Finding(PROBLEM, what, says)


def unknown(what: str, says: str) -> Finding:
    return Finding(UNKNOWN, what, says)


def local(settings: Settings) -> Iterator[Finding]:
    """What can be seen on this machine: keys and disk."""
    yield _secret(settings)
    yield _mail_keys(settings)
    yield _disk(settings)


def store(settings: Settings, *, now: Callable[[], float]) -> list[Finding]:
    """What the store at `settings.store.redis_url` says, and who may moderate."""
    try:
        with client(settings) as connected:
            before = now()
            looked = look(connected)
            after = now()
            return [
                ok("store", f"answers after {(after - before) * 1000:.0f} ms"),
                *(
                    finding if len(looked) == 1 else finding._replace(what=f"{finding.what} of {name}")
                    for name, facts in looked.items()
                    for finding in _server(facts, settings.store.durability, (before + after) / 2)
                ),
                _moderators(People(connected, namespace=settings.store.namespace, now=now)),
                *_seals(connected, settings),
                *_webhooks(Outbox(connected, settings.store.namespace), settings.notices.webhook_urls),
            ]
    except CommentsError as error:
        return [problem("store", f"cannot be used: {error}")]


def repaired(settings: Settings, *, look: bool, told: Callable[[Report], None]) -> list[Finding]:
    """Puts right (with `look`: only tells) what queues and pages say other than the comments themselves."""
    try:
        with client(settings) as connected:
            report = repair(connected, settings.store.namespace, look=look, told=told)
    except CommentsError as error:
        return [problem("repair", f"broke off, and may be started again: {error}")]
    done = ok("repair", f"{report.comments} comments looked at")
    return [done, *(_wrong(word, report, look=look) for word in CLASSES if word in report.counts)]


def _wrong(word: str, report: Report, *, look: bool) -> Finding:
    says = f"{report.counts[word]} {CLASSES[word]}, like {', '.join(report.examples[word])}"
    if word in FOR_SOMEBODY:
        return problem(word, f"{says}; this cannot be put right here")
    return problem(word, says) if look else ok(word, f"put right: {says}")


def _secret(settings: Settings) -> Finding:
    file = keys.folder(settings.store.data) / "secret"
    if settings.secret_key:
        return ok("secret key", "given by COMMENTS_SECRET_KEY or the settings file")
    if not file.exists():
        return problem("secret key", "there is none: set COMMENTS_SECRET_KEY or run `comments keys`")
    try:
        keys.read_secret(file)
    except KeyFault as fault:
        return problem("secret key", str(fault))
    return ok("secret key", f"in {file}")


def _seals(connected: Client, settings: Settings) -> Iterator[Finding]:
    """Whether the log is what was sealed."""
    try:
        secret = keys.secret_of(settings)
    except KeyFault:
        yield unknown("log", "its seals cannot be checked without the secret key")
        return
    made, file = seals(connected, settings, secret), note_of(settings)
    before = noted(file)
    if before and not made.has(before):
        yield problem("log", f"{OLDER} (seal {before.number}). If that was on purpose, remove {file}")
    for found in made.check():
        if isinstance(found, Fault):
            yield problem("log", f"{found.where}: {found.says}")
        else:
            yield ok("log", f"{found.entries} entries are as {found.seals} seals say, {found.unsealed} wait for one")


def _webhooks(outbox: Outbox, urls: Sequence[str]) -> Iterator[Finding]:
    """Whether the webhooks hear of what is decided."""
    if urls and not outbox.is_held():
        yield unknown("webhooks", "nobody tells them at this moment; `serve` does, or else `comments deliver`")
    for url in urls:
        what, standing = f"webhook at {urlsplit(url).hostname}", outbox.standing(url)
        if standing.example:
            comment, tried = standing.example
            yield problem(
                what,
                f"{standing.given_up} changes were given up after a day, like {comment} ({tried.says}); "
                "when it works again: comments resend",
            )
        elif standing.failing:
            yield problem(what, f"{standing.waiting} changes wait, and {standing.failing} of them have failed so far")
        else:
            yield ok(what, f"{standing.waiting} changes wait")


def _mail_keys(settings: Settings) -> Finding:
    try:
        public, private = keys.read_mail_keys(settings.store.data)
    except KeyFault as fault:
        return problem("mail keys", str(fault))
    if private is None:
        return ok("mail keys", "the private key is kept elsewhere, so addresses cannot be read on this machine")
    if bytes(PrivateKey(private).public_key) != public:
        return problem("mail keys", "mail-private does not open what mail-public seals")
    return ok("mail keys", f"a pair in {keys.folder(settings.store.data)}")


def _disk(settings: Settings) -> Finding:
    data, floor = settings.store.data, settings.store.min_free_mb
    if not data.is_dir():
        return problem("disk", f"there is no data directory {data} yet; `comments serve` makes it")
    if not os.access(data, os.W_OK | os.X_OK):
        return problem("disk", f"{data} cannot be written to")
    free = shutil.disk_usage(data).free // 1024**2
    if free < floor:
        return problem("disk", f"{free} MB free where {data} is, below min_free_mb = {floor}: comments are refused")
    return ok("disk", f"{free} MB free where {data} is")


def _server(facts: Facts, durability: str, now: float) -> Iterator[Finding]:
    yield _version(facts)
    yield _durability(facts, durability)
    yield _eviction(facts)
    yield _clocks(facts.time - now)


def _version(facts: Facts) -> Finding:
    name = f"{facts.product} {'.'.join(map(str, facts.version))}"
    oldest = _OLDEST[facts.product]
    if facts.version < oldest:
        return problem("version", f"{name} is too old: at least {facts.product} {oldest[0]} is needed")
    if (facts.product, facts.version) in _BROKEN:
        return problem("version", f"{name} can be stopped by anyone who reaches it: update to 9.0.3 or later")
    return ok("version", name)


def _durability(facts: Facts, wanted: str) -> Finding:
    if facts.config is None:
        return unknown("durability", "the store does not let us read its configuration")
    kept = f"appendonly {facts.config['appendonly']}, appendfsync {facts.config['appendfsync']}"
    if wanted == "memory":
        return ok("durability", f"“memory” is all that was asked for ({kept})")
    lacks = missing(facts.config, facts.replicas, wanted)
    return problem("durability", lacks) if lacks else ok("durability", kept)


def _eviction(facts: Facts) -> Finding:
    if facts.config is None:
        return unknown("eviction", "the store does not let us read its configuration")
    policy = facts.config["maxmemory-policy"]
    if policy != "noeviction":
        return problem("eviction", f"maxmemory-policy {policy} throws comments away when memory is short")
    return ok("eviction", "noeviction")


def _clocks(difference: float) -> Finding:
    if abs(difference) > _CLOCK:
        return problem("clock", f"the store's clock differs from this machine's by {difference:+.0f} s")
    return ok("clock", f"differs from the store's by {abs(difference):.1f} s")


def _moderators(people: People) -> Finding:
    count = len(people.moderators())
    if not count:
        return problem("moderators", "there is none, so nothing can be published: comments moderator add NAME")
    return ok("moderators", f"there are {count}" if count > 1 else "there is one")
