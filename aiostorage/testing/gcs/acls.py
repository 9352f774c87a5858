"""Canned access control lists: their names are looked at, but nobody is refused by them.

Source: https://cloud.google.com/storage/docs/access-control/lists#predefined-acl
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiostorage.testing.gcs.errors import invalid

if TYPE_CHECKING:
    from aiostorage.testing.gcs.messages import Call

_PARAMETERS = ("predefinedAcl", "destinationPredefinedAcl", "predefinedDefaultObjectAcl")
_NAMES = frozenset({
    "authenticatedRead", "bucketOwnerFullControl", "bucketOwnerRead", "private", "projectPrivate", "publicRead",
    "publicReadWrite",
})  # fmt: skip


def check(call: Call) -> None:
    """Refuse names that are none, on either API.

    Raises:
        GCSError: There is no such list.
    """
    given = [call.query[name] for name in _PARAMETERS if name in call.query]
    first, *others = call.headers.get("x-goog-acl", "private").split("-")
    given.append(first + "".join(word.capitalize() for word in others))
    for name in given:
        if name not in _NAMES:
            raise invalid(f"Invalid predefined ACL: {name}", reason="invalidParameter")
