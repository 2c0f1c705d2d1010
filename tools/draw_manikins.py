"""Draw the self-assessment manikins that stand beside the scale of a rating: five faces, five chests.

The instrument is Bradley and Lang (1994), Measuring emotion: the self-assessment manikin and the semantic
differential; the drawings are this project's own. Run `python tools/draw_manikins.py` to write them anew.
"""

from __future__ import annotations

import math
from pathlib import Path

ASSETS = Path(__file__).parents[1] / "annotate" / "server" / "assets"
SKIN, SHIRT, INK, BURST = "#fdf6e6", "#8fc7ea", "#1d2126", "#d55e00"
STEPS = 5
EYE_HEIGHTS = (0.0, 1.6, 2.6, 3.6, 4.8)
"""Half the height of an open eye for each step of arousal; the first one is closed."""
RAYS = (0, 5, 8, 10, 12)
REACH = (2.5, 6.0, 9.0, 12.0, 15.5)
"""How many points the burst in the chest has and how far they reach, for each step of arousal."""


def valence(step: int) -> str:
    """Return the SVG of one step of valence, 1 (negative) to 5 (positive)."""
    pleasant = (step - 3) / 2  # -1 ... 1
    droop = 3 * (1 - pleasant)  # unhappy shoulders hang
    mouth_y, bend = 35.5 - 1.5 * pleasant, 9.5 * pleasant
    half = 10 - 1.5 * abs(pleasant) if pleasant < 0 else 10
    face = [
        _torso(top=50 + droop / 2, shoulder=56 + droop),
        _circle(32, 27, 22, fill=SKIN),
        *_eyes(24, 40, 24, height=2.8, open_=True),
        *_brows(pleasant),
    ]
    low, high = mouth_y - bend * 0.35, mouth_y + bend
    curve = f"M{32 - half:g} {low:g}Q32 {high + bend * 0.35:g} {32 + half:g} {low:g}"
    if step == STEPS:
        face.append(f'<path d="{curve}Z" fill="#fff" stroke-width="2.4"/>')
    else:
        face.append(f'<path d="{curve}" fill="none" stroke-width="2.8"/>')
    if step == 1:
        face.append('<path d="M41.5 29q-3 5 0 6.4q3-1.4 0-6.4z" fill="#8fc7ea" stroke-width="1.3"/>')
    words = ("very negative", "negative", "neutral", "positive", "very positive")[step - 1]
    return _picture(f"Valence: {words}", face)


def arousal(step: int) -> str:
    """Return the SVG of one step of arousal, 1 (calm) to 5 (excited)."""
    height = EYE_HEIGHTS[step - 1]
    raised = (step - 1) / (STEPS - 1)
    drawn = [
        _torso(top=27, shoulder=32 - 2 * raised, half=19 + 4 * raised),
        _circle(32, 14, 12.5, fill=SKIN),
        *_eyes(27.3, 36.7, 13 - raised, height=height, open_=height > 0),
    ]
    drawn.append('<path d="M28.8 20.6h6.4" fill="none" stroke-width="2"/>')  # excited is not afraid, nor glad
    drawn.append(_burst(32, 46.5, rays=RAYS[step - 1], reach=REACH[step - 1]))
    words = ("very calm", "calm", "in between", "excited", "very excited")[step - 1]
    return _picture(f"Arousal: {words}", drawn)


def _picture(name: str, parts: list[str]) -> str:
    body = "\n".join(f"    {part}" for part in parts)
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="64" height="64" role="img">\n'
        f"  <title>{name}</title>\n"
        f'  <g stroke="{INK}" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">\n'
        f"{body}\n"
        "  </g>\n"
        "</svg>\n"
    )


def _circle(x: float, y: float, radius: float, *, fill: str) -> str:
    return f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{fill}"/>'


def _torso(*, top: float, shoulder: float, half: float = 24) -> str:
    left, right = 32 - half, 32 + half
    return (
        f'<path d="M{left:g} 63C{left:g} {shoulder:g} {left + 6:g} {top:g} 32 {top:g}'
        f'C{right - 6:g} {top:g} {right:g} {shoulder:g} {right:g} 63Z" fill="{SHIRT}"/>'
    )


def _eyes(left: float, right: float, y: float, *, height: float, open_: bool) -> list[str]:
    if not open_:
        return [f'<path d="M{x - 2.6:g} {y:g}q2.6 2.4 5.2 0" fill="none"/>' for x in (left, right)]
    return [
        f'<ellipse cx="{x:g}" cy="{y:g}" rx="{min(2.6, height):.3g}" ry="{height:g}" '
        f'fill="{INK}" stroke="none"/>'
        for x in (left, right)
    ]


def _brows(pleasant: float) -> list[str]:
    inner = 15.5 + (5 * pleasant if pleasant < 0 else -1.5 * pleasant)  # sad brows rise in the middle
    outer = 15.5 - (4 * pleasant if pleasant < 0 else 0)
    middle = min(inner, 15.5 - 3 * pleasant) if pleasant > 0 else (inner + outer) / 2
    return [
        f'<path d="M{start} {outer:g}Q{half:g} {middle:g} {end} {inner:g}" fill="none"/>'
        for start, half, end in ((19, 23.5, 28), (45, 40.5, 36))
    ]


def _burst(x: float, y: float, *, rays: int, reach: float) -> str:
    if rays == 0:
        return _circle(x, y, reach, fill=BURST)
    corners = []
    for k in range(2 * rays):
        radius = reach if k % 2 == 0 else reach * 0.55
        angle = math.pi * k / rays - math.pi / 2
        corners.append(f"{x + radius * math.cos(angle):.1f} {y + radius * math.sin(angle):.1f}")
    return f'<path d="M{"L".join(corners)}Z" fill="{BURST}" stroke-width="1.6"/>'


def main() -> None:
    """Write all ten pictures."""
    for step in range(1, STEPS + 1):
        (ASSETS / f"sam-valence-{step}.svg").write_text(valence(step), encoding="utf-8")
        (ASSETS / f"sam-arousal-{step}.svg").write_text(arousal(step), encoding="utf-8")


if __name__ == "__main__":
    main()
