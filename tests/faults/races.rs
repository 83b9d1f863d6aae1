//! Two orchestrators at one results folder.

use super::lab::{Lab, UNTRAINED};
use super::{times, witness};

#[test]
fn of_two_orchestrators_one_proceeds_and_the_other_is_told_who() {
    let lab = Lab::new(UNTRAINED);
    let host = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let races = times(5, 50);
    let (mut refused, mut late) = (0, 0);
    for race in 0..races {
        lab.forget();
        let both = [lab.start(), lab.start()];
        let ids = both.each_ref().map(|process| process.id());
        let said = both.map(|process| process.end());
        let all = format!("{0} of {0} runs are done, {0} of them now", lab.part.runs);
        let winner = said.iter().position(|said| said.text.contains(&all));
        let winner = winner.unwrap_or_else(|| panic!("race {race}: nobody did all of it: {said:?}"));
        let (first, second) = (&said[winner], &said[1 - winner]);
        assert_eq!(first.code, 0, "{first:?}");
        match second.code {
            75 => {
                let holder = format!("process {} on {host}", ids[winner]);
                assert!(second.text.contains(&holder), "race {race}: {second:?} does not name {holder}");
                refused += 1;
            }
            0 => {
                assert!(second.text.contains("nothing to do"), "race {race}: {second:?}");
                late += 1;
            }
            _ => panic!("race {race}: {second:?}"),
        }
        for run in std::fs::read_dir(lab.results().join("runs")).unwrap() {
            let attempts = std::fs::read_dir(run.unwrap().path().join("attempts")).unwrap().count();
            assert_eq!(attempts, 1, "race {race}: a run was begun twice");
        }
    }
    witness::judge(&lab);
    println!("figure: two orchestrators: {races} races, {refused} refused with 75, {late} came late, 0 attempts twice");
}
