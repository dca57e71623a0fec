"""How well one colour can be read on another, as the WCAG 2.2 define it."""

from __future__ import annotations

import re

ENOUGH = 4.5
"""Of text of ordinary size."""
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


def _luminance(given: Colour) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (value / 255 for value in given[:3])
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
