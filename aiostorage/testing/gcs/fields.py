"""Answers of which only some fields are wanted.

Source: https://cloud.google.com/storage/docs/json_api#partial-response
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypeAlias

from aiostorage.testing.gcs.errors import invalid

if TYPE_CHECKING:
    from aiostorage.testing.gcs.messages import JSON

Selection: TypeAlias = "dict[str, Selection]"


def partial(document: bytes, wanted: str) -> bytes:
    """A JSON document with the fields that a selection names: ``a,b(c,d),e/f,*``.

    Raises:
        GCSError: The selection makes no sense.
    """
    selection, position = _parse(wanted, 0)
    if position != len(wanted):
        raise invalid(f"Invalid field selection {wanted}", reason="invalidParameter")
    return json.dumps(_select(json.loads(document), selection), indent=2, ensure_ascii=False).encode()


def _parse(wanted: str, position: int) -> tuple[Selection, int]:
    result: Selection = {}
    while True:
        end = position
        while end < len(wanted) and wanted[end] not in ",()":
            end += 1
        *path, name = wanted[position:end].strip().split("/")
        target = result
        for step in path:
            target = target.setdefault(step, {})
        below: Selection = {}
        if end < len(wanted) and wanted[end] == "(":
            below, end = _parse(wanted, end + 1)
            if end >= len(wanted) or wanted[end] != ")":
                raise invalid(f"Invalid field selection {wanted}", reason="invalidParameter")
            end += 1
        if not name:
            raise invalid(f"Invalid field selection {wanted}", reason="invalidParameter")
        target.setdefault(name, {}).update(below)
        if end >= len(wanted) or wanted[end] != ",":
            return result, end
        position = end + 1


def _select(value: JSON, selection: Selection) -> JSON:
    if not selection or "*" in selection:
        return value
    if isinstance(value, list):
        return [_select(item, selection) for item in value]
    if isinstance(value, dict):
        return {name: _select(value[name], below) for name, below in selection.items() if name in value}
    return value
