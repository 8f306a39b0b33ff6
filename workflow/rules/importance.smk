# How much the models need each column.
# In:  the prepared table, the splits, the predictions, and what the fits left.
# Out: results/{dataset}/models/{model}/: importance.parquet and its figure.


rule importance:
    """Measure how much worse a model predicts when a column is shuffled among the test rows."""
    input:
        table="results/{dataset}/table.parquet",
        splits=of_measured_blocks(rules.split.output.splits),
        predictions=of_measured_blocks("results/{dataset}/models/{model}/block_{block}/predictions.parquet"),
        fitted=fitted_of_measured_blocks,
    output:
        importance="results/{dataset}/models/{model}/importance.parquet",
        svg=report(
            "results/{dataset}/models/{model}/importance.svg",
            caption="../report/importance.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "importance"},
        ),
        png="results/{dataset}/models/{model}/importance.png",
        record="results/manifest/importance/{dataset}.{model}.json",
    log:
        "results/logs/importance/{dataset}.{model}.log",
    wildcard_constraints:
        dataset=alternatives(filter(has_importance, config["datasets"])),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2000, 50),
        runtime=growing(120, 1, of_splits=True),
    params:
        spec=spec("importance", importance_settings, modules=estimators_of),
    script:
        "../../scripts/importance.py"
