"""What the views of this app work with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from flask import current_app

from comments.desk import Desk
from comments.openid import Provider
from comments.receipts import Receipts
from comments.search import Search
from comments.second_factor import SecondFactor
from comments.settings import Settings
from comments.store.articles import Articles
from comments.store.bans import Bans
from comments.store.client import Client
from comments.store.comments import CommentStore
from comments.store.log import Log
from comments.store.numbers import Numbers
from comments.store.outbox import Outbox
from comments.store.people import People
from comments.store.published import PublicStore
from comments.store.sharing import Sharing
from comments.store.views import SavedViews


@dataclass(frozen=True, slots=True)
class House:
    """The rooms behind the door, wired once by `create_app`."""

    settings: Settings
    client: Client
    store: CommentStore
    articles: Articles
    public: PublicStore
    people: People
    log: Log
    outbox: Outbox
    numbers: Numbers
    bans: Bans
    sharing: Sharing
    views: SavedViews
    search: Search
    desk: Desk
    receipts: Receipts
    second_factor: SecondFactor
    provider: Provider | None  # where else moderators may sign in
    now: Callable[[], float]


def here() -> House:
    """The house of the current app."""
    return cast("House", current_app.extensions["comments"])
