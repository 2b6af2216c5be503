"""What can be run: `nox -s tests`, lint, typing, docs, bench, soak. Sessions skip interpreters that are missing."""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.5"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "typing", "tests", "docs"]
nox.options.default_venv_backend = "uv|virtualenv"

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)


def install(session: nox.Session, *groups: str, extras: str = "") -> None:
    """Install the project with some extras, and dependency groups beside it."""
    packages = [package for group in groups for package in nox.project.dependency_groups(PROJECT, group)]
    session.install(f".{extras}", *packages)


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The whole suite; on the oldest Python also, without orjson, what could notice. Warnings are errors.

    Arguments go to pytest.
    """
    install(session, "test", extras="[demo,fast,otel]")
    is_between = session.python not in (PYTHONS[0], PYTHONS[-1])  # what neither end notices, a Python between will not
    session.run("pytest", *PARALLEL, *(["--ignore=tests/laws"] if is_between else []), *session.posargs)
    if session.python != PYTHONS[0]:
        return
    uninstall = ("uv", "pip", "uninstall") if session.venv_backend == "uv" else ("pip", "uninstall", "-y")
    session.run_install(*uninstall, "orjson", silent=True)
    session.run("pytest", *PARALLEL, *(session.posargs or PARSER_TESTS))


PARALLEL = ("-n", "4", "--dist", "worksteal")
"""Two workers for each of two cores: half of the time a test waits for a server, a disk or another process."""
PARSER_TESTS = [
    *(f"tests/laws/test_{law}.py" for law in ("json_laws", "replies", "journal_laws")),
    *("tests/params", "tests/root", "tests/wire", "tests/pool/test_pool.py", "tests/submitting"),
]
"""The edges never meet a parser of their own, and what the core does with one is seen in these."""


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Style and format."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session(python=PYTHONS[0])
def typing(session: nox.Session) -> None:
    """Mypy --strict and pyright over the package and the public types in use; mypy over tests and benchmarks."""
    install(session, "test", "typing", extras="[demo,fast,otel]")
    session.run("mypy", "evolink_async", "tests", "benchmarks")
    session.run("pyright")


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    """Build the pages; a warning is an error, and so is a sample that does not run."""
    install(session, "docs", extras="[demo,otel]")
    session.run("sphinx-build", "-W", "-q", "-b", "doctest", "docs", "docs/_build/doctest")
    session.run("sphinx-build", "-W", "-q", "-b", "html", "docs", "docs/_build/html")


@nox.session(python=PYTHONS[0])
def bench(session: nox.Session) -> None:
    """Speed, beside rivals in the same run; see `--help`. With `micro` first, pytest-benchmark over the small steps."""
    install(session, "bench", extras="[demo,fast]")
    if session.posargs[:1] == ["micro"]:
        session.run("pytest", "-c", "benchmarks/pytest.ini", "benchmarks/test_micro.py", *session.posargs[1:])
    else:
        session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session(python=PYTHONS[0])
def soak(session: nox.Session) -> None:
    """The promises at full size, and the laws with twenty times as many examples."""
    install(session, "test", extras="[demo,fast,otel]")
    session.run("pytest", "-m", "soak", "--timeout=1800", *session.posargs)
    session.run("pytest", "-n", "2", "--hypothesis-profile=soak", "--timeout=1800", "tests/laws")
