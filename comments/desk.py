"""The commands, in order: what happens when someone submits, decides, withdraws, opens or closes.

Takes ids and times from outside, asks the model, tells the store. Reads do not come through here.
"""

import hmac
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from math import ceil

from comments import checks, text
from comments.checks import bans
from comments.errors import AlreadyDecided, Banned, IdempotencyConflict, NotFound, ParentUnknown, TooMany
from comments.model import (
    STAFF,
    Address,
    Comment,
    Decision,
    LastDecision,
    ReportReason,
    Result,
    Status,
    Submission,
    Verdict,
    may_be_edited,
    may_follow,
    moment_of,
    outcome_of,
)
from comments.receipts import Receipts
from comments.sealing import Sealer
from comments.settings import Limit
from comments.store import shards
from comments.store.articles import Articles
from comments.store.bans import REFUSE, Ban, Bans, strictest
from comments.store.comments import Change, CommentStore, Entry, Moved
from comments.store.published import finished


@dataclass(frozen=True, slots=True)
class Accepted:
    """What the reader is told: the comment's id, when it came, and the receipt."""

    id: str
    article: str
    created_at: datetime
    receipt: str


class Desk:
    """The commands of one installation."""

    def __init__(
        self,
        store: CommentStore,
        articles: Articles,
        kept_away: Bans,
        sealer: Sealer,
        receipts: Receipts,
        *,
        key: bytes,
        limit: Limit | None,
        report_limit: Limit | None,
        idempotency_seconds: int,
        now: Callable[[], float],
        new_id: Callable[[int], str],
    ) -> None:
        """`key` keys the hashes of sources and contents; `now` gives seconds since 1970, `new_id` a ULID for ms."""
        self._store = store
        self._articles = articles
        self._bans = kept_away
        self._sealer = sealer
        self._receipts = receipts
        self._key = key
        self._limit = limit
        self._report_limit = report_limit
        self._idempotency_seconds = idempotency_seconds
        self._now = now
        self._new_id = new_id

    def submit(self, submission: Submission, *, source: str | None, once: bool = False) -> Accepted:
        """Queues a submission; returns when the store has it on disk. Two round trips, one more after bans changed.

        `source` is what the limit counts by (a client address, shortened), or None for no limit. With `once` the
        same content again is the same submission even without a key (forms that cannot make one).

        Raises:
            Banned, TooMany, Closed, ParentUnknown, IdempotencyConflict; Unavailable, StoreFull.
        """
        at = int(self._now() * 1000)
        fingerprint = self._fingerprint(submission)
        if once and not submission.idempotency_key:
            submission = replace(submission, idempotency_key=fingerprint)
        blind = self._sealer.blind(submission.email, submission.site) if submission.email else None
        limit = self._limit if source else None
        admission = self._store.admit(
            source=self._today(source, at) if limit and source else None,
            now=at,
            interval=limit.seconds * 1000 // limit.count if limit else 0,
            burst=limit.seconds * 1000 if limit else 0,
            blind=blind,
            pseudonym=secrets.token_hex(8),
            bans=self._bans.asked(),
        )
        if admission.wait:
            return self._repeated(submission, fingerprint, admission.wait)
        ban = None if admission.is_unchecked else self._ban_of(admission.bans, blind, submission.email, source, at)
        if ban and ban.effect == REFUSE:
            raise Banned(ban.until, ban.reason)
        status, reasons = checks.examine(submission, is_new_person=admission.is_new)
        if admission.is_unchecked:
            reasons.append(checks.UNCHECKED)
        if ban:
            status, reasons = Status.SPAM, [bans.CODE]
        comment_id = shards.comment_id(shards.shard_of(submission.site, submission.article), self._new_id(at))
        entry = Entry(
            submission=submission,
            comment_id=comment_id,
            at=at,
            status=status,
            reasons=reasons,
            mail=self._sealer.seal(submission.email, comment_id) if submission.email else b"",
            person=admission.person,
            blind=blind,
            answer=f"{fingerprint} {comment_id} {at}",
            answer_lifetime=self._idempotency_seconds,
        )
        answer = self._store.enqueue(entry)
        return self._accepted(submission, fingerprint, answer)

    def decide(self, verdicts: Sequence[Verdict], *, by: str) -> list[Result]:
        """Carries out each verdict if its comment still stands as the moderator saw it; one result each, in order."""
        at = moment_of(int(self._now() * 1000))
        found = self._store.comments([verdict.id for verdict in verdicts])
        changes = {
            place: Change(comment, verdict.decision, verdict.reason, _public(comment, verdict.decision))
            for place, verdict in enumerate(verdicts)
            if (comment := found.get(verdict.id))
            and comment.version == verdict.version
            and may_follow(verdict.decision, comment.status)
            and not comment.is_damaged
        }
        outcomes = dict(zip(changes, self._store.decide(list(changes.values()), by=by, at=at), strict=True))
        results = []
        for place, verdict in enumerate(verdicts):
            outcome = outcomes.get(place) or self._set_aside(verdict, found.get(verdict.id), by=by, at=at)
            if isinstance(outcome, Moved):
                to = outcome_of(verdict.decision)
                results.append(Result(verdict.id, "done", to, outcome.version, by, at))
            elif outcome:
                results.append(_refused(verdict, "conflict", outcome.status, outcome.version, outcome.last))
            elif comment := found.get(verdict.id):
                word = "conflict" if comment.version != verdict.version else "invalid"
                results.append(_refused(verdict, word, comment.status, comment.version, comment.decided))
            else:
                results.append(Result(verdict.id, "not_found"))
        # whoever is told of a colleague's decision relies on it, too
        self._store.confirm(found[one.id] for one in results if one.outcome == "conflict" and one.id in found)
        return results

    def _set_aside(self, verdict: Verdict, comment: Comment | None, *, by: str, at: datetime) -> Moved | None:
        """Rejects a comment whose record is missing or cannot be read: all that can be decided about it."""
        sound = comment is not None and not comment.is_damaged
        stale = comment is not None and comment.version != verdict.version
        if verdict.decision != Decision.REJECT or sound or stale or not shards.is_comment_id(verdict.id):
            return None
        return self._store.set_aside(
            verdict.id, version=verdict.version, to=Status.REJECTED, by=by, at=at, reason=verdict.reason
        )

    def withdraw(self, receipt: str) -> Comment:
        """Takes a comment back for its author: out of the queue, or off the page. A second time changes nothing.

        Raises:
            NotFound: no comment has this receipt.
            AlreadyDecided: it was rejected or filed as spam, or decided at this very moment; or it cannot be read.
        """
        comment = self.of_receipt(receipt)
        if comment.status == Status.WITHDRAWN:
            self._store.confirm([comment])
            return comment
        if not may_follow(Decision.WITHDRAW, comment.status) or comment.is_damaged:
            raise AlreadyDecided(comment.status, comment.version)
        at = moment_of(int(self._now() * 1000))
        (outcome,) = self._store.decide([Change(comment, Decision.WITHDRAW, None)], by=None, at=at)
        if not isinstance(outcome, Moved):
            raise AlreadyDecided(comment.status, comment.version)
        return self.of_receipt(receipt)

    def edit(self, receipt: str, body: str, *, source: str | None) -> Comment:
        """Gives a comment that still waits another text; counts as a submission, unless the text is the same.

        Raises:
            NotFound: no comment has this receipt.
            AlreadyDecided: it does not wait any more, or was decided at this very moment.
            TooMany; Unavailable, StoreFull.
        """
        comment = self.of_receipt(receipt)
        if not may_be_edited(comment.status) or comment.is_damaged:
            raise AlreadyDecided(comment.status, comment.version)
        if comment.body == body:
            self._store.confirm([comment])
            return comment
        at = int(self._now() * 1000)
        if wait := self._wait(self._limit, source, at):
            raise TooMany(ceil(wait))
        edited = replace(comment, body=body)
        _, reasons = checks.examine(_said_again(edited), is_new_person=checks.FIRST in comment.reasons)
        outcome = self._store.edit(comment, replace(edited, reasons=tuple(reasons)), by=None, at=moment_of(at))
        now = self.of_receipt(receipt)
        if not isinstance(outcome, Moved):
            if now.body != body:
                raise AlreadyDecided(now.status, now.version)
            self._store.confirm([now])
        return now

    def revise(self, comment_id: str, version: int, body: str, *, by: str) -> Result:
        """Gives a comment another text in a moderator's name, at any status but withdrawn; the old text is kept."""
        verdict = Verdict(comment_id, version, Decision.RESTORE)
        comment = self._store.comments([comment_id]).get(comment_id)
        if not comment:
            return Result(comment_id, "not_found")
        if comment.version != version:
            return _refused(verdict, "conflict", comment.status, comment.version, comment.decided)
        if comment.is_damaged or comment.status == Status.WITHDRAWN:
            return _refused(verdict, "invalid", comment.status, comment.version, comment.decided)
        if comment.body == body:
            self._store.confirm([comment])
            return Result(comment_id, "done", comment.status, comment.version, by)
        at = moment_of(int(self._now() * 1000))
        edited = replace(comment, body=body, edited_at=at)
        public_json = finished(edited, text.to_html(body)) if comment.status == Status.APPROVED else b""
        outcome = self._store.edit(comment, edited, by=by, at=at, public_json=public_json)
        if isinstance(outcome, Moved):
            return Result(comment_id, "done", comment.status, outcome.version, by, at)
        if outcome:
            return _refused(verdict, "conflict", outcome.status, outcome.version, outcome.last)
        return Result(comment_id, "not_found")

    def answer(self, comment_id: str, body: str, *, by: str, key: str) -> str:
        """A moderator's public answer under an approved comment; its id. The same key again is the same answer.

        The badge comes from the account. Two steps: whatever stops it in between leaves the answer in the queue.

        Raises:
            ParentUnknown: the comment is not public.
            Closed: the article takes no comments; Unavailable, StoreFull.
        """
        parent = self._store.comments([comment_id]).get(comment_id)
        if not parent or parent.status != Status.APPROVED:
            raise ParentUnknown(comment_id)
        at = int(self._now() * 1000)
        submission = Submission(
            article=parent.article,
            name=by,
            body=body,
            site=parent.site,
            parent=parent.id,
            article_url=parent.article_url,
            article_title=parent.article_title,
            language=parent.language,
            staff=True,
            idempotency_key=key,
        )
        new_id = shards.comment_id(shards.shard_in(parent.id), self._new_id(at))
        entry = Entry(
            submission=submission,
            comment_id=new_id,
            at=at,
            status=Status.PENDING,
            reasons=[STAFF],
            mail=b"",
            person=None,
            blind=None,
            answer=f"{self._fingerprint(submission)} {new_id} {at}",
            answer_lifetime=self._idempotency_seconds,
        )
        accepted = self._store.enqueue(entry).split(" ")[1]
        self.decide([Verdict(accepted, 1, Decision.APPROVE)], by=by)
        return accepted

    def report(self, comment_id: str, reason: ReportReason, *, source: str) -> None:
        """Notes for the moderators what a reader finds wrong with a published comment; once for each source.

        Raises:
            NotFound: there is no such comment, or it is not public.
            TooMany; Unavailable, StoreFull.
        """
        at = int(self._now() * 1000)
        if wait := self._wait(self._report_limit, f"reports\n{source}", at):
            raise TooMany(ceil(wait))
        # named after the comment too: what one source reported cannot be brought together
        name = hmac.digest(self._key, f"{comment_id}\n{source}".encode(), sha256)[:16].hex()
        if not self._store.report(comment_id, source=name, reason=reason):
            raise NotFound(comment_id)

    def of_receipt(self, receipt: str) -> Comment:
        """The comment that a receipt stands for.

        Raises:
            NotFound: no comment has this receipt.
        """
        comment_id = self._receipts.comment_id(receipt)
        comment = self._store.comments([comment_id]).get(comment_id) if comment_id else None
        if not comment:
            raise NotFound("receipt")
        return comment

    def ban(self, kind: str, about: str, *, effect: str, days: int, reason: str, by: str) -> bool:
        """Keeps a person (by pseudonym), a domain or a range away for some days; False when `about` is none."""
        name = self._name_of(kind, about)
        if not name:
            return False
        now = int(self._now())
        shown = about if kind == "person" else ""
        self._bans.put(
            Ban(secrets.token_hex(8), self._hidden(name), kind, shown, effect, reason, by, now, now + days * 86_400)
        )
        return True

    def _ban_of(
        self, version: bytes | None, blind: str | None, email: Address | None, source: str | None, at: int
    ) -> Ban | None:
        """The ban that keeps this submission away."""
        in_force = self._bans.in_force(version)
        if not in_force:
            return None
        found = (in_force.get(self._hidden(name)) for name in bans.names(blind, email, source))
        return strictest(ban for ban in found if ban and ban.until * 1000 > at)

    def _name_of(self, kind: str, about: str) -> str | None:
        match kind:
            case "person":
                blind = self._bans.blind_of(about)
                return bans.person(blind) if blind else None
            case "domain":
                return bans.domain(about)
            case _:
                return bans.network(about)

    def _hidden(self, name: str) -> str:
        """The name of a ban as it is kept: nobody can read it back without the key, or guess and try."""
        return hmac.digest(self._key, f"ban\n{name}".encode(), sha256)[:16].hex()

    def pin(self, comment_id: str, *, pinned: bool, by: str) -> bool:
        """Pins a comment above the others of its article, or not any more; False when that cannot be."""
        comment = self._store.comments([comment_id]).get(comment_id)
        at = moment_of(int(self._now() * 1000))
        return bool(comment and self._articles.pin(comment, pinned=pinned, by=by, at=at))

    def open_article(self, site: str, article: str, *, is_open: bool, by: str) -> None:
        """Opens or closes an article for new comments."""
        self._articles.open(site, article, is_open=is_open, by=by, at=moment_of(int(self._now() * 1000)))

    def _wait(self, limit: Limit | None, source: str | None, at: int) -> float:
        """Takes one from a source's bucket; the seconds to wait when it is empty, else 0."""
        admission = self._store.admit(
            source=self._today(source, at) if limit and source else None,
            now=at,
            interval=limit.seconds * 1000 // limit.count if limit else 0,
            burst=limit.seconds * 1000 if limit else 0,
            blind=None,
            pseudonym="",
        )
        return admission.wait

    def _repeated(self, submission: Submission, fingerprint: str, wait: float) -> Accepted:
        """A repetition of what was answered before costs nothing and is never turned away."""
        answer = self._store.earlier_answer(submission, lifetime=self._idempotency_seconds)
        if not answer:
            raise TooMany(ceil(wait))
        return self._accepted(submission, fingerprint, answer)

    def _accepted(self, submission: Submission, fingerprint: str, answer: str) -> Accepted:
        answered, comment_id, at = answer.split(" ")
        if answered != fingerprint:
            raise IdempotencyConflict(submission.idempotency_key)
        return Accepted(comment_id, submission.article, moment_of(int(at)), self._receipts.make(comment_id))

    def _fingerprint(self, submission: Submission) -> str:
        return hmac.digest(self._key, submission.content().encode(), sha256)[:16].hex()

    def _today(self, source: str, at: int) -> str:
        """A source under a name that changes every day and cannot be turned back into an address."""
        return hmac.digest(self._key, f"{at // 86_400_000}\n{source}".encode(), sha256)[:16].hex()


def _public(comment: Comment, decision: Decision) -> bytes:
    return finished(comment, text.to_html(comment.body)) if decision == Decision.APPROVE else b""


def _said_again(comment: Comment) -> Submission:
    """A comment's words as they would be submitted, to be examined once more."""
    return Submission(
        article=comment.article, name=comment.name, body=comment.body, site=comment.site, website=comment.website
    )


def _refused(verdict: Verdict, outcome: str, status: Status, version: int, last: LastDecision | None) -> Result:
    by, at = (last.by, last.at) if last else (None, None)
    return Result(verdict.id, outcome, status, version, by, at)
