"""The EXIF orientation of an image. Standard library only; invalid data counts as upright.

Source: CIPA DC-008 (Exif 2.32); TIFF 6.0 for the structure.
"""

from __future__ import annotations

import struct

_ORIENTATION, _SHORT, _ENTRY_BYTES = 0x0112, 3, 12
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}


def exif_orientation(block: bytes) -> int:
    """The orientation, 1 to 8, in the first directory of *block*, a TIFF structure; 1 if there is none."""
    location = _find_orientation(block)
    if location is None:
        return 1
    order, at = location
    (value,) = struct.unpack_from(order + "H", block, at)
    return value if 1 <= value <= 8 else 1


def set_upright(block: bytes) -> bytes:
    """*block* with the orientation set to upright."""
    location = _find_orientation(block)
    if location is None:
        return block
    order, at = location
    return block[:at] + struct.pack(order + "H", 1) + block[at + 2 :]


def _find_orientation(block: bytes) -> tuple[str, int] | None:
    """The byte order, and the offset of the value."""
    order = _ORDERS.get(block[:4])
    if order is None or len(block) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", block, 4)
    if start + 2 > len(block):
        return None
    (count,) = struct.unpack_from(order + "H", block, start)
    for at in range(start + 2, min(start + 2 + count * _ENTRY_BYTES, len(block) - _ENTRY_BYTES + 1), _ENTRY_BYTES):
        tag, kind = struct.unpack_from(order + "HH", block, at)
        if tag == _ORIENTATION:
            return (order, at + 8) if kind == _SHORT else None
    return None
