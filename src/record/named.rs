//! Questions that many ask, by name. Adding one is a line.

/// A question with a name.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    /// What it is asked by.
    pub name: &'static str,
    /// What it tells.
    pub about: &'static str,
    /// How it is put.
    pub sql: &'static str,
}

/// All named questions.
pub const NAMED: &[Named] = &[
    Named {
        name: "states",
        about: "how many runs of each experiment and stage are done, failed, ..",
        sql: "SELECT c.experiment, c.stage, s.state, count(DISTINCT c.run) AS runs
              FROM cells AS c JOIN run_states AS s ON s.run = c.run
              GROUP BY c.experiment, c.stage, s.state ORDER BY c.experiment, min(c.ordinal), s.state",
    },
    Named {
        name: "best",
        about: "the twenty runs with the highest top-1 accuracy",
        sql: "SELECT substr(run, 1, 12) AS run, name, stage, value AS top1, step FROM final
              WHERE metric = 'top1' ORDER BY value DESC, name LIMIT 20",
    },
    Named {
        name: "failed",
        about: "the runs that failed last, with the cause and what they said",
        sql: "SELECT substr(run, 1, 12) AS run, name, stage, attempts, cause, error FROM run_states
              WHERE state = 'failed' ORDER BY name",
    },
    Named {
        name: "usage",
        about: "hours and peak memory by stage and device, all attempts counted",
        sql: "SELECT s.stage, a.device, count(*) AS attempts,
                  round(sum(coalesce(a.wall_seconds, a.seconds)) / 3600.0, 3) AS hours,
                  round(max(a.peak_memory_bytes) / 1048576.0) AS peak_mib
              FROM attempts AS a JOIN run_states AS s ON s.run = a.run
              GROUP BY s.stage, a.device ORDER BY hours DESC",
    },
    Named {
        name: "slowest",
        about: "the twenty attempts that took longest",
        sql: "SELECT substr(a.run, 1, 12) AS run, s.name, s.stage, a.attempt, a.state, a.device,
                  round(coalesce(a.wall_seconds, a.seconds), 1) AS seconds
              FROM attempts AS a JOIN run_states AS s ON s.run = a.run
              ORDER BY coalesce(a.wall_seconds, a.seconds) DESC LIMIT 20",
    },
    Named {
        name: "retries",
        about: "runs with more than one attempt, and why the others ended",
        sql: "SELECT substr(a.run, 1, 12) AS run, s.name, a.attempt, a.state, a.cause, a.from_step, a.error
              FROM attempts AS a JOIN run_states AS s ON s.run = a.run
              WHERE s.attempts > 1 ORDER BY s.name, a.run, a.attempt",
    },
    Named {
        name: "metrics",
        about: "what was measured in each stage, and by how many runs",
        sql:
            "SELECT f.stage, f.metric, m.title, m.unit, m.better, count(*) AS runs, min(f.value) AS least, max(f.value) AS largest
              FROM final AS f JOIN metrics AS m ON m.name = f.metric GROUP BY f.stage, f.metric ORDER BY f.stage, f.metric",
    },
];

#[cfg(test)]
mod tests {
    use super::super::scripted::Lab;
    use super::*;

    #[test]
    fn each_can_be_answered() {
        let lab = Lab::with_one_done_run();
        for named in NAMED {
            assert!(lab.record.query(named.sql).is_ok(), "{}: {:?}", named.name, lab.record.query(named.sql));
        }
        insta::assert_snapshot!(lab.record.query(NAMED[0].sql).unwrap().to_markdown(), @"
        | experiment | stage | state | runs |
        | --- | --- | --- | ---: |
        | x | pretrain | done | 1 |
        ");
        insta::assert_snapshot!(lab.record.query("SELECT state, attempts, device, seconds FROM runs").unwrap().to_csv().unwrap(), @"
        state,attempts,device,seconds
        done,2,cpu,13.0
        ");
    }
}
