"""Whoever signs requests for others: the key of a service account, or IAM in its name."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Final, Protocol

from aiostorage._http import json
from aiostorage.errors import AuthenticationError, UnexpectedResponseError, UnsupportedError
from aiostorage.providers.gcs.credentials.impersonation import account_url, ask_iam

if TYPE_CHECKING:
    from aiostorage._http.asking import Network
    from aiostorage.providers.gcs.credentials import Identities
    from aiostorage.providers.gcs.credentials.values import TokenSource


IAM_KEY_LIFETIME_S: Final = 12 * 3600
"""How long a key of Google's own is good for at least, and so what it has signed.

Source: https://cloud.google.com/storage/docs/gsutil/commands/signurl
"""


class Signer(Protocol):
    """Signs in the name of an account, by RSA with SHA-256."""

    @property
    def email(self) -> str:
        """The account."""
        ...

    async def sign(self, content: bytes) -> bytes:
        """A signature."""
        ...


class IAMSigner:
    """Signs through IAM, with a key that nobody sees.

    Args:
        email: The service account.
        base: Who asks; needs the role "Service Account Token Creator" on that account.
        network: The way to IAM.
        delegates: Accounts in between, each of which may act as the next.

    Source: https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/signBlob
    """

    def __init__(self, email: str, base: TokenSource, network: Network, delegates: tuple[str, ...] = ()) -> None:
        self.email: str = email
        self._base = base
        self._network = network
        self._delegates = delegates

    async def sign(self, content: bytes) -> bytes:
        """A signature, for which a request is made."""
        resource: dict[str, object] = {"payload": b64encode(content).decode()}
        if self._delegates:
            resource["delegates"] = list(self._delegates)
        answer = await ask_iam(self._base, account_url(self.email, "signBlob"), resource, self._network)
        try:
            signature = b64decode(json.text(answer, "signedBlob") or "", validate=True)
        except ValueError:
            signature = b""
        if not signature:
            raise UnexpectedResponseError("what IAM answered is no signature", provider="gcs")
        return signature


def lasts_s(signer: Signer, asked_s: int) -> int:
    """How long a request lasts that was signed for so long."""
    return min(asked_s, IAM_KEY_LIFETIME_S) if isinstance(signer, IAMSigner) else asked_s


async def find_signer(identities: Identities | None, account: str | None) -> Signer:
    """Who signs: the key, if there is one for this account; else IAM.

    Whoever acts as an account may sign for it by the same role; the account itself need not be allowed to.

    Args:
        identities: Who asks.
        account: In whose name to sign; None for whoever asks.

    Raises:
        UnsupportedError: Nobody asks.
        AuthenticationError: There is no account to sign for.
    """
    if identities is None:
        raise UnsupportedError("anonymous access has nothing to sign with", provider="gcs", operation="presign")
    identity = await identities.find()
    if identity.key is not None and account in {None, identity.key.email}:
        return identity.key
    email = account or await identities.account()
    if email is None:
        raise AuthenticationError(
            "these credentials are no service account's, so nothing can be signed; name one as signing_account",
            provider="gcs",
        )
    acting = identity.impersonation
    if acting is not None and email == identity.account:
        return IAMSigner(email, acting.base, identities.network, acting.delegates)
    return IAMSigner(email, identity.source, identities.network)
