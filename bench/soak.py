"""Every fault of the suite under a longer load, and the table of docs/reliability.md.

python -m bench.soak                    every fault once, 2,000 acknowledged submissions before and after
python -m bench.soak --times 5          each five times; what was lost is added up
python -m bench.soak --only Cluster     those whose name contains a word
python -m bench.soak --write            puts the table into docs/reliability.md
"""

import argparse
import re
from pathlib import Path

from tests.faults.scenes import SCENES, Row, lacks, play

DOCUMENT = Path(__file__).parent.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- the table -->", "<!-- end of the table -->"
HEAD = (
    "| fault | acknowledged | decided | lost | doubled | other answers "
    "| 99 % within | longest answer | longest pause |\n"
    "|---|---:|---:|---:|---:|---|---:|---:|---:|"
)


def line(name: str, rows: list[Row]) -> str:
    """One row of the table for all plays of a fault."""
    statuses = sorted({status for row in rows for status in row.history.statuses} - {200, 202})
    healed = [row.healed for row in rows if row.healed is not None]
    pause = f"{max(row.pause for row in rows):.1f} s"
    if healed:
        pause += f" ({max(healed):.1f} s after its end)"
    cells = [
        name,
        f"{sum(len(row.history.accepted) for row in rows):,}",
        f"{sum(len(row.history.done) for row in rows):,}",
        str(sum(row.finding.lost + row.finding.undone for row in rows)),
        str(sum(row.finding.doubled for row in rows)),
        ", ".join({0: "none"}.get(status, str(status)) for status in statuses) or "—",
        f"{max(row.history.within(0.99) for row in rows):.2f} s",
        f"{max(row.history.longest for row in rows):.2f} s",
        pause,
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--times", type=int, default=1)
    arguments.add_argument("--load", type=int, default=2000)
    arguments.add_argument("--only", default="")
    arguments.add_argument("--write", action="store_true")
    given = arguments.parse_args()
    lines = [HEAD]
    print(HEAD, flush=True)
    for name, stage in SCENES.items():
        if given.only not in name or lacks(name):
            continue
        rows = [play(stage, before=given.load, after=given.load, patience=300)[0] for _ in range(given.times)]
        lines.append(line(name, rows))
        print(lines[-1], flush=True)
        for row in rows:
            for wrong in row.finding.wrong:
                print("    ", wrong, flush=True)
    if given.write:
        said = DOCUMENT.read_text(encoding="utf-8")
        table = "\n".join([BEGIN, *lines, END])
        DOCUMENT.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: table, said, flags=re.DOTALL), encoding="utf-8")


if __name__ == "__main__":
    main()
