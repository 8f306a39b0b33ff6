"""The benchmarks still run: on two splits, with no look at the times."""

from benchmarks import imputation
from benchmarks.parts import Work


def test_the_parts_run(tmp_path, hitters_csv):
    work = Work(hitters_csv, tmp_path / "work", 2)
    assert work.lasso() > 0 and (tmp_path / "work" / "grid").exists()


def test_imputation_runs(tmp_path, hitters_csv):
    tables = imputation.tables(hitters_csv, tmp_path, 2)
    fits = imputation.fits(tmp_path)
    assert len(tables) == 4 and len(fits) == 3
    for fit in fits.values():
        assert all(imputation.seconds(fit, table) > 0 for table in tables.values())
