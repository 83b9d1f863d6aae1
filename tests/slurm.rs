//! Experiments on a real Slurm that each test brings up for itself. Where Slurm is not installed they say so and pass.

#[path = "slurm/cluster.rs"]
mod cluster;
#[path = "slurm/lab.rs"]
mod lab;

use cluster::{Cluster, until};
use lab::Lab;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

fn end(process: i32) {
    // Who has gone already need not be ended.
    let _ = kill(Pid::from_raw(process), Signal::SIGKILL);
}

/// The processes whose command line holds all of some words.
fn processes(words: &[&str]) -> Vec<i32> {
    let entries = fs::read_dir("/proc").unwrap().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let line = |pid: &i32| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().replace('\0', " ");
    pids.filter(|pid| words.iter().all(|word| line(pid).contains(word))).collect()
}

#[test]
fn a_grid_is_done_by_arrays_that_wait_for_each_other_and_transfers_share_jobs() {
    // Three pretrainings need two arrays.
    let Some(cluster) = Cluster::up_with("a grid", 2) else { return };
    let mut lab = Lab::new(&cluster, 3, 3, "at_once: 2, pack: 2, cpus: 1");
    let text = lab.finish();
    assert!(text.contains("9 of 9 runs are done"), "{text}");
    let batches: Vec<_> = fs::read_dir(lab.path("results/slurm")).unwrap().map(|entry| entry.unwrap().path()).collect();
    let tasks = |batch: &std::path::PathBuf| -> Option<Vec<usize>> {
        let batch: serde_json::Value = serde_json::from_str(&fs::read_to_string(batch.join("batch.json")).ok()?).unwrap();
        Some(batch["tasks"].as_array().unwrap().iter().map(|task| task.as_array().unwrap().len()).collect())
    };
    let mut shapes: Vec<_> = batches.iter().filter_map(tasks).collect();
    shapes.sort();
    let expected = [vec![1], vec![1, 1], vec![2], vec![2], vec![2]];
    assert_eq!(shapes, expected, "two arrays, and for each of their tasks a job with two transfers");
    assert!(batches.iter().filter(|batch| batch.join("batch.json").exists()).all(|batch| batch.join("done").exists()));
    let refused = cluster.ask(&["sacct"]);
    assert!(refused.contains("accounting storage is disabled"), "this cluster has no accounting: {refused}");
    lab.judge();
    println!("figure: grid of 9 runs in 5 arrays without accounting: done, numbers bitwise equal to those of local processes");
}

#[test]
fn an_orchestrator_that_is_killed_leaves_its_jobs_to_the_next() {
    let Some(cluster) = Cluster::up("adoption") else { return };
    let mut lab = Lab::new(&cluster, 2, 4, "cpus: 1");
    let mut kills = 0;
    // From before the first job is submitted to the middle of the grid.
    for milliseconds in [30, 120, 250, 400, 700, 1500, 2500, 4000] {
        let mut orchestrator = lab.start();
        sleep(Duration::from_millis(milliseconds));
        if orchestrator.try_wait().unwrap().is_none() {
            kills += 1;
        }
        orchestrator.kill().unwrap();
        orchestrator.wait().unwrap();
    }
    lab.finish();
    let attempts = lab.query("SELECT max(attempt) AS n FROM attempts", "results");
    assert_eq!(attempts[0]["n"], 1, "some job was submitted twice");
    lab.judge();
    println!("figure: orchestrator killed {kills} times while its jobs waited and ran: all taken over, none twice");
}

#[test]
fn a_job_that_comes_to_its_time_limit_saves_and_goes_on_in_the_next() {
    let Some(cluster) = Cluster::up("the time limit") else { return };
    let mut lab = Lab::new(&cluster, 1, 150, "time: '1', signal_seconds: 30, cpus: 1");
    // Slurm gives the warning up to a minute early, which is all of this limit: on a busy machine a transfer may be warned before it
    // has begun. That is a failed run, and the same command tries it again.
    let tries = (0..8).map(|_| lab.run()).take_while(|said| said.code == 1).count();
    assert!(tries < 8, "{}", lab.run().text);
    let rows = lab.query("SELECT state, from_step FROM attempts WHERE steps > 1 ORDER BY attempt", "results");
    assert!(rows.len() > 1 && rows[0]["state"] == "interrupted", "{rows:?}");
    assert!(rows[1]["from_step"].as_u64().unwrap() > 0, "{rows:?}");
    // A run that failed is a new job; else it is the first one, which put itself back into the queue.
    assert!(tries > 0 || lab.was_requeued(), "it was given as a new job");
    lab.judge();
    println!(
        "figure: time limit: {} attempts, each from the step where the one before it stopped; numbers bitwise equal",
        rows.len()
    );
}

#[test]
fn a_job_that_makes_room_for_another_goes_on_after_it() {
    let Some(cluster) = Cluster::up("preemption") else { return };
    let mut lab = Lab::new(&cluster, 1, 100, "partition: low, cpus: 1");
    let mut orchestrator = lab.start();
    until("the run has begun", || lab.some_log("\"saved\""));
    let other = cluster.ask(&["sbatch", "-p", "high", "--exclusive", "-o", "/dev/null", "--wrap", "sleep 4"]);
    assert!(other.contains("Submitted"), "{other}");
    let code = orchestrator.wait().unwrap().code();
    assert_eq!(code, Some(0), "{}", lab.said());
    assert!(lab.some_log("\"interrupted\"") && lab.some_log("\"attempt\":2"), "{:?}", lab.logs());
    assert!(lab.was_requeued(), "it was given as a new job");
    lab.judge();
    println!("figure: preemption: the run saved, made room and went on; numbers bitwise equal");
}

#[test]
fn a_controller_may_be_killed() {
    let Some(cluster) = Cluster::up("a killed controller") else { return };
    let mut lab = Lab::new(&cluster, 2, 20, "cpus: 1");
    let mut orchestrator = lab.start();
    // At once, before it has written down what it knows, and later.
    for _ in 0..2 {
        until("a run has begun", || lab.some_log("\"started\""));
        end(cluster.pid("slurmctld"));
        sleep(Duration::from_secs(2));
        cluster.start("slurmctld");
        sleep(Duration::from_secs(6));
    }
    // A node that is given an id that it knows is taken out of service until an administrator looks at it.
    until("the grid is done", || {
        cluster.resume();
        orchestrator.try_wait().unwrap().is_some()
    });
    assert_eq!(orchestrator.wait().unwrap().code(), Some(0), "{}", lab.said());
    lab.judge();
    println!("figure: controller killed twice in a grid of 6 runs: done, each run once, numbers bitwise equal");
}

#[test]
fn jobs_are_submitted_when_a_controller_that_is_down_comes_back() {
    let Some(cluster) = Cluster::up("a controller that is down") else { return };
    let mut lab = Lab::new(&cluster, 1, 2, "cpus: 1");
    end(cluster.pid("slurmctld"));
    let mut orchestrator = lab.start();
    until("it is said that Slurm does not answer", || lab.said().contains("Slurm does not answer"));
    cluster.start("slurmctld");
    assert_eq!(orchestrator.wait().unwrap().code(), Some(0), "{}", lab.said());
    lab.judge();
    println!("figure: controller down at submission: waited for, then done");
}

#[test]
fn a_worker_that_outlives_its_node_is_kept_from_writing() {
    let Some(cluster) = Cluster::up("a lost node") else { return };
    let mut lab = Lab::new(&cluster, 1, 250, "cpus: 1");
    let mut orchestrator = lab.start();
    until("the run has a checkpoint", || lab.some_log("\"saved\""));
    let folder = lab.path("results").canonicalize().unwrap();
    let worker = processes(&[" worker ", folder.to_str().unwrap()]);
    assert_eq!(worker.len(), 1);
    end(cluster.pid("slurmd"));
    // Those of this cluster alone: the machine may be a node of another.
    processes(&["slurmstepd"]).into_iter().filter(|pid| cluster.has(*pid)).for_each(end);
    until("the node is down", || cluster.ask(&["sinfo", "-h", "-o", "%T"]).contains("down"));
    assert_eq!(processes(&[" worker ", folder.to_str().unwrap()]), worker, "the worker lives on");
    cluster.start("slurmd");
    until("the run was started again", || lab.some_log("\"attempt\":2"));
    until("the first worker has left", || !processes(&[" worker ", folder.to_str().unwrap()]).contains(&worker[0]));
    assert_eq!(orchestrator.wait().unwrap().code(), Some(0), "{}", lab.said());
    let log = lab.logs().into_iter().find(|log| log.contains("\"attempt\":2")).unwrap();
    let second = log.find("\"attempt\":2").unwrap();
    let late: Vec<_> = log[second..].lines().filter(|line| line.contains("\"attempt\":1")).collect();
    // The second says of the first that it is gone, and this is all.
    assert!(late.is_empty(), "the first worker wrote after the second had begun: {late:?}");
    lab.judge();
    println!("figure: node lost under a worker that lived on: fenced, started again, numbers bitwise equal");
}

#[test]
fn a_task_that_a_person_cancels_is_stopped_and_the_others_go_on() {
    let Some(cluster) = Cluster::up("scancel") else { return };
    let mut lab = Lab::new(&cluster, 3, 30, "cpus: 1");
    let mut orchestrator = lab.start();
    until("three jobs run", || cluster.ask(&["squeue", "-h", "-r", "-t", "R"]).lines().count() == 3);
    let first = cluster.ask(&["squeue", "-h", "-r", "-t", "R", "-o", "%F_%K"]);
    cluster.ask(&["scancel", first.lines().next().unwrap()]);
    assert_eq!(orchestrator.wait().unwrap().code(), Some(130), "{}", lab.said());
    let text = lab.said();
    assert!(text.contains("6 of 9 runs are done") && text.contains("stopped") && !text.contains("failed"), "{text}");
    lab.finish();
    lab.judge();
    println!("figure: scancel of one task of an array: that run stopped, 6 others done, all done by the next start");
}

#[test]
fn what_slurm_refuses_is_told_in_its_words() {
    let Some(cluster) = Cluster::up("a refusal") else { return };
    let lab = Lab::new(&cluster, 1, 1, "partition: nowhere");
    let said = lab.run();
    assert!(said.code == 1 && said.text.contains("invalid partition specified"), "{}: {}", said.code, said.text);
}

#[test]
fn a_job_that_ends_without_a_worker_fails_its_run_and_is_not_submitted_again() {
    let Some(cluster) = Cluster::up("a script without a worker") else { return };
    let lab = Lab::new(&cluster, 1, 2, "cpus: 1");
    fs::write(lab.path("templates/slurm/job.sh.j2"), "#!/bin/sh\necho no such module\n").unwrap();
    let said = lab.run();
    assert_eq!(said.code, 1, "{}", said.text);
    assert!(said.text.contains("its job ended, and no worker had begun: no such module ("), "{}", said.text);
    // Its transfers may have been submitted with it.
    let batches = fs::read_dir(lab.path("results/slurm")).unwrap().flatten().filter(|entry| entry.path().join("done").exists());
    assert!((1..=2).contains(&batches.count()));
}

#[test]
fn why_a_job_does_not_get_its_turn_is_told() {
    let Some(cluster) = Cluster::up("a held job") else { return };
    let mut lab = Lab::new(&cluster, 1, 2, "cpus: 1, options: ['--hold']");
    let mut orchestrator = lab.start();
    until("the hold is told", || lab.said().contains("waits: JobHeldUser"));
    until("the released grid is done", || {
        let held = cluster.ask(&["squeue", "-h", "-t", "PENDING", "-o", "%A"]);
        held.lines().for_each(|job| drop(cluster.ask(&["scontrol", "release", job])));
        orchestrator.try_wait().unwrap().is_some()
    });
    assert_eq!(orchestrator.wait().unwrap().code(), Some(0), "{}", lab.said());
    lab.judge();
}

#[test]
fn what_finds_no_room_in_the_queue_is_submitted_as_jobs_end() {
    let Some(cluster) = Cluster::up("a full queue") else { return };
    let mut lab = Lab::new(&cluster, 5, 2, "cpus: 1, pack: 2");
    lab.limit_jobs(3);
    let text = lab.finish();
    assert!(text.contains("15 of 15 runs are done"), "{text}");
    assert_eq!(text.matches("Slurm takes no more jobs for now (AssocMaxSubmitJobLimit)").count(), 1, "{text}");
    lab.judge();
    println!("figure: 10 jobs where Slurm takes 3 at a time: all done, numbers bitwise equal");
}

#[test]
fn stop_cancels_the_jobs_that_nobody_looks_after() {
    let Some(cluster) = Cluster::up("stop") else { return };
    let lab = Lab::new(&cluster, 1, 400, "cpus: 1");
    let mut orchestrator = lab.start();
    until("the run has a checkpoint", || lab.some_log("\"saved\""));
    kill(Pid::from_raw(orchestrator.id() as i32), Signal::SIGINT).unwrap();
    assert_eq!(orchestrator.wait().unwrap().code(), Some(130));
    assert!(lab.said().contains("jobs go on without this process"), "{}", lab.said());
    assert_eq!(cluster.ask(&["squeue", "-h", "-r", "-t", "R"]).lines().count(), 1, "it goes on");
    let said = lab.vicmae(&["stop"]);
    assert!(said.code == 0 && said.text.contains("cancelled the jobs of 3 runs"), "{}", said.text);
    assert!(cluster.ask(&["squeue", "-h"]).is_empty(), "it waited until nothing was left");
    let batches = fs::read_dir(lab.path("results/slurm")).unwrap().map(|entry| entry.unwrap().path());
    let open = batches.filter(|batch| batch.join("batch.json").exists() && !batch.join("done").exists());
    assert_eq!(open.count(), 0, "a process of this machine may do the runs now");
    assert!(lab.some_log("\"interrupted\""), "it saved before it left");
}

#[test]
fn the_scripts_are_ones_that_a_shell_can_read() {
    for name in ["up.sh", "down.sh"] {
        let path = format!("{}/tests/slurm/{name}", env!("CARGO_MANIFEST_DIR"));
        assert!(Command::new("bash").args(["-n", &path]).status().unwrap().success(), "{name}");
    }
}
