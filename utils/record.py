"""The learner's record as a figure and as a page to keep; `utils.progress` holds what happened.

Everything is computed from events, and from nothing else: neither names the machine or a folder.
"""

import base64
import html
import io
import time
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np

from utils import plots, progress
from utils.progress import Event, Exercise, Lesson, Prediction

FILE = "record.html"


def draw(events: Sequence[Event], course: Sequence[Lesson] | None = None) -> str:
    """Draw what was built, mended and predicted, a row a lesson; return it in a sentence.

    Args:
        events: those of `progress.events()`.
        course: the lessons; those of the course by default.
    """
    course = progress.lessons() if course is None else course
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 2.4 + 0.3 * len(course)), sharey=True)
    rows = np.arange(len(course))
    parts = [_of_lesson(lesson, events) for lesson in course]

    done = [sum(each.is_yours for each in exercises) for exercises, _ in parts]
    asked = [len(exercises) for exercises, _ in parts]
    left.barh(rows, asked, color="none", edgecolor=plots.GREY, label="exercises")
    left.barh(rows, done, color=plots.BLUE, label="built, yours")
    met = [sum(len(each.met) for each in exercises) for exercises, _ in parts]
    mended = [sum(len(each.mended) for each in exercises) for exercises, _ in parts]
    for row, (seen, gone) in enumerate(zip(met, mended, strict=True)):
        if seen:
            left.text(asked[row] + 0.1, row, f"{gone} of {seen} mended", va="center", fontsize=10)
    left.set_yticks(rows, [lesson.title for lesson in course], fontsize=10)
    left.set(title="Built, and mistakes mended", xlabel="exercises")
    left.set_xlim(0, max(asked, default=0) + 4)  # room for the words
    left.set_ylim(len(course) - 0.4, -0.6)

    known = [predictions for _, predictions in parts]
    hits = [sum(each.right for each in predictions) for predictions in known]
    right.barh(rows, [len(each) for each in known], color="none", edgecolor=plots.GREY)
    right.barh(rows, hits, color=plots.GREEN, label="came out as predicted")
    chance = [guessing(predictions) for predictions in known]
    seen = [row for row in rows if known[row]]
    right.plot([chance[row] for row in seen], seen, "|", color=plots.BLACK, markersize=14,
               markeredgewidth=2, label="what guessing hits")  # fmt: skip
    right.set(title="Predicted", xlabel="predictions compared with their answer")
    right.set_xlim(0, max(map(len, known), default=0) + 1)
    for ax in (left, right):
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=2)
    return (
        f"A row for each of {len(course)} lessons. Left, {sum(done)} of {sum(asked)} exercises built "
        f"and {sum(mended)} of {sum(met)} known mistakes mended; right, {sum(hits)} of "
        f"{sum(map(len, known))} predictions came out, where guessing hits {sum(chance):.1f}."
    )


def page(events: Sequence[Event], course: Sequence[Lesson] | None = None) -> str:
    """The record as an HTML page that needs no other file. All text is escaped."""
    course = progress.lessons() if course is None else course
    alt = draw(events, course)
    picture = io.BytesIO()
    plt.gcf().savefig(picture, format="png", metadata={"Software": None})
    plt.close()
    encoded = base64.b64encode(picture.getvalue()).decode()
    days = [time.strftime("%Y-%m-%d", time.localtime(event.time)) for event in events]
    when = f"{days[0]} to {days[-1]}" if events else "Nothing is written down yet"
    predictions = progress.scored(events)
    body = [
        "<h1>Your record</h1>",
        f"<p>{when}.</p>",
        f'<img src="data:image/png;base64,{encoded}" alt="{html.escape(alt, quote=True)}">',
        "<h2>Predictions</h2>",
        *(f"<p>{html.escape(line)}</p>" for line in _judged(predictions)),
        "<h2>Lessons</h2>",
    ]
    for lesson in course:
        exercises, known = _of_lesson(lesson, events)
        body.append(f"<h3>{html.escape(lesson.title)}</h3>")
        if exercises:
            body.append(_table(exercises))
        if known:
            right = sum(each.right for each in known)
            body.append(
                f"<p>{right} of {len(known)} predictions came out; guessing hits "
                f"{guessing(known):.1f}.</p>"
            )
    return _PAGE.format(body="\n".join(body))


def keep(events: Sequence[Event], course: Sequence[Lesson] | None = None) -> None:
    """Write the page beside the record, and say where; a solved notebook writes none.

    A page of before is replaced in one go: there is never a half of one.
    """
    if progress.is_paused():
        print(f"This notebook leaves your record alone. Yours writes {FILE} into my_blocks.")
        return
    file = progress.directory() / FILE
    unfinished = file.with_suffix(".new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_text(page(events, course), encoding="utf-8")
        unfinished.replace(file)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        print(
            f"The page could not be written ({error.strerror}). Make room, or set the environment "
            "variable COURSE_RECORD to a folder that can be written to, and run this cell again."
        )
    else:
        print(f"Kept: {FILE} in {file.parent.name}. Open it in a browser.")


def guessing(predictions: Sequence[Prediction]) -> float:
    """How many of the predictions come out, on average, for somebody who only guesses."""
    return float(sum(1 / each.choices for each in predictions if each.choices))


def luck(predictions: Sequence[Prediction]) -> float:
    """The probability to hit as many or more by guessing among the choices."""
    distribution = np.ones(1)  # of the number of hits
    for each in predictions:
        share = 1 / each.choices if each.choices else 0
        distribution = np.convolve(distribution, [1 - share, share])
    return float(distribution[sum(each.right for each in predictions) :].sum())


def _of_lesson(lesson: Lesson, events: Sequence[Event]) -> tuple[list[Exercise], list[Prediction]]:
    exercises = [progress.exercise(name, events) for name in lesson.exercises]
    return exercises, [p for p in progress.scored(events) if p.name in lesson.predictions]


def _judged(predictions: Sequence[Prediction]) -> list[str]:
    """How good the predictions were: beside guessing, and beside how sure the learner was."""
    lines = progress.calibration(predictions)
    if predictions:
        probability = luck(predictions)
        rarely = f"{probability:.2f}" if probability >= 0.01 else "less than 0.01"
        lines.insert(
            1,
            f"Guessing hits {guessing(predictions):.1f} of them on average, and as many as you or "
            f"more with a probability of {rarely}.",
        )
    return lines


def _table(exercises: Sequence[Exercise]) -> str:
    head = ("exercise", "standing", "checks", "hints", "mistakes met and mended", "still to mend")
    rows = []
    for each in exercises:
        open_ones = [mistake for mistake in each.met if mistake not in each.mended]
        standing = each.standing + (", solution seen" if each.has_seen_solution else "")
        cells = (each.name, standing, each.checks, each.hints, _listed(each.mended))
        rows.append([*map(str, cells), _listed(open_ones)])
    lines = [_row("th", head), *(_row("td", cells) for cells in rows)]
    return f"<table>{''.join(lines)}</table>"


def _row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _listed(mistakes: Sequence[str]) -> str:
    return ", ".join(mistake.replace("-", " ") for mistake in mistakes)


_PAGE = """<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<title>Your record</title>
<style>
body {{ font-family: sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; }}
img {{ max-width: 100%; }}
table {{ border-collapse: collapse; }}
td, th {{ border-bottom: 1px solid #ccc; padding: 0.2em 0.8em 0.2em 0; text-align: left; }}
</style>
<body>
{body}
</body>
</html>
"""
