"""Says in what the results differ from those of an earlier run, and why."""

from lineup.errors import InputError
from lineup.ledger.explanation import explain, read_manifest
from lineup.ledger.recorder import log_to

if __name__ == "__main__":
    with log_to(snakemake.log[0]) as logger:
        if not snakemake.params.before:
            raise InputError(
                "Say with what to compare: snakemake explain --config before=FOLDER, a copy of results/ that was kept aside."
            )
        for line in explain(read_manifest(snakemake.params.before), read_manifest(snakemake.params.after)):
            print(line)
