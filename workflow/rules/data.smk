# The data of each dataset.
# In:  the sources in the config.
# Out: results/{dataset}/: raw.data or, of images, raw/; table.parquet; splits.data, where a file gives the
#      splits; splits/block_{block}.parquet.


rule fetch:
    """Get the file from the first source that gives it with the right SHA-256."""
    input:
        manifest_checked,
    output:
        raw="results/{dataset}/raw.data",
        record="results/manifest/fetch/{dataset}.json",
    log:
        "results/logs/fetch/{dataset}.log",
    wildcard_constraints:
        dataset=datasets_with("format", "csv"),
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(30),
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
    wildcard_constraints:
        dataset=datasets_with("format", "csv"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 10),
        runtime=growing(10, 0.1),
    params:
        spec=spec("preprocess", lambda wildcards: table_settings(config["datasets"][wildcards.dataset])),
        # No result depends on what messages call it, see the ladder of fetch.
        file=file_of,
    script:
        "../../scripts/preprocess.py"


rule fetch_images:
    """Get the four files of a set of images from the first source that gives them with the right SHA-256."""
    input:
        manifest_checked,
    output:
        train_images="results/{dataset}/raw/train-images-idx3-ubyte",
        train_labels="results/{dataset}/raw/train-labels-idx1-ubyte",
        test_images="results/{dataset}/raw/t10k-images-idx3-ubyte",
        test_labels="results/{dataset}/raw/t10k-labels-idx1-ubyte",
        record="results/manifest/fetch_images/{dataset}.json",
    log:
        "results/logs/fetch_images/{dataset}.log",
    wildcard_constraints:
        dataset=datasets_with("format", "images"),
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(60),
    params:
        # As with fetch, the digests alone decide what the files are.
        spec=spec("fetch_images", dataset_settings("sha256"), code=False),
        ladder=lambda wildcards, output: dataset_settings("sources", "max_megabytes")(wildcards),
    script:
        "../../scripts/fetch_images.py"


rule preprocess_images:
    """Write the images and their labels to Parquet, those to train on first."""
    input:
        train_images=rules.fetch_images.output.train_images,
        train_labels=rules.fetch_images.output.train_labels,
        test_images=rules.fetch_images.output.test_images,
        test_labels=rules.fetch_images.output.test_labels,
    output:
        table="results/{dataset}/table.parquet",
        record="results/manifest/preprocess_images/{dataset}.json",
    log:
        "results/logs/preprocess_images/{dataset}.log",
    wildcard_constraints:
        dataset=datasets_with("format", "images"),
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1500, 10),
        runtime=growing(20, 0.1),
    params:
        spec=spec("preprocess_images", dataset_settings("target", "classes")),
    script:
        "../../scripts/preprocess_images.py"


rule fetch_splits:
    """Get the file that says which rows each split tests on, where there is one."""
    input:
        manifest_checked,
    output:
        splits="results/{dataset}/splits.data",
        record="results/manifest/fetch_splits/{dataset}.json",
    log:
        "results/logs/fetch_splits/{dataset}.log",
    wildcard_constraints:
        dataset=alternatives(filter(has_file_of_splits, config["datasets"])),
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(500),
        runtime=growing(30),
    params:
        # As with fetch, the digest alone decides what the file is.
        spec=spec("fetch_splits", file_of_splits("sha256"), code=False),
        ladder=lambda wildcards, output: file_of_splits("sources", "max_megabytes")(wildcards),
    script:
        "../../scripts/fetch_splits.py"


rule split:
    """Draw, for each split seed of a block, which rows are trained on and which are tested on."""
    input:
        table="results/{dataset}/table.parquet",
        file=lambda wildcards: (
            rules.fetch_splits.output.splits if has_file_of_splits(wildcards.dataset) else []
        ),
    output:
        splits="results/{dataset}/splits/block_{block}.parquet",
        record="results/manifest/split/{dataset}.{block}.json",
    log:
        "results/logs/split/{dataset}.{block}.log",
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(1000, 0.2, of_splits=True),
        runtime=growing(10, 0.001, of_splits=True),
    params:
        spec=spec("split", split_settings),
    script:
        "../../scripts/split.py"


rule describe:
    """Look at a file of `--config file=...`, and write the block of the config that it would be read with."""
    input:
        manifest_checked,
    log:
        "results/logs/describe/describe.log",
    localrule: True
    conda:
        "../../environment.yml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        file=lambda wildcards: asked_about.get("file"),
        target=lambda wildcards: asked_about.get("target"),
    script:
        "../../scripts/describe.py"
