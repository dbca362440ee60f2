"""The `comments` command. Results go to standard output, words about them to standard error.

Exit status: 0 done, 1 a problem, 2 settings or usage that cannot be, 78 a data directory that cannot be used.
"""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import click

from comments import create_app, doctor, keys, notary, passwords, server, settings
from comments.errors import AlreadyExists, CommentsError
from comments.installation import client, held_keys, keys_of_store, own_store, people, store
from comments.notices.worker import delivering
from comments.settings import Settings, SettingsFault
from comments.store.claim import DataUnusable
from comments.store.health import broken_promise
from comments.store.outbox import Outbox
from comments.store.people import ROLES
from comments.store.repair import Report

_LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_DATA_UNUSABLE = 78  # EX_CONFIG of sysexits.h

_REFUSED = {
    "too_short": (
        f"It is too short: {passwords.SHORTEST} characters at least, {passwords.RECOMMENDED} or more are recommended."
    ),
    "too_long": f"It is too long: {passwords.LONGEST} characters at most.",
    "common": "It is one of the most common passwords, which are tried first.",
    "contains": "It contains “{}”, which is easily guessed.",
}

_Command = TypeVar("_Command", bound=Callable[..., None])


def main() -> None:
    """Entry point: runs the command line and turns our errors into one line and a status."""
    try:
        commands(prog_name="comments")
    except SettingsFault as fault:
        _end(2, fault.faults)
    except DataUnusable as error:
        _end(_DATA_UNUSABLE, [str(error)])
    except CommentsError as error:
        _end(1, [str(error)])


def _end(status: int, lines: Sequence[str]) -> NoReturn:
    for line in lines:
        click.echo(f"comments: {line}", err=True)
    sys.exit(status)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="newsroom-comments")
def commands() -> None:
    """A self-hosted comment and moderation service for news pages."""


def _installation(command: _Command) -> _Command:
    """The options that say which installation a command works on."""
    data = click.option("--data", type=click.Path(path_type=Path), help="The data directory.")
    config = click.option("--config", type=click.Path(path_type=Path), help="A TOML file with settings.")
    return data(config(command))


@commands.command()
@click.option("--host", help="The address to listen on.")
@click.option("--port", type=int, help="The port; 0 lets the system pick one.")
@click.option("--workers", type=int, help="Worker processes; 0 is one for each processor.")
@_installation
def serve(**flags: Any) -> None:
    """Run the service until SIGTERM or Ctrl-C.

    Without a Redis URL it starts a durable store of its own in the data directory.
    """
    # Until the server takes over, a signal ends the start in an orderly way.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))
    logging.basicConfig(level=logging.WARNING, format=_LOG_FORMAT)
    loaded = _load(**flags)
    _forget_environment()
    with own_store(loaded) as connected, closing(server.Port(loaded.server.host, loaded.server.port)) as port:
        held = keys_of_store(connected)
        with notary.hourly(connected, held.secret), delivering(connected):
            worked = server.serve(
                partial(create_app, connected, held),
                port,
                workers=connected.server.workers,
                threads=connected.server.threads,
                within=connected.server.answer_within,
                max_body=connected.server.max_body,
                ready=partial(_welcome, connected, port.url),
            )
    if not worked:
        _end(1, ["the service could not start; the reason is above"])


def _welcome(loaded: Settings, local: str) -> None:
    """Says where everything is, once it really answers."""
    site = loaded.server.public_url or local
    lines = [f"Demo article   {site}/demo"] if loaded.pages.demo else []
    lines.append(f"Review page    {site}/moderate/")
    try:
        with people(loaded) as newsroom, client(loaded) as connected:
            link = newsroom.issue_setup_link()
            lacks = broken_promise(connected, loaded.store.durability)
    except CommentsError as error:
        click.echo(f"comments: the store does not answer yet ({error})", err=True)
    else:
        if lacks:
            click.echo(f"comments: durability = {loaded.store.durability!r} does not hold: {lacks}", err=True)
        if link:
            lines.append(f"First sign-in  {site}/moderate/welcome/{link}  (works once, within a day)")
    click.echo("\n".join(lines))


@commands.group()
def moderator() -> None:
    """Who may review comments."""


_name = click.argument("name")
_role = click.option("--role", type=click.Choice(ROLES), default="moderator", show_default=True)
_from_stdin = click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")


@moderator.command("add")
@_name
@_role
@_from_stdin
@_installation
def add_moderator(name: str, role: str, password_stdin: bool, **flags: Any) -> None:
    """Let somebody review comments."""
    _check_name(name)
    password_hash = _new_password(name, password_stdin)
    with people(_load(**flags)) as newsroom, _taken(f"there is a moderator {name} already"):
        newsroom.add_moderator(name, role=role, password_hash=password_hash)
    click.echo(f"{name} may sign in now.", err=True)


@moderator.command("list")
@_installation
def list_moderators(**flags: Any) -> None:
    """Show moderators: name, role, since when."""
    with people(_load(**flags)) as newsroom:
        for one in newsroom.moderators():
            click.echo(f"{one.name}\t{one.role}\t{one.created_at:%Y-%m-%d}")


@moderator.command("remove")
@_name
@_installation
def remove_moderator(name: str, **flags: Any) -> None:
    """End somebody's access at once."""
    with people(_load(**flags)) as newsroom:
        if not newsroom.remove_moderator(name):
            raise CommentsError(f"there is no moderator {name}")
    click.echo(f"{name} is signed out and may not sign in any more.", err=True)


@moderator.command("password")
@_name
@_from_stdin
@_installation
def set_password(name: str, password_stdin: bool, **flags: Any) -> None:
    """Set a moderator's password, and end their sessions."""
    password_hash = _new_password(name, password_stdin)
    with people(_load(**flags)) as newsroom:
        if not newsroom.set_password(name, password_hash):
            raise CommentsError(f"there is no moderator {name}")
    click.echo(f"{name} has a new password and has to sign in again.", err=True)


@commands.group()
def token() -> None:
    """Tokens for programs that use the moderation API."""


@token.command("add")
@_name
@_role
@_installation
def add_token(name: str, role: str, **flags: Any) -> None:
    """Make a token and print it; it cannot be shown again."""
    _check_name(name)
    with people(_load(**flags)) as newsroom, _taken(f"there is a token {name} already"):
        click.echo(newsroom.add_token(name, role=role))


@token.command("list")
@_installation
def list_tokens(**flags: Any) -> None:
    """Show tokens: name, role, since when."""
    with people(_load(**flags)) as newsroom:
        for one in newsroom.tokens():
            click.echo(f"{one.name}\t{one.role}\t{one.created_at:%Y-%m-%d}")


@token.command("remove")
@_name
@_installation
def remove_token(name: str, **flags: Any) -> None:
    """Make a token useless at once."""
    with people(_load(**flags)) as newsroom:
        if not newsroom.remove_token(name):
            raise CommentsError(f"there is no token {name}")
    click.echo(f"The token {name} is gone.", err=True)


@commands.command("keys")
@_installation
def make_keys(**flags: Any) -> None:
    """Create the key files that are missing, and say where they are."""
    loaded = _load(**flags)
    held_keys(loaded)
    for file in sorted(keys.folder(loaded.store.data).iterdir()):
        click.echo(file)
    if loaded.secret_key:
        click.echo("The secret key is the one in COMMENTS_SECRET_KEY or the settings file.", err=True)
    click.echo("Keep a copy of these in a safe place that is not beside the comments.", err=True)


@commands.command("seal")
@_installation
def seal(**flags: Any) -> None:
    """Seal the log, as `serve` does every hour; print the last seal.

    It is also noted in the data directory. Kept on another machine, that line shows later that nobody has put both
    back to an earlier moment.
    """
    loaded = _load(**flags)
    with store(loaded) as connected, client(connected) as connection:
        made = notary.seals(connection, connected, keys_of_store(connected).secret)
        count, last = made.seal()
        is_as_noted = notary.note_last(made, notary.note_of(connected))
    click.echo(last)
    click.echo(f"{count} entries are newly sealed.", err=True)
    if not is_as_noted:
        raise CommentsError(notary.OLDER)


@commands.command("deliver")
@_installation
def deliver(**flags: Any) -> None:
    """Tell webhooks and write mail until SIGTERM or Ctrl-C, as `serve` does; for web workers that run without it."""
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    logging.basicConfig(level=logging.WARNING, format=_LOG_FORMAT)
    loaded = _load(**flags)
    if not loaded.notices.webhook_urls and not loaded.notices.mail_to:
        raise CommentsError("there is nobody to tell: neither webhook_urls nor mail_to is set")
    with store(loaded) as connected, delivering(connected):
        over.wait()


@commands.command("resend")
@_installation
def resend(**flags: Any) -> None:
    """Tell the webhooks again what was given up, as it stands now."""
    with store(_load(**flags)) as connected, client(connected) as connection:
        outbox = Outbox(connection, connected.store.namespace)
        count = sum(outbox.resend(url, outbox.clock()) for url in connected.notices.webhook_urls)
    click.echo(f"{count} changes are due again.", err=True)


@commands.command("doctor")
@click.option(
    "--repair", "mend", is_flag=True, help="Put queues and pages right from the comments, beside the service."
)
@click.option("--dry-run", "look", is_flag=True, help="With --repair: only tell what would be put right.")
@_installation
def examine(mend: bool, look: bool, **flags: Any) -> None:
    """Say what is wrong with this installation; exit status 1 if anything is."""
    try:
        loaded = _load(**flags)
    except SettingsFault as fault:
        findings = [doctor.problem("settings", text) for text in fault.faults]
    else:
        findings = [doctor.ok("settings", "all of them can be read"), *doctor.local(loaded)]
        try:
            with store(loaded) as connected:
                findings += doctor.store(connected, now=time.time)
                if mend:
                    findings += doctor.repaired(connected, look=look, told=_progress)
        except CommentsError as error:
            findings.append(doctor.problem("store", str(error)))
    for finding in findings:
        click.echo(f"{finding.verdict:8}  {finding.what}: {finding.says}")
    if any(finding.verdict == doctor.PROBLEM for finding in findings):
        sys.exit(1)


def _progress(report: Report) -> None:
    if sys.stderr.isatty():
        click.echo(f"\r{report.comments} comments", err=True, nl=False)


def _load(**flags: Any) -> Settings:
    return settings.load(os.environ, **flags)


def _forget_environment() -> None:
    """Settings have been read; neither the store nor a request's WSGI environ needs a copy of the secrets in them."""
    for name in [name for name in os.environ if name.startswith("COMMENTS_")]:
        del os.environ[name]


@contextmanager
def _taken(says: str) -> Iterator[None]:
    try:
        yield
    except AlreadyExists as error:
        raise CommentsError(says) from error


def _check_name(name: str) -> None:
    if not 1 <= len(name) <= 80 or not name.isprintable() or name != name.strip():
        raise CommentsError("a name has 1 to 80 printable characters, without spaces around it")


def _new_password(name: str, from_stdin: bool) -> str:
    """The hash of a password that was read and is good enough."""
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        raise CommentsError("there is no terminal to ask for a password; use --password-stdin")
    refusal = passwords.refuse(password, (name,))
    if refusal:
        raise CommentsError(f"this password is refused. {_REFUSED[refusal.code].format(refusal.word)}")
    return passwords.hash_password(password)


if __name__ == "__main__":
    main()
