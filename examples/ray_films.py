"""A Ray Data pipeline: a JSONL or Parquet file of jobs in, a folder of Parquet files with their films out.

    python examples/ray_films.py jobs.jsonl films.parquet

Each row is a request body with a `custom_id`, as for `evolink-async run`. Start it again after a crash: what was bought
is found in the journal, and nothing is bought twice. Needs `pip install 'evolink-async[ray]'`, and FILMS_JOURNAL, the
address of a PostgreSQL database.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

import pyarrow.parquet
import ray.data

from evolink_async import Limits
from evolink_async.engines.ray import BatchRunner


def main(jobs: Path, films: Path) -> None:
    """Run all jobs of a file with two workers."""
    rows = ray.data.read_parquet(str(jobs)) if jobs.suffix == ".parquet" else ray.data.read_json(str(jobs))
    # A block goes to one worker, and comes to another one if that dies.
    made = rows.repartition(target_num_rows_per_block=100).map_batches(
        BatchRunner,
        fn_constructor_args=(os.environ["FILMS_JOURNAL"],),
        fn_constructor_kwargs={"settings": {"limits": Limits(in_flight=500)}},
        batch_format="pyarrow",
        batch_size=100,
        concurrency=2,
        num_cpus=0.1,  # a worker waits nearly all the time
    )
    made.write_parquet(str(films))
    told = pyarrow.parquet.read_table(films, columns=["outcome"])["outcome"].to_pylist()
    for outcome, count in sorted(Counter(told).items()):
        print(f"{count} {outcome}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python ray_films.py JOBS.jsonl FILMS.parquet")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
