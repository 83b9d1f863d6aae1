#!/usr/bin/env bash
# Brings up a Slurm of one node for tests: no systemd, no munge, no database, and nothing outside the folder that it is given.
# usage: up.sh DIR      (an absolute path; the variable PORT is the first of three free ports)
#
# GPUs are character devices that exist everywhere, also where there are no terminals; nobody opens them. The partitions differ
# in priority, so that a job of `high` takes the node from one of `low`, which goes back to the queue. Where the daemons do not
# come up, what they wrote last goes to standard error.
set -euo pipefail
dir=$1 port=$PORT
# The controller must bear the name of the machine, which need not resolve. The node has a short one of its own: it becomes a
# part of the paths of sockets, which may not be long.
host=$(uname -n) host=${host%%.*} node=node
mkdir -p "$dir"/{state,spool,log,run}

cat > "$dir/slurm.conf" <<CONF
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$port
SlurmdPort=$((port + 1))
SlurmUser=root
SlurmdUser=root
AuthType=auth/none
CredType=cred/none
# A job that is started again waits as long as its last credential is valid.
AuthInfo=cred_expire=5
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/slurmd.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
JobCompType=jobcomp/none
MpiDefault=none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=100000
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
# The node may claim more than the machine has.
SlurmdParameters=config_overrides
GresTypes=gpu
# Without this a job that does not say gets all memory, and the node to itself.
DefMemPerCPU=100
JobRequeue=1
MinJobAge=${MIN_JOB_AGE:-300}
MaxArraySize=${MAX_ARRAY_SIZE:-1001}
KillWait=3
SlurmdTimeout=${SLURMD_TIMEOUT:-10}
ReturnToService=2
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
NodeName=$node NodeHostname=$host NodeAddr=127.0.0.1 CPUs=8 Boards=1 SocketsPerBoard=1 CoresPerSocket=8 ThreadsPerCore=1 RealMemory=16000 Gres=gpu:4
PartitionName=main Nodes=$node Default=YES MaxTime=INFINITE State=UP PriorityTier=5 PreemptMode=OFF
PartitionName=low Nodes=$node MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=6
PartitionName=high Nodes=$node MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF
CONF
if [ -n "${DBD_PORT:-}" ]; then
  printf 'AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=localhost\nAccountingStoragePort=%s\n' \
    "$DBD_PORT" >> "$dir/slurm.conf"
else
  echo "AccountingStorageType=accounting_storage/none" >> "$dir/slurm.conf"
fi
printf "NodeName=$node Name=gpu File=/dev/%s\n" null zero full random > "$dir/gres.conf"
# Slurm 22.05 knows no `disabled`; a version that is never used touches nothing.
printf 'CgroupPlugin=cgroup/v1\nCgroupMountpoint=%s\nIgnoreSystemd=yes\n' "$dir/cgroup" > "$dir/cgroup.conf"

export SLURM_CONF=$dir/slurm.conf
trap '[ $? = 0 ] || tail -n 20 "$dir"/log/* >&2' EXIT
slurmctld -i -f "$SLURM_CONF"
slurmd -f "$SLURM_CONF"
# A busy machine may take its time; a daemon that has given up says so.
while [ $SECONDS -lt 120 ] && ! grep -qsE 'fatal: |Unable to bind' "$dir"/log/*; do
  [ "$(timeout 20 sinfo -h -p main -o %T 2> /dev/null)" = idle ] && exit 0
  sleep 0.1
done
echo "the node did not come up in $SECONDS s" >&2
exit 1
