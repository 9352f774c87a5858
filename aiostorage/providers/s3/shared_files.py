"""The configuration and credentials files that all AWS tools share. Reading them blocks: use a thread.

Source: https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from __future__ import annotations

import configparser
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aiostorage.errors import AuthenticationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYS = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedProfile:
    """The settings of one profile.

    Attributes:
        name: Name of the profile.
        files: The files that were looked at, existing or not.
        is_present: Whether any of them has a section for the profile.
        settings: The settings of all files; nested ones as ``"s3.endpoint_url"``.
    """

    name: str
    files: tuple[Path, ...]
    is_present: bool
    settings: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedFiles:
    """Both files, as they were when they were read.

    Attributes:
        default: The profile to use where none is named.
        files: Where they are, or would be.
        config: The sections of the configuration file.
        credentials: Those of the credentials file.
    """

    default: str
    files: tuple[Path, Path]
    config: Mapping[str, Mapping[str, str]] = field(repr=False)
    credentials: Mapping[str, Mapping[str, str]] = field(repr=False)

    def profile(self, name: str | None = None) -> SharedProfile:
        """A profile; of two equal settings the credentials file's one wins.

        Keys and their token are of one file, the first that has an access key: those of the other belong to other keys.

        Args:
            name: The profile, or None for the one to use by default.
        """
        name = name or self.default
        section = next((found for title, found in self.config.items() if _profile_name(title) == name), None)
        own_section = self.credentials.get(name)
        settings = {**(section or {}), **(own_section or {})}
        keys = next((found for found in (own_section, section) if found and found.get("aws_access_key_id")), settings)
        settings |= {key: keys.get(key, "") for key in _KEYS if key in settings}
        services = self.config.get(f"services {settings['services']}") if "services" in settings else None
        return SharedProfile(
            name=name,
            files=self.files,
            is_present=section is not None or own_section is not None,
            settings={**settings, **(services or {})},
        )


def read_files(environ: Mapping[str, str]) -> SharedFiles:
    """The shared files; one that is missing is empty.

    Args:
        environ: For AWS_PROFILE, AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE.

    Raises:
        AuthenticationError: A file exists and cannot be read.
    """
    config = Path(environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
    credentials = Path(environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()
    return SharedFiles(
        default=environ.get("AWS_PROFILE") or "default",
        files=(credentials, config),
        config=_read(config),
        credentials=_read(credentials),
    )


def read_profile(environ: Mapping[str, str], name: str | None) -> SharedProfile:
    """A profile out of the shared files; see :func:`read_files` and :meth:`SharedFiles.profile`."""
    return read_files(environ).profile(name)


def _profile_name(title: str) -> str | None:
    """The profile that a section of the configuration file is about: ``[default]``, ``[profile "some name"]``."""
    if title == "default":
        return title
    kind, _, name = title.partition(" ")
    return name.strip().strip("\"'") if kind == "profile" else None


def _read(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.RawConfigParser(default_section="", strict=False)
    try:
        with path.open(encoding="utf-8") as file:
            parser.read_file(file)
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, configparser.Error) as error:
        # Not the parser's own message: it quotes the line, which may be a secret.
        raise AuthenticationError(f"cannot read {path}: {type(error).__name__}", provider="s3") from None
    return {title: _flatten(parser[title]) for title in parser.sections()}


def _flatten(section: Mapping[str, str]) -> dict[str, str]:
    """Settings with those nested below one of them (indented lines) as ``name.nested``."""
    flat: dict[str, str] = {}
    for name, value in section.items():
        if not value.startswith("\n"):
            flat[name] = value
            continue
        for line in value.strip().splitlines():
            nested, equals, nested_value = line.partition("=")
            if equals:
                flat[f"{name}.{nested.strip().lower()}"] = nested_value.strip()
    return flat
