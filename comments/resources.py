"""Finds the folders that ship with the service: config, static, templates, translations."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def folder(name: str) -> Path:
    """Where a shipped folder is: inside the package when installed from a wheel, else at the checkout's root."""
    shipped = _PACKAGE / "_shipped"
    return (shipped if shipped.is_dir() else _PACKAGE.parent) / name
