"""Images of samples, small enough for a list."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from io import BytesIO

from PIL import Image

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
    small = _small(pixels)
    source, across = address(pixels), max(map(len, small))
    return IMAGE.format(source=source, width=across, height=len(small), size=f"{width} by {height}")


def address(pixels: Pixels) -> str:
    """Return an image as the address of itself."""
    return "data:image/png;base64," + b64encode(png(_small(pixels))).decode()


def _small(pixels: Pixels) -> Pixels:
    step = -(-max(len(pixels), *map(len, pixels)) // LARGEST)
    return [line[::step] for line in pixels[::step]]


def png(pixels: Pixels) -> bytes:
    r"""Return rows of grey values from 0 to 1 as a PNG; a row that is too short ends in black.

    Examples
    --------
    >>> png([[0.0, 1.0]])[:8]
    b'\x89PNG\r\n\x1a\n'
    """
    width = max(map(len, pixels))
    rows = (bytes(round(255 * value) for value in line).ljust(width, b"\0") for line in pixels)
    saved = BytesIO()
    Image.frombytes("L", (width, len(pixels)), b"".join(rows)).save(saved, "PNG")
    return saved.getvalue()
