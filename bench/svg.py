"""Draws lines over a logarithmic axis as SVG text. Knows nothing of what is drawn.

One plot is one function call; a plotting library would be the heaviest dependency of the project.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 400
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 248, 48, 52
_INNER_WIDTH, _INNER_HEIGHT = WIDTH - _LEFT - _RIGHT, HEIGHT - _TOP - _BOTTOM

# Okabe and Ito's colours, which people with any colour vision can tell apart.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")

Points = Sequence[tuple[int, float]]


def lines(
    title: str, x_label: str, y_label: str, families: Mapping[str, Mapping[str, Points]]
) -> str:
    """A plot of several families of lines.

    Args:
        title: above the plot.
        x_label, y_label: what the axes carry; x is logarithmic, both show powers of ten or
            round steps.
        families: family name to line name to points with x > 0 and y >= 0. Lines of one name
            have one colour, families differ by their dashes: the first is drawn solid.

    Returns:
        An SVG document that needs no style sheet and shows on light and dark ground.
    """
    every = [point for family in families.values() for line in family.values() for point in line]
    x_low, x_high = (math.log10(pick(x for x, _ in every)) for pick in (min, max))
    y_ticks = _ticks(max(y for _, y in every))

    def at(x: float, y: float) -> tuple[float, float]:
        share = (math.log10(x) - x_low) / ((x_high - x_low) or 1)
        return _LEFT + share * _INNER_WIDTH, _TOP + (1 - y / y_ticks[-1]) * _INNER_HEIGHT

    parts = [_text(WIDTH / 2, 24, title, size=15, anchor="middle")]
    for y in y_ticks:
        _, down = at(10**x_low, y)
        parts.append(_line(_LEFT, down, _LEFT + _INNER_WIDTH, down, "#ddd"))
        parts.append(_text(_LEFT - 8, down + 4, f"{y:g}", anchor="end"))
    for power in range(math.ceil(x_low), math.floor(x_high) + 1):
        across, _ = at(10**power, 0)
        parts.append(_line(across, _TOP, across, _TOP + _INNER_HEIGHT, "#ddd"))
        parts.append(_text(across, _TOP + _INNER_HEIGHT + 18, f"{10**power:,}", anchor="middle"))
    parts.append(_text(_LEFT + _INNER_WIDTH / 2, HEIGHT - 12, x_label, anchor="middle"))
    parts.append(_text(_LEFT, _TOP - 10, y_label))
    parts += _curves(families, at)
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>\n{body}\n</svg>\n'
    )


def _curves(families: Mapping[str, Mapping[str, Points]], at: object) -> list[str]:
    assert callable(at)
    names = list(dict.fromkeys(name for family in families.values() for name in family))
    parts, row = [], 0
    for number, (family, curves) in enumerate(families.items()):
        dash = f' stroke-dasharray="{4 * number} 3"' if number else ""
        for name, points in curves.items():
            colour = _COLOURS[names.index(name) % len(_COLOURS)]
            placed = [at(x, y) for x, y in points]
            path = " ".join(f"{across:.1f},{down:.1f}" for across, down in placed)
            parts.append(
                f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"{dash}/>'
            )
            parts += [
                f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colour}"/>'
                for across, down in placed
            ]
            down = _TOP + 8 + 20 * row
            start = WIDTH - _RIGHT + 12
            parts.append(_line(start, down, start + 26, down, colour, f' stroke-width="2"{dash}'))
            parts.append(_text(start + 32, down + 4, f"{family}: {name}"))
            row += 1
    return parts


def _ticks(highest: float) -> list[float]:
    """Four to ten round steps from zero to at least `highest`."""
    step = 10.0 ** math.floor(math.log10(highest or 1))
    for factor in (0.2, 0.25, 0.5, 1.0):
        if highest / (step * factor) <= 8:
            step *= factor
            break
    count = math.ceil(highest / step)
    return [round(step * i, 10) for i in range(count + 1)]


def _line(x1: float, y1: float, x2: float, y2: float, colour: str, more: str = "") -> str:
    return (
        f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{more}/>'
    )


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" '
        f'fill="#222">{escape(text)}</text>'
    )
