# Lineup: lines up models on the same splits of the same table. Settings are in config.yaml.
from snakemake.utils import min_version

min_version("9.27")


configfile: workflow.source_path("config.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"


for kind in kinds():

    include: f"workflow/rules/{kind}.smk"


include: "workflow/rules/classification.smk"
include: "workflow/rules/importance.smk"
include: "workflow/rules/predict.smk"
include: "workflow/rules/comparison.smk"
include: "workflow/rules/manifest.smk"


# A job that a scheduler started is of another rule, and need not know what all rules make.
listed = config["build"] if workflow.is_main_process else []


rule all:
    default_target: True
    input:
        rules.report.output,
        outputs_of("rank_models") if ranked() else [],
        # Every file is asked for: of a job that failed, Snakemake runs again only what is missing here.
        [
            outputs_of(rule, dataset=dataset)
            for dataset in listed
            for rule in [*rules_of_data(dataset), *rules_of_comparison(dataset)]
        ],
        [
            outputs_of("split", dataset=dataset, block=block)
            for dataset in listed
            for block in fitted_blocks(dataset)
        ],
        [
            outputs_of(rule, dataset=dataset, model=model, block=block)
            for dataset in listed
            for model in config["datasets"][dataset]["models"]
            for rule in rules_of(dataset, model)
            for block in fitted_blocks(dataset, model)
        ],


# All rule files have been read now.
port.hide_pandas()


# Before the first job is submitted.
onstart:
    if scheduler.submits(workflow):
        scheduler.end_submissions_with_run(workflow)
        scheduler.ask_again_for_jobs(workflow)
        if scheduler.name_of_submissions(workflow):
            scheduler.look_at_requests(workflow, watch_requests())
        name_queue(
            scheduler.name_of_submissions(workflow),
            scheduler.logs_of_jobs_to_run(workflow),
            scheduler.shares_files(workflow),
        )


onsuccess:
    port.end_timers()
    tell_of_spared_jobs()
    if rules.report.output.html in port.targets(workflow):
        tell(f"The report is {rules.report.output.html}.")


onerror:
    port.end_timers()
    tell_of_spared_jobs()
