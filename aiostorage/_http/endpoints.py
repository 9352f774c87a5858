"""URLs of services, as users write them."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from aiostorage.errors import InvalidArgumentError

_PATH = re.compile(r"(?:/[A-Za-z0-9._~%+-]+)*")


def parse_endpoint(endpoint: str) -> tuple[str, str, str]:
    """Scheme, host and path of a service's URL.

    The host is as in the ``Host`` header: lower case, with the port unless it is the scheme's own. The
    path is empty, or begins with a slash and does not end with one.

    Raises:
        InvalidArgumentError: It is no such URL, or holds more than that.
    """
    try:
        url = urlsplit(endpoint)
        port = url.port
    except ValueError:
        url, port = urlsplit(""), None
    name = url.hostname or ""
    path = url.path.rstrip("/")
    is_plain = not (url.query or url.fragment or url.username or url.password)
    # What is left out of the message may be a password.
    if (
        url.scheme not in {"http", "https"}
        or not name.isascii()
        or not name
        or not is_plain
        or not _PATH.fullmatch(path)
    ):
        raise InvalidArgumentError("an endpoint looks like https://host:port/path, and no more")
    host = f"[{name}]" if ":" in name else name
    if port is not None and port != {"http": 80, "https": 443}[url.scheme]:
        host = f"{host}:{port}"
    return url.scheme, host, path
