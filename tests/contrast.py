"""How well one colour can be read on another, as WCAG 2.2 defines it, and how unlike two look."""

from __future__ import annotations

import re

ENOUGH = 4.5
"""Of text of ordinary size."""
SEEN = 3.0
"""Of what is drawn rather than written."""
Colour = tuple[float, float, float, float]


def colour(text: str) -> Colour:
    """Return red, green, blue from 0 to 255 and opacity of ``#rrggbb`` or ``rgb(a)(...)``."""
    if text.startswith("#"):
        red, green, blue = (int(text[at : at + 2], 16) for at in (1, 3, 5))
        return red, green, blue, 1.0
    numbers = [float(number) for number in re.findall(r"[\d.]+", text)]
    return numbers[0], numbers[1], numbers[2], numbers[3] if len(numbers) > 3 else 1.0


def over(upper: Colour, lower: Colour) -> Colour:
    """Return what is seen where a colour that lets light through lies over one that does not."""
    red, green, blue = (
        upper[3] * one + (1 - upper[3]) * other
        for one, other in zip(upper[:3], lower[:3], strict=True)
    )
    return red, green, blue, 1.0


def contrast(one: Colour, other: Colour) -> float:
    """Return the contrast of two colours, from 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def oklab(text: str) -> tuple[float, float, float]:
    """Return a colour where equal distances look equal.

    References
    ----------
    .. [1] B. Ottosson, "A perceptual color space for image processing", 2020.
    """
    red, green, blue = _linear(colour(text))
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    middle = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short,
    )


def _luminance(given: Colour) -> float:
    red, green, blue = _linear(given)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(given: Colour) -> tuple[float, float, float]:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in given[:3])
    )
    return red, green, blue
