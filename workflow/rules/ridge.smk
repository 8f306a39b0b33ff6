# Ridge regression.
# In:  the prepared table and the splits.
# Out: results/{dataset}/models/{model}/block_{block}/: predictions.parquet, scores.parquet, coefficients.parquet, grid.parquet; figures beside the blocks.


rule fit_ridge:
    """Fit ridge regression on a block of splits, with a penalty chosen by cross-validation."""
    input:
        table="results/{dataset}/table.parquet",
        splits=rules.split.output.splits,
    output:
        predictions="results/{dataset}/models/{model}/block_{block}/predictions.parquet",
        scores="results/{dataset}/models/{model}/block_{block}/scores.parquet",
        coefficients="results/{dataset}/models/{model}/block_{block}/coefficients.parquet",
        grid="results/{dataset}/models/{model}/block_{block}/grid.parquet",
        record="results/manifest/fit_ridge/{dataset}.{model}.{block}.json",
    log:
        "results/logs/fit_ridge/{dataset}.{model}.{block}.log",
    wildcard_constraints:
        model=models_of_kind("ridge"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2000, 30),
        runtime=growing(120, 0.05, of_splits=True),
    params:
        spec=spec("fit_ridge", model_settings("kind")),
    script:
        "../../scripts/fit_ridge.py"


rule plot_ridge:
    """Draw the cross-validation and the predictions of ridge regression."""
    input:
        table="results/{dataset}/table.parquet",
        grid=of_blocks(rules.fit_ridge.output.grid),
        predictions=of_blocks(rules.fit_ridge.output.predictions),
    output:
        grid_svg=report(
            "results/{dataset}/models/{model}/grid.svg",
            caption="../report/grid.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "grid"},
        ),
        grid_png="results/{dataset}/models/{model}/grid.png",
        predictions_svg=report(
            "results/{dataset}/models/{model}/predictions.svg",
            caption="../report/predictions.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "predictions"},
        ),
        predictions_png="results/{dataset}/models/{model}/predictions.png",
        record="results/manifest/plot_ridge/{dataset}.{model}.json",
    log:
        "results/logs/plot_ridge/{dataset}.{model}.log",
    wildcard_constraints:
        model=models_of_kind("ridge"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("plot_ridge", dataset_settings("target_unit")),
    script:
        "../../scripts/plot_ridge.py"
