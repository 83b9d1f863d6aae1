#!/usr/bin/env bash
# Ends what up.sh started, and what its jobs left running.
# usage: down.sh DIR
dir=$1
export SLURM_CONF=$dir/slurm.conf
timeout 5 scancel --user="$(id -un)" 2> /dev/null
for name in slurmd slurmctld slurmdbd mariadbd; do
  [ -s "$dir/run/$name.pid" ] && kill "$(cat "$dir/run/$name.pid")" 2> /dev/null
done
exit 0
