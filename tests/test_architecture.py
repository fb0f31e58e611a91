"""The house rules of DESIGN.md section 3, held by reading every import in the source."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE_FOLDERS = ("backend", "shared", "blender_addon", "installer")
MOST_LINES = 500

# a part may import parts of its own rank and below, never above; parts of one rank may not import each other in a ring
RANKS = {
    "shared": 0,
    "nerf": 1,
    "head": 1,
    "networks": 1,
    "weights": 1,
    "capture": 2,
    "compositing": 2,
    "avatars": 3,
    "motion": 3,
    "meshing": 3,
    "people": 3,
    "training": 3,
    "evaluation": 3,
    "server": 4,
    "farm": 4,
    "doctor": 4,
    "allocator": 1,
    "blenders": 1,
    "terminal": 4,
    "arguments": 4,
    "cli": 5,
    "__main__": 6,
}
BLENDER_MODULES = {
    "addon_utils",
    "aud",
    "bl_ext",
    "bl_ui",
    "blf",
    "bmesh",
    "bpy",
    "bpy_extras",
    "gpu",
    "gpu_extras",
    "idprop",
    "imbuf",
    "mathutils",
}
THREADING = {"threading", "_thread", "concurrent", "multiprocessing", "asyncio"}
NETWORK = {"socket", "ssl", "http", "urllib", "ftplib", "zmq", "requests"}
UNSAFE_MODULES = {"pickle", "shelve", "marshal", "pip", "ensurepip", "runpy", "code"}
VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "misc", "common", "stuff"}


def sources(folder: str) -> list[Path]:
    """Python files of a top-level folder that belong to it (links lead to another folder's files)."""
    return sorted(
        path
        for path in (ROOT / folder).rglob("*.py")
        if not any(parent.is_symlink() for parent in (path, *path.parents) if parent != ROOT and ROOT in parent.parents)
    )


def imported(path: Path) -> Iterator[tuple[str, ...]]:
    """Absolute dotted names, as tuples, of everything a file imports, ``from a import b`` as a.b."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            base += tuple(node.module.split(".")) if node.module else ()
            yield from ((*base, alias.name) for alias in node.names)


def part_of(name: tuple[str, ...]) -> str | None:
    """The part of the house that a dotted name belongs to, or ``None`` for anything from outside."""
    if name[0] == "shared":
        return "shared"
    if name[0] == "backend" and len(name) > 1:
        return name[1]
    return None


def imports_between_parts() -> Iterator[tuple[Path, str, str]]:
    """(file, its part, the part it imports) for every import between two parts of the backend."""
    for folder in ("backend", "shared"):
        for path in sources(folder):
            parts = path.relative_to(ROOT).with_suffix("").parts
            here = part_of(parts)
            if here is None or here == "__init__":
                continue
            for name in imported(path):
                there = part_of(name)
                if there is not None and there != here:
                    yield path, here, there


def test_every_part_has_a_rank() -> None:
    found = (part_of(path.relative_to(ROOT).with_suffix("").parts) for path in sources("backend"))
    parts = {part for part in found if part and part != "__init__"}
    assert parts <= set(RANKS), f"give these parts a rank in RANKS: {sorted(parts - set(RANKS))}"


def test_nothing_points_back() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} ({here}) imports {there}"
        for path, here, there in imports_between_parts()
        if RANKS.get(there, 99) > RANKS[here]
    ]
    assert not wrong, "\n".join(wrong)


def test_no_rings_between_parts() -> None:
    graph: dict[str, set[str]] = {}
    for _, here, there in imports_between_parts():
        graph.setdefault(here, set()).add(there)
    done: set[str] = set()

    def visit(part: str, way: tuple[str, ...]) -> None:
        assert part not in way, f"parts import each other in a ring: {' -> '.join((*way, part))}"
        if part not in done:
            for neighbour in sorted(graph.get(part, ())):
                visit(neighbour, (*way, part))
            done.add(part)

    for part in sorted(graph):
        visit(part, ())


def test_shared_needs_only_the_standard_library_numpy_and_pyzmq() -> None:
    allowed = set(sys.stdlib_module_names) | {"numpy", "zmq", "shared"}
    wrong = [
        f"{path.name}: {'.'.join(name)}"
        for path in sources("shared")
        for name in imported(path)
        if name[0] not in allowed
    ]
    assert not wrong, wrong


def test_the_extension_needs_only_blender_numpy_and_pyzmq() -> None:
    # blender_addon.* comes from relative imports; `shared` by that name exists only in a checkout
    allowed = set(sys.stdlib_module_names) | BLENDER_MODULES | {"numpy", "zmq", "blender_addon"}
    wrong = [
        f"{path.relative_to(ROOT)}: {'.'.join(name)}"
        for path in sources("blender_addon")
        for name in imported(path)
        if name[0] not in allowed
    ]
    assert not wrong, wrong


def test_the_extension_imports_itself_relatively() -> None:
    wrong = []
    for path in sources("blender_addon"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            wrong += [f"{path.relative_to(ROOT)}: {name}" for name in names if name.split(".")[0] == "blender_addon"]
    assert not wrong, wrong


def test_the_core_of_the_extension_knows_no_blender() -> None:
    wrong = [
        f"{path.name}: {'.'.join(name)}"
        for path in sources("blender_addon/core")
        for name in imported(path)
        if name[0] in BLENDER_MODULES
    ]
    assert not wrong, wrong


def test_only_the_core_of_the_extension_touches_the_network() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {'.'.join(name)}"
        for path in sources("blender_addon")
        for name in imported(path)
        if name[0] in NETWORK and "core" not in path.relative_to(ROOT).parts
    ]
    assert not wrong, wrong


@pytest.mark.parametrize("folder", ["blender_addon", "shared"])
def test_no_threads_and_nothing_unsafe_inside_blender(folder: str) -> None:
    wrong = []
    for path in sources(folder):
        where = path.relative_to(ROOT)
        wrong += [
            f"{where}: imports {name[0]}"
            for name in imported(path)
            if name[0] in THREADING | UNSAFE_MODULES | {"torch"}
        ]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in ("eval", "exec", "__import__")
            ):
                wrong.append(f"{where}:{node.lineno}: {node.func.id}()")
            if (
                isinstance(node, ast.Attribute)
                and isinstance(node.value, ast.Name)
                and (node.value.id, node.attr) == ("sys", "path")
            ):
                wrong.append(f"{where}:{node.lineno}: sys.path")
            if isinstance(node, ast.Constant) and node.value == "pip":
                wrong.append(f"{where}:{node.lineno}: runs pip")
    assert not wrong, "\n".join(wrong)


def test_no_file_is_too_long() -> None:
    files = [path for folder in (*SOURCE_FOLDERS, "tests") for path in sources(folder)] + [ROOT / "install.py"]
    wrong = {
        str(path.relative_to(ROOT)): count
        for path in files
        if path.exists() and (count := len(path.read_text(encoding="utf-8").splitlines())) > MOST_LINES
    }
    assert not wrong, f"longer than {MOST_LINES} lines: {wrong}"


def test_files_are_named_for_what_they_hold() -> None:
    wrong = [
        str(path.relative_to(ROOT))
        for folder in SOURCE_FOLDERS
        for path in sources(folder)
        if VAGUE_NAMES & set(path.relative_to(ROOT).with_suffix("").parts)
    ]
    assert not wrong, wrong
