"""Three numbers for each exam: mistakes named, right answers accepted, one-token mutants rejected.

They are printed, and `tests/README.md` holds the same rows. After a change:

    python3 course.py test tests/test_exams.py
"""

import importlib
import pkgutil
from pathlib import Path

import pytest

import tests.answers
from tests.equivalent import EQUIVALENT
from tests.mutants import mutants
from utils.exams import Exam, _examine, examine, exams
from utils.exams._examine import probe_results

README = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
PLENTY = 120.0  # seconds for a check, on however slow a machine: timings are for `course.py bench`
ANSWERS = {
    name: answers
    for module in pkgutil.iter_modules(tests.answers.__path__)
    for name, answers in importlib.import_module(f"tests.answers.{module.name}").ANSWERS.items()
}


def survivors(exam: Exam) -> tuple[list[str], int]:
    """The mutants of the reference that the exam accepts, and the number of all.

    Classes that the reference builds on are mutated too, unless another exam holds them to account.
    """
    accepted, count = [], 0
    texts, lineage = exam.sources(), getattr(exam.reference, "__mro__", ())[1:]
    judged = {
        text for other in exams().values() if other.reference in lineage for text in other.sources()
    }
    for place, text in enumerate(texts):
        if text in judged:
            continue
        for mutant in mutants(text):
            count += 1
            program = "\n\n".join([*texts[:place], mutant.text, *texts[place + 1 :]])
            try:
                candidate = exam.with_text(program)
            except Exception:  # it cannot even be defined
                continue
            if all(probe_results((probe,), candidate, PLENTY)[0][0].ok for probe in exam.probes):
                accepted.append(str(mutant))
    return accepted, count


@pytest.mark.parametrize("exam", exams().values(), ids=lambda exam: exam.name)
def test_exam_numbers(exam: Exam, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_examine, "SECONDS_TO_NAME", PLENTY)
    named = []
    for mistake in exam.mistakes:
        report = examine(exam.name, exam.with_mistake(mistake), PLENTY)
        assert not report.passed, f"{exam.name}: the mistake {mistake.id!r} is accepted"
        assert mistake.id in report.mistakes, f"{exam.name}: {mistake.id!r} is not named:\n{report}"
        named.append(mistake.id)

    answers = [exam.reference, *ANSWERS[exam.name]]
    for answer in answers:
        report = examine(exam.name, answer, PLENTY)
        assert report.passed, (
            f"{exam.name}: the right answer {answer.__name__} is refused:\n{report}"
        )

    accepted, count = survivors(exam)
    equivalent = EQUIVALENT.get(exam.name, {})
    holes = [mutant for mutant in accepted if mutant not in equivalent]
    assert not holes, f"{exam.name} accepts these mutants:\n" + "\n".join(holes)
    stale = [mutant for mutant in equivalent if mutant not in accepted]
    assert not stale, f"{exam.name}: listed as equivalent, but rejected or gone:\n" + "\n".join(
        stale
    )

    row = (
        f"| `{exam.name}` | {len(named)} of {len(exam.mistakes)} | {len(answers)} of {len(answers)} "
        f"| {count - len(accepted)} of {count} | {len(accepted)} |"
    )
    print(row)
    assert row in README, f"tests/README.md is out of date. The row of {exam.name} is now:\n{row}"


def test_exams_ids_are_unique() -> None:
    for exam in exams().values():
        ids = [mistake.id for mistake in exam.mistakes]
        assert len(ids) == len(set(ids)), exam.name


def test_hints_keep_the_code_back() -> None:
    for exam in exams().values():
        code = {
            line.strip()
            for line in "\n".join(exam.sources()).splitlines()
            if len(line.strip()) > 25
        }
        for hint in exam.hints:
            assert not [line for line in code if line in hint], exam.name
        assert len(exam.hints) >= 2, exam.name
