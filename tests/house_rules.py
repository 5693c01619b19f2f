"""What `make lint` asks that no tool asks: sizes, and nothing in the repository that belongs to one machine.

python -m tests.house_rules
"""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
LONGEST_FUNCTION: Final = 60
LONGEST_FILE: Final = {".py": 500, ".js": 300, ".mjs": 300, ".sh": 200}

# In pieces, so that this file does not find itself.
_FOREIGN: Final = re.compile(
    "|".join(
        [
            r"/" + r"work/",
            r"/" + r"tmp/[a-z]/",
            r"/" + r"root/",
            r"/home/[a-z]+/",
            "registry" + r"\.npmjs",
            "pypi" + r"\.org",
            "python" + r"hosted\.org",
            "deb" + r"\.debian\.org",
        ]
    )
)


def tracked_files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def complaints(path: Path) -> Iterator[str]:
    try:
        text = path.read_text()
    except UnicodeDecodeError:
        return  # a picture
    lines = text.splitlines()
    name = path.relative_to(ROOT)
    for number, line in enumerate(lines, 1):
        found = _FOREIGN.search(line)
        if found:
            yield f"{name}:{number}: {found.group()!r} belongs to one machine"
    limit = LONGEST_FILE.get(path.suffix)
    if limit is not None and len(lines) > limit and "migrations" not in path.parts:
        yield f"{name}: {len(lines)} lines, at most {limit}: divide it"
    if path.suffix == ".py":
        yield from long_functions(text, str(name))


def long_functions(source: str, name: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length >= LONGEST_FUNCTION:
                yield f"{name}:{node.lineno}: {node.name}() has {length} lines, at most {LONGEST_FUNCTION - 1}"


def main() -> int:
    found = [complaint for path in tracked_files() for complaint in complaints(path)]
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
