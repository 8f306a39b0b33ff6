"""The object that Snakemake gives to a script."""

from pathlib import Path

from snakemake.iocontainers import InputFiles, Log, OutputFiles, Params, ResourceList, Snakemake, Wildcards

from lineup.ledger.specification import specification


def given(
    rule,
    folder,
    inputs=None,
    outputs=None,
    settings=None,
    params=None,
    wildcards=None,
    files=(),
    threads=1,
    resources=None,
):
    """Makes the object that Snakemake gives to the script of a rule.

    Its log and its record are in a folder, as ``log`` and ``record.json``.
    """
    outputs = {"record": str(Path(folder) / "record.json")} | (outputs or {})
    spec = specification(f"scripts/{rule}.py", settings or {}, files, inputs, outputs)
    return Snakemake(
        input_=_named(InputFiles(), inputs or {}),
        output=_named(OutputFiles(), outputs),
        params=Params(fromdict={"spec": spec} | (params or {})),
        wildcards=Wildcards(fromdict=wildcards or {}),
        threads=threads,
        resources=ResourceList(fromdict=resources or {}),
        log=Log([str(Path(folder) / "log")]),
        config={},
        rulename=rule,
        bench_iteration=None,
    )


def _named(files, paths):
    """Adds paths and lists of paths to a list of files as Snakemake does: in a row, with names for parts."""
    for name, value in paths.items():
        first = len(files)
        files.extend([value] if isinstance(value, str) else value)
        files._set_name(name, first, end=None if isinstance(value, str) else len(files))
    return files
