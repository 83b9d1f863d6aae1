# The names that continuous integration uses too.

# Everything that must hold before a commit.
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo test --test layers

# All tests.
test:
    cargo test

# The experiment of the README, from nothing to its tables.
quickstart:
    cargo run --release -- run experiments/quickstart.yaml

# How fast it is.
bench:
    cargo bench

# Two steps of everything, and the report, in a folder that is thrown away.
smoke:
    #!/usr/bin/env sh
    set -eu
    results=$(mktemp -d)
    trap 'rm -rf "$results"' EXIT
    cargo run -- run experiments/smoke.yaml --results "$results"
    cargo run -- report experiments/smoke.yaml --results "$results"
