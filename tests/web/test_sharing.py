"""Several moderators at one queue: leases, presence, what an open page is told."""

import html
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from flask import Flask

from comments.web.here import House
from tests.people import Moderator, Reader
from tests.web.test_review import Desk, cards_of, words


@pytest.fixture
def clock() -> list[float]:
    return [1_800_000_000.0]


@pytest.fixture
def app(make_app: Callable[..., Flask], clock: list[float]) -> Flask:
    def now() -> float:
        clock[0] += 0.001  # comments of one moment have no order
        return clock[0]

    return make_app(now=now, lease_seconds=60)


@pytest.fixture
def lan(app: Flask) -> Desk:
    return Desk(app, "Lan Anh")


@pytest.fixture
def minh(app: Flask) -> Desk:
    return Desk(app, "Minh")


def ids_of(page: str) -> list[str]:
    return re.findall(r'<article[^>]* data-id="([^"]+)"', page)


def screen_of(page: str) -> str:
    return re.search(r'data-screen="([^"]*)"', page)[1]


def tell(desk: Desk, path: str, body: dict[str, Any]) -> Any:
    answer = desk.client.post(f"/moderate/{path}?lang=en", json=body, headers={"X-CSRFToken": desk.token()})
    assert answer.status_code in (200, 204), answer.text
    return answer.json if answer.status_code == 200 else None


def test_two_moderators_see_different_screenfuls(lan: Desk, minh: Desk, reader: Reader) -> None:
    sent = [reader.submitted() for _ in range(40)]
    assert ids_of(lan.page()) == sent[:25]
    assert ids_of(minh.page()) == sent[25:]
    assert ids_of(lan.page()) == sent[:25], "her own stay hers"


def test_everything_is_shown_to_whoever_asks_for_it(lan: Desk, minh: Desk, reader: Reader) -> None:
    sent = [reader.submitted() for _ in range(3)]
    lan.page()
    page = minh.page()
    assert ids_of(page) == []
    assert "Your colleagues have the rest on their screens." in words(page)
    assert ids_of(minh.page(all="1")) == sent


@pytest.mark.parametrize("view", [{"sort": "newest"}, {"article": "one"}, {"q": "hay"}])
def test_other_orders_and_filters_are_shared_out_too(
    lan: Desk, minh: Desk, reader: Reader, view: dict[str, str]
) -> None:
    sent = {reader.submitted(article="one", body="Bài viết hay quá.") for _ in range(30)}
    hers, his = ids_of(lan.page(**view)), ids_of(minh.page(**view))
    assert (len(hers), len(his)) == (25, 5)
    assert {*hers, *his} == sent


def test_a_lease_ends_by_itself(lan: Desk, minh: Desk, reader: Reader, clock: list[float]) -> None:
    sent = [reader.submitted()]
    lan.page()
    clock[0] += 59
    assert ids_of(minh.page()) == []
    clock[0] += 2
    assert ids_of(minh.page()) == sent


def test_an_open_page_keeps_its_leases(lan: Desk, minh: Desk, reader: Reader, clock: list[float]) -> None:
    sent = [reader.submitted()]
    page = lan.page()
    for _ in range(3):
        clock[0] += 50
        assert tell(lan, "pulse", {"screen": screen_of(page), "seen": {sent[0]: 1}})["held"] == []
    assert ids_of(minh.page()) == []


def test_a_closed_page_frees_what_it_held_and_nothing_else(lan: Desk, minh: Desk, reader: Reader) -> None:
    sent = [reader.submitted()]
    old, new = screen_of(lan.page()), screen_of(lan.page())
    body = {"screen": old}
    lan.client.post("/moderate/release", json=body, headers={"X-CSRFToken": lan._token(lan.page(all="1"))})
    assert ids_of(minh.page()) == [], "the newer screen still shows it"
    lan.client.post("/moderate/release", json={"screen": new}, headers={"X-CSRFToken": lan._token(lan.page(all="1"))})
    assert ids_of(minh.page()) == sent


def test_more_pages_belong_to_the_same_screen(lan: Desk, minh: Desk, reader: Reader) -> None:
    sent = [reader.submitted() for _ in range(30)]
    page = lan.page()
    (following,) = re.findall(r'rel="next" href="([^"]+)"', page)
    rest = lan.client.get(html.unescape(following), headers={"X-Screen": screen_of(page)}).text
    assert ids_of(page + rest) == sent
    assert screen_of(rest) == screen_of(page)


def test_one_moment_gives_no_comment_to_two(
    lan: Desk, minh: Desk, reader: Reader, together: Callable[[Sequence[Callable[[], Any]]], list[Any]]
) -> None:
    sent = {reader.submitted() for _ in range(30)}
    hers, his = (set(ids_of(page)) for page in together([lan.page, minh.page]))
    assert hers & his == set()
    assert hers | his <= sent


def test_what_a_colleague_lost_and_another_has_is_told(
    lan: Desk, minh: Desk, reader: Reader, clock: list[float]
) -> None:
    comment_id = reader.submitted()
    screen = screen_of(lan.page())
    clock[0] += 61
    minh.page()
    fields = {"screen": screen, "seen": {comment_id: 1}}
    token = lan._token(lan.page(all="1"))
    answer = lan.client.post("/moderate/pulse", json=fields, headers={"X-CSRFToken": token})
    assert answer.json["held"] == [comment_id]


def test_an_open_page_is_told_who_decided_what(lan: Desk, minh: Desk, reader: Reader) -> None:
    first, second = reader.submitted(), reader.submitted()
    minh.press(first, "reject")
    told = tell(lan, "pulse", {"seen": {first: 1, second: 1}})
    assert [(each["id"], each["status"], each["decided_by"]) for each in told["changed"]] == [
        (first, "rejected", "Minh")
    ]
    assert told["changed"][0]["message"] == "Minh has already rejected this comment."


def test_everybody_who_is_here_is_named_until_they_go(lan: Desk, minh: Desk, clock: list[float]) -> None:
    minh.page()
    assert "Also here: Minh" in words(lan.page())
    assert tell(lan, "pulse", {"seen": {}})["here"] == ["Minh"]
    clock[0] += 61
    assert tell(lan, "pulse", {"seen": {}})["here"] == []


@pytest.mark.parametrize(
    "body", [{"seen": []}, {"seen": {"x": "1"}}, {}, {"screen": 5}, {"seen": dict.fromkeys(map(str, range(201)), 1)}]
)
def test_a_pulse_of_another_shape_is_refused(lan: Desk, body: dict[str, Any]) -> None:
    answer = lan.client.post("/moderate/pulse", json=body, headers={"X-CSRFToken": lan.token()})
    assert answer.status_code == 422


def test_unknown_comments_are_told_as_gone(lan: Desk) -> None:
    told = tell(lan, "pulse", {"screen": "abcdefgh", "seen": {"nothing": 1}})
    assert [each["outcome"] for each in told["changed"]] == ["not_found"]


@pytest.mark.one_server
def test_no_lease_outlives_its_time_in_the_store(lan: Desk, house: House, reader: Reader, clock: list[float]) -> None:
    for _ in range(10):
        reader.submitted(article="one")
    lan.page()
    clock[0] += 61
    lan.press(ids_of(lan.page())[0], "approve")
    clock[0] += 61
    lan.page()
    (key,) = [key for key in house.client.command("KEYS", "*") if b":leases" in key]
    assert house.client.command("HLEN", key) == 9


@pytest.mark.one_server
def test_the_queue_costs_the_same_round_trips_at_any_length(
    lan: Desk, house: House, reader: Reader, round_trips: Counter[str]
) -> None:
    def cost() -> int:
        before = round_trips["piece"]
        assert len(cards_of(lan.page())) >= 10
        return round_trips["piece"] - before

    for _ in range(10):
        reader.submitted()
    lan.page()
    short = cost()
    members = [f"{shard:02x}01{number:024d}" for shard in range(64) for number in range(1600)]
    for shard in range(64):
        mine = [word for member in members[shard * 1600 : (shard + 1) * 1600] for word in (0, member)]
        house.client.command("ZADD", f"comments:{{c:{shard:02x}}}:q:pending", *mine)
    assert house.store.waiting()["pending"] >= 100_000
    assert cost() <= short + 1, "at most one more look where the first few of a shard do not suffice"
    assert short <= 8


def test_a_moderator_may_be_named_anything(app: Flask, reader: Reader) -> None:
    odd = Desk(app, "100% [x] “Ánh” - a.b")
    sent = [reader.submitted()]
    assert ids_of(odd.page()) == sent
    assert ids_of(odd.page()) == sent
    assert ids_of(Desk(app, "Minh").page()) == []


# -- many at once, without a script


def bulk(desk: Desk, decision: str, *chosen: str, **query: str) -> Any:
    fields = {"bulk": "1", "chosen": list(chosen), "decision": decision, "csrf_token": desk.token()}
    return desk.client.post("/moderate/decisions", query_string={"lang": "en", **query}, data=fields)


def test_a_hundred_are_decided_at_once(lan: Desk, reader: Reader, moderator: Moderator) -> None:
    sent = [reader.submitted() for _ in range(100)]
    answer = bulk(lan, "approve", *(f"{each}:1" for each in sent))
    assert answer.status_code == 200
    assert "Approved: 100 comments." in words(answer.text)
    assert moderator.queue() == []


def test_each_that_was_not_decided_is_named(lan: Desk, minh: Desk, reader: Reader) -> None:
    mine, taken = reader.submitted(name="Hoa"), reader.submitted(name="Bình")
    minh.press(taken, "spam")
    answer = bulk(lan, "reject", f"{mine}:1", f"{taken}:1")
    assert "Rejected: 1 comment. Bình : Minh has already filed this comment as spam." in words(answer.text)


def test_many_are_taken_back_at_once(lan: Desk, reader: Reader) -> None:
    sent = [reader.submitted() for _ in range(3)]
    page = bulk(lan, "spam", *(f"{each}:1" for each in sent)).text
    notice = re.search(r'<section class="notice.*?</section>', page, re.DOTALL)[0]
    back = re.findall(r'name="chosen" value="([^"]+)"', notice)
    assert back == [f"{each}:2" for each in sent]
    assert "Back in the queue: 3 comments." in words(bulk(lan, "restore", *back).text)


def test_all_on_the_page_can_be_selected_without_a_script(lan: Desk, reader: Reader) -> None:
    for _ in range(3):
        reader.submitted()
    boxes = re.findall(r'<input type="checkbox" name="chosen"[^>]*>', lan.page(select="all"))
    assert len(boxes) == 3
    assert all(" checked" in box and 'form="bulk"' in box for box in boxes)


@pytest.mark.parametrize("chosen", [[], ["x"], [":"], ["a:b"], [f"{number}:1" for number in range(101)]])
def test_a_selection_that_no_page_sends_is_refused(lan: Desk, chosen: list[str]) -> None:
    assert bulk(lan, "approve", *chosen).status_code == 422


def test_no_decision_is_none(lan: Desk, reader: Reader) -> None:
    assert bulk(lan, "", f"{reader.submitted()}:1").status_code == 422
