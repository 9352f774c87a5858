"""Forms that browsers post: what a policy document demands of them, alike at Amazon and at Google. Pure.

Source: https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html,
https://cloud.google.com/storage/docs/authentication/signatures#policy-document
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from aiostorage._http.headers import NAME
from aiostorage.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from aiostorage.models import PostPolicy

    Condition: TypeAlias = dict[str, str] | list[str] | list[str | int]

FILENAME = "${filename}"
"""At the end of a name it stands for that of the user's file."""


def form_conditions(container: str, key: str, policy: PostPolicy, *, own: AbstractSet[str]) -> Sequence[Condition]:
    """What a form must keep to.

    Args:
        container: Name of the container.
        key: Name of the object.
        policy: What the form may store.
        own: Fields that are written into the form by whoever signs it, or that it is about.

    Raises:
        InvalidArgumentError: That makes no sense.
    """
    beginning, variable, rest = key.partition(FILENAME)
    if rest:
        raise InvalidArgumentError(f"{FILENAME} stands at the end of a name, or not at all", key=key)
    names = [name.lower() for name in (*policy.fields, *policy.prefixes)]
    if len(set(names)) < len(names) or own & set(names):
        raise InvalidArgumentError("a field of the form is named twice, or is one that is signed")
    if not all(map(NAME.fullmatch, names)):
        raise InvalidArgumentError("a field of the form has a name that no header could have")
    conditions: list[Condition] = [
        {"bucket": container},
        ["starts-with", "$key", beginning] if variable else {"key": key},
    ]
    conditions += [{name: value} for name, value in policy.fields.items()]
    conditions += [["starts-with", f"${name}", value] for name, value in policy.prefixes.items()]
    if policy.size_range is not None:
        smallest, largest = policy.size_range
        if not 0 <= smallest <= largest:
            raise InvalidArgumentError(f"{policy.size_range} is no range of sizes")
        length: list[str | int] = ["content-length-range", smallest, largest]
        conditions.append(length)
    return conditions
