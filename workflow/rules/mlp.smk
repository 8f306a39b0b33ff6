# The neural network.
# In:  the prepared table and the splits.
# Out: results/{dataset}/models/{model}/: predictions.parquet, scores.parquet, training_log.csv, learning_curves.parquet, summary.txt, weights.safetensors, and their figures.


rule fit_mlp:
    """Train the neural network on every split."""
    input:
        table=rules.preprocess.output.table,
        splits=rules.split.output.splits,
    output:
        predictions="results/{dataset}/models/{model}/predictions.parquet",
        scores="results/{dataset}/models/{model}/scores.parquet",
        training_log="results/{dataset}/models/{model}/training_log.csv",
        learning_curves="results/{dataset}/models/{model}/learning_curves.parquet",
        summary="results/{dataset}/models/{model}/summary.txt",
        weights="results/{dataset}/models/{model}/weights.safetensors",
        record="results/manifest/fit_mlp/{dataset}.{model}.json",
    log:
        "results/logs/fit_mlp/{dataset}.{model}.log",
    wildcard_constraints:
        model=models_of_kind("mlp"),
    conda:
        "../../environment.yml"
    threads: lambda wildcards: config["models"][wildcards.model]["threads"]
    resources:
        mem_mb=4000,
        runtime=240,
    params:
        spec=spec("fit_mlp", model_settings("kind", "workers")),
        # How many processes load the batches does not change what is in them, so it is no reason to train
        # again. Snakemake leaves a function of the output out of its comparison.
        workers=lambda wildcards, output: config["models"][wildcards.model]["workers"],
    script:
        "../../scripts/fit_mlp.py"


rule plot_mlp:
    """Draw the learning curve and the predictions of the neural network."""
    input:
        table=rules.preprocess.output.table,
        learning_curves=rules.fit_mlp.output.learning_curves,
        predictions=rules.fit_mlp.output.predictions,
    output:
        learning_curves_svg=report(
            "results/{dataset}/models/{model}/learning_curves.svg",
            caption="../report/learning_curves.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "learning curves"},
        ),
        learning_curves_png="results/{dataset}/models/{model}/learning_curves.png",
        predictions_svg=report(
            "results/{dataset}/models/{model}/predictions.svg",
            caption="../report/predictions.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "predictions"},
        ),
        predictions_png="results/{dataset}/models/{model}/predictions.png",
        record="results/manifest/plot_mlp/{dataset}.{model}.json",
    log:
        "results/logs/plot_mlp/{dataset}.{model}.log",
    wildcard_constraints:
        model=models_of_kind("mlp"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec=spec(
            "plot_mlp",
            lambda wildcards: dataset_settings("target_unit")(wildcards)
            | {"validation": config["models"][wildcards.model]["validation"]},
        ),
    script:
        "../../scripts/plot_mlp.py"
