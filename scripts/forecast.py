"""Says what the fits of the config take, by the records of before, or by a few splits that were tried for it."""

from lineup.ledger.forecast import Fits, forecast
from lineup.ledger.recorder import log_to

if __name__ == "__main__":
    with log_to(snakemake.log[0]):
        fits = [Fits(**one) for one in snakemake.params.fits]
        for line in forecast(fits, snakemake.params.cores):
            print(line)
