"""What the code must not do, as small checkers: each is given one file and yields what it finds wrong."""

import ast
import re
from dataclasses import dataclass
from functools import cached_property

from django.conf import settings

ROOTS = ("hopper", "instances", "projects", "tasks", "routing", "feedback", "sync")
NOT_PRODUCT = {"tests", "migrations"}
LONGEST_FILE = 400
LONGEST_FUNCTION = 40
VAGUE_NAMES = {"utils", "util", "helpers", "services", "managers", "misc"}
WRITES = {"save", "delete", "update", "bulk_create", "bulk_update", "create", "get_or_create", "update_or_create"}
ONLY_ON_MANAGERS = {"create", "get_or_create", "update_or_create"}
WRITING_SQL = re.compile(r"\s*(INSERT INTO|UPDATE \S+ SET|DELETE FROM)\b")
MAY_WRITE = re.compile(r"(^|/)operations(\.py|/)|^hopper/common/(keys\.py|db/)")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Source:
    """One file of product code; `path` counts from the checkout."""

    path: str
    text: str

    @cached_property
    def nodes(self):
        return list(ast.walk(ast.parse(self.text)))

    @property
    def imports(self):
        """Yield `(line, dotted name)` of each module, and of each name taken from it."""
        for node in self.nodes:
            if isinstance(node, ast.Import):
                yield from ((node.lineno, name.name) for name in node.names)
            elif isinstance(node, ast.ImportFrom):
                yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def product_code():
    """Return every file of product code."""
    files = [file for root in ROOTS for file in sorted((settings.BASE_DIR / root).rglob("*.py"))]
    paths = [(file.relative_to(settings.BASE_DIR), file) for file in files]
    return [
        Source(path.as_posix(), file.read_text())
        for path, file in paths
        if not NOT_PRODUCT & set(path.parts) and path.as_posix() != "hopper/testing.py"
    ]


def no_writes_outside_operations(source):
    """Rows are written by operations, the event log and API keys alone; SQL that writes lives in common/db."""
    if MAY_WRITE.search(source.path):
        return
    for node in source.nodes:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _writes(node):
            yield node.lineno, ast.unparse(node.func)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and WRITING_SQL.match(node.value):
            yield node.lineno, node.value


def _writes(call):
    owner, verb = ast.unparse(call.func.value), call.func.attr.removeprefix("a")
    if verb not in WRITES or owner in ("self", "cls", "super()"):
        return False
    if verb == "update":
        return not call.args  # a dict, a set or a digest is updated with an argument; rows by keywords alone
    return verb not in ONLY_ON_MANAGERS or "objects" in owner or "_manager" in owner


def no_vendor_outside_common_db(source):
    """What differs between the databases is told apart under hopper/common/db/ alone."""
    if source.path.startswith("hopper/common/db/"):
        return
    for node in source.nodes:
        if isinstance(node, ast.Attribute) and node.attr == "vendor":
            yield node.lineno, ast.unparse(node)


def no_signals(source):
    """Nothing happens behind a save: events and operations say what follows."""
    for line, name in source.imports:
        if name.startswith(("django.db.models.signals", "django.dispatch")):
            yield line, name


def no_catch_all(source):
    """Errors are caught by name; who cleans up after anything at all raises it again."""
    for node in source.nodes:
        if isinstance(node, ast.ExceptHandler) and _catches_all(node.type) and not _raises_again(node):
            yield node.lineno, "except Exception"


def _raises_again(handler):
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _catches_all(kind):
    if isinstance(kind, ast.Tuple):
        return any(_catches_all(one) for one in kind.elts)
    return kind is None or (isinstance(kind, ast.Name) and kind.id in ("Exception", "BaseException"))


def no_vague_module(source):
    """A module is named by what is in it."""
    for part in source.path.removesuffix(".py").split("/"):
        if part in VAGUE_NAMES:
            yield 1, part


def no_long_file(source):
    """A file that grows past 400 lines is two files."""
    length = len(source.text.splitlines())
    if length > LONGEST_FILE:
        yield length, f"{length} lines"


def no_long_function(source):
    """A function fits on a screen: 40 lines with signature and docstring."""
    for node in source.nodes:
        if isinstance(node, FUNCTIONS) and node.end_lineno - node.lineno + 1 > LONGEST_FUNCTION:
            yield node.lineno, f"{node.name} has {node.end_lineno - node.lineno + 1} lines"


READS_RULES = ("routing/policy/rules.py", "routing/policy/conditions.py")


def no_django_while_thinking(source):
    """Policy and learning know no rows, no settings and no clock; what reads rules may raise ValidationError."""
    if not source.path.startswith(("routing/policy/", "routing/learning/")):
        return
    allowed = ("django.core.exceptions.",) if source.path in READS_RULES else ()
    for line, name in source.imports:
        if name.startswith("django.") and not name.startswith(allowed or ("\0",)):
            yield line, name


RULES = [
    no_writes_outside_operations,
    no_vendor_outside_common_db,
    no_signals,
    no_catch_all,
    no_vague_module,
    no_long_file,
    no_long_function,
    no_django_while_thinking,
]


def findings(rule, sources):
    """Return one line for each place where a source breaks the rule."""
    return [f"{source.path}:{line} {what}" for source in sources for line, what in rule(source)]
