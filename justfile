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
