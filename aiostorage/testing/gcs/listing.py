"""A page of a listing, for both APIs."""

from __future__ import annotations

import base64
import json
import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aiostorage.testing.gcs.buckets import Bucket
    from aiostorage.testing.gcs.objects import StoredObject

_PREFIX = -1  # in the place of a generation: the prefix came, but not yet an object of the same name


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What to list.

    Attributes:
        limit: How many objects and prefixes, together.
        start_offset: Names from here on.
        end_offset: Names before this.
        after: Names, or prefixes, that are greater; for the XML API's markers.
        versions: Whether noncurrent generations are listed, too.
        trailing: Whether an object whose name ends with the delimiter is listed beside its prefix.
    """

    limit: int
    prefix: str = ""
    delimiter: str = ""
    start_offset: str = ""
    end_offset: str = ""
    after: str = ""
    versions: bool = False
    trailing: bool = False
    glob: str | None = None
    token: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What there is.

    Attributes:
        last: The last name or prefix of the page.
        token: Where the next page goes on; None where there is none.
    """

    objects: list[StoredObject]
    prefixes: list[str]
    last: str
    token: str | None = None


def list_objects(bucket: Bucket, query: Query) -> Page:
    """A page.

    Raises:
        GCSError: The token is none of ours.
    """
    last, generation = _read_token(query.token) if query.token else ("", 0)
    objects: list[StoredObject] = []
    prefixes: list[str] = []
    pattern = glob_pattern(query.glob) if query.glob is not None else None
    for found in _walk(bucket, query, last, generation):
        name = found if isinstance(found, str) else found.name
        if pattern and not pattern.fullmatch(name):
            continue
        if len(objects) + len(prefixes) == query.limit:
            return Page(objects=objects, prefixes=prefixes, last=last, token=write_token(last, generation))
        if isinstance(found, str):
            prefixes.append(found)
            last, generation = found, _PREFIX
        else:
            objects.append(found)
            last, generation = found.name, found.generation
    return Page(objects=objects, prefixes=prefixes, last=last)


def _walk(bucket: Bucket, query: Query, last: str, generation: int) -> Iterator[StoredObject | str]:
    """Objects and prefixes in order, from behind the one that came last."""
    names, prefix, delimiter = bucket.names, query.prefix, query.delimiter
    position = bisect_left(names, max(prefix, query.start_offset, query.after, last))
    while position < len(names):
        name = names[position]
        if not name.startswith(prefix) or (query.end_offset and name >= query.end_offset):
            return
        end = name.find(delimiter, len(prefix)) if delimiter else -1
        if end >= 0:
            rolled = name[: end + len(delimiter)]
            alone = query.trailing and name == rolled
            shown = any(obj.deleted is None or query.versions for obj in bucket.versions[name])
            if shown and rolled != last and rolled > query.after:
                last, generation = rolled, _PREFIX
                yield rolled
            if alone:
                yield from _generations(bucket, query, name, last, generation)
                position += 1
            elif shown:
                position = bisect_right(names, rolled, lo=position, key=lambda other: other[: len(rolled)])
            else:
                position += 1
            continue
        if name > query.after or not query.after:
            yield from _generations(bucket, query, name, last, generation)
        position += 1


def _generations(bucket: Bucket, query: Query, name: str, last: str, generation: int) -> Iterator[StoredObject]:
    # Where only live objects are listed a name comes once, also if it was written anew between two pages.
    after = generation if name == last and (query.versions or generation == _PREFIX) else None
    for obj in bucket.versions[name]:
        is_wanted = obj.deleted is None or query.versions
        if is_wanted and (name != last or (after and obj.generation > after)):
            yield obj


def write_token(name: str, generation: int) -> str:
    """Where a page goes on: behind this generation of this name."""
    return base64.urlsafe_b64encode(json.dumps([name, generation]).encode()).decode()


def _read_token(token: str) -> tuple[str, int]:
    try:
        match json.loads(base64.urlsafe_b64decode(token)):
            case [str(name), int(generation)]:
                return name, generation
            case _:
                pass
    except ValueError:
        pass
    raise invalid("Invalid page token.")


def glob_pattern(glob: str) -> re.Pattern[str]:
    """What a glob matches: ``*`` and ``?`` within a folder, ``**`` across, ``[a-z]`` and ``{one,other}``.

    Source: https://cloud.google.com/storage/docs/json_api/v1/objects/list#list-objects-and-prefixes-using-glob
    """
    out, position, depth = "", 0, 0
    while position < len(glob):
        char = glob[position]
        position += 1
        if glob.startswith("**/", position - 1):
            out += "(?:.*/)?"
            position += 2
        elif glob.startswith("**", position - 1):
            out += ".*"
            position += 1
        elif char == "*":
            out += "[^/]*"
        elif char == "?":
            out += "[^/]"
        elif char == "[" and (end := glob.find("]", position + 1)) > 0:
            inner = glob[position:end].replace("\\", "\\\\")
            out += f"[{'^' + inner[1:] if inner[0] in '!^' else inner}]"
            position = end + 1
        elif char == "{":
            out, depth = out + "(?:", depth + 1
        elif char == "}" and depth:
            out, depth = out + ")", depth - 1
        elif char == "," and depth:
            out += "|"
        else:
            out += re.escape(char)
    try:
        return re.compile(out, re.DOTALL)
    except re.error:
        raise invalid(f"Invalid glob pattern: {glob}") from None
