"""A login's secret is tried when the configuration is read, and shown nowhere."""

import base64
import os
import traceback
from pathlib import Path

import pytest

from exporter.config import Config, ConfigError, load, parse
from exporter.targets import SecretSource

HIDDEN = "correct horse battery staple"
LONGEST = 4096


def text(where: str, username: str = "probe") -> str:
    return (
        f"modules: {{x: {{auth: {{username: {username}, {where}}}}}}}\n"
        "targets: [{host: a, module: x}]"
    )


def source(config: Config) -> SecretSource:
    auth = config.targets[0].module.auth
    assert auth is not None
    return auth.password


def complaint(where: str, folder: Path) -> str:
    with pytest.raises(ConfigError) as raised:
        parse(text(where), path=folder / "config.yaml")
    (only,) = raised.value.complaints
    return only.message


class TestFile:
    """A file that holds the secret."""

    def test_relative(self, tmp_path: Path) -> None:
        """A relative path begins at the folder of the configuration."""
        (tmp_path / "secrets").mkdir()
        (tmp_path / "secrets/p").write_text(HIDDEN)
        path = tmp_path / "config.yaml"
        path.write_text(text("password_file: secrets/p"))
        wanted = SecretSource(file=str(tmp_path / "secrets/p"))
        assert source(load(path)) == wanted

    def test_a_relative_configuration(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The path that is kept is whole, also where the configuration's own is not."""
        (tmp_path / "p").write_text(HIDDEN)
        monkeypatch.chdir(tmp_path)
        config = parse(text("password_file: p"), path=Path("config.yaml"))
        assert source(config) == SecretSource(file=str(tmp_path / "p"))

    def test_absolute(self, tmp_path: Path) -> None:
        """An absolute path is kept as it is written."""
        (tmp_path / "p").write_text(HIDDEN)
        config = parse(text(f"password_file: {tmp_path}/p"), path=Path("/etc/c.yaml"))
        assert source(config) == SecretSource(file=f"{tmp_path}/p")

    def test_a_link_stays(self, tmp_path: Path) -> None:
        """A link is kept, for whoever rotates the secret by replacing the link."""
        (tmp_path / "today").write_text(HIDDEN)
        (tmp_path / "p").symlink_to("today")
        config = parse(text("password_file: p"), path=tmp_path / "config.yaml")
        assert source(config) == SecretSource(file=str(tmp_path / "p"))

    @pytest.mark.parametrize(
        "octets",
        [
            *(b"x", b"x\n", b"x\r\n", b" ", b"a\nb\n", "ü".encode()),
            *(b"x" * LONGEST, b"x" * LONGEST + b"\n", b"x" * LONGEST + b"\r\n"),
        ],
    )
    def test_good(self, octets: bytes, tmp_path: Path) -> None:
        """Text of 1 to 4096 octets is a secret, one line end not counted."""
        (tmp_path / "p").write_bytes(octets)
        config = parse(text("password_file: p"), path=tmp_path / "config.yaml")
        assert source(config).file == str(tmp_path / "p")

    @pytest.mark.parametrize(
        ("octets", "sentence"),
        [
            (b"", "the file is empty"),
            (b"\n", "the file is empty"),
            (b"\r\n", "the file is empty"),
            (b"x" * (LONGEST + 1), "the file is longer than 4096 octets"),
            (b"x" * 100_000, "the file is longer than 4096 octets"),
            (b"\xfc", "the file holds something else than UTF-8 text"),
            (b"a\0b", "the file holds something else than UTF-8 text"),
        ],
    )
    def test_bad(self, octets: bytes, sentence: str, tmp_path: Path) -> None:
        """What could not be sent is said before the first probe."""
        (tmp_path / "p").write_bytes(octets)
        assert complaint("password_file: p", tmp_path) == sentence

    def test_not_readable(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A file of somebody else's is told with its remedy."""
        (tmp_path / "p").write_text(HIDDEN)

        def fail(*_arguments: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(Path, "open", fail)
        sentence = complaint("password_file: p", tmp_path)
        assert sentence == (
            f"this user (uid {os.getuid()}) may not read it; change its owner or its "
            "mode"
        )

    def test_another_error(self, tmp_path: Path) -> None:
        """Any other failure is told in the system's words."""
        sentence = complaint(f"password_file: {'p' * 300}", tmp_path)
        assert "File name too long" in sentence
        assert "ppp" not in sentence

    def test_not_regular(self, tmp_path: Path) -> None:
        """A pipe gives its secret once, and whoever reads it waits for a writer."""
        os.mkfifo(tmp_path / "p")
        assert "not a regular file" in complaint("password_file: p", tmp_path)


class TestVariable:
    """A variable of the environment that holds the secret."""

    def test_good(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The variable's name is kept, and not what it holds."""
        monkeypatch.setenv("P", HIDDEN)
        config = parse(text("password_env: P"), path=Path("c"))
        assert source(config) == SecretSource(env="P")

    @pytest.mark.parametrize(
        ("value", "sentence"),
        [
            ("", "the variable is empty"),
            ("x" * (LONGEST + 1), "the variable is longer than 4096 octets"),
            ("\udcfc", "the variable holds something else than UTF-8 text"),
        ],
    )
    def test_bad(
        self, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A variable's secret has the bounds of a file's."""
        monkeypatch.setenv("P", value)
        assert complaint("password_env: P", Path()) == sentence

    def test_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A variable that isn't there is told before the first probe."""
        monkeypatch.delenv("P", raising=False)
        assert complaint("password_env: P", Path()) == "the variable is not set"


@pytest.mark.parametrize(
    ("username", "good"),
    [("u" * 255, True), ("u" * 256, False), ("ü" * 127, True), ("ü" * 128, False)],
)
def test_username(username: str, good: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's name has up to 255 octets."""
    monkeypatch.setenv("P", HIDDEN)
    written = text("password_env: P", username)
    if good:
        auth = parse(written, path=Path("c")).targets[0].module.auth
        assert auth is not None
        assert auth.username == username
    else:
        with pytest.raises(ConfigError, match="1 to 255 octets, not 256"):
            parse(written, path=Path("c"))


def shown(error: ConfigError) -> str:
    """Give everything that a person or a log may see of an error."""
    told = "".join(traceback.format_exception(error))
    return "\n".join((told, repr(error), *map(repr, error.complaints)))


class TestNothingShows:
    """The secret is in no repr and in no complaint, whatever else is wrong."""

    SPELLINGS = (HIDDEN, base64.b64encode(HIDDEN.encode()).decode())

    def hides(self, told: str) -> bool:
        return not any(spelling in told for spelling in self.SPELLINGS)

    @pytest.mark.parametrize("where", ["password_file: p", "password_env: P"])
    def test_repr(
        self, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A configuration says where its secrets are, and never what they are."""
        (tmp_path / "p").write_text(HIDDEN)
        monkeypatch.setenv("P", HIDDEN)
        config = parse(text(where), path=tmp_path / "config.yaml")
        assert "SecretSource" in repr(config)
        assert self.hides(repr(config) + str(config) + repr(config.modules))
        assert self.hides(config.text)

    @pytest.mark.parametrize("octets", [b"\xfc", b"\0", b"x" * LONGEST])
    @pytest.mark.parametrize("where", ["password_file: p", "password_env: P"])
    def test_a_bad_secret(
        self,
        where: str,
        octets: bytes,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """A secret that cannot be used is not shown either."""
        octets = HIDDEN.encode() + octets
        (tmp_path / "p").write_bytes(octets)
        monkeypatch.setitem(
            os.environ,
            "P",
            octets.replace(b"\0", b"\xfc").decode("utf-8", "surrogateescape"),
        )
        with pytest.raises(ConfigError) as raised:
            parse(text(where), path=tmp_path / "config.yaml")
        assert self.hides(shown(raised.value))

    @pytest.mark.parametrize(
        "auth",
        [
            f"password: {HIDDEN}",
            f"password_file: {HIDDEN}",
            f"password_env: {HIDDEN}",
            f"password_env: [{HIDDEN}]",
            f"password: {HIDDEN}, mechanism: plain",
            f'password_file: "{HIDDEN}\\0"',
            f"password_file: /{HIDDEN}",
            f"password_file: {HIDDEN}, password_env: {HIDDEN}",
        ],
    )
    def test_a_misplaced_secret(self, auth: str, tmp_path: Path) -> None:
        """Who writes the secret where its place belongs, doesn't find it in a log."""
        with pytest.raises(ConfigError) as raised:
            parse(text(auth), path=tmp_path / "config.yaml")
        assert self.hides(shown(raised.value))
