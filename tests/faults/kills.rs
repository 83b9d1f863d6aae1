//! SIGKILL at random points of the grid: of the orchestrator, of workers, and of all of them at once.

use super::dice::Dice;
use super::kill_points;
use super::lab::{GRID, Lab, kill_group};
use super::process::{Process, children, send};
use super::references::CALM;
use super::witness;
use nix::sys::signal::Signal;
use std::time::Duration;

/// Kills something, and says whether it lived until then.
type Strike = fn(&mut Process, &mut Dice) -> bool;

#[test]
fn an_orchestrator_may_be_killed_at_any_time() {
    campaign("orchestrator", |orchestrator, _| orchestrator.kill());
}

#[test]
fn a_worker_may_be_killed_at_any_time() {
    campaign("worker", |orchestrator, dice| {
        let workers = children(orchestrator.id());
        !workers.is_empty() && send(workers[dice.below(workers.len())], Signal::SIGKILL)
    });
}

#[test]
fn all_processes_may_be_killed_at_any_time() {
    campaign("orchestrator and all workers", |orchestrator, _| kill_group(orchestrator));
}

/// Does grid after grid until enough kills have hit, and judges each.
fn campaign(whom: &str, strike: Strike) {
    let points = kill_points(15);
    let lab = Lab::new(GRID);
    let mut dice = Dice::new(whom);
    let (mut kills, mut grids, mut resumed) = (0, 0, 0);
    while kills < points {
        lab.forget();
        kills += besiege(&lab, &mut dice, points - kills, strike);
        grids += 1;
        witness::judge(&lab);
        resumed += witness::resumed(&lab);
    }
    println!(
        "figure: kill -9 of {whom}: {kills} kills in {grids} grids of {} runs; {} results, 0 lost, 0 twice; \
        {resumed} attempts went on from a checkpoint; numbers bitwise equal",
        GRID.runs,
        grids * GRID.runs
    );
}

/// Starts the grid until it is done and strikes meanwhile, `at_most` so often. Returns how many strikes hit.
fn besiege(lab: &Lab, dice: &mut Dice, at_most: usize, strike: Strike) -> usize {
    let (mut hits, mut acknowledged) = (0, witness::Results::new());
    for _ in 0..at_most + 20 {
        let mut orchestrator = lab.start();
        while !orchestrator.ended() {
            let moment = dice.moment(CALM.took / 2);
            orchestrator.ends_within(if hits < at_most { moment } else { Duration::MAX });
            acknowledged.extend(witness::results(lab));
            hits += usize::from(!orchestrator.ended() && strike(&mut orchestrator, dice));
            let now = witness::results(lab);
            assert!(acknowledged.is_subset(&now), "lost: {:?}", acknowledged.difference(&now));
        }
        match orchestrator.end() {
            said if said.code == 0 => return hits,
            said => assert!([1, 137].contains(&said.code), "{said:?}"),
        }
    }
    panic!("{hits} kills, and the grid is not done: {:?}", witness::results(lab));
}
