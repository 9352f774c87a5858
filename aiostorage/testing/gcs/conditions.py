"""Preconditions on generations, metagenerations, ETags and dates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from aiostorage.testing.gcs.errors import GCSError, not_modified, precondition_failed
from aiostorage.testing.gcs.messages import integer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from aiostorage.testing.gcs.messages import JSON
    from aiostorage.testing.gcs.objects import StoredObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What a caller wants to be true; None where it does not care.

    Generation 0 stands for "no live object". The ETags are those of the API that was asked.
    """

    generation_match: int | None = None
    generation_not_match: int | None = None
    metageneration_match: int | None = None
    metageneration_not_match: int | None = None
    etags: tuple[str, ...] = ()
    not_etags: tuple[str, ...] = ()
    modified_since: datetime | None = None
    unmodified_since: datetime | None = None

    @property
    def any(self) -> bool:
        """Whether there is any."""
        return self != UNCONDITIONAL

    def check(self, obj: StoredObject | None, *, etag: str | None = None, reading: bool = False) -> None:
        """Compare with an object, or with the place where there is none.

        Args:
            obj: The object.
            etag: Its ETag on this API, without quotes.
            reading: Whether "not changed" is an answer (304), not a failure (412).

        Raises:
            GCSError: Something does not hold.
        """
        generation = obj.generation if obj else 0
        self._check_numbers(generation, obj.metageneration if obj else None, reading=reading)
        if self.etags and not (obj and ("*" in self.etags or etag in self.etags)):
            raise precondition_failed()
        if self.not_etags and obj and ("*" in self.not_etags or etag in self.not_etags):
            raise _unchanged(reading=reading)
        if obj is None:
            return
        updated = obj.updated.replace(microsecond=0)
        if self.unmodified_since and not self.etags and updated > self.unmodified_since:
            raise precondition_failed()
        if self.modified_since and not self.not_etags and updated <= self.modified_since:
            raise _unchanged(reading=reading)

    def _check_numbers(self, generation: int, metageneration: int | None, *, reading: bool) -> None:
        if self.generation_match is not None and generation != self.generation_match:
            raise precondition_failed()
        if self.metageneration_match is not None and metageneration != self.metageneration_match:
            raise precondition_failed()
        if self.generation_not_match is not None and generation == self.generation_not_match:
            raise _unchanged(reading=reading)
        if self.metageneration_not_match is not None and metageneration == self.metageneration_not_match:
            raise _unchanged(reading=reading)

    def check_metageneration(self, metageneration: int, *, reading: bool = False) -> None:
        """The same for a bucket, which has no generation.

        Raises:
            GCSError: Something does not hold.
        """
        self._check_numbers(1, metageneration, reading=reading)


UNCONDITIONAL = Conditions()


def by_parameters(
    values: Mapping[str, JSON], headers: Mapping[str, str] | None = None, *, prefix: str = "if"
) -> Conditions:
    """The conditions of the JSON API; ``prefix`` is ``ifSource`` for those on the source of a copy.

    ETags, in the headers, count for reading only: leave the headers out where something is written.

    Source: https://cloud.google.com/storage/docs/request-preconditions
    """

    def number(name: str) -> int | None:
        value = values.get(prefix + name)
        return None if value is None else integer(value, prefix + name)

    headers = headers or {}
    return Conditions(
        generation_match=number("GenerationMatch"),
        generation_not_match=number("GenerationNotMatch"),
        metageneration_match=number("MetagenerationMatch"),
        metageneration_not_match=number("MetagenerationNotMatch"),
        etags=_etags(headers.get("if-match")),
        not_etags=_etags(headers.get("if-none-match")),
    )


def by_headers(headers: Mapping[str, str], *, prefix: str = "", reading: bool = False) -> Conditions:
    """The conditions of the XML API; ``prefix`` is ``x-goog-copy-source-`` for those on the source of a copy.

    ETags and dates count for what is read only.

    Source: https://cloud.google.com/storage/docs/xml-api/reference-headers
    """

    def number(name: str) -> int | None:
        full = f"{prefix or 'x-goog-'}if-{name}-match"
        return None if (value := headers.get(full)) is None else integer(value, full)

    generations = Conditions(generation_match=number("generation"), metageneration_match=number("metageneration"))
    if not reading:
        return generations
    return replace(
        generations,
        etags=_etags(headers.get(f"{prefix}if-match")),
        not_etags=_etags(headers.get(f"{prefix}if-none-match")),
        modified_since=_date(headers.get(f"{prefix}if-modified-since")),
        unmodified_since=_date(headers.get(f"{prefix}if-unmodified-since")),
    )


def _unchanged(*, reading: bool) -> GCSError:
    return not_modified() if reading else precondition_failed()


def _etags(header: str | None) -> tuple[str, ...]:
    return tuple(tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")) if header else ()


def _date(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:  # a condition that cannot be read is none: RFC 9110, 13.1.3
        return None
