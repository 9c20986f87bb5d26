"""The rules of the house that a program can check, so that they cannot rot."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MODULES = sorted(
    p
    for folder in ("core", "bot")
    for p in (ROOT / folder).rglob("*.py")
    if p.name != "__init__.py"
)
MAX_LINES = 300
MAX_FUNCTION = 50
SQL_MAY_BE_IN = (
    "core/db", "core/engines.py", "core/engine_postgres.py", "core/addresses.py", "core/schema", "core/events.py", "core/outbox.py", "core/lock.py",
    "core/migrate.py", "core/migrations/", "core/tickets/", "core/placements.py",
    "core/gatherings.py", "core/maintenance.py", "core/requests.py", "core/people.py", "core/settings.py",
    "core/monitor.py", "core/channels.py", "core/reconcile.py", "core/rehearsal.py",
    "core/diagnosis/evidence_records.py", "core/diagnosis/store.py", "core/diagnosis/rows.py", "core/diagnosis/looks.py", "core/diagnosis/calls.py", "core/diagnosis/budget.py", "core/diagnosis/retention.py", "core/runs/store.py", "core/runs/harm.py", "core/runs/artefacts.py",
    "core/chaos/schedule.py", "core/chaos/sightings.py",
)  # fmt: skip


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]


def test_modules_open_with_a_sentence_on_their_duty() -> None:
    silent = [name(p) for p in MODULES if not ast.get_docstring(ast.parse(p.read_text()))]

    assert [p for p in silent if "migrations/env" not in p] == []


def test_modules_stay_short_enough_to_be_read() -> None:
    long = {name(p): n for p in MODULES if (n := len(p.read_text().splitlines())) > MAX_LINES}

    assert long == {}


def test_functions_stay_short_enough_to_be_read() -> None:
    long = {
        f"{name(p)}:{f.name}": size
        for p in MODULES
        for f in functions(ast.parse(p.read_text()))
        # Lists of declarations: columns of tables, metrics by name.
        if not name(p).startswith(("core/migrations/versions", "core/metrics.py"))
        and (size := (f.end_lineno or 0) - f.lineno + 1) > MAX_FUNCTION
    }

    assert long == {}


def test_package_files_are_empty() -> None:
    """import-linter does not see the side effects of a package file."""
    full = [name(p) for folder in ("core", "bot") for p in (ROOT / folder).rglob("__init__.py")]

    assert [p for p in full if (ROOT / p).read_text().strip()] == []


def test_no_package_files_under_tests() -> None:
    assert list((ROOT / "tests").rglob("__init__.py")) == []


def test_sql_is_only_in_stores() -> None:
    def speaks_sql(path: Path) -> bool:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import) and any(a.name == "sqlalchemy" for a in node.names):
                return True
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("sqlalchemy"):
                return True
        return False

    speaking = [name(p) for p in MODULES if speaks_sql(p)]
    # The renderer tells a database error from its own, and says no SQL.
    assert [p for p in speaking if not p.startswith(SQL_MAY_BE_IN) and p != "bot/render.py"] == []


def test_the_project_speaks_of_itself_alone() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    forbidden = ("/wo" + "rk/", "/ro" + "ot/.", "/fa" + "rm/", "bash_" + "jobs")
    guilty = []
    for path in listed:
        file = ROOT / path
        if file.suffix in (".png", ".lock") or not file.is_file():
            continue
        text = file.read_text("utf-8", errors="replace")
        guilty += [f"{path}: {word}" for word in forbidden if word in text]

    assert guilty == []


def _imported(statement: str) -> set[str]:
    asked = f"import sys; {statement}; print(' '.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "late",
    [
        *("anthropic", "docker", "alembic", "asyncpg", "matplotlib", "apscheduler", "httpx"),
        "sqlalchemy.orm",
    ],
)
def test_what_is_slow_to_import_is_imported_where_it_is_used(late: str) -> None:
    assert late not in _imported("import bot.wiring; from bot.cli.app import program; program()")


def test_the_twin_and_the_local_workspace_stand_alone() -> None:
    twin = {m for m in _imported("import core.twin.cluster") if m.startswith(("core", "bot"))}
    local = {m for m in _imported("import bot.local.server") if m.startswith(("core", "bot"))}

    assert {m for m in twin if not m.startswith("core.twin")} == {"core"}
    assert {m for m in local if not m.startswith("bot.local")} == {"bot"}
