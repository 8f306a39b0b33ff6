# Lineup: lines up models on the same splits of the same table. Settings are in config.yaml.
from snakemake.utils import min_version

min_version("9.27")


configfile: workflow.source_path("config.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/linear.smk"
include: "workflow/rules/lasso.smk"
include: "workflow/rules/logistic.smk"
include: "workflow/rules/mlp.smk"
include: "workflow/rules/classification.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/manifest.smk"


rule all:
    default_target: True
    input:
        rules.report.output,
        # Every file is asked for: of a job that failed, Snakemake runs again only what is missing here.
        [
            expand(getattr(rules, rule).output, dataset=dataset)
            for dataset in config["build"]
            for rule in [*rules_of_data(dataset), "compare", "plot_comparison", "timings"]
        ],
        [expand(rules.split.output, dataset=dataset, block=blocks(dataset)) for dataset in config["build"]],
        [
            expand(getattr(rules, rule).output, dataset=dataset, model=model, block=blocks(dataset))
            for dataset in config["build"]
            for model in config["datasets"][dataset]["models"]
            for rule in rules_of(dataset, model)
        ],
