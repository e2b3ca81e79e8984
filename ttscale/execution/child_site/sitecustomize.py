"""Run at the start of an engine's child process: hide what is broken in its parent, speak where that says, end with it.

Python imports the first `sitecustomize` on its path, so this one makes way for the user's own afterwards.
"""

import os
import sys

for _name in filter(None, os.environ.get("TTSCALE_MASKED_MODULES", "").split(",")):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]  # None: importing it raises

_here = __file__.rpartition(os.sep)[0]
if "TTSCALE_CHILD_LOG" in os.environ:
    import diverting  # type: ignore[import-not-found]  # beside this file, which is first on the path

    diverting.divert()
    del sys.modules["diverting"]
if "TTSCALE_ENGINE_FOLDER" in os.environ:
    import binding  # type: ignore[import-not-found]

    binding.bind()
    del sys.modules["binding"]
sys.path[:] = [entry for entry in sys.path if entry != _here]
_ours = sys.modules.pop("sitecustomize")
try:
    import sitecustomize  # type: ignore[import-not-found]  # noqa: F401  # the user's own
except ModuleNotFoundError as _error:
    if _error.name != "sitecustomize":
        raise
    sys.modules["sitecustomize"] = _ours  # the import that runs us looks for it when we are done
