# What is made of all models together.
# In:  the scores, figures and manifest records of the models.
# Out: results/{dataset}/: leaderboard.csv, differences.csv, scores.parquet, their figures, timings.csv; where the
#      config has training sizes, training_sizes.csv, its figure and power_laws.csv; results/report.html.


rule compare:
    """Line up the scores of all models of a dataset beside a null model."""
    input:
        table="results/{dataset}/table.parquet",
        splits=of_blocks(rules.split.output.splits),
        model_scores=of_models("results/{dataset}/models/{model}/block_{block}/scores.parquet"),
        predictions=of_models("results/{dataset}/models/{model}/block_{block}/predictions.parquet"),
        splits_again=of_trainings(rules.split.output.splits),
        again=of_trainings("results/{dataset}/models/{model}/block_{block}/predictions.parquet", models=True),
    output:
        scores="results/{dataset}/scores.parquet",
        leaderboard=report(
            "results/{dataset}/leaderboard.csv",
            caption="../report/leaderboard.rst",
            category="{dataset}",
            labels={"model": "all", "figure": "leaderboard"},
        ),
        differences=report(
            "results/{dataset}/differences.csv",
            caption="../report/differences_table.rst",
            category="{dataset}",
            labels={"model": "all", "figure": "differences, table"},
        ),
        record="results/manifest/compare/{dataset}.json",
    log:
        "results/logs/compare/{dataset}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("compare", comparison_settings),
    script:
        "../../scripts/compare.py"


rule plot_comparison:
    """Draw the scores of all models of a dataset side by side, and their differences."""
    input:
        scores=rules.compare.output.scores,
        leaderboard=rules.compare.output.leaderboard,
        differences=rules.compare.output.differences,
    output:
        comparison_svg=report(
            "results/{dataset}/comparison.svg",
            caption="../report/comparison.rst",
            category="{dataset}",
            labels={"model": "all", "figure": "comparison"},
        ),
        comparison_png="results/{dataset}/comparison.png",
        differences_svg=report(
            "results/{dataset}/differences.svg",
            caption="../report/differences.rst",
            category="{dataset}",
            labels={"model": "all", "figure": "differences"},
        ),
        differences_png="results/{dataset}/differences.png",
        record="results/manifest/plot_comparison/{dataset}.json",
    log:
        "results/logs/plot_comparison/{dataset}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec(
            "plot_comparison",
            lambda wildcards: dataset_settings("metric", "null_model", "reference")(wildcards)
            | method_of(wildcards)
            | {"target_unit": config["datasets"][wildcards.dataset].get("target_unit", "")},
        ),
    script:
        "../../scripts/plot_comparison.py"


rule plot_variance:
    """Draw what the scores of a dataset vary by, where networks are trained several times on some splits."""
    input:
        rules.compare.output.leaderboard,
    output:
        svg=report(
            "results/{dataset}/variance.svg",
            caption="../report/variance.rst",
            category="{dataset}",
            labels={"model": "all", "figure": "variance"},
        ),
        png="results/{dataset}/variance.png",
        record="results/manifest/plot_variance/{dataset}.json",
    log:
        "results/logs/plot_variance/{dataset}.log",
    wildcard_constraints:
        dataset=alternatives(filter(models_with_trainings, config["datasets"])),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        spec=spec("plot_variance", variance_settings),
    script:
        "../../scripts/plot_variance.py"


rule training_sizes:
    """Say what more training rows would bring, by the errors of all models on nested shares of them."""
    input:
        table="results/{dataset}/table.parquet",
        splits=of_both_sizes(rules.split.output.splits),
        predictions=of_both_sizes(
            "results/{dataset}/models/{model}/block_{block}/predictions.parquet", models=True
        ),
    output:
        sizes="results/{dataset}/training_sizes.csv",
        laws="results/{dataset}/power_laws.csv",
        svg=report(
            "results/{dataset}/training_sizes.svg",
            caption="../report/training_sizes.rst",
            category="{dataset}",
            labels={"model": "all", "figure": "training sizes"},
        ),
        png="results/{dataset}/training_sizes.png",
        record="results/manifest/training_sizes/{dataset}.json",
    log:
        "results/logs/training_sizes/{dataset}.log",
    wildcard_constraints:
        dataset=alternatives(filter(has_training_sizes, config["datasets"])),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec("training_sizes", size_settings),
    script:
        "../../scripts/training_sizes.py"


rule rank_models:
    """Rank the models that all datasets have, where there are three or more."""
    input:
        expand("results/{dataset}/leaderboard.csv", dataset=config["build"]),
    output:
        ranks="results/ranks.csv",
        svg=report(
            "results/ranks.svg",
            caption="../report/ranks.rst",
            category="all datasets",
            labels={"model": "all", "figure": "ranks"},
        ),
        png="results/ranks.png",
        record="results/manifest/rank_models/ranks.json",
    log:
        "results/logs/rank_models/rank_models.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        spec=spec(
            "rank_models",
            lambda wildcards: {
                "metrics": {dataset: config["datasets"][dataset]["metric"] for dataset in config["build"]}
            },
        ),
    script:
        "../../scripts/rank_models.py"


rule timings:
    """Collect what each model of a dataset cost to fit, in seconds and memory."""
    input:
        records=fit_records,
    output:
        timings="results/{dataset}/timings.csv",
        record="results/manifest/timings/{dataset}.json",
    log:
        "results/logs/timings/{dataset}.log",
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(5),
    params:
        spec=spec("timings", dataset_settings("models")),
    script:
        "../../scripts/timings.py"


rule report:
    """Write the page with the comparison, the figures, the settings and the versions."""
    input:
        tables=expand("results/{dataset}/table.parquet", dataset=config["build"]),
        leaderboards=expand("results/{dataset}/leaderboard.csv", dataset=config["build"]),
        differences=expand("results/{dataset}/differences.csv", dataset=config["build"]),
        scores=expand("results/{dataset}/scores.parquet", dataset=config["build"]),
        laws=expand("results/{dataset}/power_laws.csv", dataset=filter(has_training_sizes, config["build"])),
        ranks=["results/ranks.csv", "results/ranks.svg"] if ranked() else [],
        figures=[f"{figure}.svg" for dataset in config["build"] for figure in figures_of(dataset)],
    output:
        html="results/report.html",
        record="results/manifest/report/report.json",
    log:
        "results/logs/report/report.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 20),
        runtime=growing(10, 0.05),
    params:
        spec=spec(
            "report",
            report_settings,
            ["workflow/report/report.html.j2", "workflow/report/report.js", *captions()],
        ),
        # Its place is no reason to write the report again: what it says is in the specification.
        folder=lambda wildcards, output: f"{workflow.basedir}/workflow/report",
    script:
        "../../scripts/report.py"
