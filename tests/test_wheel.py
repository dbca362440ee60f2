"""The wheel: installed somewhere else, it serves from an empty directory, with nothing of the checkout in reach."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from comments import resources
from tests.service import clean_environment, serving

ROOT = resources.folder("config").parent
FOLDERS = ("config", "static", "templates", "translations")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    shell(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(directory), str(ROOT))
    (built,) = directory.glob("*.whl")
    return built


def shell(*command: str) -> None:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, cwd="/", env=clean_environment()
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_has_everything_that_ships_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {
        f"comments/_shipped/{path.relative_to(ROOT)}"
        for folder in FOLDERS
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
    }
    assert shipped <= names
    package = {str(path.relative_to(ROOT)) for path in (ROOT / "comments").rglob("*") if path.suffix in (".py", ".lua")}
    assert package <= names
    assert {"app.py", "comments/common_passwords.txt", "comments/py.typed"} <= names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"app.py", "comments", "newsroom_comments"}


def test_it_serves_from_an_empty_directory(wheel: Path, tmp_path: Path, data: Path) -> None:
    home = tmp_path / "venv"
    shell(sys.executable, "-m", "venv", str(home))
    shell(str(home / "bin" / "pip"), "install", "-q", str(wheel))
    empty = tmp_path / "empty"
    empty.mkdir()
    with serving(data, cwd=empty, command=str(home / "bin" / "comments")) as service:
        for path in ("/demo", "/widget.js", "/embed?article=a", "/moderate/sign-in", "/api/v1/comments?article=a"):
            assert service.get(path)[0] == 200, path
        assert service.err == ""
    assert list(empty.iterdir()) == []
