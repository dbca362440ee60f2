"""The one family of errors that crosses rooms: each has a stable `code` and the evidence a caller needs."""


class CommentsError(Exception):
    """Root of everything this service raises on purpose."""

    code = "error"


class Invalid(CommentsError):
    """Fields that cannot be accepted: `errors` maps a field's name to its messages, in the reader's language."""

    code = "invalid"

    def __init__(self, errors: dict[str, list[str]]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


class NotFound(CommentsError):
    """No such comment (or none that the caller may know of)."""

    code = "not_found"


class Closed(CommentsError):
    """The article takes no more comments."""

    code = "closed"


class Banned(CommentsError):
    """The author, their domain or their network may not comment until `until` (seconds since 1970)."""

    code = "banned"

    def __init__(self, until: int, reason: str) -> None:
        super().__init__(f"until {until}")
        self.until = until
        self.reason = reason


class TooMany(CommentsError):
    """This source has sent more than its limit; try again after `retry_after` whole seconds."""

    code = "too_many"

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"retry after {retry_after} s")
        self.retry_after = retry_after


class IdempotencyConflict(CommentsError):
    """The same idempotency key came before with other content."""

    code = "idempotency_conflict"


class ParentUnknown(CommentsError):
    """The parent is no approved comment of this article."""

    code = "invalid"


class AlreadyDecided(CommentsError):
    """The comment is not what the caller saw any more; it has since become `status` at `version`."""

    code = "conflict"

    def __init__(self, status: str, version: int) -> None:
        super().__init__(f"is {status} at version {version}")
        self.status = status
        self.version = version


class AlreadyExists(CommentsError):
    """A name that is taken."""

    code = "already_exists"


class Unavailable(CommentsError):
    """The store did not answer in time. `maybe_written` is true when a write may have happened all the same."""

    code = "store_unavailable"

    def __init__(self, reason: str, *, maybe_written: bool = False) -> None:
        super().__init__(reason)
        self.maybe_written = maybe_written


class StoreFull(CommentsError):
    """The store refuses writes that need room (memory or disk); reads and removals still work."""

    code = "store_full"


class Busy(CommentsError):
    """More is asked for than can be done at this moment; nothing was done."""

    code = "busy"
