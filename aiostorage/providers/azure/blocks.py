"""An upload by parts, as Azure has it: blocks under a name, and a list of those that make the blob.

There is no such thing as an upload in Azure, only blocks that are not in use (yet). What belongs
together is told by their ids: all of one length, which Azure demands, and all of one upload with the
same random beginning, so that two writers never replace each other's blocks.

Source: https://learn.microsoft.com/rest/api/storageservices/put-block
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiostorage.models import Upload

ID_BYTES = 16
"""Random bytes of an upload's id, which is their hexadecimal form."""

FOREIGN = "foreign"
"""The id under which all blocks go that other software has left under a name."""

MAX_REMEMBERED = 10_000

_BLOCK = re.compile(rb"([0-9a-f]{32})-([0-9]{6})")

_Name: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """A block. ``number`` is that of the part, 0 for another software's block; ``name`` is its id."""

    upload_id: str
    number: int
    name: str
    size: int


def block_name(upload_id: str, number: int) -> str:
    """The id of a block, as it goes over the wire; 39 bytes before it is encoded, so there is no padding."""
    return b64encode(f"{upload_id}-{number:06}".encode()).decode()


def parse_block(name: str, size: int) -> Block:
    """What an id tells."""
    try:
        match = _BLOCK.fullmatch(b64decode(name, validate=True))
    except ValueError:
        match = None
    if match is None:
        return Block(FOREIGN, 0, name, size)
    return Block(match[1].decode(), int(match[2]), name, size)


class AbortedUploads:
    """The uploads that were aborted here, the latest of them.

    Their blocks can be removed only with all others under the name. So it matters whether the others
    may still be wanted, and which blocks had to be left where they are.
    """

    def __init__(self) -> None:
        self._is_left: dict[_Name, bool] = {}  # a dict keeps the order

    def add(self, upload: Upload) -> None:
        """Note an upload."""
        self._is_left[_name(upload)] = False
        if len(self._is_left) > MAX_REMEMBERED:
            del self._is_left[next(iter(self._is_left))]

    def leave(self, upload: Upload) -> None:
        """Note that the blocks of an upload stay."""
        self._is_left[_name(upload)] = True

    def is_left(self, upload: Upload) -> bool:
        """Whether the blocks of an upload stay."""
        return self._is_left.get(_name(upload), False)

    def cover(self, upload: Upload, blocks: Sequence[Block]) -> bool:
        """Whether nobody wants these blocks, which lie under the name of ``upload``, any more."""
        return all((upload.container, upload.key, block.upload_id) in self._is_left for block in blocks)


def _name(upload: Upload) -> _Name:
    return upload.container, upload.key, upload.upload_id
