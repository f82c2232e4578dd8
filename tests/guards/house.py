"""The house's rules, read off the syntax of the tree: each a function from a file to what is wrong in it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ["config", "portal", "cases", "billing", "agents"]
WIRING = {"config/urls.py", "config/asgi.py", "config/celery.py"}
POWERS = {
    "auditlog": {"config/security/audit.py", "portal/models/access_trail.py"},
    "cryptography": {"config/security/crypto.py", "config/security/streams.py"},
    "httpx": {"config/integrations/http.py"},
    "requests": set(),
    "smtplib": {"config/integrations/mail.py"},
    "urllib.request": {"config/demo.py"},
    "socket": {"config/integrations/scanner.py", "config/integrations/deadline.py", "config/demo.py"},
    "django.utils.safestring.mark_safe": set(),
    "channels.layers": {"config/security/consumers.py", "cases/live.py"},
}
SURFACES = {"views", "consumers", "webhooks", "api", "admin"}
MANAGER_WRITES = {
    "create",
    "bulk_create",
    "update",
    "bulk_update",
    "delete",
    "get_or_create",
    "update_or_create",
}
ROW_WRITES = {"save", "delete"}
NOT_ROWS = {"session", "form", "super()", "formset"}
MOST_LINES, MOST_FUNCTION_LINES = 400, 50


@dataclass(frozen=True)
class Source:
    """A file of ours: its path in the repository and its syntax."""

    path: str
    tree: ast.Module
    lines: int

    @property
    def app(self) -> str:
        return self.path.split("/")[0]

    @property
    def parts(self) -> set[str]:
        return set(Path(self.path).with_suffix("").parts)


def source(path: str, text: str) -> Source:
    return Source(path, ast.parse(text), text.count("\n"))


def sources() -> Iterator[Source]:
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                yield source(path.relative_to(ROOT).as_posix(), path.read_text())


def imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def right_imports(file: Source) -> list[str]:
    """Imports of an app that stands to the right."""
    if file.path in WIRING:
        return []
    right = set(APPS[APPS.index(file.app) + 1 :])
    return [f"{file.path}:{line} {name}" for name, line in imports(file.tree) if name.split(".")[0] in right]


def stray_powers(file: Source) -> list[str]:
    """Imports of a package that one module alone may know."""
    if file.path.startswith("config/sandbox/"):
        return []
    return [
        f"{file.path}:{line} {name}"
        for name, line in imports(file.tree)
        for power, holders in POWERS.items()
        if (name == power or name.startswith(f"{power}.")) and file.path not in holders
    ]


def heavy_leaves(file: Source) -> list[str]:
    """Leaves import nothing of ours but the floor."""
    if Path(file.path).name not in ("signals.py", "access.py"):
        return []
    top = ast.Module([node for node in file.tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    return [f"{file.path}:{line} {name}" for name, line in imports(top) if name.split(".")[0] in APPS[1:]]


def writing_surfaces(file: Source) -> list[str]:
    """Surfaces parse, call a rule and answer; they never write."""
    if not file.parts & SURFACES or file.app == "config":
        return []
    calls = [node for node in ast.walk(file.tree) if isinstance(node, ast.Call)]
    return [f"{file.path}:{call.lineno} {ast.unparse(call.func)}" for call in calls if _writes(call.func)]


def _writes(called: ast.expr) -> bool:
    if not isinstance(called, ast.Attribute):
        return False
    owner = ast.unparse(called.value)
    if called.attr in MANAGER_WRITES and ".objects" in owner:
        return True
    return called.attr in ROW_WRITES and owner.split(".")[-1] not in NOT_ROWS


def model_signals(file: Source) -> list[str]:
    """Business does not hang on saves."""
    if file.app == "config":
        return []
    found = [pair for pair in imports(file.tree) if pair[0].startswith("django.db.models.signals")]
    return [f"{file.path}:{line} {name}" for name, line in found]


def long_things(file: Source) -> list[str]:
    """Files over 400 lines, functions over 50."""
    long = [f"{file.path}: {file.lines} lines"] if file.lines > MOST_LINES else []
    for node in ast.walk(file.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno
            if length > MOST_FUNCTION_LINES:
                long.append(f"{file.path}:{node.lineno} {node.name}: {length} lines")
    return long


def prints(file: Source) -> list[str]:
    """Output goes through the log or a command's own streams."""
    calls = [node for node in ast.walk(file.tree) if isinstance(node, ast.Call)]
    return [
        f"{file.path}:{call.lineno} print"
        for call in calls
        if isinstance(call.func, ast.Name) and call.func.id == "print" and file.path not in SPEAKERS
    ]


SPEAKERS = {"config/bootstrap.py", "config/demo.py", "config/supervise.py"}


def foreign_days(file: Source) -> list[str]:
    """Days come from config.business_day: of themselves they are those of UTC, or of the machine."""
    calls = [node for node in ast.walk(file.tree) if isinstance(node, ast.Call)]
    return [
        f"{file.path}:{call.lineno} {ast.unparse(call.func)}"
        for call in calls
        if ast.unparse(call.func).endswith(DAYS_OF_UTC)
    ]


DAYS_OF_UTC = ("localdate", "localtime", "date.today", "datetime.today", "now().date")
