"""Runs the benches: `python -m bench [--quick] [--json FILE] [reads] [submissions] [removal] [growth] [flood]
[isso]`.

Prints a table; with --json writes the figures too. Needs the extras dev and bench; wrk and nginx
are used when they are there. Whole, it takes some ten minutes; --quick about two.
"""

import argparse
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

from bench import flood, growth, isso, reads, removal, submissions
from bench.stage import Row

FULL: dict[str, Callable[[], list[Row]]] = {
    "reads": reads.measure,
    "submissions": submissions.measure,
    "removal": removal.measure,
    "growth": growth.measure,
    "flood": flood.measure,
    "isso": isso.measure,
}
QUICK: dict[str, Callable[[], list[Row]]] = {
    "reads": lambda: reads.measure(100),
    "submissions": lambda: submissions.measure(2_000),
    "removal": lambda: removal.measure(20),
    "growth": lambda: growth.measure(100_000),
    "flood": lambda: flood.measure(2),
    "isso": lambda: isso.measure(100),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("figures", nargs="*", choices=[*FULL, []], help="which (default: all)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    given = parser.parse_args()
    benches = QUICK if given.quick else FULL
    rows: list[Row] = []
    for name in given.figures or benches:
        for row in benches[name]():
            rows.append(row)
            print(f"| {row.what} | {row.value:,g} | {row.unit} | {row.promised} | {row.word} |", flush=True)
    if given.json:
        machine = {"processors": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        document = {"machine": machine, "figures": [row.as_json() for row in rows]}
        given.json.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
