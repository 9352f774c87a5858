"""What delivers containers, as a user names it. This is imported with the package, so it costs little."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from aiostorage._http.delivery import check_base_url
from aiostorage._http.endpoints import parse_endpoint
from aiostorage.errors import InvalidArgumentError

HashName: TypeAlias = Literal["sha1", "sha256"]

_ID = re.compile(r"[A-Za-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudFront:
    """A distribution of Amazon CloudFront.

    Attributes:
        base_url: What comes before the names of objects, such as ``https://d111111abcdef8.cloudfront.net``;
            ``{container}`` in it stands for the name of the container.
        key_pair_id: The public key of a key group that the distribution trusts; to sign.
        private_key: The private key that belongs to it, in PEM: RSA with 2048 bits, or ECDSA on P-256. It
            is left out of the repr.
        hash_algorithm: What the signature is made of.
        distribution_id: The distribution itself; to purge.
        endpoint: URL of the service that purges; Amazon's own where it is None.

    Raises:
        InvalidArgumentError: It contradicts itself.
    """

    base_url: str
    key_pair_id: str | None = None
    private_key: str | bytes | None = field(default=None, repr=False)
    hash_algorithm: HashName = "sha1"
    distribution_id: str | None = None
    endpoint: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        object.__setattr__(self, "base_url", check_base_url(self.base_url))
        if (self.key_pair_id is None) != (self.private_key is None):
            raise InvalidArgumentError("key_pair_id and private_key go together", provider="s3")
        for given in (self.key_pair_id, self.distribution_id):
            if given is not None and not _ID.fullmatch(given):
                raise InvalidArgumentError("the ids of CloudFront are of letters and digits", provider="s3")
        if self.hash_algorithm not in {"sha1", "sha256"}:
            raise InvalidArgumentError("hash_algorithm is sha1 or sha256", provider="s3")
        if self.endpoint is not None:
            parse_endpoint(self.endpoint)


Distribution: TypeAlias = str | CloudFront
"""A public URL, or more than that."""
