"""results.svg: a panel for each case, a bar for each client, readable on light and on dark pages."""

from xml.sax.saxutils import escape

COLUMNS = 3
PANEL = 336
GAP = 20
MARGIN = 16
HEAD = 46
ROW = 21
NAME = 148
FIGURE = 62

# Bars longer than this many times the shortest are cut: one slow client must not flatten all others.
LONGEST = 4.0

STYLE = """
  text { font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #24292f; }
  .title { font-weight: 600; font-size: 13px; }
  .unit, .baseline { fill: #656d76; }
  .ours { font-weight: 600; }
  .figure { text-anchor: end; font-variant-numeric: tabular-nums; }
  rect { fill: #b6bfc9; }
  rect.ours { fill: #0969da; }
  rect.baseline { fill: none; stroke: #8c959f; stroke-dasharray: 3 2; }
  .cut { stroke: #ffffff; stroke-width: 3; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; }
    .unit, .baseline { fill: #9198a1; }
    rect { fill: #4b535d; }
    rect.ours { fill: #4493f8; }
    rect.baseline { fill: none; stroke: #767e89; }
    .cut { stroke: #0d1117; }
  }
"""


def kind(peer):
    return "ours" if peer.is_ours else "baseline" if peer.is_baseline else "other"


def bar(measured, case, peer, x, y, scale, limit):
    value = measured.median(case, peer)
    room = PANEL - NAME - FIGURE
    length = max(2.0, min(value, limit) * scale * room)
    yield f'<text class="{kind(peer)}" x="{x}" y="{y + 11}">{escape(peer.name)}</text>'
    yield f'<rect class="{kind(peer)}" x="{x + NAME}" y="{y}" width="{length:.1f}" height="14" rx="2"/>'
    if value > limit:
        cut = x + NAME + length - 14
        yield f'<line class="cut" x1="{cut}" y1="{y + 16}" x2="{cut + 6}" y2="{y - 2}"/>'
    yield f'<text class="figure {kind(peer)}" x="{x + PANEL}" y="{y + 11}">{measured.shown(case, peer)}</text>'


def panel(measured, case, x, y):
    """One case, the best client on top."""
    order = sorted(case.peers, key=lambda peer: measured.median(case, peer), reverse=case.more_is_better)
    values = [measured.median(case, peer) for peer in order]
    limit = max(values) if case.more_is_better else min(max(values), min(values) * LONGEST)
    direction = "more is better" if case.more_is_better else "less is better"
    yield f'<text class="title" x="{x}" y="{y + 12}">{escape(case.title[0].upper() + case.title[1:])}</text>'
    yield f'<text class="unit" x="{x}" y="{y + 29}">{escape(case.server)}, median {case.unit}, {direction}</text>'
    for row, peer in enumerate(order):
        yield from bar(measured, case, peer, x, y + HEAD + row * ROW - 6, 1 / limit, limit)


def write(measured, path):
    width = 2 * MARGIN + COLUMNS * PANEL + (COLUMNS - 1) * GAP
    lines, y = [], MARGIN
    for first in range(0, len(measured.cases), COLUMNS):
        cases = measured.cases[first:first + COLUMNS]
        for column, case in enumerate(cases):
            lines += panel(measured, case, MARGIN + column * (PANEL + GAP), y)
        y += HEAD + max(len(case.peers) for case in cases) * ROW + GAP
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y}" width="{width}" height="{y}" '
            'role="img" aria-label="Medians of all clients in all cases">')
    path.write_text("\n".join([head, f"<style>{STYLE}</style>", *lines, "</svg>", ""]))
