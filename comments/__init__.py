"""A self-hosted comment and moderation service for news pages."""

import pkgutil
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from importlib import import_module
from typing import Any

from flask import Blueprint, Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from comments import resources, web
from comments.desk import Desk
from comments.ids import new_ulid
from comments.keys import Keys
from comments.openid import AVAILABLE, Provider
from comments.receipts import Receipts
from comments.sealing import Sealer, subkey
from comments.search import Search
from comments.second_factor import SecondFactor
from comments.settings import Moderation, Settings, SettingsFault
from comments.store.articles import Articles
from comments.store.bans import Bans
from comments.store.client import Client
from comments.store.comments import CommentStore
from comments.store.connection import connection
from comments.store.keys import Keys as StoreKeys
from comments.store.log import Log
from comments.store.numbers import Numbers
from comments.store.outbox import Outbox
from comments.store.people import People
from comments.store.published import PublicStore
from comments.store.sharing import Sharing
from comments.store.space import FreeSpace
from comments.store.views import SavedViews
from comments.web import access, errors, headers, language, listing, pages
from comments.web.here import House
from comments.web.published_cache import PublishedCache


class _Sessions(SecureCookieSessionInterface):
    """Flask's sessions, without a new signer for each request."""

    @cache  # noqa: B019 - one for each application, which lives as long as its process
    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        return super().get_signing_serializer(app)


class _App(Flask):
    session_interface = _Sessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """No view is a coroutine; Flask would look at each function anew for each request."""
        return func


def create_app(
    settings: Settings,
    keys: Keys,
    *,
    redis: Client | None = None,
    now: Callable[[], float] = time.time,
    new_id: Callable[[int], str] = new_ulid,
) -> Flask:
    """The WSGI application. `now` gives seconds since 1970; `new_id` a ULID for a time in milliseconds."""
    client = redis or connection(settings, pool=settings.server.threads + 2)
    namespace = settings.store.namespace
    space = FreeSpace(settings.store.data, floor=settings.store.min_free_mb * 1024 * 1024)
    store = CommentStore(client, namespace, room=space.check)
    slips = Receipts(subkey(keys.secret, "receipts"))
    bans = Bans(client, namespace)
    articles = Articles(client, namespace)
    desk = Desk(
        store,
        articles,
        bans,
        Sealer(keys.mail_public, subkey(keys.secret, "blind index")),
        slips,
        key=subkey(keys.secret, "sources and contents"),
        limit=settings.comments.submit_limit,
        report_limit=settings.comments.report_limit,
        idempotency_seconds=settings.comments.idempotency_hours * 3600,
        now=now,
        new_id=new_id,
    )
    app = _App("comments", template_folder=str(resources.folder("templates")), static_folder=None)
    app.config.update(
        SECRET_KEY=subkey(keys.secret, "cookies"),
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Strict",
        MAX_CONTENT_LENGTH=settings.server.max_body,
        MAX_FORM_MEMORY_SIZE=settings.server.max_body,
        MAX_FORM_PARTS=32,
        WTF_CSRF_CHECK_DEFAULT=False,  # the gate of the moderation pages checks
        WTF_CSRF_TIME_LIMIT=None,  # a page may stay open as long as its session lives
    )
    house = House(
        settings=settings,
        client=client,
        store=store,
        articles=articles,
        public=PublicStore(client, namespace),
        people=People(client, namespace=namespace, now=now),
        log=Log(client, namespace, store),
        outbox=Outbox(client, namespace),
        numbers=Numbers(client, namespace),
        bans=bans,
        sharing=Sharing(client, namespace),
        views=SavedViews(client, namespace),
        search=Search(settings.store.data / "search" / f"{namespace}.sqlite", store),
        desk=desk,
        receipts=slips,
        second_factor=SecondFactor(subkey(keys.secret, "second factors")),
        provider=_provider(settings.moderation, now),
        now=now,
    )
    app.extensions["comments"] = house
    for room in (errors, language, access, headers, pages):
        room.init_app(app)
    for blueprint in _blueprints():
        app.register_blueprint(blueprint)
    channel = StoreKeys(namespace).changed

    def listen(poll: float) -> Iterator[str | None]:
        for message in client.listen(channel, poll=poll):
            yield from message.decode().split() if message else [None]

    app.wsgi_app = PublishedCache(  # type: ignore[method-assign]  # Flask's own way to add a layer
        app.wsgi_app,
        budget=settings.pages.cache_mb * 1024 * 1024,
        listen=listen,
        short_cuts={listing.PATH: partial(listing.short_cut, house)},
        stale_seconds=settings.pages.stale_seconds,
    )
    return app


def _blueprints() -> Iterator[Blueprint]:
    """One of every module in `comments/web/` that has one. Each of their routes has to be declared in `web/access`."""
    for module in pkgutil.iter_modules(web.__path__, f"{web.__name__}."):
        found = getattr(import_module(module.name), "blueprint", None)
        if found:
            yield found


def _provider(settings: Moderation, now: Callable[[], float]) -> Provider | None:
    if not settings.oidc_issuer:
        return None
    if not AVAILABLE:
        raise SettingsFault(["oidc_issuer: needs the extra “oidc”: pip install 'newsroom-comments[oidc]'"])
    return Provider(settings.oidc_issuer, settings.oidc_client_id, settings.oidc_client_secret, now=now)
