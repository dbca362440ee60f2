"""Writing to the moderators that comments wait: a number, a moment and a link. No word of a reader is in it."""

import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import partial

from comments.settings import Notices
from comments.words import catalog, when

_SECONDS = 10.0  # for each step of the exchange with the mail server


class NotSent(Exception):
    """The mail server did not take it. The text says why, in a few words for the operator."""


def digest(settings: Notices, *, waiting: int, oldest: datetime, link: str, language: str) -> EmailMessage:
    """The message about so many waiting comments, plain text; `link` is "" where there is none to give."""
    words = catalog(language)
    subject = words.ngettext("%(num)s comment is waiting", "%(num)s comments are waiting", waiting) % {"num": waiting}
    since = words.gettext("The oldest has been waiting since %(when)s.") % {"when": when(oldest, language)}
    message = EmailMessage()
    message["From"] = settings.mail_from
    message["To"] = ", ".join(settings.mail_to)
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=_domain(settings))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n\n".join(filter(None, [f"{subject}.", since, link])) + "\n")
    return message


def send(settings: Notices, message: EmailMessage) -> None:
    """Gives a message to the mail server.

    Raises:
        NotSent: it is not there, does not know us, or refuses.
    """
    context = ssl.create_default_context()
    direct = partial(smtplib.SMTP_SSL, context=context) if settings.smtp_security == "tls" else smtplib.SMTP
    try:
        with direct(
            settings.smtp_host, settings.smtp_port, local_hostname=_domain(settings), timeout=_SECONDS
        ) as server:
            if settings.smtp_security == "starttls":
                server.starttls(context=context)
            if settings.smtp_user:
                password = settings.smtp_password
                server.login(settings.smtp_user, password.reveal() if password else "")
            server.send_message(message)
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(type(error).__name__) from error


def _domain(settings: Notices) -> str:
    return settings.mail_from.rpartition("@")[2]
