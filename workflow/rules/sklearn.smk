# Any estimator that keeps scikit-learn's conventions.
# In:  the prepared table and the splits.
# Out: results/{dataset}/models/{model}/block_{block}/: predictions.parquet, scores.parquet, search.parquet; figures beside the blocks.


rule fit_sklearn:
    """Fit an estimator that keeps scikit-learn's conventions on a block of splits."""
    input:
        table="results/{dataset}/table.parquet",
        splits=rules.split.output.splits,
    output:
        predictions="results/{dataset}/models/{model}/block_{block}/predictions.parquet",
        scores="results/{dataset}/models/{model}/block_{block}/scores.parquet",
        search="results/{dataset}/models/{model}/block_{block}/search.parquet",
        record="results/manifest/fit_sklearn/{dataset}.{model}.{block}.json",
    log:
        "results/logs/fit_sklearn/{dataset}.{model}.{block}.log",
    wildcard_constraints:
        model=models_of_kind("sklearn"),
    conda:
        "../../environment.yml"
    threads: lambda wildcards: config["models"][wildcards.model]["threads"]
    resources:
        mem_mb=growing(2000, 50),
        runtime=growing(240, 1, of_splits=True),
    params:
        spec=spec("fit_sklearn", model_settings("kind", "threads"), modules=estimators_of),
    script:
        "../../scripts/fit_sklearn.py"


rule plot_sklearn:
    """Draw the predictions of an estimator that keeps scikit-learn's conventions."""
    input:
        table="results/{dataset}/table.parquet",
        predictions=of_blocks(rules.fit_sklearn.output.predictions),
    output:
        svg=report(
            "results/{dataset}/models/{model}/predictions.svg",
            caption="../report/predictions.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "predictions"},
        ),
        png="results/{dataset}/models/{model}/predictions.png",
        record="results/manifest/plot_sklearn/{dataset}.{model}.json",
    log:
        "results/logs/plot_sklearn/{dataset}.{model}.log",
    wildcard_constraints:
        model=models_of_kind("sklearn"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("plot_sklearn", dataset_settings("target_unit")),
    script:
        "../../scripts/plot_sklearn.py"
