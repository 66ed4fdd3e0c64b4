#!/usr/bin/env python3
"""The front door of the course: `python3 course.py lab` is all a learner has to type.

It makes the environment in `.venv` when that is missing or out of date, and runs everything else
in there. Python's standard library is all it needs. The file keeps to what Python 3.6 can parse,
so that an old Python says which one is needed instead of failing on the syntax.
"""

import argparse
import contextlib
import difflib
import hashlib
import json
import os
import platform
import queue
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterable, Iterator
from pathlib import Path

SUPPORTED = ("3.13", "3.12", "3.11")  # TensorFlow is built for these; best first
NEEDS = f"The course needs Python 3.11, 3.12 or 3.13; this is Python {platform.python_version()}"

# An old Python runs the two functions that follow, so they have no type hints.


def find_supported_python():
    """The command of a Python on the PATH that the course supports, or None."""
    for version in SUPPORTED:
        for command in (["python" + version], ["py", "-" + version]):
            probe = [*command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
            try:
                found = subprocess.check_output(probe, stderr=subprocess.DEVNULL).decode().strip()
            except (OSError, subprocess.CalledProcessError):
                continue
            if found == version:
                return command
    return None


def run_on_supported_python():
    """Start again with a Python that the course supports; its exit code, or a sentence."""
    command = find_supported_python()
    if command is None:
        return f"{NEEDS}. Install one of them from https://www.python.org/downloads/ and try again."
    print(f"{NEEDS}, so {' '.join(command)} takes over.", flush=True)
    try:
        return subprocess.call(command + sys.argv)
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__" and "{}.{}".format(*sys.version_info) not in SUPPORTED:
    sys.exit(run_on_supported_python())

# From here on the running Python is a supported one.

ROOT = Path(__file__).resolve().parent
ENVIRONMENT = ROOT / ".venv"
LOG = ENVIRONMENT / "install.log"
FIRST_LESSON = "lessons/01_a_layer_of_your_own.ipynb"
REQUIREMENTS = [ROOT / "requirements.txt"]
TEST_REQUIREMENTS = [*REQUIREMENTS, ROOT / "tests" / "requirements.txt"]
CONSTRAINTS = ROOT / "constraints.txt"
DISK_SPACE = 3 * 10**9  # bytes: 2.6 GB installed, the rest while unpacking


class Problem(Exception):
    """Something the user can mend; the text is the sentence that says how."""


# The environment


def in_environment(*arguments: str) -> list[str]:
    """The command that runs Python in the environment with these arguments."""
    folder, name = ("Scripts", "python.exe") if os.name == "nt" else ("bin", "python")
    return [str(ENVIRONMENT / folder / name), *arguments]


def stamp_path(requirements: list[Path]) -> Path:
    """The file that says, once an installation is complete, what was installed."""
    return ENVIRONMENT / ("tests.stamp" if requirements == TEST_REQUIREMENTS else "learner.stamp")


def stamp_text(requirements: list[Path]) -> str:
    """A hash of everything an installation of these requirements depends on."""
    digest = hashlib.sha256("{}.{}".format(*sys.version_info).encode())
    for path in [*requirements, CONSTRAINTS]:
        digest.update(path.read_text(encoding="utf-8").encode())
    return digest.hexdigest()


def is_current(requirements: list[Path]) -> bool:
    """Whether these requirements, as they are now, were installed to the end."""
    stamp = stamp_path(requirements)
    return (
        Path(in_environment()[0]).exists()
        and stamp.exists()
        and stamp.read_text(encoding="utf-8") == stamp_text(requirements)
    )


def make_environment(requirements: list[Path]) -> None:
    """Bring `.venv` up to date: nothing where it is, made anew where the course's part is not."""
    if is_current(requirements):
        return
    check_machine()
    started = time.monotonic()
    if not is_current(REQUIREMENTS):
        print(f"Making the environment in {ENVIRONMENT} (once, a few minutes).", flush=True)
        make_empty_environment()
    install(requirements)
    settle_jupyter()
    for installed in (REQUIREMENTS, requirements):
        stamp_path(installed).write_text(stamp_text(installed), encoding="utf-8")
    print(f"The environment is ready ({time.monotonic() - started:.0f} s).", flush=True)


def check_machine() -> None:
    """Refuse a machine that TensorFlow has no build for, before anything is fetched."""
    machine = platform.machine()
    if sys.platform == "darwin" and machine == "x86_64":
        raise Problem(
            "TensorFlow has no build for Macs with an Intel processor, nor for an Intel Python on "
            "Apple silicon. On Apple silicon install an arm64 Python; otherwise use Colab or Linux."
        )
    if sys.maxsize < 2**32:
        raise Problem("TensorFlow needs a 64-bit Python; this one has 32 bits. Install the other.")


def check_disk() -> None:
    """Refuse a disk on which the installation cannot fit."""
    free = shutil.disk_usage(ROOT).free
    if free < DISK_SPACE:
        raise Problem(
            f"The disk is too full: the environment needs {DISK_SPACE / 1e9:.0f} GB in {ROOT}, "
            f"where {free / 1e9:.1f} GB are free. Make room there and run the same command again."
        )


def make_empty_environment() -> None:
    """An environment with nothing in it but pip."""
    for stamp in ENVIRONMENT.glob("*.stamp"):
        stamp.unlink()  # first, so that what is deleted by half never counts as complete
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    check_disk()
    made = subprocess.run(
        [sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    if made.returncode == 0:
        return
    if "ensurepip" in made.stdout or "No module named venv" in made.stdout:
        raise Problem(
            f"This Python ({sys.executable}) cannot make environments: its ensurepip is missing. "
            f"On Debian or Ubuntu run `sudo apt install python3-venv`; elsewhere reinstall Python."
        )
    reason = (made.stdout.strip().splitlines() or ["no reason given"])[-1]
    raise Problem(f"The environment could not be made in {ENVIRONMENT}: {reason}")


def install(requirements: list[Path]) -> None:
    """Install these requirements with pip, showing how far it is."""
    command = in_environment("-m", "pip", "install", "--no-input", "--only-binary", ":all:")
    command += ["--disable-pip-version-check", "--no-warn-script-location"]
    command += ["--progress-bar", "off"]
    for path in requirements:
        command += ["--requirement", str(path)]
    display = Progress()
    output = []
    with subprocess.Popen(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    ) as pip:
        try:
            for line in lines_or_ticks(pip.stdout):
                if line is not None:
                    output.append(line)
                display.update(line)
        except BaseException:
            pip.terminate()
            raise
        finally:
            display.close()
    if pip.returncode:
        raise Problem(explain_pip(output, keep_log(output)))


def settle_jupyter() -> None:
    """Keep JupyterLab from asking whether to fetch news, and kernels from chatting on a terminal."""
    share = ENVIRONMENT / "share" / "jupyter"
    settings = share / "lab" / "settings" / "overrides.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    chosen = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    settings.write_text(json.dumps(chosen), encoding="utf-8")
    for kernel in share.glob("kernels/*/kernel.json"):
        spec = json.loads(kernel.read_text(encoding="utf-8"))
        spec["argv"] = [*dict.fromkeys([*spec["argv"], "--log-level=ERROR"])]
        kernel.write_text(json.dumps(spec, indent=1), encoding="utf-8")


def lines_or_ticks(stream: Iterable[str], every: float = 0.25) -> Iterator[str | None]:
    """The lines of a stream as they come, and None whenever none came for a moment."""
    lines = queue.Queue()

    def read() -> None:
        for line in stream:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=every)
        except queue.Empty:
            yield None
            continue
        if line is None:
            return
        yield line


class Progress:
    """Which package pip is at, of how many: one line on a terminal, else now and then a line.

    pip names each package when it looks for it and when it fetches it. While it installs it says
    nothing, but every package it has finished leaves a folder `*.dist-info`.
    """

    FINDS = re.compile(r"\s*(?:Collecting|Requirement already satisfied:) ([\w.-]+)")
    FETCHES = re.compile(r"\s*(?:Downloading|Using cached) (?:\S*/)?(\w+)-\S+\.whl\b(?!\.)(.*)")

    def __init__(self) -> None:
        self.on_terminal = sys.stdout.isatty()
        self.expected = len({re.split("[=;]", line)[0] for line in read_lines(CONSTRAINTS)})
        self.found = set()
        self.fetched = set()
        self.to_install = []
        self.already_there = 0
        self.shown = ("", 0, "")

    def update(self, line: str | None) -> None:
        """Take a line of pip's, or None to look again."""
        line = line or ""
        found, fetched = self.FINDS.match(line), self.FETCHES.match(line)
        if found:
            self.found.add(found[1])
            self.show("Finding", len(self.found), f"about {self.expected}", found[1])
        elif fetched:
            name, size = fetched.groups()
            self.fetched.add(name)
            self.show("Fetching", len(self.fetched), f"about {self.expected}", name + size)
        elif line.startswith("Installing collected packages:"):
            self.to_install = line.partition(":")[2].strip().split(", ")
            self.already_there = self.count_installed()
        if self.to_install:
            total = len(self.to_install)
            done = min(max(self.count_installed() - self.already_there, 0), total - 1)
            self.show("Installing", done + 1, total, self.to_install[done])

    def count_installed(self) -> int:
        """How many packages are in the environment by now."""
        packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(ENVIRONMENT)}))
        return sum(1 for _ in packages.glob("*.dist-info"))

    def show(self, what: str, number: int, total: int | str, name: str) -> None:
        """Print the line, where it says something new."""
        if (what, number, name) == self.shown:
            return
        text = f"{what} package {number} of {total}: {name}"
        if self.on_terminal:
            width = shutil.get_terminal_size().columns - 1
            print("\r" + text[:width].ljust(width), end="", flush=True)
        elif what != self.shown[0] or number // 20 != self.shown[1] // 20:
            print(text, flush=True)
        self.shown = (what, number, name)

    def close(self) -> None:
        """End the line on a terminal."""
        if self.on_terminal:
            print(flush=True)


def read_lines(path: Path) -> list[str]:
    """The lines of a requirements file that name a package."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if re.match(r"\w", line)]


def keep_log(output: list[str]) -> Path:
    """Write pip's output where it can be found again; its path."""
    with contextlib.suppress(OSError):  # a full disk, which the user is told of anyway
        LOG.write_text("".join(output), encoding="utf-8")
    return LOG


def explain_pip(output: list[str], log: Path) -> str:
    """One sentence for a failed installation, from what pip printed."""
    text = "".join(output)
    missing = re.search(r"No matching distribution found for (\S+)", text)
    if re.search(r"No space left|not enough space|Disk quota", text, re.IGNORECASE):
        return (
            f"The disk is full: the environment needs {DISK_SPACE / 1e9:.0f} GB in {ROOT} and for "
            f"a while 1 GB in {tempfile.gettempdir()}. Make room and run the same command again."
        )
    if re.search(
        r"connection broken|failed to (establish|connect|resolve)|name resolution|timed out"
        r"|network is unreachable|connection (error|refused|reset|aborted)|max retries",
        text,
        re.IGNORECASE,
    ):
        return (
            "The packages could not be fetched: no connection to the package index. Check the "
            f"network (or the proxy) and run the same command again. pip's log: {log}"
        )
    if missing:
        return (
            f"There is no build of {missing[1]} for Python {platform.python_version()} on "
            f"{platform.system()} {platform.machine()}. The course runs on 64-bit Linux, Windows "
            f"and Macs with Apple silicon. pip's log: {log}"
        )
    errors = [line.strip() for line in output if line.startswith("ERROR:")]
    reason = (errors or [line.strip() for line in output] or ["no reason given"])[-1]
    return f"pip could not install the packages: {reason} (pip's log: {log})"


# The commands


def lab(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="course.py lab", description=COMMANDS["lab"][1])
    parser.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    parser.add_argument("--port", type=port_number, default=8888, help="first port to try")
    options = parser.parse_args(arguments)
    make_environment(REQUIREMENTS)

    port = free_port(options.port)
    token = secrets.token_hex(16)
    server_address = f"http://127.0.0.1:{port}"
    command = in_environment("-m", "jupyterlab", f"--ServerApp.root_dir={ROOT}")
    command += ["--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}"]
    command += ["--ServerApp.port_retries=0"]
    command += [f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}", "--Application.log_level=ERROR"]
    command += ["--ServerApp.allow_root=True"]  # in a container there is often no other user
    command += ["--ServerApp.open_browser=False"] if options.no_browser else []
    server = subprocess.Popen(
        command,
        cwd=ROOT,
        env={
            **os.environ,
            "JUPYTER_TOKEN": token,
            # Else JupyterLab opens the tabs of the learner's other projects again.
            "JUPYTERLAB_WORKSPACES_DIR": str(ENVIRONMENT / "workspaces"),
        },
        stdin=subprocess.DEVNULL,  # else Ctrl-C makes Jupyter ask back
    )
    try:
        wait_until_it_answers(server, f"{server_address}/api/status?token={token}")
        print("The course is open. Ctrl-C here ends it. Its address:", flush=True)
        print(f"{server_address}/lab/tree/{FIRST_LESSON}?token={token}", flush=True)
        return server.wait()
    except KeyboardInterrupt:  # a terminal sends Ctrl-C to the server too, and it ends by itself
        print("\nClosing the course.", flush=True)
        ends_soon(server)
        return 0
    finally:
        server.terminate()
        if not ends_soon(server):
            server.kill()


def port_number(text: str) -> int:
    number = int(text)
    if not 0 < number < 2**16:
        raise ValueError(text)
    return number


def free_port(first: int) -> int:
    """The first free port, counting up."""
    for port in range(first, min(first + 100, 2**16)):
        with socket.socket() as attempt:
            if os.name != "nt":  # there it would allow a port that is in use
                attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                attempt.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise Problem(f"No port from {first} on is free. Choose another with --port.")


def wait_until_it_answers(server: subprocess.Popen, address: str) -> None:
    """Return once JupyterLab answers at the address; a sentence where it ends instead."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while server.poll() is None:
        try:
            direct.open(address, timeout=5).close()
            return
        except OSError:  # not yet: urllib's own errors are OSErrors too
            time.sleep(0.2)
    raise Problem(
        f"JupyterLab ended at its start (exit code {server.returncode}); the lines above say why. "
        f"If they do not help, delete {ENVIRONMENT} and run the same command again."
    )


def ends_soon(server: subprocess.Popen) -> bool:
    """Wait a while for JupyterLab to end its kernels and itself; whether it did."""
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        return False
    return True


def test(arguments: list[str]) -> int:
    make_environment(TEST_REQUIREMENTS)
    pytest = ["pytest", "-n", "2", "--dist", "loadscope", "--no-loadscope-reorder"]
    pytest += ["--nbval", "--nbval-current-env"]
    pytest += ["--color", "yes" if sys.stdout.isatty() else "no"]  # nbval does not look by itself
    pytest += ["--nbval-cell-timeout=300", "--nbval-kernel-startup-timeout=120"]
    steps = [
        ("ruff", ["ruff", "check"]),
        ("build --check", ["utils.build", "--check"]),
        ("pytest and notebooks", [*pytest, *arguments]),
    ]
    failed = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as record:
        for name, module in steps:
            print(f"== {name}", flush=True)
            step_started = time.monotonic()
            code = run_module(module, COURSE_RECORD=record)
            verdict = f"failed (exit code {code})" if code else "passed"
            print(f"== {name}: {verdict}, {time.monotonic() - step_started:.0f} s\n", flush=True)
            if code:
                failed.append(name)
    seconds = f"{time.monotonic() - started:.0f} s"
    print(f"Failed: {', '.join(failed)} ({seconds})." if failed else f"All passed ({seconds}).")
    return 1 if failed else 0


def run_module(module: list[str], **variables: str) -> int:
    """Run `python -m` in the environment from the course's root; its exit code."""
    return subprocess.run(
        in_environment("-m", *module),
        cwd=ROOT,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
    ).returncode


def build(arguments: list[str]) -> int:
    make_environment(REQUIREMENTS)
    return run_module(["utils.build", *arguments])


def check(arguments: list[str]) -> int:
    make_environment(REQUIREMENTS)
    files = [str(Path(word).resolve()) if Path(word).is_file() else word for word in arguments]
    return run_module(["utils.exams", *files])


def progress(arguments: list[str]) -> int:
    from utils import progress as record  # needs nothing but the standard library

    print(record.report(record.events()))
    return 0


def bench(arguments: list[str]) -> int:
    make_environment(TEST_REQUIREMENTS)
    return run_module(["tests.bench", *arguments])


COMMANDS = {
    "lab": (lab, "open the lessons in JupyterLab (--no-browser, --port N)"),
    "progress": (progress, "what you have done, what you predicted, and how well"),
    "check": (check, "examine a class in a file of yours: check Dense my_layers.py"),
    "test": (test, "run every test and every notebook (more arguments go to pytest)"),
    "build": (build, "make lessons from their sources (--check, --execute [NN ...])"),
    "bench": (bench, "measure how long checks take"),
}


def help_text() -> str:
    lines = [f"  {name:<10}{what}" for name, (_, what) in COMMANDS.items()]
    return "\n".join(["python3 course.py COMMAND", "", *lines])


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(help_text())
        return 0
    name, *rest = arguments
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1, cutoff=0.5)
        hint = f"Did you mean `{near[0]}`?" if near else f"There are: {', '.join(COMMANDS)}."
        print(f"There is no command `{name}`. {hint}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends too
    try:
        return COMMANDS[name][0](rest)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except OSError as problem:
        print(f"{problem}. Mend that, or delete {ENVIRONMENT}, and try again.", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command starts again.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
