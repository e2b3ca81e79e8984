"""No program has more processes and threads at once than it may, however it is confined; honest ones have those that they need."""

from pathlib import Path

import pytest
from confined_ways import WAYS, found_in
from forking_programs import BOMBS, HONEST

from ttscale.execution.sandbox import find_sandbox

pytestmark = pytest.mark.skipif(not find_sandbox().available, reason="bubblewrap does not work here")

SCRIPT = Path(__file__).parents[1] / "support" / "forking_programs.py"


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", [*BOMBS, *HONEST])
def test_processes_are_limited_and_honest_programs_have_enough(way: str, name: str) -> None:
    found = found_in(way, SCRIPT)
    assert found.get(name, found).__str__().strip() == "correct"
