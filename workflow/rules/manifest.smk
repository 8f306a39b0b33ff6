# The manifest of what was built.
# In:  results/manifest/, where each job writes a record of what it made.
# Out: what is wrong with the files, on the terminal.


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
