"""Compares all results with the manifest, byte by byte, and says what is wrong and what repairs it."""

import logging
import shlex
from pathlib import Path

from lineup.errors import InputError
from lineup.files import Digests
from lineup.ledger.recorder import log_to
from lineup.ledger.records import damage, read_record


def verify(records: list[str], log: str, logger: logging.Logger) -> None:
    """Checks the outputs of jobs against their records.

    Args:
        records: The records of all jobs that the config asks for.
        log: The log file, for the message.
        logger: Where to report.

    Raises:
        InputError: If a file is not what its job wrote, or a record is missing.
    """
    wrong, repair, checked = [], [], 0
    # No digest is taken from an earlier run: what the file system says of a file is not believed here.
    digests = Digests(Path("/dev/null"))
    for path in records:
        record = read_record(path)
        if record is None:
            problems = {
                path: "cannot be read" if Path(path).exists() else "is missing, so its job is not done"
            }
            checked += 1
        else:
            problems = damage(record, digests)
            checked += len(record["outputs"])
        wrong += [f"{file} {problem}" for file, problem in problems.items()]
        repair += list(problems)[:1]
    for line in wrong:
        logger.error(line)
    if wrong:
        raise InputError(
            f"{len(wrong)} of {checked} files are not as their jobs made them, see {log}. "
            f"This makes them again: snakemake --cores 4 {' '.join(map(shlex.quote, repair))}"
        )
    logger.info("All %d files of %d jobs are as they were made.", checked, len(records))
    print(f"All {checked} files of {len(records)} jobs are as they were made.")


if __name__ == "__main__":
    with log_to(snakemake.log[0]) as logger:
        verify(records=snakemake.params.records, log=snakemake.log[0], logger=logger)
