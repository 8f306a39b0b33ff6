# What is drawn of the models that tell classes apart.
# In:  the prepared table, the predictions, and the weights of linear models.
# Out: results/{dataset}/models/{model}/: confusion, mistakes, calibration and weights, as SVG and PNG.


rule plot_classifier:
    """Draw which classes a model takes for which, its worst mistakes, and its calibration."""
    input:
        table="results/{dataset}/table.parquet",
        predictions=of_first_block("results/{dataset}/models/{model}/block_{block}/predictions.parquet"),
    output:
        confusion_svg=report(
            "results/{dataset}/models/{model}/confusion.svg",
            caption="../report/confusion.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "confusion"},
        ),
        confusion_png="results/{dataset}/models/{model}/confusion.png",
        mistakes_svg=report(
            "results/{dataset}/models/{model}/mistakes.svg",
            caption="../report/mistakes.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "mistakes"},
        ),
        mistakes_png="results/{dataset}/models/{model}/mistakes.png",
        calibration_svg=report(
            "results/{dataset}/models/{model}/calibration.svg",
            caption="../report/calibration.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "calibration"},
        ),
        calibration_png="results/{dataset}/models/{model}/calibration.png",
        record="results/manifest/plot_classifier/{dataset}.{model}.json",
    log:
        "results/logs/plot_classifier/{dataset}.{model}.log",
    wildcard_constraints:
        dataset=datasets_with("task", "classification"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("plot_classifier"),
    script:
        "../../scripts/plot_classifier.py"


rule plot_weights:
    """Draw the weights of a linear model as one picture for each class."""
    input:
        table="results/{dataset}/table.parquet",
        weights=weights_of_first_block,
    output:
        weights_svg=report(
            "results/{dataset}/models/{model}/weights.svg",
            caption="../report/weights.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "weights"},
        ),
        weights_png="results/{dataset}/models/{model}/weights.png",
        record="results/manifest/plot_weights/{dataset}.{model}.json",
    log:
        "results/logs/plot_weights/{dataset}.{model}.log",
    wildcard_constraints:
        dataset=datasets_with("task", "classification"),
        model=linear_models(),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("plot_weights"),
    script:
        "../../scripts/plot_weights.py"
