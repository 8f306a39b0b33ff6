# The logistic regression with the penalty of the lasso.
# In:  the prepared table and the splits.
# Out: results/{dataset}/models/{model}/block_{block}/: predictions.parquet, scores.parquet, coefficients.parquet, grid.parquet.


rule fit_logistic:
    """Fit a penalized logistic regression on a block of splits, with a penalty chosen on held-out rows."""
    input:
        table="results/{dataset}/table.parquet",
        splits=rules.split.output.splits,
    output:
        predictions="results/{dataset}/models/{model}/block_{block}/predictions.parquet",
        scores="results/{dataset}/models/{model}/block_{block}/scores.parquet",
        coefficients="results/{dataset}/models/{model}/block_{block}/coefficients.parquet",
        grid="results/{dataset}/models/{model}/block_{block}/grid.parquet",
        record="results/manifest/fit_logistic/{dataset}.{model}.{block}.json",
    log:
        "results/logs/fit_logistic/{dataset}.{model}.{block}.log",
    wildcard_constraints:
        model=models_of_kind("logistic"),
    conda:
        "../../environment.yml"
    threads: lambda wildcards: config["models"][wildcards.model]["threads"]
    resources:
        mem_mb=growing(4000, 50),
        runtime=growing(240, 1, of_splits=True),
    params:
        # The number of processes does not change what they compute.
        spec=spec("fit_logistic", model_settings("kind", "threads")),
    script:
        "../../scripts/fit_logistic.py"
