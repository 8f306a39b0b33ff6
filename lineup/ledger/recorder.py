"""What every job does around its work: write its log and its record, and say what is wrong in one sentence."""

import logging
import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, process_time

from lineup.errors import InputError
from lineup.files import FULL, file_digest, remove_parts_of, stamp
from lineup.ledger.code import code_of, files_loaded
from lineup.ledger.lock import follow_run
from lineup.ledger.names import keep_names
from lineup.ledger.opened import unnamed_files
from lineup.ledger.records import RECORD, altered, write_record
from lineup.ledger.specification import files_of

OUT_OF_MEMORY = (
    "Memory ran out, or a process that worked for this job was killed: give the job more memory (mem_mb in the profile), or "
    "run fewer jobs at a time (--cores), then run again."
)


@contextmanager
def job(snakemake: object) -> Iterator[logging.Logger]:
    """Runs the body of a script as a job: with a log, and at the end with a record of what it made.

    The job ends with its run. It fails if its code or its inputs change while it runs, because nobody
    could then say what its result was made of.

    Args:
        snakemake: The object of this name that Snakemake gives to a script.

    Yields:
        The logger that the body should report to. Its name is that of the job.

    Raises:
        SystemExit: With status 1 if something is wrong that the user can mend, see ``log_to``; with
            status 143 after SIGTERM and 129 after SIGHUP.
    """
    started, clock = datetime.now(UTC), (perf_counter(), _processor_time())
    follow_run()
    for number in (signal.SIGTERM, signal.SIGHUP):
        # `nohup` has the closing of a terminal ignored, and that stays so.
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, _stop)
    with log_to(snakemake.log[0]) as logger:
        made, record = list(map(str, snakemake.output)), snakemake.output[RECORD]
        for path in made:
            remove_parts_of(path)
        _check_code(snakemake)
        stamps = {path: stamp(path) for path in map(str, snakemake.input)}
        digests = {path: file_digest(path) for path in stamps}
        for path in altered(digests):
            raise InputError(f"{path} was changed after it was made: run again.")
        try:
            yield logger.getChild(" ".join([snakemake.rule, *map(str, snakemake.wildcards)]))
        except Exception:
            # The reason may be that half of an input was another one.
            _check_unchanged(snakemake, stamps)
            raise
        _check_unchanged(snakemake, stamps)
        write_record(
            record,
            rule=snakemake.rule,
            wildcards=dict(snakemake.wildcards.items()),
            specification=snakemake.params.spec,
            inputs=digests,
            opened=_opened(snakemake),
            outputs=[path for path in made if path != record],
            threads=snakemake.threads,
            started=started,
            cost=_cost(clock),
        )
        if snakemake.params.spec["script"]:
            keep_names(snakemake.params.spec["script"], _modules(snakemake.params.spec))


@contextmanager
def log_to(path: str, append: bool = False) -> Iterator[logging.Logger]:
    """Logs what the body reports, warnings, and how it fails, to a file.

    Args:
        path: The log file. Other processes may add lines to it.
        append: Whether what stands in it stays.

    Yields:
        The logger to report to.

    Raises:
        SystemExit: With status 1 after an ``InputError``, or when the disk is full; the message is then
            the last line of the log and of standard error. Any other exception is logged with its
            traceback and raised again.
    """
    logger = logging.getLogger("lineup")
    logger.setLevel(logging.INFO)
    try:
        if not append:
            Path(path).write_bytes(b"")
        to_file = logging.FileHandler(path, mode="a", encoding="utf-8")
        to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logger.addHandler(to_file)
        logging.captureWarnings(True)
        logging.getLogger("py.warnings").addHandler(to_file)
        # A log that cannot be written on a full disk is no reason for a traceback on the terminal.
        logging.raiseExceptions = False
        yield logger
    except InputError as error:
        _fail(logger, str(error))
    except OSError as error:
        if error.errno not in FULL:
            logger.exception("The job failed.")
            raise
        _fail(logger, f"The disk is full ({error.strerror}): free some space, then run again.")
    except Exception as error:
        if _is_of_memory(error):
            _fail(logger, OUT_OF_MEMORY)
        logger.exception("The job failed.")
        raise


def _is_of_memory(error: Exception) -> bool:
    """Tells whether memory ran out, in this process or in one of those that work for it, which the system then kills."""
    kinds = {kind.__name__ for kind in type(error).__mro__}
    words = ("std::bad_alloc", "can't allocate memory", "out of memory")
    said = isinstance(error, RuntimeError) and any(word in str(error).lower() for word in words)
    return said or not kinds.isdisjoint({"MemoryError", "BrokenProcessPool"})


def outputs(snakemake: object) -> dict[str, str]:
    """Gives the outputs of a job by name, but for its record, which ``job`` writes."""
    return {name: path for name, path in snakemake.output.items() if name != RECORD}


def _opened(snakemake: object) -> dict[str, str | None]:
    """Gives the digests of the files of the project that the job opened and its specification does not name."""
    spec = snakemake.params.spec
    if spec["script"] is None:
        return {}  # nor do files that the code opens
    files = [*snakemake.input, *snakemake.output, *snakemake.log, *spec["files"]]
    return unnamed_files([*files, spec["script"]], files_loaded(spec["script"], _modules(spec)))


def _modules(spec: dict) -> tuple[str, ...]:
    return tuple(spec.get("modules", ()))


def _check_unchanged(snakemake: object, stamps: dict[str, list[int]]) -> None:
    """Raises an InputError if the code or an input changed while the job ran."""
    _check_code(snakemake)
    for path, before in stamps.items():
        if not Path(path).exists() or stamp(path) != before:
            raise InputError(f"{path} was changed while this job read it: run again.")


def _check_code(snakemake: object) -> None:
    """Raises an InputError if the code is not what the run was planned with."""
    spec = snakemake.params.spec
    now = (code_of(spec["script"], _modules(spec)) if spec["script"] else {}) | files_of(list(spec["files"]))
    for file, digest in (spec["code"] | spec["files"]).items():
        if now.get(file) != digest:
            raise InputError(f"{file} was changed after this run was planned: run again.")


def _cost(clock: tuple[float, float]) -> dict[str, float]:
    """Says what this job took since the clock was read, and the most memory that a process of it ever held."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(kind).ru_maxrss for kind in kinds)
    return {
        "wall_seconds": round(perf_counter() - clock[0], 3),
        "cpu_seconds": round(_processor_time() - clock[1], 3),
        "peak_memory_mib": round(peak * (1 if sys.platform == "darwin" else 1024) / 2**20, 1),
    }


def _processor_time() -> float:
    """Gives the processor time of this process and of those that it forked and that have ended."""
    forked = resource.getrusage(resource.RUSAGE_CHILDREN)
    return process_time() + forked.ru_utime + forked.ru_stime


def _stop(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _fail(logger: logging.Logger, sentence: str) -> None:
    logger.error(sentence)
    print(f"Error: {sentence}", file=sys.stderr)
    sys.exit(1)
