"""Each Lua script introduces itself, and does what its header says."""

import re
from pathlib import Path

import pytest

import comments.store.scripts as scripts

FOLDER = Path(scripts.__file__).parent / "lua"
FILES = sorted(FOLDER.glob("*.lua"))


def header(source: str, word: str) -> list[str]:
    found = re.search(rf"^-- {word}: (.*)$", source, re.MULTILINE)
    assert found, f"no {word} in the header"
    return re.sub(r"\(.*?\)", "", found[1]).split()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_header_and_use_agree(path: Path) -> None:
    source = path.read_text()
    assert source.startswith("#!lua")
    assert re.search(r"^-- Returns: ", source, re.MULTILINE)
    for word in ("KEYS", "ARGV"):
        named = re.search(rf"local ([^=]+) = unpack\({word}\)", source)
        count = len(named[1].split(",")) if named else len(set(re.findall(rf"{word}\[(\d+)\]", source)))
        assert count == len(header(source, word)), word


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scripts_stay_short_and_know_no_key_no_clock_and_no_chance(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= 50
    assert not re.search(r"TIME|random|KEYS\[\d+\] *\.\.|:\{", source)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_script_names_a_status(path: Path) -> None:
    code = "\n".join(line for line in path.read_text().splitlines() if not line.lstrip().startswith("--"))
    assert not re.search(r"pending|approved|rejected|spam|withdrawn", code)


def test_every_script_is_loaded_by_its_name() -> None:
    loaded = {script.name for script in vars(scripts).values() if isinstance(script, scripts.Script)}
    assert loaded == {path.stem for path in FILES}
