"""Fills a running service's store directly, many comments at a time, through the store's own scripts."""

import os
import random
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import count, islice

from comments.ids import new_ulid
from comments.model import Comment, Decision, Status, Submission
from comments.store import shards
from comments.store.client import Client
from comments.store.comments import Change, CommentStore, Entry
from comments.store.keys import Keys
from comments.store.published import finished
from comments.text import to_html

SENTENCES = (
    "Chiều qua tôi chạy xe ngang đoạn đường này, ổ gà lổn nhổn mà chẳng thấy rào chắn hay biển cảnh báo nào.",
    "Nhà tôi gần chợ, mấy hôm nay rau muống đã lên mười lăm nghìn một bó, thịt ba chỉ thì khỏi phải nói.",
    "Con gái tôi học lớp bảy, đi học thêm kín tuần, tối về còn ngồi chép văn mẫu tới mười một giờ đêm.",
    "Đọc xong mà rưng rưng, cầu cho bé mau khỏe, ai ở gần xin ghé thăm giúp một tay.",
    "Phí gửi xe tăng gấp đôi nhưng hầm vẫn dột, vé giấy vẫn nhòe, bảo vệ vẫn quát khách.",
    "Sân cỏ hôm đó trơn như đổ mỡ, trọng tài lại bỏ qua pha kéo áo rõ mồn một ở phút tám mươi.",
    "Tôi làm kế toán hai mươi năm, chưa thấy đợt quyết toán nào rối như đợt này.",
    "Muốn bớt kẹt xe phải làm tàu điện cho tử tế trước, rồi hãy tính tới chuyện cấm xe máy.",
    "Bác nào rành luật cho em hỏi, hợp đồng ký tay không công chứng thì ra tòa có giá trị không ạ?",
    "Ngày xưa ông nội tôi đạp xe bốn chục cây số đi dạy, lương lĩnh bằng gạo mà học trò vẫn kính nể.",
    "Quảng cáo một đằng, giao hàng một nẻo, gọi tổng đài thì toàn nghe nhạc chờ.",
    "Bão vừa tan, bà con miền Trung lại lo dọn bùn, mong đoàn cứu trợ đến kịp trước đợt mưa mới.",
    "Thủ tục trực tuyến tiện thật, nộp tối thứ sáu mà sáng thứ ba đã có kết quả trong hộp thư.",
    "Cây bị đốn sạch rồi mới họp dân lấy ý kiến, thế thì hỏi để làm gì nữa hả trời.",
    "Sữa chua nhà làm vừa rẻ vừa sạch, cần gì mấy hũ nhập khẩu trăm mấy chục nghìn.",
    "Xem lại băng ghi hình thì thấy chiếc bán tải vượt đèn đỏ, anh shipper đi đúng phần đường.",
)
_PEOPLE = (
    "Nguyễn Thị Hoa",
    "Trần Văn Bình",
    "Lê Quang",
    "Phạm Thu Hương",
    "Minh",
    "bạn đọc cũ",
    "Đỗ Hải Yến",
    "Tuấn Anh",
)
_START = 1_700_000_000_000
_milliseconds = count(_START)
_COMMENTS_OF_ONE = 5  # that a reader writes


def text_of(characters: int, seed: int = 0) -> str:
    """A text of exactly so many characters, another one for every seed."""
    chance, text = random.Random(seed), ""  # noqa: S311 - no secret
    while len(text) < characters:
        text += chance.choice(SENTENCES) + " "
    return text[: characters - 1] + "."


_REWRITING = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")


def fill(client: Client, articles: Iterable[str], *, approve: bool, characters: int = 210) -> None:
    """One comment for each name in `articles` (as often as it comes); approved, or waiting. Five are of one reader."""
    store, keys = CommentStore(client, "comments"), Keys("comments")
    names = iter(articles)

    def load(some: list[str]) -> None:
        entries = [_entry(article, characters) for article in some]
        client.pipeline([("SET", keys.person(entry.blind or ""), entry.person) for entry in entries])
        store.enqueue_all(entries)
        if approve:
            changes = [Change(seen, Decision.APPROVE, None, finished(seen, to_html(seen.body)))
                       for seen in map(_queued, entries)]  # fmt: skip
            store.decide(changes, by="bench", at=datetime.now(UTC))

    with ThreadPoolExecutor(3) as threads:  # one makes the next ones while the server is at others
        while batch := [some for _ in range(30) if (some := list(islice(names, 100)))]:
            list(threads.map(load, batch))
    while any(client.command("INFO", "persistence")[name] for name in _REWRITING):
        time.sleep(0.1)  # the log is rewritten for what was filled in, not for what is measured after it


def _entry(article: str, characters: int) -> Entry:
    at = next(_milliseconds)
    person = at // _COMMENTS_OF_ONE
    comment_id = shards.comment_id(shards.shard_of("main", article), new_ulid(at))
    submission = Submission(article=article, name=_PEOPLE[person % len(_PEOPLE)], body=text_of(characters, at))
    sealed = os.urandom(81)  # an address of 25 characters
    return Entry(
        submission, comment_id, at, Status.PENDING, ["review"], sealed, f"{person:016x}", f"{person:032x}", "", 0
    )


def _queued(entry: Entry) -> Comment:
    said = entry.submission
    return Comment(
        id=entry.comment_id,
        site=said.site,
        article=said.article,
        name=said.name,
        body=said.body,
        created_at=datetime.fromtimestamp(entry.at / 1000, UTC),
        status=entry.status,
        version=1,
    )


def repeated(names: Iterable[str], times: int) -> Iterator[str]:
    """Each name so many times, in turn."""
    names = list(names)
    for _ in range(times):
        yield from names
