"""The models, a file a kind."""
