"""What can be checked and measured, as nox sessions.

`nox -l` lists the sessions, CONTRIBUTING.md says how long each takes. Arguments after `--` go to the tool that the
session runs. A session is skipped when its Python is missing.
"""

from __future__ import annotations

import os
import shutil
import tarfile
from pathlib import Path

import nox
from packaging.requirements import Requirement

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "typing", "tests", "docs"]

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
OLDEST, NEWEST = PYTHONS[0], PYTHONS[-1]

EXTRAS = "[demo,fast,otel,procrastinate]"
DIST = Path("dist")
# Two workers for each of two cores: half of the time, a test waits for a server, a disk or another process.
PYTEST = ("pytest", "-n", os.environ.get("EVOLINK_TEST_WORKERS", "4"), "--dist", "worksteal")

# The edges never see which JSON parser is installed; these tests cover all code that does.
PARSER_TESTS = (
    *(f"tests/laws/test_{law}.py" for law in ("json_laws", "replies", "journal_laws")),
    *("tests/params", "tests/root", "tests/wire", "tests/pool/test_pool.py", "tests/submitting"),
)
CORE = ("tests/pool", "tests/submitting")
"""The tests of money and cancellation in one process."""
# What a Python can change: event loops, sockets, threads, files, SQLite, and how attrs classes are made. The rest are
# values, which are the same everywhere, and processes of their own, which take long to start.
CHANGING = (
    *CORE,
    *(f"tests/{room}" for room in ("callbacks", "client", "concurrency", "downloads", "journal")),
    *(f"tests/{room}" for room in ("models", "params", "polling", "root", "uploads")),
    *(f"--ignore=tests/journal/test_{what}.py" for what in ("failover", "postgres", "postgres_silence")),
)
# Those that run an event loop of the suite's choice. The command line makes its own.
LOOP_TESTS = ("-m", "anyio and not soak", "--ignore=tests/cli")


def install(session: nox.Session, *groups: str, extras: str = "") -> None:
    """Install the project with some extras, and dependency groups beside it."""
    session.install(f".{extras}", *packages(*groups))


def packages(*groups: str) -> list[str]:
    """Return the requirements of some dependency groups."""
    return [package for group in groups for package in nox.project.dependency_groups(PROJECT, group)]


# --- tests


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run the suite; on the oldest Python, run what parses JSON again without orjson."""
    install(session, "test", extras=EXTRAS)
    # What fails on a Python between the oldest and the newest nearly always fails on one of them too.
    chosen = {OLDEST: (), NEWEST: CHANGING}.get(str(session.python), CORE)
    session.run(*PYTEST, *(session.posargs or chosen))
    if session.python != OLDEST:
        return
    uninstall = ("uv", "pip", "uninstall") if session.venv_backend == "uv" else ("pip", "uninstall", "-y")
    session.run_install(*uninstall, "orjson", silent=True)
    session.run(*PYTEST, *(session.posargs or PARSER_TESTS))


@nox.session(python=OLDEST)
def browser(session: nox.Session) -> None:
    """Use the page of a report in Chromium, which is not installed here: apt-get install chromium."""
    install(session, "browser", extras="[demo]")
    session.run("pytest", "-p", "no:xdist", *(session.posargs or ["tests/report/test_browser.py"]))


@nox.session(python=OLDEST)
def build(session: nox.Session) -> None:
    """Build the sdist, and the wheel from it, into dist/."""
    session.install(*packages("build"))
    shutil.rmtree(DIST, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(DIST))
    session.run("twine", "check", "--strict", *map(str, DIST.iterdir()))


@nox.session(python=OLDEST, requires=["build"])
def wheel(session: nox.Session) -> None:
    """Run the tests of the sdist against the wheel, with no source of the package in reach."""
    [built] = DIST.glob("*.whl")
    session.install(f"{built}{EXTRAS}", *packages("test"))
    folder = unpacked_tests(session)
    session.chdir(folder)
    # tests/shape reads the source tree; the rest imports the package.
    session.run(*PYTEST, "--ignore=tests/shape", *session.posargs, env={"EVOLINK_TEST_INSTALLED": "1"})


def unpacked_tests(session: nox.Session) -> Path:
    """Unpack the sdist without the package itself, and return the folder."""
    [sdist] = DIST.glob("*.tar.gz")
    place = Path(session.create_tmp()) / "sdist"
    shutil.rmtree(place, ignore_errors=True)
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    [folder] = place.iterdir()
    shutil.rmtree(folder / "evolink_async")
    return folder


@nox.session(python=OLDEST)
def oldest(session: nox.Session) -> None:
    """Run the suite with the lowest version of each direct dependency that pyproject.toml allows."""
    project = PROJECT["project"]
    direct = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    pins = [lowest(requirement) for requirement in [*direct, *packages("test")]]
    constraints = Path(session.create_tmp()) / "oldest.txt"
    constraints.write_text("\n".join(sorted({pin for pin in pins if not pin.startswith(project["name"])})) + "\n")
    session.install(f".{EXTRAS}", *packages("test"), "-c", str(constraints))
    session.run(*PYTEST, *session.posargs)


def lowest(requirement: str) -> str:
    """Return `name==1.2` for `name>=1.2,<2`. A constraints file works with pip and with uv."""
    parsed = Requirement(requirement)
    bounds = [one.version for one in parsed.specifier if one.operator == ">="]
    return f"{parsed.name}=={bounds[0]}" if bounds else parsed.name


@nox.session(python=OLDEST)
def ray(session: nox.Session) -> None:
    """Run pipelines on a local Ray, whose workers and drivers are killed."""
    install(session, "test", extras="[emulator,ray]")
    session.run("pytest", "tests/engines/test_ray.py", *session.posargs)


@nox.session(python=OLDEST)
def coverage(session: nox.Session) -> None:
    """Measure branch coverage of the package, also in the processes that tests start."""
    install(session, "coverage", extras=EXTRAS)
    session.run("coverage", "erase")
    # This test limits the size of files, which leaves no room for what coverage writes.
    without = ("--deselect", "tests/cli/test_run.py::test_full_disk")
    session.run("coverage", "run", "-m", *PYTEST, *without, *session.posargs)
    session.run("coverage", "combine", "-q")
    session.run("coverage", "report")


# --- other event loops: the tests that run one


@nox.session(python=OLDEST)
def debug(session: nox.Session) -> None:
    """Run the tests of async code in Python's development mode, with asyncio's debug mode on."""
    install(session, "test", extras=EXTRAS)
    on = {"PYTHONDEVMODE": "1", "PYTHONASYNCIODEBUG": "1"}
    session.run(*PYTEST, *LOOP_TESTS, *session.posargs, env=on)


@nox.session(python=OLDEST)
def uvloop(session: nox.Session) -> None:
    """Run the tests of async code on uvloop."""
    install(session, "uvloop", extras=EXTRAS)
    session.run(*PYTEST, *LOOP_TESTS, *session.posargs, env={"EVOLINK_TEST_LOOP": "uvloop"})


@nox.session(python=NEWEST)
def eager(session: nox.Session) -> None:
    """Run the tests of async code with eager tasks, which Python has since 3.12."""
    install(session, "test", extras=EXTRAS)
    session.run(*PYTEST, *LOOP_TESTS, *session.posargs, env={"EVOLINK_TEST_LOOP": "eager"})


# --- style, types, pages


@nox.session(python=OLDEST)
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*packages("lint"))
    session.run("ruff", "check", *session.posargs)
    session.run("ruff", "format", "--check")


@nox.session(python=OLDEST)
def typing(session: nox.Session) -> None:
    """Check types with mypy and pyright, both strict."""
    install(session, "test", "typing", "docs", extras=EXTRAS)
    session.install(*packages("nox"))
    session.run("mypy")
    session.run("pyright", *session.posargs)


@nox.session(python=OLDEST)
def verifytypes(session: nox.Session) -> None:
    """Check that every public name of the installed package has a complete type."""
    install(session, "typing", extras=EXTRAS)
    # Away from the source tree, which pyright would read in place of what is installed.
    session.chdir(session.create_tmp())
    session.run("pyright", "--verifytypes", "evolink_async", "--ignoreexternal", *session.posargs)


@nox.session(python=OLDEST)
def docs(session: nox.Session) -> None:
    """Build the pages; warnings are errors, and every sample is run."""
    install(session, "docs", extras="[demo,otel,procrastinate]")
    session.run("sphinx-build", "-W", "-q", "-b", "doctest", "docs", "docs/_build/doctest")
    session.run("sphinx-build", "-W", "-q", "-b", "html", "docs", "docs/_build/html")
    # Sphinx follows what it resolves itself; this also follows anchors in plain links and in what is generated.
    session.run("python", "docs/_support/links.py", "docs/_build/html")


# --- measures


@nox.session(python=OLDEST)
def bench(session: nox.Session) -> None:
    """Measure speed beside rivals, see `-- --help`; `-- micro` runs pytest-benchmark over the small steps."""
    install(session, "bench", extras="[demo,fast,postgres]")
    if session.posargs[:1] == ["micro"]:
        session.run("pytest", "-c", "benchmarks/pytest.ini", "benchmarks/test_micro.py", *session.posargs[1:])
    else:
        session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=OLDEST)
def instructions(session: nox.Session) -> None:
    """Count the instructions of eight steps; fails where they need 5 % more than the stored baseline."""
    if shutil.which("valgrind") is None:
        session.skip("valgrind is not installed")
    # Without the extra `fast`: how fast JSON is read is not ours. In `tests` is the event loop with virtual time.
    install(session, "test")
    session.run("python", "-m", "benchmarks.instructions", *session.posargs)


@nox.session(python=OLDEST)
def profile(session: nox.Session) -> None:
    """Draw a flame graph of each step that `instructions` counts, into benchmarks/profiles; `-- run batch` chooses."""
    install(session, "test")
    session.install("py-spy>=0.4")
    folder = Path("benchmarks", "profiles")
    folder.mkdir(exist_ok=True)
    for row in session.posargs or ("import", "params", "submit", "poll", "run", "run_file", "batch", "resume"):
        graph = folder / f"{row}.svg"
        sampled = ("py-spy", "record", "--rate=500", "--nolineno", "-o", str(graph), "--")
        session.run(*sampled, "python", "-m", "benchmarks.counted", "--repeat", row, "100")
        # It tells how it was called, and so where this machine keeps it.
        graph.write_text(graph.read_text().replace(f"{session.bin}{os.sep}", ""))


@nox.session(python=OLDEST)
def simulate(session: nox.Session) -> None:
    """Play drawn histories against the laws of money; `-- --seed N --histories N --shared`."""
    install(session, "test", extras=EXTRAS)
    session.run("python", "-m", "tests.simulation", *session.posargs)


@nox.session(python=OLDEST, name="soak-simulate")
def soak_simulate(session: nox.Session) -> None:
    """Play 50,000 histories, and 3,000 of several processes; it goes on with `-- --seed N` where it was stopped."""
    install(session, "test", extras=EXTRAS)
    session.run("python", "-m", "tests.simulation", "--seed=1001", "--histories=50000", *session.posargs)
    if not session.posargs:
        session.run("python", "-m", "tests.simulation", "--shared", "--seed=1001", "--histories=3000")


@nox.session(python=OLDEST, name="soak-kills")
def soak_kills(session: nox.Session) -> None:
    """Kill processes a thousand times, in the middle of everything."""
    soak_tests(session, "tests/soak/test_kills.py")


@nox.session(python=OLDEST, name="soak-storms")
def soak_storms(session: nox.Session) -> None:
    """Run the other tests of full size: storms, outages and downloads."""
    soak_tests(session, "--ignore=tests/soak/test_kills.py")


@nox.session(python=OLDEST, name="soak-laws")
def soak_laws(session: nox.Session) -> None:
    """Run the property tests with many more examples."""
    install(session, "test", extras=EXTRAS)
    session.run(*PYTEST, "--hypothesis-profile=soak", "--timeout=1800", "tests/laws")


@nox.session(python=OLDEST)
def soak(session: nox.Session) -> None:
    """Run all soak sessions."""
    for name in ("soak-kills", "soak-storms", "soak-laws", "soak-simulate"):
        session.notify(name)


def soak_tests(session: nox.Session, *words: str) -> None:
    """Run tests of full size."""
    install(session, "test", extras=EXTRAS)
    session.run("pytest", "-m", "soak", "--timeout=3600", *words, *session.posargs)
