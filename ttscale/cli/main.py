"""Entry point: finds commands lazily and turns errors into one line and an exit code.

Exit codes: 0 done, 1 an error of ours, 2 wrong usage, 3 finished with failures, 130 interrupted.
"""

import importlib
import io
import os
import select
import signal
import sys
import traceback
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

import click

import ttscale
from ttscale.errors import TtscaleError, TtscaleWarning, UnfinishedRunError, printable

EXIT_ERROR = 1
EXIT_UNFINISHED = 3
EXIT_INTERRUPTED = 130

COMMANDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "init": ("ttscale.cli.starting:init_command", "Write a first configuration, with comments."),
        "run": ("ttscale.cli.runs:run_command", "Sample, verify and report: the whole job."),
        "sample": ("ttscale.cli.runs:sample_command", "Draw the samples that a run lacks."),
        "verify": ("ttscale.cli.runs:verify_command", "Verify the stored samples of a run."),
        "report": ("ttscale.cli.runs:report_command", "Write the report and figures of one or several runs."),
        "view": ("ttscale.cli.view:view_command", "Show a run's report live while it is going."),
        "plan": ("ttscale.cli.inspection:plan_command", "Check a configuration; show what it would do."),
        "status": ("ttscale.cli.inspection:status_command", "Show how far a run has come."),
        "show": ("ttscale.cli.inspection:show_command", "Print a run's results."),
        "check": ("ttscale.cli.checking:check_command", "Read every file of a run; say what is damaged."),
        "trace": ("ttscale.cli.attempts:trace_command", "Show one attempt of a strategy as a tree."),
        "curve": ("ttscale.cli.statistics:curve_command", "Coverage with intervals, from a run or a table."),
        "fit": ("ttscale.cli.statistics:fit_command", "Fit scaling laws to a run or a table."),
        "forecast": ("ttscale.cli.forecasts:forecast_command", "Forecast coverage at more samples."),
        "backtest": ("ttscale.cli.forecasts:backtest_command", "Compare forecasting methods on your data."),
        "budget": (
            "ttscale.cli.budget:budget_command",
            "What a target costs, what a sum reaches, the best buy.",
        ),
        "allocate": (
            "ttscale.cli.budget:allocate_command",
            "Spread a sum over models, temperatures or prompts.",
        ),
        "compare": ("ttscale.cli.comparison:compare_command", "Compare verifiers on the same samples."),
        "turns": ("ttscale.cli.attempts:turns_command", "Show what more turns of attempts buy."),
        "compare-models": (
            "ttscale.cli.models:compare_models_command",
            "Compare models, prompts or temperatures, paired.",
        ),
        "compare-strategies": (
            "ttscale.cli.attempts:compare_strategies_command",
            "Compare strategies at equal cost.",
        ),
        "import": ("ttscale.cli.exchange:import_command", "Import samples of other tools into a run."),
        "export": ("ttscale.cli.exchange:export_command", "Export samples, counts or figures of a run."),
        "merge": ("ttscale.cli.housekeeping:merge_command", "Merge runs of several machines into one."),
        "remove": ("ttscale.cli.housekeeping:remove_command", "Remove cells of a run."),
        "list": ("ttscale.cli.inspection:list_command", "List plugins of a kind."),
        "doctor": ("ttscale.cli.doctor:doctor_command", "Check this machine: what works, what is missing."),
    }
)
"""name -> (where the command lives, its help line), so that ``--help`` imports none of them."""


class LazyGroup(click.Group):
    """A group that imports a command when it is called, not before."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_line) for name, (_, help_line) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Suggest the closest command for a typo."""
        from ttscale.errors import did_you_mean

        if args and args[0] not in COMMANDS:
            ctx.fail(f"No such command '{args[0]}'.{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(ttscale.__version__, prog_name="ttscale")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """What do more samples buy, and at what price?

    Start with:  ttscale init, then ttscale run ttscale.yaml
    """
    ctx.obj = {"debug": debug}


class AtOnce(int):
    """An exit code of a command that leaves threads at work.

    A thread that comes back from a C++ library while the interpreter is being taken down ends the process by SIGABRT, so
    it is not taken down.
    """


def main() -> None:
    """Run the command line and exit with its code."""
    code = run_cli(sys.argv[1:])
    if isinstance(code, AtOnce):
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)
    sys.exit(code)


def run_cli(args: list[str]) -> int:
    """Run one command line; return its exit code instead of exiting."""
    warnings.showwarning = _show_warning
    _treat_sigterm_as_interrupt()
    with suppress(FileNotFoundError):  # a shell may stand in a folder that is deleted
        sys.path.append(str(Path.cwd()))  # last, so that a folder here can shadow no installed package
    debug = "--debug" in args
    try:
        code: Any = cli.main(args=args, prog_name="ttscale", standalone_mode=False)
        sys.stdout.flush()  # here, so that a pipe that was closed is met here
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        said = io.StringIO()
        error.show(said)
        say(said.getvalue().rstrip("\n"))
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        say("Interrupted. What was finished is stored; repeat the same command to continue.")
        return EXIT_INTERRUPTED
    except (BrokenPipeError, SystemExit) as stop:
        if not _is_closed_pipe(stop):
            raise
        return _end_quietly()
    except (TtscaleError, OSError) as error:
        return _failed(error, debug=debug)
    return code if isinstance(code, int) else 0


def _is_closed_pipe(stop: BaseException) -> bool:
    """Tell whether a program stops for want of a reader: click and rich answer that by exits of their own."""
    if isinstance(stop.__context__ or stop, BrokenPipeError):
        return True
    watched = select.poll()
    watched.register(sys.__stdout__.fileno() if sys.__stdout__ else 1, 0)
    return any(event & select.POLLERR for _, event in watched.poll(0))  # nobody holds the other end any more


def _end_quietly() -> int:
    """The reader of a pipe, such as head, has seen enough: nothing went wrong, and what is still buffered has no reader."""
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None:
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return 0


def _failed(error: TtscaleError | OSError, *, debug: bool) -> int:
    """Say what went wrong in one line; return the exit code."""
    if debug:
        traceback.print_exc()
    is_of_the_system = isinstance(error, OSError) and not isinstance(error, TtscaleError)
    if is_of_the_system:  # a path that is too long, a folder that may not be read
        place, said = getattr(error, "filename", None), getattr(error, "strerror", None)
        say(f"Error: {said or error}{f': {place!s:.200}' if place else ''}.")
    else:
        say(f"Error: {error}")
    return EXIT_UNFINISHED if isinstance(error, UnfinishedRunError) else EXIT_ERROR


def say(text: str) -> None:
    """Print a line for a person: to stderr, so that stdout stays data."""
    print(printable(text), file=sys.stderr)  # it may quote foreign text


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: object = None,
    line: str | None = None,
) -> None:
    """Show our caveats as plain lines; leave other libraries' warnings to developers."""
    if issubclass(category, TtscaleWarning):
        say(f"Warning: {message}")


def _treat_sigterm_as_interrupt() -> None:
    """Let a scheduler's polite kill flush and say how to resume, as Ctrl-C does."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
