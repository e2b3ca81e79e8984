"""Measure how the package is built: lengths, import circles, rooms that a question enters, names said twice.

python benchmarks/code_measures.py                 # of this tree
python benchmarks/code_measures.py ../another-tree # beside another one
python benchmarks/code_measures.py --list          # and what stands out, one line each
"""

import argparse
import ast
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parent.parent
LONG_FUNCTION, LONG_MODULE = 60, 400
OTHERS = {"main", "Options", "T", "Row", "logger"}
"""Names that every module may have its own of: entry points, options, type variables, a logger of its own name."""

OUTSIDE = (
    "ttscale.cli.",
    "ttscale.config.",
    "ttscale.store.",
    "ttscale.registry",
    "ttscale.errors",
    "ttscale.types",
)
"""The way in and out, which every question takes."""
BUDGET_TRIP = """
import sys
from ttscale.cli.main import run_cli
entered, FUNCTION = set(), 1
def importing(frame):
    while frame is not None:
        if frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__", "").startswith("ttscale."):
            return True
        frame = frame.f_back
    return False
def note(frame, event, argument):
    name = frame.f_globals.get("__name__", "")
    if event == "call" and name.startswith("ttscale.") and name not in entered:
        if frame.f_code.co_flags & FUNCTION and not importing(frame):
            entered.add(name)
sys.setprofile(note)
code = run_cli(sys.argv[1:])
sys.setprofile(None)
print(code, *sorted(entered), file=sys.stderr)
"""


@dataclass(frozen=True)
class Module:
    """A module of the package.

    Attributes:
        name: Dotted.
        path: Its file.
        lines: Of the file.
        tree: Its syntax.
    """

    name: str
    path: Path
    lines: int
    tree: ast.Module


def modules(root: Path) -> list[Module]:
    """Read every module of the package under `root`."""
    found = []
    for path in sorted((root / "ttscale").rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        name = ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__")
        found.append(Module(name, path, len(text.splitlines()), ast.parse(text)))
    return found


def functions(package: list[Module]) -> Iterator[tuple[int, str]]:
    """Yield the lines of every function, from `def` to its end, and its name."""
    for module in package:
        for node in ast.walk(module.tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield (node.end_lineno or node.lineno) - node.lineno + 1, f"{module.name}:{node.name}"


def imports(package: list[Module]) -> dict[str, set[str]]:
    """Return which modules each one imports, in functions too; not those for type checkers alone."""
    names = {module.name for module in package}
    graph: dict[str, set[str]] = {}
    for module in package:
        skipped = {id(inner) for guard in guards(module.tree) for inner in ast.walk(guard)}
        targets = set()
        for node in ast.walk(module.tree):
            if id(node) in skipped:
                continue
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                targets |= {
                    name if (name := f"{node.module}.{one.name}") in names else node.module
                    for one in node.names
                }
            elif isinstance(node, ast.Import):
                targets |= {one.name for one in node.names}
        graph[module.name] = (targets & names) - {module.name}
    return graph


def guards(tree: ast.Module) -> Iterator[ast.stmt]:
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            yield node


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the sets of modules that import each other, however indirectly (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph[name]):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            circle = [stack.pop()]
            while circle[-1] != name:
                circle.append(stack.pop())
            if len(circle) > 1:
                found.append(sorted(circle))

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 10 * len(graph)))
    for name in graph:
        if name not in index:
            visit(name)
    sys.setrecursionlimit(limit)
    return found


def said_twice(package: list[Module]) -> dict[str, list[str]]:
    """Return the private constants, aliases and functions that several modules define with the same words."""
    places: dict[str, list[str]] = defaultdict(list)
    for module in package:
        for node in module.tree.body:
            if (
                isinstance(node, ast.Assign)
                and len(node.targets) == 1
                and isinstance(node.targets[0], ast.Name)
            ):
                name = node.targets[0].id
            elif isinstance(node, ast.FunctionDef):
                name = node.name
            else:
                continue
            if name.startswith("__") or name in OTHERS:
                continue
            same = ast.dump(node) if isinstance(node, ast.FunctionDef) else ast.dump(node.value)
            if isinstance(node, ast.FunctionDef) or not isinstance(node.value, ast.Constant | ast.Tuple):
                places[f"{name}\0{same}"].append(module.name)
    return {f"{key.partition(chr(0))[0]}": where for key, where in places.items() if len(where) > 1}


def budget_rooms(root: Path) -> list[str]:
    """Return the modules whose functions a budget question over a scripted run calls, but for those around it."""
    support = ROOT / "tests" / "support"
    environment = {"PYTHONPATH": f"{root}:{support}", "PATH": "/usr/bin:/bin", "OPENBLAS_NUM_THREADS": "1"}
    config = (
        'model: {path: none, engine: "scripted:ScriptedSampler"}\ntask: {name: arithmetic, problems: 8}\n'
        "sampling: {n: 16}\nverifiers: [exact]\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "run.yaml").write_text(config, encoding="utf-8")
        make = [sys.executable, "-m", "ttscale", "run", "run.yaml", "--out", "run"]
        subprocess.run(make, cwd=folder, env=environment, check=True, capture_output=True)
        asked = ["budget", "run", "--target", "coverage=0.2", "--json"]
        told = subprocess.run(
            [sys.executable, "-c", BUDGET_TRIP, *asked],
            cwd=folder,
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
    code, *entered = told.stderr.splitlines()[-1].split()
    if code != "0":
        raise SystemExit(told.stderr)
    return [name for name in entered if not name.startswith(OUTSIDE)]


def measures(root: Path) -> tuple[dict[str, str], list[str]]:
    """Return the measures of a tree in words, and what stands out."""
    package = modules(root)
    lengths = sorted(functions(package), reverse=True)
    numbers = [lines for lines, _ in lengths]
    graph = imports(package)
    rounds = circles(graph)
    twice = said_twice(package)
    entered = budget_rooms(root)
    tests = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (root / "tests").rglob("*.py"))
    lines = sum(module.lines for module in package)
    long_functions = [f"{name}: {n} lines" for n, name in lengths if n > LONG_FUNCTION]
    long_modules = [
        f"{module.name}: {module.lines} lines" for module in package if module.lines > LONG_MODULE
    ]
    shown = {
        "modules": f"{len(package)}",
        "lines of the package": f"{lines:,}",
        "test lines per line": f"{tests / lines:.2f}",
        "functions": f"{len(numbers):,}",
        "median function": f"{median(numbers):g}",
        "90 % of functions": f"{quantiles(numbers, n=10)[-1]:g}",
        f"functions over {LONG_FUNCTION} lines": f"{len(long_functions)}",
        f"modules over {LONG_MODULE} lines": f"{len(long_modules)}",
        "modules in import circles, lazy ones too": f"{sum(map(len, rounds))}",
        "modules that a budget question enters": f"{len(entered)}",
        "rooms (folders) that those lie in": f"{len({name.rpartition('.')[0] for name in entered})}",
        "definitions said again elsewhere": f"{sum(len(where) - 1 for where in twice.values())}",
    }
    details = [
        *long_functions,
        *long_modules,
        *(f"circle: {', '.join(circle)}" for circle in rounds),
        *(f"{name}: {', '.join(where)}" for name, where in twice.items()),
        f"a budget question enters: {', '.join(entered)}",
    ]
    return shown, details


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("others", nargs="*", type=Path, help="other trees to measure, the oldest first")
    parser.add_argument("--list", action="store_true", help="also print what stands out in this tree")
    arguments = parser.parse_args()
    columns = [measures(root.resolve()) for root in (*arguments.others, ROOT)]
    print("| measure | " + " | ".join([*(root.name for root in arguments.others), "here"]) + " |")
    print("| --- |" + " ---: |" * len(columns))
    for name in columns[-1][0]:
        print(f"| {name} | " + " | ".join(shown[name] for shown, _ in columns) + " |")
    if arguments.list:
        print("", *columns[-1][1], sep="\n")


if __name__ == "__main__":
    main()
