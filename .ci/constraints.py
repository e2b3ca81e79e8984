"""Write constraints/EXTRA.txt: the versions that the tests ran with, of everything that an extra brings.

    python .ci/constraints.py            # in the environment in which the tests passed
    python .ci/constraints.py --check    # write nothing; say which files would change their packages (not their versions)

    pip install -c constraints/cpu.txt '.[cpu]'

An extra of which a package is not installed here (stock vLLM, where there is no GPU) gets no file.
"""

import argparse
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "constraints"
HEAD = "# What the tests ran with; written by `make constraints`.\n"


def required(texts: Iterable[str], extras: Iterable[str] = ()) -> Iterator[Requirement]:
    """Yield the requirements that hold on this machine, with some extras."""
    for text in texts:
        requirement = Requirement(text)
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def closure(project: dict[str, list[str]], extra: str) -> dict[str, str]:
    """Return package -> installed version of all that an extra needs.

    Raises:
        PackageNotFoundError: One is not installed.
    """
    todo = list(required([*project[""], *project[extra]]))
    found: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    while todo:
        requirement = todo.pop()
        name = canonicalize_name(requirement.name)
        if name == "ttscale":
            todo += [each for own in requirement.extras for each in required(project[own])]
            continue
        for wanted in ("", *sorted(requirement.extras)):
            if (name, wanted) not in seen:
                seen.add((name, wanted))
                package = distribution(requirement.name)
                found[name] = Version(package.version).public
                todo += required(package.requires or (), (wanted,))
    return found


def main() -> None:
    """Write the files, or compare them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    described = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    project = {"": described["dependencies"], **described["optional-dependencies"]}
    stale = []
    for extra in filter(None, project):
        try:
            versions = closure(project, extra)
        except PackageNotFoundError as error:
            print(f"{extra}: {error.name} is not installed here; no file.", file=sys.stderr)
            continue
        path = FOLDER / f"{extra}.txt"
        lines = [f"{name}=={version}" for name, version in sorted(versions.items())]
        if options.check:
            listed = path.read_text().splitlines()[1:] if path.exists() else []
            if [line.partition("==")[0] for line in listed] != sorted(versions):
                stale.append(extra)
        else:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(HEAD + "".join(f"{line}\n" for line in lines))
    if stale:
        sys.exit(
            f"constraints of {', '.join(stale)} name other packages than are installed; run `make constraints`."
        )


if __name__ == "__main__":
    main()
