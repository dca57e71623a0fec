"""Images of samples, small enough for a list."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode
from collections.abc import Sequence

from mlvajra_al.services.cards import Pixels

LARGEST = 96
"""So many pixels a thumbnail has on a side; of a larger image it takes some."""
IMAGE = (
    '<img src="{source}" width="{width}" height="{height}" alt="The sample, {size} pixels" '
    'style="width: auto; height: 3.5rem; max-width: 7rem; object-fit: contain; display: block; '
    "image-rendering: pixelated; border-radius: 4px; "
    'box-shadow: 0 0 0 1px color-mix(in srgb, currentColor 18%, transparent)">'
)


def thumbnails(images: Sequence[Pixels]) -> str:
    """Return images as HTML."""
    return "".join(map(_image, images))


def _image(pixels: Pixels) -> str:
    height, width = len(pixels), max(map(len, pixels))
    step = -(-max(height, width) // LARGEST)
    small = [line[::step] for line in pixels[::step]]
    source = "data:image/png;base64," + b64encode(png(small)).decode()
    across = max(map(len, small))
    return IMAGE.format(source=source, width=across, height=len(small), size=f"{width} by {height}")


def png(pixels: Pixels) -> bytes:
    r"""Return rows of grey values from 0 to 1 as a PNG; a row that is too short ends in black.

    Examples
    --------
    >>> png([[0.0, 1.0]])[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    width = max(map(len, pixels))
    rows = (bytes(round(255 * value) for value in line).ljust(width, b"\0") for line in pixels)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", struct.pack(">2I5B", width, len(pixels), 8, 0, 0, 0, 0)),
            _chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    checked = kind + content
    return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))
