# The manifest of what was built.
# In:  results/manifest/, where each job writes a record of what it made.
# Out: what is wrong with the files, or in what they differ from those of another manifest, on the terminal.


rule verify:
    """Compare all results with the manifest; say what is edited, cut off or missing, and what repairs it."""
    input:
        manifest_checked,
    log:
        "results/logs/verify/verify.log",
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(60),
    params:
        records=records,
    script:
        "../../scripts/verify.py"


rule explain:
    """Say in what the results differ from those that `--config before=...` names, a copy of results/, and why."""
    input:
        manifest_checked,
    log:
        "results/logs/explain/explain.log",
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(60),
    params:
        before=lambda wildcards: asked_about.get("before"),
        after=lambda wildcards: asked_about.get("after", "results"),
    script:
        "../../scripts/explain.py"


rule forecast:
    """Say how long the fits of each model take and how much memory, trying a few splits of those without a record."""
    input:
        checked=manifest_checked,
        tried=lambda wildcards: [
            path for one in fits_to_forecast(wildcards) for path in one["tried"].values()
        ],
    log:
        "results/logs/forecast/forecast.log",
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(60),
    params:
        fits=fits_to_forecast,
        cores=lambda wildcards: workflow.cores or 1,
    script:
        "../../scripts/forecast.py"
