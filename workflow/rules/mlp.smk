# The neural network.
# In:  the prepared table and the splits.
# Out: results/{dataset}/models/{model}/block_{block}/: predictions.parquet, scores.parquet, training_log.csv, learning_curves.parquet, summary.txt, weights.safetensors; figures beside the blocks.


rule fit_mlp:
    """Train a neural network on each split of a block."""
    input:
        table="results/{dataset}/table.parquet",
        splits=rules.split.output.splits,
    output:
        predictions="results/{dataset}/models/{model}/block_{block}/predictions.parquet",
        scores="results/{dataset}/models/{model}/block_{block}/scores.parquet",
        training_log="results/{dataset}/models/{model}/block_{block}/training_log.csv",
        learning_curves="results/{dataset}/models/{model}/block_{block}/learning_curves.parquet",
        summary="results/{dataset}/models/{model}/block_{block}/summary.txt",
        weights="results/{dataset}/models/{model}/block_{block}/weights.safetensors",
        record="results/manifest/fit_mlp/{dataset}.{model}.{block}.json",
    log:
        "results/logs/fit_mlp/{dataset}.{model}.{block}.log",
    wildcard_constraints:
        model=models_of_kind("mlp"),
    conda:
        "../../environment.yml"
    threads: threads_of_training
    resources:
        mem_mb=growing(4000, 30),
        runtime=growing(240, 0.5, of_splits=True),
        gpu=lambda wildcards: 0 if config["models"][wildcards.model]["accelerator"] == "cpu" else 1,
        # How many processes train one network together. A profile sets more, and `mpi` for what starts them.
        tasks=1,
    params:
        # What is trained side by side does not change what is computed, nor does a checkpoint.
        spec=spec("fit_mlp", training_settings),
        checkpoint_seconds=lambda wildcards, output: config["models"][wildcards.model]["checkpoint_seconds"],
    script:
        "../../scripts/fit_mlp.py"


rule plot_mlp:
    """Draw the learning curves and the predictions of the neural network."""
    input:
        table="results/{dataset}/table.parquet",
        learning_curves=of_blocks(rules.fit_mlp.output.learning_curves),
        predictions=of_blocks(rules.fit_mlp.output.predictions),
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
        dataset=datasets_with("task", "regression"),
        model=models_of_kind("mlp"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec(
            "plot_mlp",
            lambda wildcards: dataset_settings("target_unit")(wildcards)
            | model_setting("validation")(wildcards),
        ),
    script:
        "../../scripts/plot_mlp.py"


rule plot_training:
    """Draw accuracy and loss by epoch of a neural network that tells classes apart."""
    input:
        learning_curves=of_blocks(rules.fit_mlp.output.learning_curves),
    output:
        learning_curves_svg=report(
            "results/{dataset}/models/{model}/learning_curves.svg",
            caption="../report/learning_curves.rst",
            category="{dataset}",
            labels={"model": "{model}", "figure": "learning curves"},
        ),
        learning_curves_png="results/{dataset}/models/{model}/learning_curves.png",
        record="results/manifest/plot_training/{dataset}.{model}.json",
    log:
        "results/logs/plot_training/{dataset}.{model}.log",
    wildcard_constraints:
        dataset=datasets_with("task", "classification"),
        model=models_of_kind("mlp"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("plot_training", model_setting("validation")),
    script:
        "../../scripts/plot_training.py"
