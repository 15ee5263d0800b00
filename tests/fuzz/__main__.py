"""Runs atheris on targets, each in a process of its own: `script/fuzz [TARGET...] [--seconds N]`.

atheris watches which lines each input reaches, so it has to see the modules being imported; that takes longest, and is
done once, before the processes are forked.
"""

import argparse
from collections.abc import Callable, Sequence
import os
from pathlib import Path
import sys
from typing import Final, NoReturn

import atheris

from .seeds import NASTY, SEEDS

FOUND: Final = Path("tests/fuzz/found")
# Slower than that, or larger than that (MiB), counts as a crasher too.
SLOWEST_S: Final = 10
LARGEST_MIB: Final = 1536
LONGEST: Final = 2**15
INSTRUMENTED: Final = ("custom_components.camhub", "camhub_pi")

type Run = Callable[[str, bytes], None]


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz what is named, else everything; return how many targets have a crasher."""
    parser = argparse.ArgumentParser(prog="script/fuzz", description="Fuzzes what reads other people's bytes.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"one of {', '.join(SEEDS)}")
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default 60)")
    given = parser.parse_args(arguments)
    if unknown := set(given.targets) - SEEDS.keys():
        parser.error(f"no such target: {', '.join(sorted(unknown))}")
    with atheris.instrument_imports(include=list(INSTRUMENTED)):
        from .targets import run

    names = given.targets or list(SEEDS)
    broken = [name for name in names if not fuzzed(run, name, given.seconds)]
    print(f"{len(names)} targets, crashers in {', '.join(broken) or 'none'}")
    return len(broken)


def fuzzed(run: Run, name: str, seconds: int) -> bool:
    """Fuzz a target; return whether all went well. A crasher is left in `tests/fuzz/found/<target>`."""
    found = FOUND / name
    corpus = found / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(SEEDS[name]):
        (corpus / f"seed-{number}").write_bytes(seed)
    words = found / "words"
    words.write_text("\n".join(f'"{_escaped(word)}"' for word in NASTY if 0 < len(word) <= 64))
    settings = [
        *(f"-max_total_time={seconds}", f"-timeout={SLOWEST_S}", f"-rss_limit_mb={LARGEST_MIB}"),
        *(f"-max_len={LONGEST}", f"-dict={words}", f"-artifact_prefix={found}/", "-print_final_stats=1", str(corpus)),
    ]
    log = found / "log"
    sys.stdout.flush()
    if not (child := os.fork()):
        _fuzz(run, name, settings, log)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = log.read_text(errors="replace")
    runs = next((line.split()[-1] for line in said.splitlines() if "number_of_executed_units" in line), "?")
    print(f"{name}: {runs} inputs, {'CRASHER' if ended else 'no crasher'}", flush=True)
    if ended:
        print(said[-4000:], flush=True)
    return not ended


def _fuzz(run: Run, name: str, settings: Sequence[str], log: Path) -> NoReturn:
    """Fuzz until time is over or something breaks; what is said goes to a file."""
    with log.open("wb") as file:
        for descriptor in (sys.stdout.fileno(), sys.stderr.fileno()):
            os.dup2(file.fileno(), descriptor)
    atheris.Setup(["script/fuzz", *settings], lambda data: run(name, data))
    atheris.Fuzz()
    os._exit(0)


def _escaped(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


if __name__ == "__main__":
    sys.exit(main())
