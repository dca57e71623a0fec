"""Images of samples in a list."""

from __future__ import annotations

import re
from base64 import b64decode
from io import BytesIO

from PIL import Image

from mlvajra_al.web.thumbnails import LARGEST, png, thumbnails


def read(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


def test_grey_values_are_the_pixels_of_a_png() -> None:
    image = read(png([[0.0, 0.5, 1.0], [1.0]]))
    assert (image.size, image.mode) == ((3, 2), "L")
    assert list(image.tobytes()) == [0, 128, 255, 255, 0, 0]


def test_a_large_image_is_made_small_and_says_its_size() -> None:
    drawn = thumbnails([[[0.25] * 300] * 200])
    assert "300 by 200 pixels" in drawn
    [source] = re.findall(r"base64,([^\"]+)", drawn)
    assert read(b64decode(source)).size == (75, 50)
    assert max(75, 50) <= LARGEST


def test_every_image_is_drawn_and_none_makes_nothing() -> None:
    assert thumbnails([[[1.0]], [[0.0]]]).count("<img") == 2
    assert thumbnails([]) == ""
