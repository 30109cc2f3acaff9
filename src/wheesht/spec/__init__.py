"""The contract between the half that trains and the half that runs: model spec, bundle, cost."""
