# Least squares.
# In:  the prepared table and the splits.
# Out: results/{dataset}/models/{model}/block_{block}/: predictions.parquet, scores.parquet, coefficients.parquet; figures beside the blocks.


rule fit_linear:
    """Fit least squares on a block of splits."""
    input:
        table="results/{dataset}/table.parquet",
        splits=rules.split.output.splits,
    output:
        predictions="results/{dataset}/models/{model}/block_{block}/predictions.parquet",
        scores="results/{dataset}/models/{model}/block_{block}/scores.parquet",
        coefficients="results/{dataset}/models/{model}/block_{block}/coefficients.parquet",
        record="results/manifest/fit_linear/{dataset}.{model}.{block}.json",
    log:
        "results/logs/fit_linear/{dataset}.{model}.{block}.log",
    wildcard_constraints:
        model=models_of_kind("linear"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 30),
        runtime=growing(30, 0.02, of_splits=True),
    params:
        spec=spec("fit_linear"),
    script:
        "../../scripts/fit_linear.py"


rule plot_linear:
    """Draw the predictions of least squares."""
    input:
        table="results/{dataset}/table.parquet",
        predictions=of_blocks(rules.fit_linear.output.predictions),
    output:
        svg=report(
            "results/{dataset}/models/{model}/predictions.svg",
            caption="../report/predictions.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "predictions"},
        ),
        png="results/{dataset}/models/{model}/predictions.png",
        record="results/manifest/plot_linear/{dataset}.{model}.json",
    log:
        "results/logs/plot_linear/{dataset}.{model}.log",
    wildcard_constraints:
        model=models_of_kind("linear"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("plot_linear", dataset_settings("target_unit")),
    script:
        "../../scripts/plot_linear.py"
