"""What delivers containers, as a user names it. This is imported with the package, so it costs little."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TypeAlias

from aiostorage._http.delivery import check_base_url
from aiostorage._http.endpoints import parse_endpoint
from aiostorage.errors import InvalidArgumentError

COMPUTE_URL = "https://compute.googleapis.com"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudCDN:
    """A load balancer with Google's Cloud CDN.

    Attributes:
        base_url: What comes before the names of objects, such as ``https://cdn.example.com``;
            ``{container}`` in it stands for the name of the container.
        key_name: Name of a key that the backend bucket was given; to sign.
        key: The key: 16 bytes, as base64url. It is left out of the repr.
        url_map: Name of the load balancer's URL map, in the driver's project; to purge.
        endpoint: URL of the service that purges; Google's own where it is None.

    Raises:
        InvalidArgumentError: It contradicts itself.
    """

    base_url: str
    key_name: str | None = None
    key: str | None = field(default=None, repr=False)
    url_map: str | None = None
    endpoint: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        object.__setattr__(self, "base_url", check_base_url(self.base_url))
        if (self.key_name is None) != (self.key is None):
            raise InvalidArgumentError("key_name and key go together", provider="gcs")
        for given in (self.key_name, self.url_map):
            if given is not None and not _NAME.fullmatch(given):
                raise InvalidArgumentError("the names of Cloud CDN are of letters, digits, _ and -", provider="gcs")
        if self.endpoint is not None:
            parse_endpoint(self.endpoint)


Distribution: TypeAlias = str | CloudCDN
"""A public URL, or more than that."""
