"""Access tokens for a person, who has logged in with ``gcloud auth application-default login``.

Source: https://developers.google.com/identity/protocols/oauth2/native-app#offline
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiostorage._http import oauth
from aiostorage._http.asking import Network, asking
from aiostorage.providers.gcs.credentials.values import TOKEN_URL

if TYPE_CHECKING:
    from datetime import datetime

    from aiostorage._http.oauth import AccessToken


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizedUser:
    """A person who has granted access. What it is good for was settled then."""

    client_id: str
    client_secret: str = field(repr=False)
    refresh_token: str = field(repr=False)
    token_url: str = TOKEN_URL
    network: Network = field(default_factory=Network, compare=False)

    async def fetch(self, now: datetime) -> AccessToken:
        """A new access token."""
        request = oauth.token_request(
            self.token_url,
            {
                "grant_type": "refresh_token",
                "client_id": self.client_id,
                "client_secret": self.client_secret,
                "refresh_token": self.refresh_token,
            },
        )
        async with asking("gcs", oauth.read_error, **self.network.options()) as client:
            answer = await client.send(request)
        return oauth.token_in(answer.body, now, where=self.token_url)
