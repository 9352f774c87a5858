"""Who asks: access tokens from all the places where Google's own tools look for them, shared by the drivers of a loop.

A *source* of tokens (``service_account``, ``user``, ``machine``, ``federation``, ``impersonation``) is a
plain value, so that equal ones share what they fetched (``cache``). ``chain`` finds the source.
"""

from aiostorage.providers.gcs.credentials.chain import Identities
from aiostorage.providers.gcs.credentials.values import AccessToken, Identity

__all__ = ["AccessToken", "Identities", "Identity"]
