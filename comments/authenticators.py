"""Passkeys (WebAuthn): keys that somebody's device holds and opens with a finger, a face or a PIN.

Such a key is two factors in one, so user verification is always asked for; and it is found by the device itself
(resident), so that nobody has to type a name. Needs the extra `passkeys`; without it there are none.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

try:
    import webauthn
    from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
    from webauthn.helpers.exceptions import WebAuthnException
    from webauthn.helpers.structs import (
        AuthenticatorSelectionCriteria,
        PublicKeyCredentialDescriptor,
        ResidentKeyRequirement,
        UserVerificationRequirement,
    )
except ImportError:
    AVAILABLE = False
else:
    AVAILABLE = True


class NotProved(Exception):
    """What a browser sent proves nothing."""


@dataclass(frozen=True, slots=True)
class Proved:
    """A key that was made or used: its id, its public half (when made), and how often it was used."""

    id: str
    public_key: str
    count: int


@dataclass(frozen=True, slots=True)
class Site:
    """For whom keys are made and used: the host, and the origin that a browser must name."""

    host: str
    origin: str
    name: str


def challenge_in(credential: Mapping[str, Any]) -> str:
    """The challenge that a browser's answer claims to answer. Raises NotProved."""
    try:
        said = json.loads(base64url_to_bytes(credential["response"]["clientDataJSON"]))
        return str(said["challenge"])
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise NotProved from error


def creation(site: Site, *, user: str, name: str, challenge: str, known: Sequence[str]) -> dict[str, Any]:
    """What a browser needs to make a key; not a second one on a device that has a `known` one."""
    options = webauthn.generate_registration_options(
        rp_id=site.host,
        rp_name=site.name,
        user_id=user.encode(),
        user_name=name,
        challenge=base64url_to_bytes(challenge),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=base64url_to_bytes(one)) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
        ),
    )
    return dict(json.loads(webauthn.options_to_json(options)))


def request(site: Site, *, challenge: str) -> dict[str, Any]:
    """What a browser needs to use whichever key its person chooses."""
    options = webauthn.generate_authentication_options(
        rp_id=site.host,
        challenge=base64url_to_bytes(challenge),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return dict(json.loads(webauthn.options_to_json(options)))


def made(site: Site, credential: Mapping[str, Any], *, challenge: str) -> Proved:
    """The new key in a browser's answer. Raises NotProved."""
    try:
        found = webauthn.verify_registration_response(
            credential=dict(credential),
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise NotProved from error  # the library checks what it was given step by step, and chokes in many ways
    key = bytes_to_base64url(found.credential_public_key)
    return Proved(bytes_to_base64url(found.credential_id), key, found.sign_count)


def used(site: Site, credential: Mapping[str, Any], *, challenge: str, public_key: str, count: int) -> Proved:
    """The known key in a browser's answer. Raises NotProved."""
    try:
        found = webauthn.verify_authentication_response(
            credential=dict(credential),
            expected_challenge=base64url_to_bytes(challenge),
            expected_rp_id=site.host,
            expected_origin=site.origin,
            credential_public_key=base64url_to_bytes(public_key),
            credential_current_sign_count=count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
        raise NotProved from error
    return Proved(bytes_to_base64url(found.credential_id), public_key, found.new_sign_count)
