"""``python -m ttscale``: the same as the ``ttscale`` command."""

from ttscale.cli.main import main

if __name__ == "__main__":
    main()
