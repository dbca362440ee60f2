"""The `comments` command beside, before and without a running service."""

import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from comments import keys
from comments.store.embedded import EmbeddedStore, running
from tests.service import run, serving

PASSWORD = "correct horse battery\n"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def comments(store_url: str, data: Path) -> Command:
    """Runs a command on an empty store; its status, output and words."""

    def command(*arguments: str, typed: str = "", **environ: str) -> tuple[int, str, str]:
        environ = {"COMMENTS_REDIS_URL": store_url, "COMMENTS_DATA": str(data), **environ}
        done = run(*arguments, typed=typed, **environ)
        return done.returncode, done.stdout, done.stderr

    return command


def test_moderators_come_and_go(comments: Command) -> None:
    assert comments("moderator", "add", "Lan", "--password-stdin", typed=PASSWORD)[:2] == (0, "")
    assert comments("moderator", "add", "An", "--role", "admin", "--password-stdin", typed=PASSWORD)[:2] == (0, "")
    status, out, _ = comments("moderator", "list")
    assert status == 0
    assert re.fullmatch(r"An\tadmin\t\d{4}-\d\d-\d\d\nLan\tmoderator\t\d{4}-\d\d-\d\d\n", out)
    assert comments("moderator", "password", "Lan", "--password-stdin", typed=PASSWORD)[:2] == (0, "")
    assert comments("moderator", "remove", "Lan")[:2] == (0, "")
    assert comments("moderator", "list")[1].startswith("An\t")


def test_a_token_is_printed_alone(comments: Command) -> None:
    status, out, err = comments("token", "add", "importer")
    assert (status, err) == (0, "")
    assert re.fullmatch(r"\S{40,}\n", out)
    assert re.fullmatch(r"importer\tmoderator\t\d{4}-\d\d-\d\d\n", comments("token", "list")[1])
    assert comments("token", "remove", "importer")[:2] == (0, "")
    assert comments("token", "list")[:2] == (0, "")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["moderator", "remove", "Nam"], "comments: there is no moderator Nam\n"),
        (["token", "remove", "Nam"], "comments: there is no token Nam\n"),
        (["moderator", "password", "Nam", "--password-stdin"], "comments: there is no moderator Nam\n"),
        (["token", "add", " Nam"], "comments: a name has 1 to 80 printable characters, without spaces around it\n"),
        (["moderator", "add", "Nam"], "comments: there is no terminal to ask for a password; use --password-stdin\n"),
    ],
)
def test_what_cannot_be_done_is_one_line(comments: Command, arguments: list[str], says: str) -> None:
    assert comments(*arguments, typed=PASSWORD) == (1, "", says)


def test_a_name_is_taken_once(comments: Command) -> None:
    for kind, more in (("moderator", ["--password-stdin"]), ("token", [])):
        assert comments(kind, "add", "Lan", *more, typed=PASSWORD)[0] == 0
        status, out, err = comments(kind, "add", "Lan", *more, typed=PASSWORD)
        assert (status, out, err) == (1, "", f"comments: there is a {kind} Lan already\n")


@pytest.mark.parametrize("password", ["short", "password1", "lan lan lan lan", "\n"])
def test_a_weak_password_is_refused(comments: Command, password: str) -> None:
    status, _, err = comments("moderator", "add", "Lan", "--password-stdin", typed=password)
    assert (status, err.startswith("comments: this password is refused. It ")) == (1, True)
    assert comments("moderator", "list")[1] == ""


def test_settings_that_cannot_be_are_all_named(comments: Command) -> None:
    status, _, err = comments("moderator", "list", COMMENTS_PORT="x", COMMENTS_NOPE="")
    assert (status, len(err.splitlines())) == (2, 2)


def test_a_file_of_settings_counts(comments: Command, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text("[server]\nport = 'x'\n")
    assert comments("token", "list", "--config", str(config))[0] == 2


def test_a_store_that_is_away_is_one_line(comments: Command) -> None:
    status, out, err = comments("token", "list", COMMENTS_REDIS_URL="redis://127.0.0.1:1")
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1


def test_keys_are_made_and_shown(data: Path) -> None:
    done = run("keys", "--data", str(data))
    files = [Path(line) for line in done.stdout.splitlines()]
    assert [file.name for file in files] == ["mail-private", "mail-public", "secret"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_commands_work_before_the_first_start(data: Path) -> None:
    token = run("token", "add", "importer", "--data", str(data)).stdout
    assert token
    assert run("token", "list", "--data", str(data)).stdout.startswith("importer\t")


def test_commands_use_the_store_of_a_running_service(data: Path) -> None:
    with serving(data) as service:
        done = run("moderator", "add", "Lan", "--password-stdin", "--data", str(data), typed=PASSWORD)
        assert done.returncode == 0, done.stderr
        assert run("doctor", "--data", str(data)).returncode == 0
        assert service.answers("/readyz")


def findings(out: str) -> dict[str, str]:
    """The doctor's verdict by subject."""
    return {line.split(maxsplit=1)[1].partition(":")[0]: line.split()[0] for line in out.splitlines()}


def test_the_doctor_finds_nothing_wrong(data: Path) -> None:
    run("keys", "--data", str(data))
    run("moderator", "add", "Lan", "--password-stdin", "--data", str(data), typed=PASSWORD)
    done = run("doctor", "--data", str(data))
    assert set(findings(done.stdout).values()) == {"ok"}
    assert done.returncode == 0


def test_the_doctor_finds_a_log_that_was_tampered_with(comments: Command, store_url: str) -> None:
    comments("keys")
    comments("moderator", "add", "Lan", "--password-stdin", typed=PASSWORD)
    status, out, err = comments("seal")
    assert (status, err) == (0, "1 entries are newly sealed.\n")
    assert re.fullmatch(r"[0-9a-f]{64}\n", out)
    assert findings(comments("doctor")[1])["log"] == "ok"
    with redis.Redis.from_url(store_url) as connection:
        (entry,) = connection.xrange("comments:{people}:log")
        connection.delete("comments:{people}:log")
        connection.xadd("comments:{people}:log", {**entry[1], b"person": b"Minh"}, id=entry[0])
    status, out, _ = comments("doctor")
    assert status == 1
    assert "problem   log: people: what seal 1 seals has been changed" in out


def test_serve_seals_the_log(data: Path, eventually: Callable[..., None]) -> None:
    with serving(data), redis.Redis.from_url(running(data) or "") as connection:
        eventually(lambda: connection.llen("comments:{people}:seals") == 1)


def test_the_doctor_knows_what_is_missing(data: Path) -> None:
    done = run("doctor", "--data", str(data))
    wrong = {what for what, verdict in findings(done.stdout).items() if verdict == "problem"}
    assert wrong == {"secret key", "mail keys", "moderators"}
    assert done.returncode == 1
    assert not keys.folder(data).exists(), "the doctor changes nothing"


def test_the_doctor_names_settings_that_cannot_be(comments: Command) -> None:
    status, out, _ = comments("doctor", COMMENTS_PORT="x")
    assert status == 1
    assert out == "problem   settings: COMMENTS_PORT: 'x' is not a whole number from 0 to 65535\n"


def test_the_doctor_sees_a_store_that_forgets(data: Path) -> None:
    (data / "valkey.conf").write_text("port 0\nappendonly no\nmaxmemory-policy allkeys-lru\n")
    with EmbeddedStore(data):
        found = findings(run("doctor", "--data", str(data)).stdout)
        asked_for_little = findings(run("doctor", "--data", str(data), COMMENTS_DURABILITY="memory").stdout)
    assert (found["durability"], found["eviction"]) == ("problem", "problem")
    assert asked_for_little["durability"] == "ok"


def test_the_doctor_says_when_it_may_not_look(data: Path) -> None:
    (data / "valkey.conf").write_text("port 0\nappendonly no\nuser default on nopass ~* &* +@all -config\n")
    with EmbeddedStore(data):
        found = findings(run("doctor", "--data", str(data)).stdout)
    assert (found["durability"], found["eviction"]) == ("unknown", "unknown")


def test_the_doctor_sees_open_keys_and_a_full_disk(data: Path) -> None:
    run("keys", "--data", str(data))
    (keys.folder(data) / "secret").chmod(0o644)
    done = run("doctor", "--data", str(data), COMMENTS_MIN_FREE_MB="1048576")
    found = findings(done.stdout)
    assert (found["secret key"], found["disk"]) == ("problem", "problem")


def test_the_doctor_sees_a_store_that_is_away(comments: Command) -> None:
    status, out, _ = comments("doctor", COMMENTS_REDIS_URL="redis://127.0.0.1:1")
    assert (status, findings(out)["store"]) == (1, "problem")
