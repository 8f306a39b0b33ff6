# Lineup: lines up models on the same splits of the same table. Settings are in config.yaml.
from snakemake.utils import min_version

min_version("9.27")


configfile: workflow.source_path("config.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/linear.smk"
include: "workflow/rules/lasso.smk"
include: "workflow/rules/mlp.smk"
include: "workflow/rules/comparison.smk"


rule all:
    default_target: True
    input:
        "results/report.html",
        expand(rules.timings.output.timings, dataset=config["build"]),
        [f"{figure}.png" for dataset in config["build"] for figure in figures_of(dataset)],
