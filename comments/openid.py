"""Signing in at the newsroom's own provider (OpenID Connect): the authorization code flow with PKCE, state and nonce.

Whatever the provider says counts only when its signature, issuer, audience, time and nonce are right. Needs the extra
`oidc` for the signatures; the rest is a few plain requests.
"""

import base64
import json
import secrets
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from comments.settings import Secret

try:
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet
except ImportError:
    AVAILABLE = False
else:
    AVAILABLE = True

_ALGORITHMS = ["RS256", "ES256", "PS256", "EdDSA"]  # with a public key: no shared secret, and never "none"
_SECONDS = 5.0  # for one request to the provider
_MOST = 1024 * 1024  # bytes of an answer
_LEEWAY = 60  # seconds that two clocks may differ


class ProviderFault(Exception):
    """The provider cannot be reached, or what it says does not hold. The text is for the operator's log."""


@dataclass(frozen=True, slots=True)
class Request:
    """A sign-in on its way: where the browser goes, and what its return is checked with."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who somebody is, as the provider has signed it. `address` is None unless the provider has verified it."""

    subject: str
    address: str | None

    def is_known_as(self, identity: str | None) -> bool:
        """Whether an administrator meant this person: by subject, or by verified address in any case."""
        if not identity:
            return False
        return identity == self.subject or (self.address or "").casefold() == identity.casefold()


class Provider:
    """One provider, and this service as its client."""

    def __init__(self, issuer: str, client_id: str, client_secret: Secret | None, *, now: Callable[[], float]) -> None:
        self.issuer = issuer
        self._client_id = client_id
        self._client_secret = client_secret
        self._now = now

    def begin(self, back: str) -> Request:
        """Where to send a browser, which then returns to `back`. Raises ProviderFault."""
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
        parameters = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": back,
            "scope": "openid email",
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        place = self._place("authorization_endpoint")
        joint = "&" if "?" in place else "?"
        return Request(f"{place}{joint}{urlencode(parameters)}", state, nonce, verifier)

    def end(self, code: str, *, back: str, nonce: str, verifier: str) -> Identity:
        """Who came back with this code. Raises ProviderFault."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        headers = {}
        if self._client_secret:
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret.reveal(), safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form["client_id"] = self._client_id
        answer = self._ask(self._place("token_endpoint"), urlencode(form).encode(), headers)
        return self._read(str(answer.get("id_token", "")), nonce)

    def _read(self, id_token: str, nonce: str) -> Identity:
        keys = self._ask(self._place("jwks_uri"))
        expected = jwt.JWTClaimsRegistry(
            now=lambda: int(self._now()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.issuer},
            aud={"essential": True, "value": self._client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        try:
            claims = jwt.decode(id_token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS).claims  # type: ignore[arg-type]  # the provider's, checked there
            expected.validate(claims)
        except (JoseError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise ProviderFault(f"the id token does not hold: {type(error).__name__}") from error
        if "azp" in claims and claims["azp"] != self._client_id:
            raise ProviderFault("the id token is for another client")
        verified = claims.get("email_verified") is True and isinstance(claims.get("email"), str)
        return Identity(str(claims["sub"]), str(claims["email"]) if verified else None)

    def _place(self, name: str) -> str:
        """An address of the provider, from its own description; as well protected as the issuer's."""
        said = self._ask(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        place = said.get(name)
        if said.get("issuer") != self.issuer:
            raise ProviderFault("the description is of another issuer")
        if not isinstance(place, str) or urlsplit(place).scheme != urlsplit(self.issuer).scheme:
            raise ProviderFault(f"the description has no {name} that can be trusted")
        return place

    @staticmethod
    def _ask(url: str, form: bytes | None = None, headers: dict[str, str] | None = None) -> dict[str, Any]:
        # http and https alone: the issuer is a setting with one of these, and _place() compares
        request = urllib.request.Request(url, form, {"Accept": "application/json", **(headers or {})})  # noqa: S310 - see above
        try:
            with _opener.open(request, timeout=_SECONDS) as answer:
                said = json.loads(answer.read(_MOST))
        except (OSError, HTTPException, ValueError, RecursionError) as error:
            raise ProviderFault(f"{urlsplit(url).path}: {type(error).__name__}") from error
        if not isinstance(said, dict):
            raise ProviderFault(f"{urlsplit(url).path}: is no JSON object")
        return said


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A code or a secret goes to the address that was described, and nowhere else."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
