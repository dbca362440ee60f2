"""Compares queues, pages and lists with the comment records, which alone count, and puts right what differs.

Not compared: who is in a person's list and should not be, leases, numbers, and `version` and `pinned` of an article.

Runs beside the service: in steps of some hundred keys, each comment on its own, and only while it still is what was
seen. To run it twice changes nothing the second time. What cannot be made again from the records (a record that the
log tells of, an entry of the log) is only told, and nothing that is left of it is tidied away.
"""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from comments import text
from comments.model import FEED_KEPT, Comment, Status, milliseconds_of
from comments.store import records, shards
from comments.store.client import Client, Command
from comments.store.keys import Keys, announcement, in_ageing, surrogate, surrogate_of_site
from comments.store.published import finished
from comments.store.scripts import MEND, NAME, RELIST, UPROOT, Call

_STEP = 500  # keys or members looked at in one go
_EXAMPLES = 5
_KEY = re.compile(
    r"([0-3][0-9a-f])\}:(?:c:(.+)|(q:\w+|a:[0-9a-f]{32}:(?:public|threads|replies|recent)|s:[0-9a-f]{32}:recent|reported)|(ageing))"
)
_BLIND = re.compile(rb"[0-9a-f]{32}")

CLASSES = {
    "missing": "comments that the log tells of and that have no record any more",
    "damaged": "records that cannot be read",
    "queue": "comments that are not in the queue of their status, or in another one as well",
    "public": "approved comments that are not public as they were written",
    "thread": "approved comments that are missing from their thread",
    "hidden": "comments that are public and should not be",
    "ageing": "comments whose article is not among those to close one day, or is and should not be",
    "reported": "comments that are not among the reported, or are and should not be, or are in the wrong place there",
    "person": "comments that are missing among those of their person",
    "planted": "members of queues, pages and lists that are no such comment or article",
    "unnamed": "comments that came while the pseudonym of their person could not be had or kept",
    "log": "comments whose way is not whole in the log",
    "type": "keys, or comments with keys, that hold another type than they should",
}
FOR_SOMEBODY = {"missing", "damaged", "log", "type"}  # what repair cannot put right


@dataclass
class Report:
    """How many comments were looked at; by class how often something was wrong, with a few ids."""

    comments: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, word: str, example: str) -> None:
        self.counts[word] = self.counts.get(word, 0) + 1
        shown = self.examples.setdefault(word, [])
        if len(shown) < _EXAMPLES and example not in shown:
            shown.append(example)


def repair(
    client: Client, namespace: str, *, look: bool = False, told: Callable[[Report], None] = lambda _: None
) -> Report:
    """Goes through all that there is; with `look` it only tells. `told` hears how far it is after each step.

    Raises Unavailable like every call; what was done until then stays, and another run goes on.
    """
    return _Round(client, namespace, look=look, told=told).run()


class _Seen(NamedTuple):
    """A comment, and of its record what is no matter of a comment: its entries in the log, its data, its `blind`."""

    comment: Comment
    log: bytes
    data: bytes
    blind: bytes


class _Round:
    def __init__(self, client: Client, namespace: str, *, look: bool, told: Callable[[Report], None]) -> None:
        self._client = client
        self._keys = Keys(namespace)
        self._prefix = f"{namespace}:{{c:"
        self._look = "1" if look else ""
        self._told = told
        self._report = Report()
        self._missing: set[str] = set()

    def run(self) -> Report:
        for shard in range(shards.SHARDS):
            self._find_missing(shard)
        for keys in self._client.keys(f"{self._prefix}*", step=_STEP):
            named = [found for key in keys if (found := _KEY.fullmatch(key.removeprefix(self._prefix)))]
            self._comments([found[2] for found in named if shards.is_comment_id(found[2] or "")])
            for found in named:
                if found[3]:
                    self._set(int(found[1], 16), found[3])
                elif found[4]:
                    self._ageing(int(found[1], 16))
            self._told(self._report)
        return self._report

    # -- from the log to the records

    def _find_missing(self, shard: int) -> None:
        """Every comment that the log tells of has a record, or was set aside."""
        key, after = self._keys.log(shard), "-"
        while True:
            (found,) = self._client.pipeline([("XRANGE", key, after, "+", "COUNT", _STEP)], of_another_type=False)
            if found is False:
                self._report.add("type", key)
                return
            named = dict.fromkeys(
                records.said(pairs).get(b"comment", b"").decode(errors="replace") for _, pairs in found
            )
            ids = [
                comment_id for name in named if (comment_id := _id_of(name, shard)) and comment_id not in self._missing
            ]
            there = self._client.pipeline([("EXISTS", self._keys.comment(i), self._keys.aside(i)) for i in ids])
            for comment_id in (comment_id for comment_id, count in zip(ids, there, strict=True) if not count):
                self._missing.add(comment_id)
                self._report.add("missing", comment_id)
                self._show_to_moderators(comment_id)
            if len(found) < _STEP:
                return
            after = f"({found[-1][0].decode()}"

    # -- from the records to the sets

    def _comments(self, ids: Sequence[str]) -> None:
        self._report.comments += len(ids)
        read = self._read(ids)
        sound = [seen for seen in read.values() if not seen.comment.is_damaged]
        self._mend_all([seen.comment for seen in sound])
        self._check_logs(sound)
        self._relist_all([seen.comment for seen in sound if seen.comment.reports])
        self._check_people(sound)
        self._name_all(sound)
        for comment_id in (comment_id for comment_id, seen in read.items() if seen.comment.is_damaged):
            self._report.add("damaged", comment_id)
            self._show_to_moderators(comment_id)

    def _read(self, ids: Sequence[str]) -> dict[str, _Seen]:
        """The comments among these ids that have a record."""
        fields = (*records.FIELDS, records.LOG, "blind")
        commands: list[Command] = [("HMGET", self._keys.comment(i), *fields) for i in ids]
        answers = self._client.pipeline(commands, of_another_type=[*records.UNREADABLE, None, None])
        read = {}
        for comment_id, (*own, log, blind) in zip(ids, answers, strict=True):
            if comment := records.read(comment_id, own):
                read[comment_id] = _Seen(comment, log or b"", own[0] or b"", blind or b"")
        return read

    def _mend_all(self, comments: Sequence[Comment]) -> None:
        answers = self._client.run_all([self._mend_call(comment) for comment in comments], of_another_type=[b"type"])
        for comment, wrong in zip(comments, answers, strict=True):
            for word in dict.fromkeys(wrong):
                self._report.add(word.decode(), comment.id)

    def _mend_call(self, comment: Comment) -> Call:
        keys, shard = self._keys, shards.shard_in(comment.id)
        article = keys.article(comment.site, comment.article)
        others = [keys.queue(shard, status) for status in Status if status != comment.status]
        public = finished(comment, text.to_html(comment.body)) if comment.status == Status.APPROVED else b""
        return Call(
            MEND,
            [
                keys.comment(comment.id),
                keys.queue(shard, comment.status),
                *others,
                article.public,
                article.threads,
                article.replies,
                article.recent,
                keys.recent(shard, comment.site),
                article.meta,
                keys.ageing(shard),
            ],
            [
                comment.id,
                comment.version,
                public,
                comment.root or "",
                keys.changed,
                announcement(comment.site, comment.article),
                FEED_KEPT,
                self._look,
                milliseconds_of(comment.created_at),
                in_ageing(comment.site, comment.article),
            ],
        )

    def _check_logs(self, read: Sequence[_Seen]) -> None:
        """Each version of a comment is an entry of its shard's log, and the last one leads where it stands."""
        entries = [records.entries(seen.log) for seen in read]
        commands: list[Command] = [
            ("XRANGE", self._keys.log(shards.shard_in(seen.comment.id)), entry, entry)
            for seen, own in zip(read, entries, strict=True)
            for entry in own
        ]
        found = iter(self._client.pipeline(commands, of_another_type=[]))
        for (comment, log, *_), own in zip(read, entries, strict=True):
            said = [records.said(pairs) for raws in islice(found, len(own)) for _, pairs in raws]
            ends = said[-1].get(b"to") if said else None
            whole = len(said) == len(log.split()) == comment.version and ends == records.letter(comment.status).encode()
            if not whole or any(entry.get(b"comment") != comment.id.encode() for entry in said):
                self._report.add("log", comment.id)

    def _relist_all(self, comments: Sequence[Comment]) -> None:
        approved = records.letter(Status.APPROVED)
        calls = [
            Call(
                RELIST,
                [self._keys.comment(comment.id), self._keys.reported(shards.shard_in(comment.id))],
                [comment.id, comment.version, approved, self._look],
            )
            for comment in comments
        ]
        for comment, is_wrong in zip(comments, self._client.run_all(calls, of_another_type=0), strict=True):
            if is_wrong:
                self._report.add("reported", comment.id)

    def _check_people(self, read: Sequence[_Seen]) -> None:
        """Every comment is among those of its person. What else is there is not looked for: there are too many."""
        persons = [(c.id, c.person or (blind.decode() if _BLIND.fullmatch(blind) else "")) for c, _, _, blind in read]
        kept = [(i, self._keys.comments_of(shards.shard_in(i), person)) for i, person in persons if person]
        there = self._client.pipeline([("SISMEMBER", key, i) for i, key in kept], of_another_type=False)
        lost = []
        for (comment_id, key), is_there in zip(kept, there, strict=True):
            if is_there is False:
                self._report.add("type", comment_id)
            elif not is_there:
                self._report.add("person", comment_id)
                lost.append((key, comment_id))
        if not self._look:
            self._client.pipeline([("SADD", key, comment_id) for key, comment_id in lost])

    def _name_all(self, read: Sequence[_Seen]) -> None:
        """Comments that came while pseudonyms could not be had, or kept, get theirs: the one that is known by now."""
        for comment, _, data, blind in read:
            if blind and not _BLIND.fullmatch(blind):
                self._report.add("damaged", comment.id)
            elif blind:
                self._report.add("unnamed", comment.id)
                if not self._look:
                    self._name(comment, blind.decode(), data)

    def _name(self, comment: Comment, blind: str, data: bytes) -> None:
        keys, shard = self._keys, shards.shard_in(comment.id)
        new = comment.person or secrets.token_hex(8)
        (known,) = self._client.pipeline([("SET", keys.person(blind), new, "NX", "GET")], of_another_type=False)
        if known is False:
            self._report.add("type", comment.id)
            return
        person = known.decode(errors="replace") if known else new
        self._client.pipeline([("PERSIST", keys.person(blind)), ("SET", keys.known(person), blind)])
        call = Call(
            NAME,
            [
                keys.comment(comment.id),
                keys.comments_of(shard, comment.person or blind),
                keys.comments_of(shard, person),
            ],
            [comment.id, data, records.with_person(data, person)],
        )
        if self._client.run_all([call], of_another_type=False) == [False]:
            self._report.add("type", comment.id)

    def _show_to_moderators(self, comment_id: str) -> None:
        """A damaged or missing comment stands in some queue, so that somebody sees it and takes it out."""
        shard = shards.shard_in(comment_id)
        queues = [self._keys.queue(shard, status) for status in Status]
        scores = self._client.pipeline([("ZSCORE", queue, comment_id) for queue in queues], of_another_type=False)
        if not self._look and not any(scores):
            pending = self._keys.queue(shard, Status.PENDING)
            self._client.pipeline([("ZADD", pending, 0, comment_id)], of_another_type=0)

    # -- from the sets to the records

    def _set(self, shard: int, rest: str) -> None:
        """Every member of one set (see `_KEY`) is a comment that belongs there.

        One that cannot be read, or is missing, may belong anywhere, and what stands there may be all there is of it.
        """
        key = f"{self._prefix}{shard:02x}}}:{rest}"
        belongs, is_replies = self._belongs(rest), rest.endswith(":replies")
        for members in self._members(key, "HSCAN" if rest.endswith(":public") else "ZSCAN"):
            names = {member: member.decode(errors="replace") for member in members}
            named = {
                member: _id_of(name.rpartition(":")[2] if is_replies else name, shard) for member, name in names.items()
            }
            read = self._read([i for i in dict.fromkeys(named.values()) if i])
            strange = []
            for member, comment_id in named.items():
                comment = read[comment_id].comment if comment_id in read else None
                is_kept = comment_id in self._missing or (comment is not None and comment.is_damaged)
                if not (is_kept or (comment and belongs(names[member], comment))):
                    strange.append((member, comment_id, comment))
            self._uproot(shard, key, rest, strange)
            if strange and is_replies:
                self._set(shard, rest.removesuffix("replies") + "threads")  # what stood above them only

    def _ageing(self, shard: int) -> None:
        """Every member is an article of the shard. Whether it has comments, only they can say."""
        key = self._keys.ageing(shard)
        for members in self._members(key, "ZSCAN"):
            strange = []
            for member in members:
                site, _, article = member.decode(errors="replace").partition("\0")
                if shards.shard_of(site, article) != shard or in_ageing(site, article).encode() != member:
                    strange.append(member)
            self._uproot(shard, key, "ageing", [(member, "", None) for member in strange])

    def _belongs(self, rest: str) -> Callable[[str, Comment], bool]:
        if rest.startswith("q:"):
            return lambda _, comment: comment.status == rest[2:]
        if rest == "reported":
            return lambda _, comment: comment.status == Status.APPROVED and comment.reports > 0
        about, digest, kind = rest.split(":")

        def is_public(comment: Comment) -> bool:
            site, article = comment.site, comment.article
            own = surrogate_of_site(site) if about == "s" else surrogate(site, article)
            return comment.status == Status.APPROVED and own == f"{about}-{digest}"

        def is_reply(member: str, comment: Comment) -> bool:
            return is_public(comment) and member == f"{comment.root}:{comment.id}"

        def is_top(_: str, comment: Comment) -> bool:  # one that is gone may stand above replies: `uproot` looks
            return is_public(comment) and not comment.root

        kinds: dict[str, Callable[[str, Comment], bool]] = {"replies": is_reply, "threads": is_top}
        return kinds.get(kind, lambda _, comment: is_public(comment))

    def _members(self, key: str, command: str) -> Iterator[list[bytes]]:
        cursor: Any = 0
        while True:
            (answer,) = self._client.pipeline([(command, key, cursor, "COUNT", _STEP)], of_another_type=False)
            if answer is False:
                self._report.add("type", key)
                return
            cursor, flat = answer
            yield flat[::2]
            if int(cursor) == 0:
                return

    def _uproot(self, shard: int, key: str, rest: str, strange: Iterable[tuple[bytes, str, Comment | None]]) -> None:
        told = "-".join(rest.split(":")[:2]) if rest.startswith(("a:", "s:")) else ""
        nobody = shards.comment_id(shard, "0" * 26)
        above = [key.removesuffix("threads") + "replies"] if rest.endswith(":threads") else []
        strange = list(strange)
        calls = [
            Call(
                UPROOT,
                [self._keys.comment(comment_id or nobody), key, *above],
                [member, comment.version if comment else "", self._keys.changed, told, self._look],
            )
            for member, comment_id, comment in strange
        ]
        answers = self._client.run_all(calls, of_another_type=0)
        for (member, _, _), there in zip(strange, answers, strict=True):
            if there:
                self._report.add("planted", member.decode(errors="backslashreplace"))


def _id_of(name: str, shard: int) -> str:
    """The id of the comment that a name is; "" when it can be none of this shard."""
    return name if shards.is_comment_id(name) and shards.shard_in(name) == shard else ""
