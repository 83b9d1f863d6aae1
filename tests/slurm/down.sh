#!/usr/bin/env bash
# Ends what up.sh started, and what its jobs left running, and returns when the daemons are gone.
# usage: down.sh DIR
dir=$1
export SLURM_CONF=$dir/slurm.conf
# A process that has ended stays on the list where nobody asks how it went.
lives() { grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2> /dev/null; }
timeout 20 scancel --user="$(id -u)" 2> /dev/null
for name in slurmd slurmctld slurmdbd mariadbd; do
  [ -s "$dir/run/$name.pid" ] && pids+=("$(cat "$dir/run/$name.pid")")
done
kill "${pids[@]}" 2> /dev/null
for pid in "${pids[@]}"; do
  while lives "$pid" && [ $SECONDS -lt 40 ]; do sleep 0.1; done
  lives "$pid" && kill -KILL "$pid"
done
exit 0
