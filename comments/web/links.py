"""Links within the service."""

from collections.abc import Mapping

from flask import url_for


def link(endpoint: str, parameters: Mapping[str, str | None]) -> str:
    """The address of a view with those of the parameters that say something."""
    said: dict[str, str] = {name: value for name, value in parameters.items() if value}
    return url_for(endpoint, _external=False, **said)
