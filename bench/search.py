"""Promise of the review page: the first page of a search in below 100 ms at a million comments, and what that costs.

Alone: `python -m bench.search [comments]`. The index is filled directly, in words drawn like those of a language
(the commonest syllable in most comments, most in few), 25 of them in a comment on average.
"""

import itertools
import random
import sys
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter

from comments import ids
from comments.model import Comment, Status, moment_of
from comments.search import Search
from comments.store.comments import Filter

_PARTS = """
b c ch d đ g h kh l m n ng nh ph qu r s t th tr v x
a á à ả ã ạ ă ắ â ấ e é ê ế i í o ó ô ố ồ ơ ớ u ú ư ứ ươ ướ iê iế
n m ng t c p i nh
"""
_FIRST = 1_700_000_000_000  # milliseconds


class Texts:
    """A store with comments that are made as they are read: one shard's log, no server."""

    def __init__(self, size: int) -> None:
        self._random = random.Random(1)  # noqa: S311  # texts, no secrets
        self.words = ["".join(parts) for parts in itertools.product(*map(str.split, _PARTS.split("\n")[1:-1]))]
        self._random.shuffle(self.words)
        self._weights = list(itertools.accumulate(1 / (place + 3) for place in range(len(self.words))))
        self._size = size

    def beginning(self, letters: int) -> str:
        """How most words begin, without marks."""
        shares: Counter[str] = Counter()
        for place, word in enumerate(self.words):
            plain = "".join(filter(str.isalpha, unicodedata.normalize("NFD", word).replace("đ", "d")))
            if len(plain) >= letters:
                shares[plain[:letters]] += 1 / (place + 3)
        return max(shares, key=shares.__getitem__)

    def moved_after(self, cursors: Mapping[int, str], *, limit: int) -> list[tuple[int, str, str]]:
        start = int(cursors.get(0, "0"))
        numbers = range(start + 1, min(start + limit * 64, self._size) + 1)
        return [(0, str(number), f"00{ids.new_ulid(_FIRST + number * 30_000)}") for number in numbers]

    def comments(self, comment_ids: Sequence[str]) -> dict[str, Comment]:
        return {comment_id: self._comment(comment_id) for comment_id in comment_ids}

    def _comment(self, comment_id: str) -> Comment:
        draw, length = self._random, int(min(200, max(3, self._random.expovariate(1 / 25))))
        return Comment(
            id=comment_id,
            site="main",
            article=f"article {draw.randrange(20_000)}",
            name=self._said(3).title(),
            body=self._said(length),
            created_at=moment_of(ids.milliseconds_of(comment_id[2:])),
            status=draw.choices(list(Status), [1, 90, 5, 4, 0])[0],
            version=1,
            person=f"{draw.randrange(200_000):016x}",
            reasons=("review",),
        )

    def _said(self, length: int) -> str:
        return " ".join(self._random.choices(self.words, cum_weights=self._weights, k=length))


def measure(size: int) -> Iterator[tuple[str, float, str]]:
    """What was measured, how much, and in which unit."""
    texts = Texts(size)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "search.sqlite"
        search = Search(path, texts)  # type: ignore[arg-type]  # the two reads that the index needs
        began = perf_counter()
        while search.follow():
            pass
        yield "read into the index, with making the texts", size / (perf_counter() - began), "comments/s"
        yield "the index", sum(file.stat().st_size for file in path.parent.iterdir()) / size, "bytes/comment"
        common, usual, rare = texts.words[0], texts.words[300], texts.words[5000]
        phrases = (f"{common} {usual}", f'"{common} {texts.words[1]}"')
        for text in (common, usual, rare, *phrases, *(f"{texts.beginning(letters)}*" for letters in (3, 4, 5))):
            for status in (None, Status.SPAM):
                yield f"first page of {text} in {status or 'every status'}", _page(search, text, status), "ms"


def _page(search: Search, text: str, status: Status | None) -> float:
    began = perf_counter()
    search.find(Filter(text=text), status, limit=26, after=None, newest=True)
    return (perf_counter() - began) * 1000


if __name__ == "__main__":
    for what, value, unit in measure(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000):
        print(f"{what}: {value:,.1f} {unit}", flush=True)
