"""Run a module with broken optional packages hidden from it: ``python -m ttscale.execution.masked MODULE ARGUMENTS...``.

vLLM's server is a program of its own, which trips over them; see `ttscale.execution.masking`.
"""

import os
import sys

from ttscale.execution.masking import children_masked, mask_broken


def main() -> None:
    """Become the module that is named first."""
    if len(sys.argv) < 2:
        sys.exit(
            "Name a module to run: python -m ttscale.execution.masked vllm.entrypoints.openai.api_server --model MODEL"
        )
    with children_masked(mask_broken()):
        os.execv(sys.executable, [sys.executable, "-m", *sys.argv[1:]])


if __name__ == "__main__":
    main()
