"""Every key, and the map of the keyspace.

`NS` is the namespace (setting), `NN` a shard in two hex digits (00..3f), `A` the digest of an article (site and id),
`ID` a comment's id. Text that a reader typed is never part of a key.

    NS:{c:NN}:c:ID          hash    one comment: d (data: JSON, as submitted; packed), m (mail: sealed address),
                                    s (first letter of its status), v (version), b (JSON: by whom, when and why it
                                    came there), l (ids of its entries in the log), root (replies: top of their
                                    thread), reports (a word for each reader's report), about (b as it was at the last
                                    of these), blind (keyed hash of the address, until its pseudonym is found)
    NS:{c:NN}:was:ID        list    data of a comment as it was before each edit by a moderator
    NS:{c:NN}:q:STATUS      zset    ids of the shard's comments in that status, by time (score 0, order of members)
    NS:{c:NN}:s:S:recent    zset    ids of the shard's newest approved comments of a site (S its digest), as for a feed
    NS:{c:NN}:reported      zset    ids of the shard's approved comments that readers reported, by number of reports
    NS:{c:NN}:ageing        zset    SITE\\0ARTICLE of each article that nobody has opened or closed, by the time (ms) of
                                    its first comment
    NS:{c:NN}:aside:ID      any     what was left of a comment whose record could not be read, once it was rejected;
                                    "" where it was missing
    NS:{c:NN}:aside:ID:public  string  the public form that it had until then
    NS:{c:NN}:by:ID         set     who reported a comment (keyed hashes of sources), with a time to live
    NS:{c:NN}:leases        hash    ID -> end (ms), screen and holder of a lease on a comment that waits
    NS:{c:NN}:log           stream  every transition: comment, from, to (first letters of statuses), by, at, reason,
                                    version
    NS:{c:NN}:seals         list    the chain of seals of the log (JSON: upto, count, mac, at)
    NS:{c:NN}:tally:DAY     hash    counts of one day (20261231): came by hour (s), decided by hour (d), moderator (m)
                                    and article (a), waiting times in buckets (w); with a time to live
    NS:{c:NN}:of:PERSON     set     ids of a person's comments, found by the blind index; of:BLIND as long as the
                                    pseudonym could not be had
    NS:{c:NN}:i:KEY         string  answer to an idempotency key, with a time to live
    NS:{c:NN}:a:A:public    hash    ID -> public form (JSON) of each approved comment; its size is the count
    NS:{c:NN}:a:A:threads   zset    ids of top-level comments that show (approved, or above approved replies)
    NS:{c:NN}:a:A:replies   zset    ROOT:ID of each approved reply
    NS:{c:NN}:a:A:recent    zset    ids of the newest approved comments, some more than a feed shows
    NS:{c:NN}:a:A:meta      hash    closed ("1"), kept_open ("1": opened by somebody), pinned (ids), version (moves with
                                    each public change)

    NS:person:{BLIND}       string  keyed hash of an address -> random pseudonym (the blind index)
    NS:known:{PSEUDONYM}    string  the way back, for bans: pseudonym -> keyed hash of the address
    NS:notes:{PSEUDONYM}    list    what colleagues noted about a person (JSON: by, at, text), the newest first
    NS:limit:{SOURCE}       string  when this source's bucket is empty again (keyed hash of a client address)

    NS:{people}:moderators  hash    name -> JSON (role, password hash, created, epoch, second factor, passkeys, ...)
    NS:{people}:tokens      hash    sha256 of an API token -> JSON (name, role, created, used)
    NS:{people}:log         stream  every change of a person or a token: person, by, at, what, detail; no secret
    NS:{people}:seals       list    the same for the people's log; also how long the shards' chains are, and their ends
    NS:{people}:format      string  number of the format of all this, and the version of the service that brought it
    NS:{people}:seal-round  string  a round of sealing that is made or was made within the hour; with a time to live
    NS:{people}:session:S   hash    S = sha256 of the cookie; name, created, seen, proved, epoch (one that is not the
                                    moderator's is over), way, agent; time to live = idle limit
    NS:{people}:sessions:M  set     sessions of one moderator (digest of the name), to end them all
    NS:{people}:setup:S     string  S = sha256 of a one-time link for the first moderator; with a time to live
    NS:{people}:bans        hash    random id -> ban (JSON); version -> another random text after each change
    NS:{people}:views:M     hash    saved views of one moderator: name -> what it asks for (JSON)
    NS:{people}:here        zset    names of moderators by when (ms) their screens last said something
    NS:{people}:link:S      string  S = sha256 of a one-time link to join or for a new password; JSON (role, by, name)
    NS:{people}:challenge:S string  S = sha256 of what a passkey is to sign (for whom), or of the state of a sign-in
                                    at a provider (JSON: nonce, verifier); with a time to live
    NS:{people}:attempts:K  string  bucket of sign-in attempts of a name from a source, or of a source alone

    NS:{outbox}:holder      string  the process that delivers notices; with a time to live
    NS:{outbox}:read        hash    shard -> id of the entry of its log up to which notices are queued
    NS:{outbox}:due:W       zset    ids of comments that webhook W (digest of its address) is to hear of, by when (ms)
    NS:{outbox}:tries:W     hash    ID -> what came of that so far (JSON: since when (ms), how often, why not)
    NS:{outbox}:dead:W      hash    ID -> the same, of what was given up
    NS:{outbox}:mailed      string  the moderators were written to; time to live = until they may be again

    NS:changed              channel surrogate keys of an article and a site whose public answers have changed
"""

from hashlib import blake2b

from comments.store import shards


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


class Keys:
    """Makes the keys of one namespace."""

    def __init__(self, namespace: str) -> None:
        self._ns = namespace
        self._shards = [f"{namespace}:{{c:{number:02x}}}" for number in range(shards.SHARDS)]
        self._people = f"{namespace}:{{people}}"
        self.changed = f"{namespace}:changed"
        self.moderators = f"{self._people}:moderators"
        self.tokens = f"{self._people}:tokens"
        self.people_log = f"{self._people}:log"
        self.people_seals = f"{self._people}:seals"
        self.seal_round = f"{self._people}:seal-round"
        self.format = f"{self._people}:format"
        self.bans = f"{self._people}:bans"
        self.here = f"{self._people}:here"
        self._outbox = f"{namespace}:{{outbox}}"
        self.outbox_holder = f"{self._outbox}:holder"
        self.outbox_read = f"{self._outbox}:read"
        self.mailed = f"{self._outbox}:mailed"

    def comment(self, comment_id: str) -> str:
        return f"{self._shards[shards.shard_in(comment_id)]}:c:{comment_id}"

    def queue(self, shard: int, status: str) -> str:
        return f"{self._shards[shard]}:q:{status}"

    def recent(self, shard: int, site: str) -> str:
        return f"{self._shards[shard]}:s:{_digest(site)}:recent"

    def reported(self, shard: int) -> str:
        return f"{self._shards[shard]}:reported"

    def ageing(self, shard: int) -> str:
        return f"{self._shards[shard]}:ageing"

    def aside(self, comment_id: str) -> str:
        return f"{self._shards[shards.shard_in(comment_id)]}:aside:{comment_id}"

    def aside_public(self, comment_id: str) -> str:
        return f"{self.aside(comment_id)}:public"

    def reporters(self, comment_id: str) -> str:
        return f"{self._shards[shards.shard_in(comment_id)]}:by:{comment_id}"

    def leases(self, shard: int) -> str:
        return f"{self._shards[shard]}:leases"

    def was(self, comment_id: str) -> str:
        return f"{self._shards[shards.shard_in(comment_id)]}:was:{comment_id}"

    def log(self, shard: int) -> str:
        return f"{self._shards[shard]}:log"

    def seals(self, shard: int) -> str:
        return f"{self._shards[shard]}:seals"

    def tally(self, shard: int, day: str) -> str:
        return f"{self._shards[shard]}:tally:{day}"

    def comments_of(self, shard: int, person: str) -> str:
        return f"{self._shards[shard]}:of:{person}"

    def answer(self, shard: int, site: str, article: str, idempotency_key: str) -> str:
        scoped = "\0".join((site, article, idempotency_key))
        return f"{self._shards[shard]}:i:{_digest(scoped)}"

    def article(self, site: str, article: str) -> "ArticleKeys":
        return ArticleKeys(f"{self._shards[shards.shard_of(site, article)]}:a:{shards.article_digest(site, article)}")

    def pages(self, shard: int) -> str:
        """A pattern for the keys of a shard's articles and sites, among them `public` and `recent`."""
        return f"{self._shards[shard]}:[as]:*"

    def person(self, blind: str) -> str:
        return f"{self._ns}:person:{{{blind}}}"

    def known(self, person: str) -> str:
        return f"{self._ns}:known:{{{person}}}"

    def notes(self, person: str) -> str:
        return f"{self._ns}:notes:{{{person}}}"

    def limit(self, source: str) -> str:
        return f"{self._ns}:limit:{{{source}}}"

    def setup(self, token_digest: str) -> str:
        return f"{self._people}:setup:{token_digest}"

    def challenge(self, challenge_digest: str) -> str:
        return f"{self._people}:challenge:{challenge_digest}"

    def link(self, token_digest: str) -> str:
        return f"{self._people}:link:{token_digest}"

    def session(self, token_digest: str) -> str:
        return f"{self._people}:session:{token_digest}"

    def sessions_of(self, moderator: str) -> str:
        return f"{self._people}:sessions:{_digest(moderator)}"

    def views_of(self, moderator: str) -> str:
        return f"{self._people}:views:{_digest(moderator)}"

    def attempts(self, kind: str, who: str) -> str:
        return f"{self._people}:attempts:{kind}:{_digest(who)}"

    def due(self, webhook: str) -> str:
        return f"{self._outbox}:due:{_digest(webhook)}"

    def tries(self, webhook: str) -> str:
        return f"{self._outbox}:tries:{_digest(webhook)}"

    def dead(self, webhook: str) -> str:
        return f"{self._outbox}:dead:{_digest(webhook)}"


class ArticleKeys:
    """The keys of one article, all in its shard's slot."""

    __slots__ = ("meta", "public", "recent", "replies", "threads")

    def __init__(self, prefix: str) -> None:
        self.public = f"{prefix}:public"
        self.threads = f"{prefix}:threads"
        self.replies = f"{prefix}:replies"
        self.recent = f"{prefix}:recent"
        self.meta = f"{prefix}:meta"


def surrogate(site: str, article: str) -> str:
    """The surrogate key of an article's public answers."""
    return f"a-{shards.article_digest(site, article)}"


def surrogate_of_site(site: str) -> str:
    """The surrogate key of what tells of a whole site."""
    return f"s-{_digest(site)}"


def announcement(site: str, article: str) -> str:
    """The message that announces a change of an article's public answers: the keys of all that tell of it."""
    return f"{surrogate(site, article)} {surrogate_of_site(site)}"


def in_ageing(site: str, article: str) -> str:
    """The member that stands for an article in `ageing`. Neither text can contain the character between them."""
    return f"{site}\0{article}"
