"""Measure: `python -m bench [--quick] [--minutes N] [--seed N] [NAME...]`; prints a table, writes `out/NAME.json`."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from importlib import import_module
import json
from pathlib import Path
import sys
import time
from typing import Final

from .figure import Figure
from .plan import FULL, QUICK, Plan

NAMES: Final = (
    "relay",
    "digest",
    "stills",
    "coordinator",
    "scaled",
    "limit",
    "join",
    "proxy",
    "startup",
    "motion",
    "capture",
    "recorder",
    "ring",
    "pipeline",
)
# Taken only by name: they take long.
BY_NAME: Final = ("soak", "load")
OUT: Final = Path(__file__).parent / "out"
HEADINGS: Final = ("figure", "value", "goal", "", "against")

type Run = Callable[[Plan], Awaitable[list[Figure]]]


def number(value: float) -> str:
    """Return a value as short as it is meaningful."""
    return f"{value:.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def table(name: str, figures: Sequence[Figure]) -> str:
    """Return figures as lines of a Markdown table."""
    rows = [
        (
            f"`{name}`: `{figure.figure}`",
            f"{number(figure.value)} {figure.unit}",
            f"{'≤' if figure.better == 'lower' else '≥'} {number(figure.goal)}",
            "" if figure.met else "missed",
            figure.against,
        )
        for figure in figures
    ]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def write(name: str, figures: Sequence[Figure], folder: Path) -> None:
    """Write figures as `NAME.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps([figure.as_json() for figure in figures], indent=2) + "\n")


async def measure(names: Sequence[str], plan: Plan) -> bool:
    """Measure one after the other; return whether all goals were met."""
    met = True
    print("| " + " | ".join(HEADINGS) + " |\n" + "| --- " * len(HEADINGS) + "|", flush=True)
    for name in names:
        run: Run = import_module(f".{name}", __package__).run
        begun = time.monotonic()
        figures = await run(plan)
        print(table(name, figures), flush=True)
        print(f"{name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
        # A short run says nothing of the goals, so it must not pass for one that does.
        if not plan.quick:
            write(name, figures, OUT)
        met = met and all(figure.met for figure in figures)
    return met


def main() -> int:
    """Read the arguments and measure; a missed goal is exit code 1, unless it was a short run."""
    parser = argparse.ArgumentParser(description="Measures CamHub against its goals (bench/README.md).")
    every = (*NAMES, *BY_NAME)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*every, []], help=", ".join(every))
    parser.add_argument("--quick", action="store_true", help="one short round: whether it runs, not how fast it is")
    parser.add_argument("--minutes", type=float, help="how long the soak takes")
    parser.add_argument("--seed", type=int, help="decides what happens in the soak; by chance where it is not said")
    arguments = parser.parse_args()
    plan = replace(QUICK if arguments.quick else FULL, seed=arguments.seed)
    if arguments.minutes:
        plan = replace(plan, minutes=arguments.minutes)
    met = asyncio.run(measure(arguments.names or NAMES, plan))
    return 0 if met or plan.quick else 1


if __name__ == "__main__":
    sys.exit(main())
