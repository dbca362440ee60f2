"""The rules of the house that a machine can hold."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from comments import resources

ROOT = resources.folder("config").parent
SOURCES = sorted([*(ROOT / "comments").rglob("*.py"), ROOT / "app.py"])
EVERYTHING = sorted([*SOURCES, *(ROOT / "tests").rglob("*.py"), *(ROOT / "bench").rglob("*.py")])
READS_ENVIRONMENT = {"app.py", "comments/cli.py"}


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tool(name: str, *arguments: str) -> None:
    command = [str(Path(sys.executable).with_name(name)), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def nodes(path: Path) -> Iterator[ast.AST]:
    yield from ast.walk(ast.parse(path.read_text(encoding="utf-8")))


def test_imports_run_one_way() -> None:
    tool("lint-imports", "--no-cache")


def test_ruff_finds_nothing() -> None:
    tool("ruff", "check", ".")


def test_the_code_is_formatted() -> None:
    tool("ruff", "format", "--check", ".")


def test_types_are_right() -> None:
    tool("mypy")


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_the_environment_is_read_at_the_door_only(path: Path) -> None:
    if named(path) not in READS_ENVIRONMENT:
        text = path.read_text(encoding="utf-8")
        assert re.findall(r"\bos\.(?:environb?|getenvb?|putenv)\b|from os import", text) == []


@pytest.mark.parametrize("path", EVERYTHING, ids=named)
def test_imports_stand_at_the_top(path: Path) -> None:
    functions = [node for node in nodes(path) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = [node.lineno for function in functions for node in ast.walk(function) if is_import(node)]
    assert inside == []


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


@pytest.mark.parametrize("path", EVERYTHING, ids=named)
def test_every_suppression_has_a_reason(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    # (a call of something untyped says so itself)
    bare = re.compile(r"#\s*(noqa(: [A-Z0-9, ]+)?|type: ignore(\[(?!no-untyped-call\])[\w, -]+\])?)\s*$")
    assert [f"{at}: {line.strip()}" for at, line in enumerate(lines, 1) if bare.search(line)] == []


def test_no_room_is_called_utils() -> None:
    vague = {"utils", "util", "helpers", "common", "misc"}
    assert [named(path) for path in EVERYTHING if path.stem in vague] == []


def test_no_test_is_hidden_by_its_name() -> None:
    files = [path for path in (ROOT / "tests").rglob("*.py") if re.match(r"te[sx]ts?_?", path.name)]
    assert [named(path) for path in files if not path.name.startswith("test_")] == []


def test_the_machine_runs_the_tests_as_the_readme_says() -> None:
    command = (ROOT / ".ci" / "run").read_text().rstrip().splitlines()[-1]
    assert command in (ROOT / "README.md").read_text().splitlines()
