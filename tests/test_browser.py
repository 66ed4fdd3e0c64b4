"""A learner's first minute in a real browser: open lesson 01, run every cell, read a check's answer.

Skipped where neither Chromium nor Chrome is installed.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium or Chrome is installed")

# JupyterLab renders only the cells in view, so the page is moved on until the verdict is there.
SCROLL_TO_VERDICT = """() => {
    const outputs = [...document.querySelectorAll(".jp-OutputArea-output")];
    const found = outputs.find(output => output.innerText.includes("DenseForward: not written"));
    if (found) return found.innerText;
    const panel = document.querySelector(".jp-WindowedPanel-outer");
    panel.scrollTop = (panel.scrollTop + 500) % (panel.scrollHeight - panel.clientHeight);
}"""


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """The address of a course that `course.py lab` opened, in a copy that may be written to."""
    copy = tmp_path / "course"
    shutil.copytree(
        ROOT, copy, ignore=shutil.ignore_patterns(".venv", ".git", "my_blocks", "__pycache__")
    )
    (copy / ".venv").symlink_to(ROOT / ".venv", target_is_directory=True)
    lab = subprocess.Popen(
        [sys.executable, "course.py", "lab", "--no-browser"],
        cwd=copy,
        env=os.environ | {"COURSE_RECORD": str(tmp_path / "record")},
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = iter(lab.stdout.readline, "")
    yield next(line.strip() for line in lines if line.startswith("http"))
    lab.terminate()
    lab.wait(timeout=30)
    lab.stdout.close()


def test_browser_runs_lesson_one_and_shows_a_verdict(address: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=BROWSER, args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1300, "height": 1000})
        page.goto(address)
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for(timeout=60_000)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        verdict = page.wait_for_function(
            SCROLL_TO_VERDICT, polling=300, timeout=120_000
        ).json_value()
        assert verdict.startswith("○ DenseForward: not written yet.")
        assert "Next: DenseForward.build" in verdict
        browser.close()
