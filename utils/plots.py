"""Figures and tables of the course: every helper takes arrays and returns Axes.

Importing this module sets the style for every figure, also those drawn with pyplot alone. A method
looks the same in all lessons (`METHODS`); colours are those of Okabe and Ito (2008), which
colour-blind readers tell apart, and marker and line carry the difference in black and white.

    plots.lines(steps, {"none": a, "batch normalization": b}, title="…", xlabel="…", ylabel="…")
    plots.show(alt="One sentence that says what the figure shows.")
"""

import base64
import hashlib
import html
import io
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from IPython.display import HTML, display
from matplotlib.animation import FuncAnimation
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

BLACK, GREY = "#000000", "#8C8C8C"
ORANGE, SKY, GREEN, BLUE, VERMILLION, PURPLE = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)

# name: (colour, marker, line, other names). Methods shown in one figure differ in all three or,
# where there are many, in colour and marker.
METHODS: dict[str, tuple[str, str, str, tuple[str, ...]]] = {
    # The two halves of a comparison
    "none": (BLACK, "o", "-", ("plain", "without")),
    "training": (BLUE, "o", "-", ("train",)),
    "validation": (VERMILLION, "s", "--", ("test",)),
    "yours": (BLUE, "D", "-", ("own",)),
    "Keras": (ORANGE, "X", "--", ()),
    # Normalization
    "batch normalization": (BLUE, "s", "-", ("BN", "BatchNormalization", "batch norm")),
    "layer normalization": (ORANGE, "^", "--", ("LN", "LayerNormalization", "layer norm")),
    "group normalization": (GREEN, "D", "-.", ("GN", "GroupNormalization", "group norm")),
    "RMS normalization": (PURPLE, "v", ":", ("RMSNormalization", "RMS norm")),
    "batch renormalization": (SKY, "P", "-.", ("renorm", "BatchRenormalization")),
    # Dropout
    "dropout": (VERMILLION, "^", "--", ()),
    "dropout and batch normalization": (PURPLE, "*", ":", ("dropout + BN", "both")),
    # Optimizers
    "SGD": (GREY, "o", "-", ("gradient descent", "GD")),
    "momentum": (SKY, "s", "--", ("heavy ball",)),
    "Nesterov": (BLUE, "^", "-.", ("Nesterov momentum",)),
    "Adagrad": (GREEN, "v", "-.", ()),
    "RMSprop": (PURPLE, "D", ":", ()),
    "Adadelta": (ORANGE, "P", "-.", ()),
    "Adam": (VERMILLION, "X", "--", ()),
    "AMSGrad": (SKY, "<", ":", ()),
    "AdamW": (BLACK, "*", "-", ()),
    "Nadam": (GREEN, ">", "-.", ()),
    "Lion": (ORANGE, "d", ":", ()),
    "Muon": (GREEN, "h", "-", ()),
    "schedule-free AdamW": (PURPLE, "p", "-.", ("schedule-free",)),
}
_ALIASES = {alias.lower(): name for name, entry in METHODS.items() for alias in (name, *entry[3])}
# Arms that are no method of the course (a learning rate, a batch size) take these in turn.
_OTHERS = (
    {"color": BLUE, "marker": "o", "linestyle": "-"},
    {"color": ORANGE, "marker": "s", "linestyle": "--"},
    {"color": BLACK, "marker": "^", "linestyle": "-."},
    {"color": SKY, "marker": "D", "linestyle": ":"},
    {"color": VERMILLION, "marker": "v", "linestyle": "-"},
    {"color": GREEN, "marker": "P", "linestyle": "--"},
    {"color": PURPLE, "marker": "X", "linestyle": "-."},
    {"color": GREY, "marker": "*", "linestyle": ":"},
)

STYLE = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 13,
    "axes.prop_cycle": plt.cycler(color=[other["color"] for other in _OTHERS]),
    "figure.constrained_layout.use": True,
    "figure.dpi": 90,
    "figure.facecolor": "white",
    "figure.figsize": (7, 4),
    "font.family": "DejaVu Sans",  # comes with Matplotlib: the same figure everywhere
    "font.size": 12,
    "grid.alpha": 0.3,
    "image.cmap": "gray",
    "legend.frameon": False,
    "lines.linewidth": 2,
    "lines.markersize": 7,
}
plt.style.use(STYLE)


def method(name: str) -> dict[str, str]:
    """Return the look of a method, as arguments for Matplotlib: color, marker, linestyle.

    Args:
        name: one of `METHODS` or another name given there; case does not matter.

    Raises:
        ValueError: the name is not known.
    """
    if name.lower() not in _ALIASES:
        raise ValueError(
            f"`name` must be a method of the course: {', '.join(METHODS)}. "
            f"Received: name={name!r}. Choose one, or add it to METHODS in utils/plots.py."
        )
    color, marker, linestyle, _ = METHODS[_ALIASES[name.lower()]]
    return {"color": color, "marker": marker, "linestyle": linestyle}


def show(alt: str) -> None:
    """Display the current figure once, as a PNG with an alternative text, and close it.

    Ends every plot cell, in place of `plt.show()`. The text goes where nbconvert looks for it
    (the metadata `alt` of the image), and stands in for the image as plain text.

    Args:
        alt: what the figure shows, in a sentence, for readers who cannot see it.
    """
    if not alt.strip():
        raise ValueError(f"`alt` must say in a sentence what the figure shows. Received: {alt!r}")
    figure = plt.gcf()
    content = io.BytesIO()
    # Without the version of Matplotlib in it: the same data give the same bytes.
    figure.savefig(content, format="png", metadata={"Software": None})
    plt.close(figure)
    png = base64.b64encode(content.getvalue()).decode()
    display({"image/png": png, "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)


def lines(
    x: Sequence[float],
    arms: Mapping[str, Any],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    log: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Plot one line per arm: the mean over seeds, in a band from the least to the greatest.

    Args:
        x: positions, `(points,)`.
        arms: name of the arm -> values, `(seeds, points)`, or `(points,)` for a single run.
        title: what the figure shows, as a sentence.
        xlabel: name and unit.
        ylabel: name and unit.
        log: axes with a logarithmic scale: `""`, `"x"`, `"y"` or `"xy"`.
        ax: Axes to draw on. Default: a new figure.
    """
    ax = ax or plt.subplots()[1]
    x = np.asarray(x)
    seeds = 1
    for (name, values), look in zip(arms.items(), _looks(arms), strict=True):
        values = np.atleast_2d(values)  # (seeds, points)
        if values.ndim != 2 or values.shape[1] != len(x):
            raise ValueError(
                f"`arms` must hold values of shape (seeds, {len(x)}), one for each x. "
                f"Received: shape {values.shape} for {name!r}"
            )
        every = max(1, len(x) // 10)  # about ten markers on a line
        ax.plot(x, values.mean(axis=0), label=name, markevery=every, **look)
        if len(values) > 1:
            seeds = len(values)
            band = (values.min(axis=0), values.max(axis=0))
            ax.fill_between(x, *band, color=look["color"], alpha=0.15, linewidth=0)
    if "x" in log:
        ax.set_xscale("log")
    if "y" in log:
        ax.set_yscale("log")
    ax.legend(title=f"mean and range of {seeds} seeds" if seeds > 1 else None)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return ax


def per_layer(
    arms: Mapping[str, Any],
    *,
    title: str,
    ylabel: str,
    log: bool = True,
    ax: Axes | None = None,
) -> Axes:
    """Plot a quantity of each layer, from the input (layer 1) to the output.

    Args:
        arms: name of the arm -> values, `(seeds, layers)`, or `(layers,)` for a single net.
        title: what the figure shows, as a sentence.
        ylabel: name and unit.
        log: bool. Logarithmic y axis.
        ax: Axes to draw on. Default: a new figure.
    """
    num_layers = max(np.shape(values)[-1] for values in arms.values())
    layers = np.arange(1, num_layers + 1)
    ax = lines(
        layers,
        arms,
        title=title,
        xlabel="layer, from input to output",
        ylabel=ylabel,
        log="y" if log else "",
        ax=ax,
    )
    ax.xaxis.get_major_locator().set_params(integer=True)
    return ax


def dots(
    arms: Mapping[str, Any],
    *,
    title: str,
    xlabel: str,
    decimals: int = 2,
    log: bool = False,
    ax: Axes | None = None,
) -> Axes:
    """Plot one row per arm: a small dot for each seed, a marker and a number for their mean.

    Args:
        arms: name of the arm -> values, `(seeds,)`.
        title: what the figure shows, as a sentence.
        xlabel: name and unit of the values.
        decimals: int. Decimals of the number.
        log: bool. Logarithmic x axis.
        ax: Axes to draw on. Default: a new figure.
    """
    ax = ax or plt.subplots(figsize=(7, 1.5 + 0.45 * len(arms)))[1]
    for row, ((_, values), look) in enumerate(zip(arms.items(), _looks(arms), strict=True)):
        values = np.atleast_1d(values)
        color, marker = look["color"], look["marker"]
        ax.plot(values, np.full(len(values), row), "o", color=color, alpha=0.35, markersize=5)
        ax.plot(values.mean(), row, marker, color=color, markersize=10)
        ax.annotate(
            _number(values.mean(), decimals),
            (values.mean(), row),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
        )
    ax.set_yticks(range(len(arms)), arms)
    ax.set_ylim(len(arms) - 0.5, -0.8)
    if log:
        ax.set_xscale("log")
    ax.set(title=title, xlabel=xlabel)
    ax.grid(visible=False, axis="y")
    return ax


def histograms(
    layers: Mapping[str, Any], *, title: str, xlabel: str, bins: int = 60, ax: Axes | None = None
) -> Axes:
    """Plot how the values of each layer are distributed, one row a layer, on one common axis.

    The number at the right is the standard deviation.

    Args:
        layers: name of the layer -> values, of any shape.
        title: what the figure shows, as a sentence.
        xlabel: name and unit of the values.
        bins: int. Number of bins.
        ax: Axes to draw on. Default: a new figure.
    """
    ax = ax or plt.subplots(figsize=(7, 1.5 + 0.5 * len(layers)))[1]
    values = [np.ravel(value) for value in layers.values()]
    edges = np.histogram_bin_edges(np.concatenate(values), bins)
    for row, value in enumerate(values):
        counts, _ = np.histogram(value, edges)
        ax.stairs(row + 0.4 - 0.85 * counts / counts.max(), edges, baseline=row + 0.4, fill=True,
                  color=SKY, edgecolor=BLUE)  # fmt: skip
        ax.text(1.01, row, f"std {_number(value.std(), 2)}", transform=ax.get_yaxis_transform(),
                va="center")  # fmt: skip
    ax.set_yticks(range(len(layers)), layers)
    ax.set_ylim(len(layers) - 0.5, -0.6)
    ax.set(title=title, xlabel=xlabel)
    ax.grid(visible=False, axis="y")
    return ax


def heatmap(
    values: Any,
    rows: Sequence[Any],
    columns: Sequence[Any],
    *,
    title: str,
    xlabel: str,
    ylabel: str,
    decimals: int = 2,
    ax: Axes | None = None,
) -> Axes:
    """Plot a grid of values, each with its number; darker is less, also in grey.

    Args:
        values: `(rows, columns)`. NaN leaves a cell blank.
        rows: labels of the rows.
        columns: labels of the columns.
        title: what the figure shows, as a sentence.
        xlabel: what the columns are, and their unit.
        ylabel: what the rows are, and their unit.
        decimals: int. Decimals of the numbers.
        ax: Axes to draw on. Default: a new figure.
    """
    values = np.asarray(values, dtype=float)
    if values.shape != (len(rows), len(columns)):
        raise ValueError(
            f"`values` must have shape ({len(rows)}, {len(columns)}), a value for each row and "
            f"column. Received: shape {values.shape}"
        )
    ax = ax or plt.subplots(figsize=(2 + 0.9 * len(columns), 1.5 + 0.5 * len(rows)))[1]
    image = ax.imshow(values, cmap="cividis", aspect="auto")
    for row, column in np.argwhere(np.isfinite(values)):
        value = values[row, column]
        color = "black" if luminance(image.to_rgba(value)) > 0.45 else "white"
        ax.text(column, row, _number(value, decimals), color=color, ha="center", va="center")
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(title=title, xlabel=xlabel, ylabel=ylabel)
    ax.grid(visible=False)
    return ax


def image_grid(
    images: Any, labels: Iterable[Any] = (), *, title: str, columns: int = 10
) -> np.ndarray:
    """Plot images in a grid, each under its label; all share one grey scale.

    Args:
        images: `(n, height, width)`, `(n, height, width, 1)`, or flat and square `(n, pixels)`.
        labels: a label for each image, or none.
        title: what the figure shows, as a sentence.
        columns: int. Images in a row.

    Returns: array of Axes, `(rows, columns)`.
    """
    images = np.asarray(images)
    if images.ndim == 2:
        side = int(np.sqrt(images.shape[1]))
        images = images.reshape(-1, side, side)
    elif images.ndim == 4:
        images = images[..., 0]
    labels = list(labels)
    num_rows = -(-len(images) // columns)
    size = (0.8 * columns, 0.6 + num_rows * (1.1 if labels else 0.85))
    figure, grid = plt.subplots(num_rows, columns, squeeze=False, figsize=size)
    for ax in grid.flat:
        ax.axis("off")
    for ax, image in zip(grid.flat, images, strict=False):
        ax.imshow(image, vmin=images.min(), vmax=images.max())
    for ax, label in zip(grid.flat, labels, strict=False):
        ax.set_title(str(label), fontsize=12, loc="center")
    figure.suptitle(title, x=0.01, ha="left", fontsize=STYLE["axes.titlesize"])
    return grid


@dataclass(frozen=True)
class Table:
    """A table of texts that shows itself as HTML in a notebook and as plain text elsewhere."""

    columns: dict[str, list[str]]

    def _rows(self) -> list[tuple[str, ...]]:
        return list(zip(*self.columns.values(), strict=True))

    def __repr__(self) -> str:
        widths = [max(map(len, (name, *cells))) for name, cells in self.columns.items()]
        first, *rest = widths
        lines = [tuple(self.columns), tuple("-" * width for width in widths), *self._rows()]
        return "\n".join(
            "  ".join(
                [line[0].ljust(first)]
                + [cell.rjust(width) for cell, width in zip(line[1:], rest, strict=True)]
            ).rstrip()
            for line in lines
        )

    def _repr_html_(self) -> str:
        def row(tag: str, cells: Iterable[str]) -> str:
            return "<tr>" + "".join(f"<{tag}>{html.escape(c)}</{tag}>" for c in cells) + "</tr>"

        head, body = row("th", self.columns), "".join(row("td", cells) for cells in self._rows())
        return f"<table><thead>{head}</thead><tbody>{body}</tbody></table>"


def table(columns: Mapping[str, Sequence[Any]], decimals: int = 2) -> Table:
    """Return a table to stand beside a figure, the same text on every machine.

    Args:
        columns: heading -> cells. A float is shown with `decimals` decimals, an array of seeds as
            mean ± standard deviation, anything else as it is. NaN reads "diverged", infinity
            "never"; of several seeds, in how many of them.
        decimals: int. Decimals of the numbers: few enough to be stable.
    """
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) != 1:
        raise ValueError(f"`columns` must all have the same length. Received: lengths {lengths}")

    def text(cell: Any) -> str:
        if np.ndim(cell) == 1:
            if lost := [each for each in np.asarray(cell) if not np.isfinite(each)]:
                return f"{_number(lost[0], decimals)} in {len(lost)} of {len(cell)}"
            return f"{_number(np.mean(cell), decimals)} ± {_number(np.std(cell), decimals)}"
        return _number(cell, decimals) if isinstance(cell, (float, np.floating)) else str(cell)

    return Table({name: [text(cell) for cell in cells] for name, cells in columns.items()})


def film(
    figure: Figure, draw: Callable[[int], Any], frames: int, *, alt: str, fps: int = 3
) -> HTML:
    """An animation with buttons, for the last line of a cell. A page without scripts shows none of it.

    Args:
        draw: changes the figure into frame 0, 1, ….
        frames: int. At most some twenty: every one of them is kept as a picture in the notebook.
        alt: what it shows, in a sentence.
    """
    markup = FuncAnimation(figure, draw, frames=frames).to_jshtml(fps=fps, default_mode="once")
    plt.close(figure)
    made_up = re.search(r"[0-9a-f]{32}", markup)[0]  # matplotlib's, another at every run
    lasting = hashlib.sha256(alt.encode()).hexdigest()[:32]
    label = html.escape(alt, quote=True)
    return HTML(f'<div role="img" aria-label="{label}">{markup.replace(made_up, lasting)}</div>')


class Verdicts:
    """Verdicts on claims, each worked out from what was measured; a notebook shows them as a table.

        judge = plots.Verdicts("dropout …")
        judge("helps", {"on wrong labels": gain > 0.02, "on right ones": other_gain > 0.02},
              f"{100 * gain:.1f} and {100 * other_gain:.1f} points")
        judge

    Args:
        subject: what the claims are about; the heading of their column.
    """

    def __init__(self, subject: str = "claim") -> None:
        self.subject = subject
        self.verdicts: dict[str, tuple[str, str]] = {}

    def __call__(self, claim: str, held: Mapping[str, Any], measured: str) -> None:
        """Note a verdict: "holds", "does not hold here", or under which conditions it does.

        Args:
            claim: as one reads it; judged once more, it gets the newer verdict.
            held: condition -> whether the claim held under it.
            measured: the numbers that say so.
        """
        if not held:
            raise ValueError(
                f"`held` must name a condition at least. Received: {held} for {claim!r}"
            )
        yes, no = (
            ", ".join(condition for condition, holds in held.items() if bool(holds) == wanted)
            for wanted in (True, False)
        )
        verdict = "holds" if all(held.values()) else "does not hold here"
        if any(held.values()) and not all(held.values()):
            verdict = f"holds {yes}; not {no}"
        self.verdicts[claim] = verdict, measured

    def table(self) -> Table:
        """The verdicts in the order in which the claims were first judged."""
        verdicts, measured = (
            zip(*self.verdicts.values(), strict=True) if self.verdicts else ((), ())
        )
        columns = {self.subject: self.verdicts, "verdict": verdicts, "measured here": measured}
        return Table({heading: list(cells) for heading, cells in columns.items()})

    def __repr__(self) -> str:
        return repr(self.table())

    def _repr_html_(self) -> str:
        return self.table()._repr_html_()


def luminance(color: Any) -> float:
    """Return how light a colour is, from 0 (black) to 1 (white), as a grey print shows it."""
    return float(np.dot(to_rgb(color), (0.299, 0.587, 0.114)))


def _looks(names: Iterable[str]) -> list[dict[str, str]]:
    """Return the look of each arm: its method's, else the next that no method here has."""
    known = {name: method(name) for name in names if name.lower() in _ALIASES}
    taken = {look["color"] for look in known.values()}
    free = [other for other in _OTHERS if other["color"] not in taken]
    others = [name for name in names if name not in known]
    if len(others) > len(free):
        raise ValueError(
            f"A figure holds at most {len(free)} arms besides its methods of the course. "
            f"Received: {len(others)}. Draw two figures."
        )
    looks = known | dict(zip(others, free, strict=False))
    return [looks[name] for name in names]


def _number(value: float, decimals: int) -> str:
    """Write a number with a fixed number of decimals, and zero without a sign."""
    if not np.isfinite(value):
        return "diverged" if np.isnan(value) else "never"
    return f"{round(float(value), decimals) + 0.0:.{decimals}f}"
