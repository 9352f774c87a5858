"""Google's own libraries; what they say of their types is not enough to check anything by."""

from __future__ import annotations

from importlib import import_module
from typing import Any

api_exceptions: Any = import_module("google.api_core.exceptions")
crc32c: Any = import_module("google_crc32c")
identity_pool: Any = import_module("google.auth.identity_pool")
impersonated_credentials: Any = import_module("google.auth.impersonated_credentials")
service_account: Any = import_module("google.oauth2.service_account")
storage: Any = import_module("google.cloud.storage")
storage_exceptions: Any = import_module("google.cloud.storage.exceptions")
transfer_manager: Any = import_module("google.cloud.storage.transfer_manager")
transport: Any = import_module("google.auth.transport.requests")
user_credentials: Any = import_module("google.oauth2.credentials")
AnonymousCredentials: Any = import_module("google.auth.credentials").AnonymousCredentials
