"""Splits that a file gives."""

import pyarrow.parquet as pq
from support.data import small_csv
from support.runs import Project


def test_splits_from_a_file(tmp_path, sketching):
    """The file is followed, and a change of it is a change of the splits."""
    folder = tmp_path / "work"
    folder.mkdir()
    small_csv(folder / "mine.csv", seed=1, rows=40)
    given = [
        "a,b",
        *(f"{'test' if row < 9 else 'train'},{'test' if row > 29 else 'train'}" for row in range(40)),
    ]
    (folder / "given.csv").write_text("\n".join(given), encoding="utf-8")
    dataset = {"file": "mine.csv", "target": "strength", "models": ["least_squares"]}
    dataset["splits"] = {"method": "file", "file": "given.csv", "seeds": {"first": 1, "last": 2}}
    project = Project(folder, sketching, {"build": ["mine"], "datasets": {"mine": dataset}})
    run = project.run("--cores", "2")
    assert (
        run.status == 0
        and "A file gives the splits, given.csv" in (folder / "results/report.html").read_text()
    ), run.text
    splits = pq.read_table(folder / "results/mine/splits/block_1.parquet").to_pydict()
    assert splits["test"] == [[*range(9)], [*range(30, 40)]]
    assert project.dry_run().jobs == []
    (folder / "given.csv").write_text("\n".join(given[:1] + given[:0:-1]), encoding="utf-8")
    jobs = project.dry_run().jobs
    assert {"fetch_splits.mine", "split.mine.1", "fit_linear.mine.least_squares.1"} <= set(jobs)
    assert not {"fetch.mine", "preprocess.mine"} & set(jobs)
    del dataset["splits"]["file"], dataset["splits"]["method"]
    assert "fetch_splits.mine" not in project.dry_run().jobs and project.dry_run().status == 0
    dataset["splits"]["method"] = "file"
    run = project.dry_run()
    assert run.status == 1 and "datasets.mine.splits.file goes with method: file" in run.text
    dataset["splits"]["file"] = "none.csv"
    assert "datasets.mine.splits.file is 'none.csv', and there is no such file" in project.dry_run().text
