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

# Kills, full disks, broken files and the like, N of each: the figures of docs/reliability.md.
faults N="200":
    cargo build --release
    VICMAE_FAULTS={{N}} VICMAE_BIN=$PWD/target/release/vicmae cargo test --test faults -- --nocapture --test-threads 1

# How fast it is.
bench:
    cargo bench

# The pages of docs/gallery from a results folder in which the three experiments are done.
gallery RESULTS="results":
    #!/usr/bin/env bash
    set -euo pipefail
    for name in quickstart baselines mask_ratio_and_weight; do
        cargo run --release -- report experiments/$name.yaml --results {{RESULTS}} > /dev/null
        from={{RESULTS}}/reports/$name to=docs/gallery/$name
        rm -rf $to && mkdir -p $to/plots $to/tables $to/pictures
        cp $from/plots/*.svg $from/plots/*.csv $to/plots && rm -f $to/plots/*.dark.svg
        cp $from/tables/*.{csv,tex} $to/tables
        # Small pages: drawings in the place of pictures of them, no lists of files that are not here, one run's pictures.
        picture=$(grep -o 'pictures/[0-9a-f]*-reconstructions.png' $from/index.md | head -n 1)
        cp $from/$picture $from/${picture/reconstructions/similarity} $to/pictures
        sed -e 's|\(plots/[^)]*\)\.png)$|\1.svg)|' -e '/^\[SVG\]/d' -e '/^The same as a page/d' -e '/^## Reconstructions/,$d' \
            -e 's| · \[HTML\][^ ]*$||' $from/index.md > $to/index.md
        printf '## What one run sees\n\n![Reconstructions](%s)\n\n![Patch similarity](%s)\n' \
            $picture ${picture/reconstructions/similarity} >> $to/index.md
    done
