# The data of each dataset.
# In:  the sources in the config.
# Out: results/{dataset}/raw.csv, table.parquet and splits.parquet.


rule fetch:
    """Get the CSV file from the first source that gives it with the right SHA-256."""
    input:
        manifest_checked,
    output:
        raw=ensure(
            "results/{dataset}/raw.csv",
            sha256=lambda wildcards: config["datasets"][wildcards.dataset]["sha256"],
        ),
        record="results/manifest/fetch/{dataset}.json",
    log:
        "results/logs/fetch/{dataset}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=500,
        runtime=30,
    params:
        # The digest alone decides what the file is: neither the code that gets it counts, nor where it is
        # looked for. Snakemake leaves a function of the output out of its comparison.
        spec=spec("fetch", dataset_settings("sha256"), code=False),
        ladder=lambda wildcards, output: dataset_settings("sources", "max_megabytes")(wildcards),
    script:
        "../../scripts/fetch.py"


rule preprocess:
    """Drop rows with missing values, code factors as 0/1 columns, and write Parquet."""
    input:
        raw=rules.fetch.output.raw,
    output:
        table="results/{dataset}/table.parquet",
        record="results/manifest/preprocess/{dataset}.json",
    log:
        "results/logs/preprocess/{dataset}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec=spec(
            "preprocess",
            dataset_settings("target", "task", "missing_target", "missing_features"),
        ),
    script:
        "../../scripts/preprocess.py"


rule split:
    """Draw, for each split seed of a block, which rows are trained on and which are tested on."""
    input:
        table=rules.preprocess.output.table,
    output:
        splits="results/{dataset}/splits/block_{block}.parquet",
        record="results/manifest/split/{dataset}.{block}.json",
    log:
        "results/logs/split/{dataset}.{block}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        spec=spec("split", split_settings),
    script:
        "../../scripts/split.py"
