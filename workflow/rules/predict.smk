# What was fitted, put to use.
# In:  a file of new rows, and what the fits of a model left, which are made first where they are not there.
# Out: the rows with what is predicted, or the model as ONNX, in the file that is asked for.


rule predict:
    """Predict the rows of `--config rows=...` with the models of `model=...`, of all its splits together unless told otherwise."""
    input:
        table=lambda wildcards: of_predicted("results/{dataset}/table.parquet")(wildcards)[:1],
        splits=of_predicted(rules.split.output.splits),
        predictions=of_predicted("results/{dataset}/models/{model}/block_{block}/predictions.parquet"),
        fitted=fitted_of_predicted(),
        checked=manifest_checked,
    log:
        "results/logs/predict/predict.log",
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2000, 50),
        runtime=growing(240),
    params:
        settings=prediction_settings,
    script:
        "../../scripts/predict.py"


rule export:
    """Write the models of `--config model=...`, of all its splits together unless told otherwise, as ONNX."""
    input:
        table=lambda wildcards: of_predicted("results/{dataset}/table.parquet", rows=False)(wildcards)[:1],
        splits=of_predicted(rules.split.output.splits, rows=False),
        predictions=of_predicted(
            "results/{dataset}/models/{model}/block_{block}/predictions.parquet", rows=False
        ),
        fitted=fitted_of_predicted(rows=False),
        checked=manifest_checked,
    log:
        "results/logs/export/export.log",
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2000, 50),
        runtime=growing(60),
    params:
        asked=lambda wildcards: {
            key: value
            for key, value in prediction_settings(wildcards).items()
            if key in ("output", "seed", "imputation") and prediction.rows is None
        },
    script:
        "../../scripts/export.py"
