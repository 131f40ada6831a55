"""The shape of the tree: rooms import one way, modules say their place, files are named after their idea."""

import ast
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PORTS = {"bus", "index", "blobs", "access"}

# What each room may import besides itself (docs of the rooms: their __init__.py).
MAY_IMPORT: dict[str, set[str]] = {
    "schemas": set(),
    "disk": {"schemas"},
    "bus": {"schemas", "disk"},
    "index": {"schemas", "disk"},
    "blobs": {"schemas", "disk"},
    "access": {"schemas", "disk"},
    "ingest": {"schemas", *PORTS},
    "query": {"schemas", *PORTS},
    "processors": {"schemas", "disk", *PORTS, "ingest", "query"},
    "gateway": {"schemas", *PORTS, "ingest", "query"},
}
MAY_IMPORT["strandline"] = set(MAY_IMPORT)

# Engines are named in the composition root alone; everywhere else the port's contract is enough.
ENGINES = ("bus.local", "bus.kafka", "index.sqlite", "index.cassandra", "blobs.local", "blobs.s3")

# Web frameworks and servers stay at the edge.
HTTP_ONLY = ("fastapi", "starlette", "granian")

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}


def modules(room: str) -> list[Path]:
    return sorted((ROOT / room).rglob("*.py"))


ALL_MODULES = [path for room in MAY_IMPORT for path in modules(room)]
SOURCES = [*ALL_MODULES, *modules("tests"), *modules("bench")]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0]


def imports(path: Path) -> Iterator[str]:
    """Full names of everything that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import stays in its room; its full name is not needed to tell.
            yield from (f"{node.module}.{alias.name}" for alias in node.names if not node.level)


def test_imports_point_one_way() -> None:
    assert [
        f"{name(path)} imports {imported}"
        for path in ALL_MODULES
        for imported in imports(path)
        if (other := imported.partition(".")[0]) in MAY_IMPORT
        and other not in {room_of(path), *MAY_IMPORT[room_of(path)]}
    ] == []


def test_only_the_composition_root_names_engines() -> None:
    assert [
        f"{name(path)} imports {imported}"
        for path in ALL_MODULES
        for imported in imports(path)
        for engine in ENGINES
        if f"{imported}.".startswith(f"{engine}.")
        and room_of(path) not in ("strandline", engine.partition(".")[0])
    ] == []


def test_http_stays_at_the_edge() -> None:
    assert [
        f"{name(path)} imports {imported}"
        for path in ALL_MODULES
        for imported in imports(path)
        if imported.partition(".")[0] in HTTP_ONLY and room_of(path) not in ("gateway", "strandline")
    ] == []


def test_every_module_says_its_place_first() -> None:
    assert [name(path) for path in SOURCES if not says_its_place(path)] == []


def says_its_place(path: Path) -> bool:
    text = path.read_text(encoding="utf-8")
    if not text and path.name == "__init__.py" and room_of(path) == "tests":
        return True
    docstring = ast.get_docstring(ast.parse(text)) or ""
    return bool(docstring.partition("\n")[0].strip())


def test_files_are_named_after_one_idea() -> None:
    assert [name(path) for path in SOURCES if path.stem in VAGUE_NAMES] == []


def test_every_room_is_packaged() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packaged = {
        pattern.rstrip("*") for pattern in project["tool"]["setuptools"]["packages"]["find"]["include"]
    }
    assert set(MAY_IMPORT) <= packaged
    assert set(MAY_IMPORT) <= set(project["tool"]["mypy"]["packages"])


def test_every_target_of_the_makefile_is_listed_by_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = text.partition(".PHONY:")[2].splitlines()[0].split()
    described = {line.partition(":")[0] for line in text.splitlines() if "## " in line and ":" in line}
    assert set(phony) <= described
