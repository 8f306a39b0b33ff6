# What is drawn of the models that tell classes apart.
# In:  the prepared table, the predictions, and the weights of linear models.
# Out: results/{dataset}/models/{model}/: confusion, calibration and roc; of images mistakes and weights, of tables
#      coefficients, as SVG and PNG.


rule plot_classifier:
    """Draw which classes a model takes for which, its calibration, and how well it tells them apart at any threshold."""
    input:
        table="results/{dataset}/table.parquet",
        predictions=of_blocks("results/{dataset}/models/{model}/block_{block}/predictions.parquet"),
    output:
        confusion_svg=report(
            "results/{dataset}/models/{model}/confusion.svg",
            caption="../report/confusion.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "confusion"},
        ),
        confusion_png="results/{dataset}/models/{model}/confusion.png",
        calibration_svg=report(
            "results/{dataset}/models/{model}/calibration.svg",
            caption="../report/calibration.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "calibration"},
        ),
        calibration_png="results/{dataset}/models/{model}/calibration.png",
        roc_svg=report(
            "results/{dataset}/models/{model}/roc.svg",
            caption="../report/roc.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "ROC"},
        ),
        roc_png="results/{dataset}/models/{model}/roc.png",
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
        spec=spec("plot_classifier", threshold_of),
    script:
        "../../scripts/plot_classifier.py"


rule plot_mistakes:
    """Draw the worst mistakes of a model that tells images apart."""
    input:
        table="results/{dataset}/table.parquet",
        predictions=of_first_block("results/{dataset}/models/{model}/block_{block}/predictions.parquet"),
    output:
        svg=report(
            "results/{dataset}/models/{model}/mistakes.svg",
            caption="../report/mistakes.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "mistakes"},
        ),
        png="results/{dataset}/models/{model}/mistakes.png",
        record="results/manifest/plot_mistakes/{dataset}.{model}.json",
    log:
        "results/logs/plot_mistakes/{dataset}.{model}.log",
    wildcard_constraints:
        dataset=datasets_with("format", "images"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("plot_mistakes"),
    script:
        "../../scripts/plot_mistakes.py"


rule plot_weights:
    """Draw the weights of a linear model of images as one picture for each class."""
    input:
        table="results/{dataset}/table.parquet",
        weights=lambda wildcards: weights_of_blocks(wildcards)[0],
    output:
        svg=report(
            "results/{dataset}/models/{model}/weights.svg",
            caption="../report/weights.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "weights"},
        ),
        png="results/{dataset}/models/{model}/weights.png",
        record="results/manifest/plot_weights/{dataset}.{model}.json",
    log:
        "results/logs/plot_weights/{dataset}.{model}.log",
    wildcard_constraints:
        dataset=datasets_with("format", "images"),
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


rule plot_coefficients:
    """Draw the coefficients of a linear model of classes."""
    input:
        table="results/{dataset}/table.parquet",
        weights=weights_of_blocks,
    output:
        svg=report(
            "results/{dataset}/models/{model}/coefficients.svg",
            caption="../report/coefficients.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "coefficients"},
        ),
        png="results/{dataset}/models/{model}/coefficients.png",
        record="results/manifest/plot_coefficients/{dataset}.{model}.json",
    log:
        "results/logs/plot_coefficients/{dataset}.{model}.log",
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
        spec=spec("plot_coefficients"),
    script:
        "../../scripts/plot_coefficients.py"
