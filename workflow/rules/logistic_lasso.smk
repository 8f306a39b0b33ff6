# The logistic regression with the penalty of the lasso.
# In:  the prepared table and the splits.
# Out: results/{dataset}/models/{model}/block_{block}/: predictions.parquet, scores.parquet, coefficients.parquet, grid.parquet; a figure beside the blocks.


rule fit_logistic_lasso:
    """Fit a penalized logistic regression on a block of splits, with a penalty chosen on held-out rows."""
    input:
        table="results/{dataset}/table.parquet",
        splits=rules.split.output.splits,
    output:
        predictions="results/{dataset}/models/{model}/block_{block}/predictions.parquet",
        scores="results/{dataset}/models/{model}/block_{block}/scores.parquet",
        coefficients="results/{dataset}/models/{model}/block_{block}/coefficients.parquet",
        grid="results/{dataset}/models/{model}/block_{block}/grid.parquet",
        record="results/manifest/fit_logistic_lasso/{dataset}.{model}.{block}.json",
    log:
        "results/logs/fit_logistic_lasso/{dataset}.{model}.{block}.log",
    wildcard_constraints:
        model=models_of_kind("logistic_lasso"),
    conda:
        "../../environment.yml"
    threads: lambda wildcards: config["models"][wildcards.model]["threads"]
    resources:
        mem_mb=growing(4000, 50),
        runtime=growing(240, 1, of_splits=True),
    params:
        # The number of processes does not change what they compute.
        spec=spec("fit_logistic_lasso", model_settings("kind", "threads")),
    script:
        "../../scripts/fit_logistic_lasso.py"


rule plot_logistic_lasso:
    """Draw the cross-validation of a penalized logistic regression."""
    input:
        grid=of_blocks(rules.fit_logistic_lasso.output.grid),
    output:
        svg=report(
            "results/{dataset}/models/{model}/grid.svg",
            caption="../report/grid.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "grid"},
        ),
        png="results/{dataset}/models/{model}/grid.png",
        record="results/manifest/plot_logistic_lasso/{dataset}.{model}.json",
    log:
        "results/logs/plot_logistic_lasso/{dataset}.{model}.log",
    wildcard_constraints:
        model=models_of_kind("logistic_lasso"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("plot_logistic_lasso"),
    script:
        "../../scripts/plot_logistic_lasso.py"
