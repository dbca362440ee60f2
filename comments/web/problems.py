"""An answer that says what went wrong (RFC 9457)."""


class Problem(Exception):
    """An HTTP error with a stable code, ready to be said: `detail` is in the reader's language."""

    def __init__(self, status: int, code: str, detail: str, *, errors: dict[str, list[str]] | None = None,
                 retry_after: int | None = None, outcome: str | None = None) -> None:  # fmt: skip
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        self.errors = errors
        self.retry_after = retry_after
        self.outcome = outcome
