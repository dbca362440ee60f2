"""Makes the pictures of README.md: a service with an invented discussion, seen by Chromium.

python -m docs.screenshots
"""

import logging
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from inspect import cleandoc
from pathlib import Path

from playwright.sync_api import Page, sync_playwright
from werkzeug.serving import make_server

from comments import create_app, passwords, settings
from comments.installation import held_keys, own_store
from comments.model import Address, Decision, Submission, Verdict
from comments.web.here import House

HERE = Path(__file__).parent / "screenshots"
NOW = datetime(2026, 11, 15, 20, 10, tzinfo=UTC).timestamp()
TITLE = "Chuyến đò cuối của ông Tám Lành"
PASSWORD = "ba con vịt xòe ra hai cái cánh"  # noqa: S105 - of a service that lives for seconds

# minutes before NOW, name, what it answers (its place in this list); the text below
PUBLISHED = {
    (1490, "Nguyễn Thị Hoa", None): """
        Đọc mà nhớ quê quá. Hồi nhỏ tôi đi học bằng đò, hôm nào nước lớn cả lớp được nghỉ.

        Mong xã giữ lại cái bến cho tụi nhỏ học bơi.""",
    (1385, "Trần Quốc Bảo", 0): """
        Bến bên tôi giữ lại được rồi chị ơi, giờ chiều nào cũng đông. Chỉ cần vài người chịu đứng ra.""",
    (760, "Sáu Lượm", None): """
        Tui là khách chuyến sớm của anh Tám hai chục năm nay. Bữa quên tiền, ảnh nói “mai trả” rồi quên luôn.""",
    (212, "Lê Minh Khuê", None): """
        Có cầu thì mừng, nhưng đừng để hàng bần lở mất. Ai biết xã có kế hoạch trồng lại không?""",
    (47, "Phạm Diệu Linh", 3): """
        Theo chỗ mình biết thì sang năm trồng dặm hai trăm mét: https://cai-say.example/ban""",
}
WAITING = {
    (38, "Đoàn Văn Tư", 2): """
        Ảnh hiền lắm. Đêm bão số 9 ảnh chở bà già tui qua trạm xá, không lấy đồng nào.""",
    (26, "Bảo Khang", None): """
        Tụi em lớp chín cảm ơn mọi người ủng hộ. Chủ nhật này tụi em dọn rác ven bến, ai rảnh ghé phụ nha!""",
    (11, "Vay nhanh 24h", None): """
        Cần tiền xây nhà gần cầu mới? Duyệt trong 5 phút: http://vay-nhanh.example http://vay-nhanh.example/gap""",
}


def tell(house: House, clock: list[float]) -> None:
    """Fills the service: what has been approved, then what waits."""
    ids: list[str] = []
    for place, ((minutes, name, answers), text) in enumerate([*PUBLISHED.items(), *WAITING.items()]):
        clock[0] = NOW - 60 * minutes
        said = Submission(
            article="demo",
            name=name,
            body=cleandoc(text),
            email=Address(f"reader{place}@reader-mail.vn"),
            parent=None if answers is None else ids[answers],
            article_title=TITLE,
            article_url="https://song-que.example/chuyen-do-cuoi",
            language="vi",
        )
        ids.append(house.desk.submit(said, source=None).id)
        if place < len(PUBLISHED):
            house.desk.decide([Verdict(ids[-1], 1, Decision.APPROVE)], by="Lan")
    clock[0] = NOW


@contextmanager
def service(data: Path) -> Iterator[str]:
    """The address of a service whose clock stands still."""
    clock = [NOW]
    with own_store(settings.load({}, data=data, submit_limit="", min_free_mb=0, cache_mb=0)) as loaded:
        app = create_app(loaded, held_keys(loaded), now=lambda: clock[0])
        house: House = app.extensions["comments"]
        tell(house, clock)
        house.people.add_moderator("Lan", role="moderator", password_hash=passwords.hash_password(PASSWORD))
        server = make_server("127.0.0.1", 0, app, threaded=True)
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def demo_page(page: Page) -> None:
    page.goto("/demo?lang=vi")
    page.locator("article-comments").scroll_into_view_if_needed()
    page.get_by_role("article", name="Phạm Diệu Linh").wait_for()
    page.evaluate("scrollBy(0, document.querySelector('.question').getBoundingClientRect().top - 24)")
    page.screenshot(path=HERE / "demo.png")


def review_page(page: Page) -> None:
    page.set_viewport_size({"width": 1180, "height": 800})
    page.goto("/moderate/?lang=vi")
    page.get_by_role("textbox", name="Tên").fill("Lan")
    page.get_by_label("Mật khẩu").fill(PASSWORD)
    page.get_by_role("button", name="Đăng nhập").click()
    page.get_by_role("article", name="Đoàn Văn Tư").wait_for()
    page.screenshot(path=HERE / "review.png")


def main() -> None:
    logging.disable()
    HERE.mkdir(exist_ok=True)
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with (
        tempfile.TemporaryDirectory(prefix="c-") as data,
        service(Path(data)) as address,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(base_url=address, locale="vi-VN", viewport={"width": 1180, "height": 960})
        page.clock.set_fixed_time(NOW)
        demo_page(page)
        review_page(page)
        browser.close()


if __name__ == "__main__":
    main()
