"""The side process that draws a timeline: JSON in, PNG out. A program, imported by nobody.

It runs in isolated mode, so it knows nothing of ours; core.runs.chart says what it is given.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from typing import Any

CPU_S = 60
WIDTH_IN = 8.0
ROW_IN = 0.42
SERIES_IN = 1.15
HEAD_IN = 0.62
FOOT_IN = 0.62
DPI = 160
TEXT = "#1d1c1d"
QUIET = "#57606a"
LINE = "#e3e5e8"
INK = {
    "fault": "#c8322b",
    "ticket": "#d9820f",
    "diagnosis": "#1264a3",
    "heal": "#7c4dbd",
    "recovery": "#187a56",
}
LEFT, RIGHT = 0.155, 0.975


def main() -> None:
    """Read what to draw from standard input, write the picture to standard output."""
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    asked = json.load(sys.stdin)
    sys.stdout.buffer.write(picture(asked))


def picture(asked: dict[str, Any]) -> bytes:
    """The picture as PNG."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.figure import Figure

    mpl.rcParams.update(
        {
            "font.family": "DejaVu Sans",
            "font.size": 12,
            "text.color": TEXT,
            "text.parse_math": False,
            "axes.edgecolor": LINE,
            "xtick.color": QUIET,
            "ytick.color": QUIET,
            "axes.labelcolor": QUIET,
        }
    )
    rows = max(len(asked["bars"]), 1)
    parts = [rows * ROW_IN, *[SERIES_IN] * len(asked["series"])]
    height = HEAD_IN + sum(parts) + FOOT_IN
    figure = Figure(figsize=(WIDTH_IN, height), dpi=DPI, facecolor="white")
    grid = figure.add_gridspec(
        len(parts),
        1,
        height_ratios=parts,
        left=LEFT,
        right=RIGHT,
        top=1 - HEAD_IN / height,
        bottom=FOOT_IN / height,
        hspace=0.12,
    )
    span = _span(asked)
    axes = [figure.add_subplot(grid[0])]
    axes += [figure.add_subplot(grid[n + 1], sharex=axes[0]) for n in range(len(asked["series"]))]
    figure.text(0.02, 1 - 0.30 / height, asked["title"], size=14, weight="bold", va="center")
    _bars(axes[0], asked, span)
    for axis, one in zip(axes[1:], asked["series"], strict=True):
        _series(axis, one, asked, span)
    _time(axes, span)
    out = io.BytesIO()
    figure.savefig(out, format="png", facecolor="white")
    return out.getvalue()


def _span(asked: dict[str, Any]) -> tuple[float, float]:
    since, until = asked["began"] - asked["zero"], asked["ended"] - asked["zero"]
    margin = max((until - since) * 0.02, 0.2)
    return since - margin, until + margin


def _bars(axis: Any, asked: dict[str, Any], span: tuple[float, float]) -> None:
    bars = asked["bars"]
    axis.set_ylim(max(len(bars), 1) - 0.45, -0.55)
    axis.set_yticks(range(len(bars)))
    shown = [
        b["row"] if n == 0 or bars[n - 1]["row"] != b["row"] else "" for n, b in enumerate(bars)
    ]
    axis.set_yticklabels(shown, color=TEXT)
    for n, bar in enumerate(bars):
        _bar(axis, n, bar, asked["zero"], span)
    if not bars:
        axis.text(sum(span) / 2, 0, "nothing was recorded", ha="center", va="center", color=QUIET)


def _bar(axis: Any, n: int, bar: dict[str, Any], zero: float, span: tuple[float, float]) -> None:
    ink = INK.get(bar["ink"], QUIET)
    since = bar["since"] - zero
    open_ended = bar["until"] is None
    until = span[1] if open_ended else bar["until"] - zero
    since, until = (min(max(x, span[0]), span[1]) for x in (since, max(since, until)))
    if bar["until"] == bar["since"]:
        axis.plot([since], [n], "o", color=ink, markersize=9, clip_on=False)
    else:
        axis.barh(n, until - since, left=since, height=0.56, color=ink, alpha=0.24, zorder=2)
        axis.plot([since, since], [n - 0.28, n + 0.28], color=ink, linewidth=3, zorder=3)
        if not open_ended:
            axis.plot([until, until], [n - 0.28, n + 0.28], color=ink, linewidth=3, zorder=3)
    _words(axis, n, bar, (since, until), span)


def _words(
    axis: Any,
    n: int,
    bar: dict[str, Any],
    reach: tuple[float, float],
    span: tuple[float, float],
) -> None:
    """Beside the bar's beginning where there is room to the right of it, else before it."""
    whole = span[1] - span[0]
    pad = whole * 0.013
    # About 1.4 % of the width a character at this size.
    needed = len(bar["words"]) * whole * 0.0142
    if reach[0] + pad + needed <= span[1]:
        at, side = reach[0] + pad, "left"
    elif reach[0] - pad - needed >= span[0]:
        at, side = reach[0] - pad, "right"
    else:
        at, side = span[0] + pad, "left"
    if bar["until"] == bar["since"]:
        at += pad * (0.6 if side == "left" else -0.6)
    axis.text(at, n, bar["words"], ha=side, va="center", color=TEXT, zorder=4)


def _series(
    axis: Any, one: dict[str, Any], asked: dict[str, Any], span: tuple[float, float]
) -> None:
    zero = asked["zero"]
    xs = [at - zero for at, _ in one["points"]]
    ys = [float("nan") if value is None else value for _, value in one["points"]]
    axis.plot(xs, ys, color="#1264a3", linewidth=1.8, marker="o", markersize=3.5, zorder=3)
    real = [y for y in ys if y == y]
    axis.set_ylim(min(0.0, min(real, default=0.0)), (max(real, default=1.0) or 1.0) * 1.2)
    axis.set_ylabel(f"{one['name']}\n{one['unit']}".strip(), rotation=0, ha="right", va="center")
    axis.yaxis.set_major_locator(_few())
    axis.tick_params(axis="y", labelsize=9, length=0, pad=2)
    axis.yaxis.set_label_coords(-0.075, 0.5)
    for bar in asked["bars"]:
        if bar["ink"] == "fault":
            until = span[1] if bar["until"] is None else bar["until"] - zero
            axis.axvspan(bar["since"] - zero, until, color=INK["fault"], alpha=0.08, linewidth=0)


def _few() -> Any:
    from matplotlib.ticker import MaxNLocator

    return MaxNLocator(2)


def _time(axes: list[Any], span: tuple[float, float]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for axis in axes:
        axis.set_xlim(*span)
        axis.xaxis.set_major_locator(
            MaxNLocator(7, steps=[1, 2, 5, 10], integer=span[1] - span[0] > 8)
        )
        axis.xaxis.set_major_formatter(FuncFormatter(_clock))
        axis.grid(axis="x", color=LINE, linewidth=0.8, zorder=0)
        axis.set_axisbelow(True)
        axis.tick_params(axis="x", length=0, pad=7, labelbottom=axis is axes[-1])
        for side in ("top", "right", "left"):
            axis.spines[side].set_visible(False)
        axis.tick_params(axis="y", length=0)
        if span[0] <= 0 <= span[1]:
            axis.axvline(0, color=INK["fault"], linewidth=1.2, zorder=1)
    axes[-1].set_xlabel("since the fault", color=QUIET, size=11)


def _clock(seconds: float, _place: Any) -> str:
    if abs(seconds) < 120:
        return f"{seconds:+g} s" if seconds else "0"
    return f"{seconds / 60:+.3g} min"


if __name__ == "__main__":
    main()
