"""The benchmarks still run: on two splits, with no look at the times."""

from benchmarks import imputation, wide
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


def test_wide_tables_run(monkeypatch):
    monkeypatch.setattr(wide, "SHAPES", {"small": (30, 60)})
    assert min(wide.compare("small", 1)) > 0
