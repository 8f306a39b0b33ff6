# The lasso.
# In:  the prepared table and the splits.
# Out: results/{dataset}/models/{model}/block_{block}/: predictions.parquet, scores.parquet, coefficients.parquet, grid.parquet, path.parquet; figures beside the blocks.


rule fit_lasso:
    """Fit the lasso on a block of splits, with a penalty chosen by cross-validation."""
    input:
        table="results/{dataset}/table.parquet",
        splits=rules.split.output.splits,
    output:
        predictions="results/{dataset}/models/{model}/block_{block}/predictions.parquet",
        scores="results/{dataset}/models/{model}/block_{block}/scores.parquet",
        coefficients="results/{dataset}/models/{model}/block_{block}/coefficients.parquet",
        grid="results/{dataset}/models/{model}/block_{block}/grid.parquet",
        path="results/{dataset}/models/{model}/block_{block}/path.parquet",
        record="results/manifest/fit_lasso/{dataset}.{model}.{block}.json",
    log:
        "results/logs/fit_lasso/{dataset}.{model}.{block}.log",
    wildcard_constraints:
        model=models_of_kind("lasso"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2000, 30),
        runtime=growing(120, 0.05, of_splits=True),
    params:
        spec=spec("fit_lasso", model_settings("kind")),
    script:
        "../../scripts/fit_lasso.py"


rule plot_lasso:
    """Draw the cross-validation, the coefficient paths, the selection and the predictions of the lasso."""
    input:
        table="results/{dataset}/table.parquet",
        grid=of_blocks(rules.fit_lasso.output.grid),
        path=of_first_block(rules.fit_lasso.output.path),
        coefficients=of_blocks(rules.fit_lasso.output.coefficients),
        predictions=of_blocks(rules.fit_lasso.output.predictions),
    output:
        grid_svg=report(
            "results/{dataset}/models/{model}/grid.svg",
            caption="../report/grid.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "grid"},
        ),
        grid_png="results/{dataset}/models/{model}/grid.png",
        path_svg=report(
            "results/{dataset}/models/{model}/path.svg",
            caption="../report/path.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "path"},
        ),
        path_png="results/{dataset}/models/{model}/path.png",
        selection_svg=report(
            "results/{dataset}/models/{model}/selection.svg",
            caption="../report/selection.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "selection"},
        ),
        selection_png="results/{dataset}/models/{model}/selection.png",
        predictions_svg=report(
            "results/{dataset}/models/{model}/predictions.svg",
            caption="../report/predictions.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "predictions"},
        ),
        predictions_png="results/{dataset}/models/{model}/predictions.png",
        record="results/manifest/plot_lasso/{dataset}.{model}.json",
    log:
        "results/logs/plot_lasso/{dataset}.{model}.log",
    wildcard_constraints:
        model=models_of_kind("lasso"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("plot_lasso", dataset_settings("target_unit")),
    script:
        "../../scripts/plot_lasso.py"
