"""Each provider over HTTP, as far as a reader can tell them apart, for rules that hold for all of them."""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import pytest

from aiostorage import AzureDriver, GCSDriver, RetryPolicy, S3Driver, SwiftDriver
from tests.scripted import Answer, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from aiostorage import Driver
    from tests.scripted import Seen

RETRY = RetryPolicy(max_attempts=2, base_s=0.001)
PART = 128 * 1024


@dataclass(frozen=True, slots=True)
class Cloud:
    """A provider.

    Attributes:
        name: Of the provider.
        make: A driver for an endpoint.
        prefix: Of the path of an object, up to its key.
        version: The headers that say which version of an object an answer is of.
        pin: The header by which a request asks for one version.
        encoding: What a read says about encodings.
    """

    name: str
    make: Callable[..., Driver]
    prefix: str
    version: Callable[[int], Mapping[str, str]]
    pin: str
    encoding: str

    def driver(self, server: ScriptedServer, **options: object) -> Driver:
        """A driver for a server."""
        return self.make(server.url, **{"retry": RETRY, "part_size_bytes": PART, **options})

    def server(self, answer: Callable[[Seen], Answer], kind: type[ScriptedServer] = ScriptedServer) -> ScriptedServer:
        """A server that does not tell what it can do, and is asked for something else then."""
        return kind(answer=lambda seen: Answer(status=404) if seen.target == "/info" else answer(seen))

    def key(self, seen: Seen) -> bytes:
        """The key in the target of a request, as the server that has it understands it."""
        path = seen.target.partition("?")[0]
        assert path.startswith(self.prefix), path
        return unquote_to_bytes(path.removeprefix(self.prefix))

    def stored(
        self, seen: Seen, content: bytes, *, version: int = 1, keep: int | None = None, obeys: bool = True
    ) -> Answer:
        """An object, or what is asked for of it; after ``keep`` bytes of that the connection ends."""
        headers = dict(self.version(version))
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", seen.headers.get("range") or seen.headers.get("x-ms-range") or "")
        body, status = content, 200
        if found is not None and obeys:
            start = int(found[1])
            body, status = content[start : int(found[2]) + 1 if found[2] else None], 206
            if not body:
                return Answer(status=416)
            headers["Content-Range"] = f"bytes {start}-{start + len(body) - 1}/{len(content)}"
        if keep is None or keep >= len(body):
            return Answer(status=status, headers=headers, body=body)
        return Answer(status=status, headers=headers, body=body[:keep], length=len(body), then="close")


def _s3(url: str, **options: object) -> Driver:
    return S3Driver(
        endpoint=url, region="r", access_key_id="k", secret_access_key="s", vendor="aws", addressing_style="path",
        **options,  # type: ignore[arg-type]  # whatever a test wants
    )  # fmt: skip


def _gcs(url: str, **options: object) -> Driver:
    return GCSDriver(endpoint=url, project="p", anonymous=True, **options)  # type: ignore[arg-type]  # as above


def _azure(url: str, **options: object) -> Driver:
    key = b64encode(b"key").decode()
    return AzureDriver(endpoint=f"{url}/account", account_key=key, **options)  # type: ignore[arg-type]  # as above


def _swift(url: str, **options: object) -> Driver:
    return SwiftDriver(token="t", storage_url=f"{url}/v1/AUTH_a", **options)  # type: ignore[arg-type]  # as above


def _etag(version: int) -> Mapping[str, str]:
    return {"ETag": f'"0x{version}"'}


def _generation(version: int) -> Mapping[str, str]:
    return {"x-goog-generation": str(version)}


CLOUDS = (
    Cloud("s3", _s3, "/bucket/", _etag, "if-match", "identity"),
    Cloud("gcs", _gcs, "/bucket/", _generation, "x-goog-if-generation-match", "gzip"),
    Cloud("azure", _azure, "/account/bucket/", _etag, "if-match", "identity"),
    Cloud("swift", _swift, "/v1/AUTH_a/bucket/", _etag, "if-match", "identity"),
)

every_cloud = pytest.mark.parametrize("cloud", CLOUDS, ids=[cloud.name for cloud in CLOUDS])
