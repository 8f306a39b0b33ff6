# Logistic regression.
# In:  the prepared table and the splits.
# Out: results/{dataset}/models/{model}/block_{block}/: predictions.parquet, scores.parquet, coefficients.parquet.


rule fit_logistic:
    """Fit a logistic regression on a block of splits, by maximum likelihood."""
    input:
        table="results/{dataset}/table.parquet",
        splits=rules.split.output.splits,
    output:
        predictions="results/{dataset}/models/{model}/block_{block}/predictions.parquet",
        scores="results/{dataset}/models/{model}/block_{block}/scores.parquet",
        coefficients="results/{dataset}/models/{model}/block_{block}/coefficients.parquet",
        record="results/manifest/fit_logistic/{dataset}.{model}.{block}.json",
    log:
        "results/logs/fit_logistic/{dataset}.{model}.{block}.log",
    wildcard_constraints:
        model=models_of_kind("logistic"),
    conda:
        "../../environment.yml"
    threads: lambda wildcards: config["models"][wildcards.model]["threads"]
    resources:
        mem_mb=growing(1000, 50),
        runtime=growing(30, 0.1, of_splits=True),
    params:
        spec=spec("fit_logistic"),
    script:
        "../../scripts/fit_logistic.py"
