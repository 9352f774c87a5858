"""The objects of a folder tree in the order of their keys, found one after the other."""

from __future__ import annotations

import os
import time
from bisect import bisect_left
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from aiostorage.models import ObjectInfo, Page, Prefix
from aiostorage.providers import _semantics as rules
from aiostorage.providers.local.folder import etag, last_modified
from aiostorage.providers.local.names import CONTINUED, STATE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiostorage.models import ListQuery
    from aiostorage.providers.local.folder import Folder
