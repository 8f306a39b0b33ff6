"""The training of networks: on one processor or many, on GPUs, from checkpoints."""
