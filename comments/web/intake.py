"""Whatever arrives, as flat text fields: JSON, urlencoded or multipart, through one strict door.

UTF-8 only, no field twice, no nesting, no file. Nothing here raises anything but our own errors.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

from flask import Request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from comments.errors import Invalid
from comments.web.faults import bad_character, not_text
from comments.web.language import gettext
from comments.web.problems import Problem

_DEPTH = 8
_FIELDS = 32
# possessive, and the closing quote is optional: on no input does it look at a byte twice
_BRACKET_OR_TEXT = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")  # half a character: JSON can escape it, UTF-8 cannot say it
_DIGITS = 20  # of a number; ours need 10


def fields_of(request: Request, *, max_body: int, known: Collection[str]) -> dict[str, str]:
    """The text fields of a request's body; null counts as absent, and so does what is not `known`.

    Raises:
        Problem: 400 malformed, 413 too_large, 415 unsupported_media_type.
        Invalid: a known field that is not text.
    """
    fields = _all_fields(request, max_body)
    given = {name: text for name, text in fields.items() if text is not None and name in known}
    wrong = {name: [fault] for name, text in given.items() if (fault := _not_text(text))}
    if wrong:
        raise Invalid(wrong)
    return given


def _all_fields(request: Request, max_body: int) -> dict[str, Any]:
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    if options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise Problem(415, "unsupported_media_type", gettext("Send the text as UTF-8."))
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(415, "unsupported_media_type", gettext("Send the body without compression."))
    kind = kind.lower()
    if kind == "application/json":
        return json_object(body_of(request, max_body))
    if kind == "application/x-www-form-urlencoded":
        if request.content_length is None:
            # half a form is a well-formed shorter form, and without its length nobody can tell
            raise Problem(411, "length_required", gettext("Send a form with its length (Content-Length)."))
        return _once(_urlencoded(body_of(request, max_body)))
    if kind == "multipart/form-data" and options.get("boundary"):
        return _once(_multipart(body_of(request, max_body), options["boundary"]))
    raise Problem(
        415,
        "unsupported_media_type",
        gettext("Send application/json, application/x-www-form-urlencoded or multipart/form-data."),
    )


def json_of(request: Request, *, max_body: int) -> dict[str, Any]:
    """The JSON object in a request's body (for the moderation API).

    Raises:
        Problem: 400 malformed, 413 too_large, 415 unsupported_media_type.
    """
    kind, options = parse_options_header(request.headers.get("Content-Type", ""))
    if kind.lower() != "application/json" or options.get("charset", "utf-8").lower() not in ("utf-8", "utf8"):
        raise Problem(415, "unsupported_media_type", gettext("Send application/json."))
    return json_object(body_of(request, max_body), many=True)


def query_of(request: Request) -> dict[str, list[str]]:
    """The parameters of a request's query, decoded strictly.

    Raises:
        Problem: 400 malformed, also for one that would have to be cut.
    """
    return parsed(request.query_string)


def parsed(query_string: bytes) -> dict[str, list[str]]:
    """The parameters in a query string. See `query_of`."""
    query: dict[str, list[str]] = {}
    for name, value in _urlencoded(query_string, most=4 * _FIELDS):
        query.setdefault(_utf8(name), []).append(_utf8(value))
    return query


def one(query: dict[str, list[str]], name: str) -> str:
    """The one value of a parameter, "" when it is not there.

    Raises:
        Problem: 400 malformed, when it is there twice.
    """
    values = query.get(name, [""])
    if len(values) > 1:
        raise Problem(400, "malformed", gettext("The address has “%(name)s” twice.", name=name))
    return values[0]


def body_of(request: Request, max_body: int) -> bytes:
    """The request's body; a larger one is refused before it is read.

    Raises:
        Problem: 413 too_large; 400 malformed when the client stopped in the middle.
    """
    if (request.content_length or 0) > max_body:
        _too_large(max_body)
    try:
        body = _read(request, max_body + 1)
    except RequestEntityTooLarge:
        _too_large(max_body)
    except (OSError, HTTPException) as error:
        raise Problem(400, "malformed", gettext("The body did not arrive whole.")) from error
    if len(body) > max_body:
        _too_large(max_body)
    if request.content_length is not None and len(body) < request.content_length:
        raise Problem(400, "malformed", gettext("The body did not arrive whole."))
    return body


def _read(request: Request, most: int) -> bytes:
    """At most so many bytes of the body. One call of `read` may give less than there is."""
    body = bytearray()
    while len(body) < most and (part := request.stream.read(most - len(body))):
        body += part
    return bytes(body)


def json_object(body: bytes, *, many: bool = False) -> dict[str, Any]:
    """The one JSON object in `body`: UTF-8 without BOM, depth 8, no NaN, no huge number, no key twice.

    At most 32 keys, in all; `many` lifts that for lists of objects (the body's size bounds them).

    Raises:
        Problem: 400 malformed.
    """
    _check_depth(body)
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse,
            parse_int=_integer,
            parse_float=_number,
        )
    except Problem:
        raise
    except (ValueError, RecursionError) as error:
        raise Problem(400, "malformed", gettext("The body is not valid JSON in UTF-8.")) from error
    if not isinstance(value, dict):
        raise Problem(400, "malformed", gettext("The body must be one JSON object."))
    if not many and len(value) > _FIELDS:
        raise Problem(400, "malformed", gettext("There are too many fields."))
    return value


def _check_depth(body: bytes) -> None:
    if body.count(b"{") + body.count(b"[") <= _DEPTH:
        return
    depth = 0
    for found in _BRACKET_OR_TEXT.finditer(body):
        first = found.group()[:1]
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth -= 1
        if depth > _DEPTH:
            raise Problem(400, "malformed", gettext("The body is nested too deeply."))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Problem(400, "malformed", gettext("The body has a field twice."))
    return made


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise ValueError("number too long")
    return int(digits)


def _number(digits: str) -> float:
    if len(digits) > 2 * _DIGITS:
        raise ValueError("number too long")
    return float(digits)


def _not_text(value: Any) -> str:
    """Why a value is no text, or ""."""
    if not isinstance(value, str):
        return not_text()
    found = _SURROGATE.search(value)
    return bad_character(f"U+{ord(found.group()):04X}") if found else ""


def _once(pairs: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    fields: dict[str, str] = {}
    for name, value in pairs:
        key, text = _utf8(name), _utf8(value)
        if key in fields:
            raise Problem(400, "malformed", gettext("The body has a field twice."))
        if len(fields) == _FIELDS:
            raise Problem(400, "malformed", gettext("There are too many fields."))
        fields[key] = text
    return fields


def _utf8(text: bytes) -> str:
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(400, "malformed", gettext("This is not valid UTF-8.")) from error


def _urlencoded(body: bytes, most: int = _FIELDS) -> Iterator[tuple[bytes, bytes]]:
    if body.count(b"&") >= most:
        raise Problem(400, "malformed", gettext("There are too many fields."))
    for pair in body.split(b"&"):
        if pair:
            name, _, value = pair.replace(b"+", b" ").partition(b"=")
            yield unquote_to_bytes(name), unquote_to_bytes(value)


def _multipart(body: bytes, boundary: str) -> list[tuple[bytes, bytes]]:
    try:
        decoder = MultipartDecoder(boundary.encode("latin-1"), max_parts=_FIELDS)
        decoder.receive_data(body)
        decoder.receive_data(None)
        return _parts(decoder)
    except Problem:
        raise
    except (ValueError, HTTPException) as error:
        raise Problem(400, "malformed", gettext("The form is not valid multipart/form-data.")) from error


def _parts(decoder: MultipartDecoder) -> list[tuple[bytes, bytes]]:
    parts: list[tuple[bytes, bytes]] = []
    while not isinstance(event := decoder.next_event(), Epilogue):
        if isinstance(event, NeedData):
            raise ValueError("ends in the middle")
        if isinstance(event, File):
            raise Problem(400, "malformed", gettext("Files are not accepted."))
        if isinstance(event, Field):
            if not event.name:
                raise ValueError("a part has no name")
            parts.append((event.name.encode("utf-8", "surrogatepass"), b""))
        elif isinstance(event, Data):
            name, value = parts.pop()
            parts.append((name, value + event.data))
    return parts


def _too_large(max_body: int) -> NoReturn:
    raise Problem(413, "too_large", gettext("At most %(bytes)s bytes are accepted.", bytes=max_body))
