"""Who asks: credentials from all the places where AWS tools look for them, shared by the drivers of a process.

A *place* (``chain``) says what is configured there: keys, or a *source* of temporary ones (``sts``, ``sso``,
``container``, ``instance``, ``process``). A source is a plain value, so that equal ones share what
they fetched (``cache``).
"""

from aiostorage.providers.s3.credentials.chain import chain, find, provider
from aiostorage.providers.s3.credentials.values import S3Credentials

__all__ = ["S3Credentials", "chain", "find", "provider"]
