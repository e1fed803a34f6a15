"""A plot of the drill as SVG, drawn here: no script, readable in light and dark, and by ear.

A bar for each variant of the site, always in their order, and the numbers beside them, so colour
is never the only difference. Two panels: which share of the right passwords opened an account,
and how many passwords were hashed for a thousand tries.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, TypeAlias

from hardening.drill.attackers import BY_NAME
from hardening.drill.variants import Variant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from hardening.drill.play import Result

WIDTH = 880
LABEL = 210  # where names end and bars begin
BAR_WIDTH = 560
BAR, GAP = 11, 12
LEAST = 2 * BAR  # so that a name has room beside a bar
HEAD = 44
TOP = 66
LEGEND = {  # where it stands, and what it says
    Variant.WITHOUT: (16, "without"),
    Variant.WITH: (86, "with the app"),
    Variant.BREACH: (186, "with breach check"),
}
ABOUT = 320
SAID = {variant: said for variant, (_, said) in LEGEND.items()} | {Variant.WITHOUT: "without it"}
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #1b1b1b }
.title { font-size: 17px; font-weight: 600 }
.panel { font-weight: 600 }
.number { font-size: 11px }
.paper { fill: #ffffff }
.axis { stroke: #6b6b6b }
.without { fill: #b3452c }
.with { fill: #1f5fa8 }
.breach { fill: #5d6b1a }
@media (prefers-color-scheme: dark) {
  text { fill: #ececec }
  .paper { fill: #16181d }
  .axis { stroke: #9a9a9a }
  .without { fill: #f08a6c }
  .with { fill: #7db4f0 }
  .breach { fill: #c3d96b }
}
"""


Values: TypeAlias = dict[Variant, float]


@dataclass(frozen=True, slots=True)
class _Panel:
    title: str
    value: Callable[[Result], float | None]
    most: float
    form: str


def _hashes(result: Result) -> float | None:
    return 1_000 * result.hashes / result.tries if result.tries else None


PANELS = (
    _Panel("Right passwords that opened an account", lambda r: r.opened_share, 1.0, ".1%"),
    _Panel("Passwords hashed for 1,000 tries", _hashes, 1_000.0, ",.0f"),
)


def svg(results: Sequence[Result], *, about: str) -> str:
    """Return the picture. `about`: one sentence on how large the drill was."""
    body: list[str] = []
    y = TOP
    for panel in PANELS:
        pairs = list(_pairs(results, panel))
        if not pairs:
            continue
        body.append(f'<text class="panel" x="16" y="{y + 16}">{escape(panel.title)}</text>')
        body += _bars(panel, pairs, y + HEAD - 16)
        y += HEAD + sum(_height(values) for _title, values in pairs)
    height = y + 16
    return "\n".join(
        [
            _opening(height),
            '<title id="drill-title">What a drill got through, with and without the app</title>',
            f'<desc id="drill-desc">{escape(_described(results, about))}</desc>',
            f"<style>{STYLE}</style>",
            f'<rect class="paper" width="{WIDTH}" height="{height}"/>',
            '<text class="title" x="16" y="28">What got through, with and without the app</text>',
            *_legend(about),
            *body,
            "</svg>\n",
        ]
    )


def _opening(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" '
        'aria-labelledby="drill-title drill-desc">'
    )


def _legend(about: str) -> Iterator[str]:
    for variant, (x, said) in LEGEND.items():
        yield f'<rect class="{variant.value}" x="{x}" y="42" width="11" height="11"/>'
        yield f'<text class="number" x="{x + 16}" y="52">{said}</text>'
    yield f'<text class="number" x="{ABOUT}" y="52">{escape(about)}</text>'


def _pairs(results: Sequence[Result], panel: _Panel) -> Iterator[tuple[str, Values]]:
    for name, attacker in BY_NAME.items():
        found = {one.variant: panel.value(one) for one in results if one.name == name}
        values = {one: value for one in Variant if (value := found.get(one)) is not None}
        if values:
            yield attacker.title, values


def _height(values: Values) -> int:
    return max(LEAST, BAR * len(values)) + GAP


def _bars(panel: _Panel, pairs: Sequence[tuple[str, Values]], top: int) -> Iterator[str]:
    y = top
    for title, values in pairs:
        middle = y + (_height(values) - GAP) // 2 + 4
        yield f'<text x="{LABEL - 10}" y="{middle}" text-anchor="end">{escape(title)}</text>'
        for line, (variant, value) in enumerate(values.items()):
            width = max(1.0, BAR_WIDTH * min(1.0, value / panel.most))
            at = y + line * BAR
            yield (
                f'<rect class="{variant.value}" x="{LABEL}" y="{at}" width="{width:.1f}" '
                f'height="{BAR - 1}"/>'
            )
            yield (
                f'<text class="number" x="{LABEL + width + 6:.1f}" y="{at + 9}">'
                f"{format(value, panel.form)}</text>"
            )
        y += _height(values)
    bottom = y - GAP + 4
    yield f'<line class="axis" x1="{LABEL}" y1="{top - 4}" x2="{LABEL}" y2="{bottom}"/>'


def _described(results: Sequence[Result], about: str) -> str:
    """Say all of it in words."""
    said = [about]
    for panel in PANELS:
        for title, values in _pairs(results, panel):
            parts = [
                f"{SAID[variant]} {format(value, panel.form)}" for variant, value in values.items()
            ]
            said.append(f"{panel.title}, {title}: {', '.join(parts)}.")
    return " ".join(said)
