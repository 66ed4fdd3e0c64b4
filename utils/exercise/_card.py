"""What the exercise functions show: a framed note in a notebook, the same words as text elsewhere."""

import html
import re

from IPython.display import display

MARKS = {"right": "✓", "wrong": "✗", "open": "○", "note": "·"}
COLOURS = {"right": "#009E73", "wrong": "#D55E00", "open": "#888888", "note": "#0072B2"}


class Card:
    """A verdict and what is said about it.

    Args:
        kind: one of "right", "wrong", "open" (nothing written yet), "note".
        text: plain lines; the first is the headline. Words in backticks are shown as code.
        code: program text to show below, if any.
    """

    def __init__(self, kind: str, text: str, code: str = "") -> None:
        self.kind, self.text, self.code = kind, text, code

    def __repr__(self) -> str:
        text = f"{MARKS[self.kind]} {self.text}"
        return f"{text}\n\n{self.code}" if self.code else text

    def _repr_html_(self) -> str:
        headline, *lines = [_marked_up(line) for line in self.text.splitlines()]
        body = "".join(_block(line) for line in lines)
        if self.code:
            body += f"<pre style='margin:.6em 0 0'>{html.escape(self.code)}</pre>"
        return (
            f"<div style='border-left:4px solid {COLOURS[self.kind]}; padding:.3em .9em; margin:.4em 0'>"
            f"<b>{MARKS[self.kind]} {headline}</b>{body}</div>"
        )


def show(kind: str, text: str, code: str = "") -> None:
    """Display a card here and now."""
    display(Card(kind, text, code))


def _block(line: str) -> str:
    """A line of its own; where it is indented, it is program text or a table."""
    style = (
        "white-space:pre; font-family:monospace" if line[:4].isspace() else "white-space:pre-wrap"
    )
    return f"<div style='{style}'>{line or '&nbsp;'}</div>"


def _marked_up(line: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(line))
