"""Settings: where they come from, and what a fault says."""

import pickle
import re
import tomllib
from pathlib import Path

import pytest

from comments import resources, settings
from comments.settings import Limit, Secret, SettingsFault
from comments.wire import READ_TO_THE_END

DEFAULTS = resources.folder("config") / "default.toml"
KEY = "0123456789abcdefghijklmnopqrstuvwxyz"


def faults(environ: dict[str, str], **more: object) -> list[str]:
    with pytest.raises(SettingsFault) as caught:
        settings.load(environ, **more)
    return caught.value.faults


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"


def test_the_defaults_are_enough() -> None:
    loaded = settings.load({"HOME": "/root"})
    assert loaded.server.port == 8080
    assert loaded.comments.submit_limit == Limit(5, 60)
    assert loaded.store.data == Path("comments-data")
    assert loaded.secret_key is None


def test_the_default_file_has_every_knob_and_no_other() -> None:
    content = tomllib.loads(DEFAULTS.read_text())
    inner = {name: (section, name) for section, table in content.items() if isinstance(table, dict) for name in table}
    outer = {name: ("", name) for name, value in content.items() if not isinstance(value, dict)}
    assert {**inner, **outer} == {name: (knob.section, name) for name, knob in settings.knobs().items()}


def test_the_default_file_explains_every_knob() -> None:
    lines = DEFAULTS.read_text().splitlines()
    knobs = [at for at, line in enumerate(lines) if re.match(r"\w+ = ", line)]
    assert len(knobs) == len(settings.knobs())
    assert [lines[at] for at in knobs if not lines[at - 1].startswith("# ")] == []


def test_later_sources_win(file: Path) -> None:
    file.write_text('[server]\nport = 1\nworkers = 2\nthreads = 3\n[store]\nnamespace = "a"\n')
    loaded = settings.load({"COMMENTS_WORKERS": "20", "COMMENTS_THREADS": "30"}, config=file, threads=300)
    assert (loaded.server.port, loaded.server.workers, loaded.server.threads) == (1, 20, 300)
    assert loaded.store.namespace == "a"


def test_the_environment_may_name_the_file(file: Path) -> None:
    file.write_text("[server]\nport = 1\n")
    assert settings.load({"COMMENTS_CONFIG": str(file)}).server.port == 1


def test_a_flag_that_was_not_given_changes_nothing() -> None:
    assert settings.load({"COMMENTS_PORT": "9"}, port=None).server.port == 9


@pytest.mark.parametrize(
    ("variable", "text", "value"),
    [
        ("COMMENTS_DEMO", "no", False),
        ("COMMENTS_REQUIRE_EMAIL", "TRUE", True),
        ("COMMENTS_TIMEOUT", "0.25", 0.25),
        ("COMMENTS_SUBMIT_LIMIT", "", None),
        ("COMMENTS_SUBMIT_LIMIT", "20/10minutes", Limit(20, 600)),
        ("COMMENTS_SUBMIT_LIMIT", "1 / 2 days", Limit(1, 172800)),
        (
            "COMMENTS_ALLOWED_ORIGINS",
            "https://a.example, http://b.example:81",
            ("https://a.example", "http://b.example:81"),
        ),
        ("COMMENTS_ALLOWED_ORIGINS", "HTTPS://A.Example:443 *", ("https://a.example", "*")),
        ("COMMENTS_ALLOWED_ORIGINS", "", ()),
        ("COMMENTS_PUBLIC_URL", "http://[::1]:8080", "http://[::1]:8080"),
        ("COMMENTS_REDIS_URL", "unix:///run/valkey.sock?db=1", "unix:///run/valkey.sock?db=1"),
        ("COMMENTS_REDIS_URL", "rediss://user:pw@store.example:6380/0", "rediss://user:pw@store.example:6380/0"),
        ("COMMENTS_REDIS_URL", "redis+sentinel://u:p@a:1,[::1]/main", "redis+sentinel://u:p@a:1,[::1]/main"),
        (
            "COMMENTS_REDIS_URL",
            "rediss+cluster://a.example,b.example:7000",
            "rediss+cluster://a.example,b.example:7000",
        ),
    ],
)
def test_text_becomes_a_value(variable: str, text: str, value: object) -> None:
    loaded = settings.load({variable: text})
    name = variable.removeprefix("COMMENTS_").lower()
    assert getattr(getattr(loaded, settings.knobs()[name].section), name) == value


def test_a_file_has_lists(file: Path) -> None:
    file.write_text('[server]\nallowed_origins = ["https://a.example", "*"]\n')
    assert settings.load({}, config=file).server.allowed_origins == ("https://a.example", "*")


@pytest.mark.parametrize(
    ("variable", "text", "says"),
    [
        ("COMMENTS_PORT", "abc", "'abc' is not a whole number from 0 to 65535"),
        ("COMMENTS_PORT", "65536", "'65536' is not a whole number from 0 to 65535"),
        ("COMMENTS_PORT", "", "'' is not a whole number"),
        ("COMMENTS_PORT", "tcp://10.0.0.1:80", "is not a whole number"),
        ("COMMENTS_MAX_BODY", str(READ_TO_THE_END + 1), f"is not a whole number from 1024 to {READ_TO_THE_END}"),
        ("COMMENTS_TIMEOUT", "nan", "is not a number from 0.05 to 60"),
        ("COMMENTS_TIMEOUT", "inf", "is not a number from 0.05 to 60"),
        ("COMMENTS_DEMO", "maybe", "neither true nor false"),
        ("COMMENTS_LANGUAGE", "de", "is not one of en, vi"),
        ("COMMENTS_NAMESPACE", "a{b}", "is not a name"),
        ("COMMENTS_HOST", "a b", "is not a host name"),
        ("COMMENTS_DATA", "", "is not a directory's path"),
        ("COMMENTS_SUBMIT_LIMIT", "0/minute", 'is not a limit like "5/minute"'),
        ("COMMENTS_SUBMIT_LIMIT", "5/fortnight", "is not a limit"),
        ("COMMENTS_PUBLIC_URL", "https://a.example/", "without a slash"),
        ("COMMENTS_PUBLIC_URL", "https://u:p@a.example", "has more than scheme, host and port"),
        ("COMMENTS_PUBLIC_URL", "a.example", "is not an origin"),
        ("COMMENTS_PUBLIC_URL", "https://a.example:x", "is not an origin"),
        ("COMMENTS_PUBLIC_URL", "https://báo.example", "ASCII form"),
        ("COMMENTS_ALLOWED_ORIGINS", "https://a.example javascript:alert(1)", "is not an origin"),
        ("COMMENTS_REDIS_URL", "http://a.example", "is not a redis://"),
        ("COMMENTS_REDIS_URL", "redis://", "names no host"),
        ("COMMENTS_REDIS_URL", "unix://", "names no socket"),
        ("COMMENTS_REDIS_URL", "redis+sentinel://a.example", "does not end with the /service"),
        ("COMMENTS_REDIS_URL", "redis+sentinel://a.example:x/s", "names no hosts"),
        ("COMMENTS_REDIS_URL", "redis+sentinel://a.example/s?db=1", "not known"),
        ("COMMENTS_REDIS_URL", "redis+cluster://a.example,", "names no hosts"),
        ("COMMENTS_REDIS_URL", "redis+cluster://a.example/1", "names a database"),
        ("COMMENTS_TLS_CA", "/nowhere/ca.pem", "is not a file that is there"),
        ("COMMENTS_SECRET_KEY", "short", "too short"),
        ("COMMENTS_SECRET_KEY", "changeme" * 5, "placeholder"),
        ("COMMENTS_SECRET_KEY", "x" * 40, "placeholder"),
    ],
)
def test_a_fault_names_its_source_and_says_what_would_be_right(variable: str, text: str, says: str) -> None:
    (fault,) = faults({variable: text})
    assert fault.startswith(f"{variable}: ")
    assert says in fault


def test_all_faults_come_at_once(file: Path) -> None:
    file.write_text('[server]\nport = "x"\nwokers = 1\n[nonsense]\na = 1\n')
    found = faults({"COMMENTS_DEMO": "?", "COMMENTS_NOPE": ""}, config=file, host="")
    assert len(found) == 6


def test_an_unknown_variable_gets_a_suggestion() -> None:
    (fault,) = faults({"COMMENTS_REDISURL": "redis://x"})
    assert fault == "COMMENTS_REDISURL: there is no such setting; did you mean COMMENTS_REDIS_URL?"


def test_an_unknown_key_in_a_file_gets_a_suggestion(file: Path) -> None:
    file.write_text("[server]\nprot = 1\ntimeout = 2.0\n")
    assert faults({}, config=file) == [
        f"{file}: [server] prot: there is no such setting; did you mean port?",
        f"{file}: [server] timeout: there is no such setting; it belongs in [store]",
    ]


@pytest.mark.parametrize(("content", "says"), [(b"port =", "not a TOML file"), (b"\xff", "not a TOML file")])
def test_a_file_must_be_toml(file: Path, content: bytes, says: str) -> None:
    file.write_bytes(content)
    assert says in faults({}, config=file)[0]


def test_a_file_must_be_there(file: Path) -> None:
    assert faults({}, config=file) == [f"{file}: cannot be read (No such file or directory)"]


def test_secrets_do_not_print() -> None:
    loaded = settings.load({"COMMENTS_SECRET_KEY": KEY, "COMMENTS_REDIS_URL": "redis://:hunter22@a.example"})
    assert loaded.secret_key is not None
    assert loaded.secret_key.reveal() == KEY
    shown = f"{loaded} {loaded.secret_key} {loaded.secret_key!r}"
    assert KEY not in shown
    assert "hunter22" not in shown


@pytest.mark.parametrize(
    "environ", [{"COMMENTS_SECRET_KEY": "hunter22"}, {"COMMENTS_REDIS_URL": "redis+cluster://:hunter22@a.example/1"}]
)
def test_a_fault_does_not_repeat_a_secret(environ: dict[str, str]) -> None:
    assert "hunter22" not in faults(environ)[0]


def test_settings_travel_to_worker_processes() -> None:
    loaded = settings.load({"COMMENTS_SECRET_KEY": KEY})
    assert pickle.loads(pickle.dumps(loaded)) == loaded
    assert loaded.secret_key == Secret(KEY)


SIGNED = {"COMMENTS_WEBHOOK_SECRET": "whsec_" + "A" * 32}


@pytest.mark.parametrize(
    ("environ", "says"),
    [
        ({"COMMENTS_WEBHOOK_URLS": "https://cms.example/hook"}, "webhook_secret: is needed"),
        ({"COMMENTS_WEBHOOK_URLS": "http://cms.example/hook", **SIGNED}, "http:// is allowed on a private network"),
        ({"COMMENTS_WEBHOOK_URLS": "https://me:password@cms.example/", **SIGNED}, "has a name, a password"),
        ({"COMMENTS_WEBHOOK_URLS": "ftp://cms.example/", **SIGNED}, "is not an address like"),
        ({"COMMENTS_WEBHOOK_SECRET": "whsec_" + "A" * 28}, "24 to 64 random bytes"),
        ({"COMMENTS_WEBHOOK_SECRET": "A" * 32}, "24 to 64 random bytes"),
        ({"COMMENTS_MAIL_TO": "desk@news.example"}, "mail_from: is needed"),
    ],
)
def test_notices_need_what_they_are_made_of(environ: dict[str, str], says: str) -> None:
    (fault,) = faults(environ)
    assert says in fault
    assert "password@" not in fault
    assert environ.get("COMMENTS_WEBHOOK_SECRET", "no key") not in fault


def test_webhooks_and_mail_can_be_named_in_the_environment() -> None:
    urls = {"COMMENTS_WEBHOOK_URLS": "https://a.example/x?key=1, https://b.example:8443", **SIGNED}
    mail = {"COMMENTS_MAIL_TO": "desk@news.example chief@news.example", "COMMENTS_MAIL_FROM": "desk@news.example"}
    told = settings.load({**urls, **mail}).notices
    assert told.webhook_urls == ("https://a.example/x?key=1", "https://b.example:8443")
    assert told.mail_to == ("desk@news.example", "chief@news.example")
    assert "a.example" not in repr(told)
    assert "desk@" not in repr(told)
