"""Write the tree of docs/architecture.md from the rooms' own first sentences: ``python docs/_site/architecture_tree.py``."""

import ast
import re
from pathlib import Path

PAGE = Path(__file__).parent.parent / "architecture.md"
PACKAGE = Path(__file__).parent.parent.parent / "ttscale"
BEGIN, END = "<!-- The rooms, written by docs/_site/architecture_tree.py -->\n", "<!-- end of the rooms -->"


def reference() -> str:
    """Return the page with the tree as the package has it now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    return "".join([before, BEGIN, "\n```text\n", *_rooms(PACKAGE, 0), "```\n\n", END, after])


def _rooms(folder: Path, depth: int) -> list[str]:
    """Return lines for a folder: what it is, then the folders inside it; at the top the modules that stand alone, too."""
    rooms = sorted(path for path in folder.iterdir() if (path / "__init__.py").is_file())
    lines = [_line(f"{folder.name}/", folder / "__init__.py", depth)]
    lines += [line for room in rooms for line in _rooms(room, depth + 1)]
    if depth == 0:
        lines += [_line(path.name, path, 1) for path in sorted(folder.glob("[!_]*.py"))]
    return lines


def _line(name: str, module: Path, depth: int) -> str:
    said = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8"))) or ""
    first = re.split(r"\n\n|(?<=[.?!])\s", said, maxsplit=1)[0]
    return f"{'    ' * depth + name:<24} {' '.join(first.split()).rstrip('.')}\n"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
