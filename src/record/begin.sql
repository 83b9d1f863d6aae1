-- Version 1 of results/lab.sqlite. Everything in here can be made again from the run folders (`vicmae reindex`).
-- Start at the views `run_states`, `final` and `curves`; ids of runs are 32 hexadecimal digits.

-- Every run that was asked for or heard of; name, stage and config (JSON) are NULL when only its events are known.
CREATE TABLE runs (
    key INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT,
    stage TEXT,
    config TEXT
);

-- The runs whose results a run needs, in order.
CREATE TABLE parents (
    run TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    parent TEXT NOT NULL,
    PRIMARY KEY (run, ordinal)
) WITHOUT ROWID;
CREATE INDEX children ON parents (parent);

CREATE TABLE experiments (
    name TEXT PRIMARY KEY,
    question TEXT NOT NULL,
    file TEXT NOT NULL
) WITHOUT ROWID;

-- What an experiment asks for, in its order; several cells may share a run. `axes` is a JSON object.
CREATE TABLE cells (
    experiment TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    run TEXT NOT NULL,
    stage TEXT NOT NULL,
    axes TEXT NOT NULL,
    PRIMARY KEY (experiment, ordinal)
) WITHOUT ROWID;
CREATE INDEX cells_of_run ON cells (run);

-- The same axes one a row, each value with its own type (true is 1, a list or map is JSON text).
CREATE TABLE cell_axes (
    experiment TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    axis TEXT NOT NULL,
    value,
    PRIMARY KEY (experiment, ordinal, axis)
) WITHOUT ROWID;

-- One row a try at a run. `state` is running, finished, interrupted or failed; `step` is where an interrupted one left.
CREATE TABLE attempts (
    run TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'running',
    host TEXT,
    device TEXT,
    started_at TEXT,
    ended_at TEXT,
    from_step INTEGER,
    steps INTEGER,
    step INTEGER,
    seconds REAL,
    cause TEXT,
    error TEXT,
    ended_seq INTEGER,
    PRIMARY KEY (run, attempt)
) WITHOUT ROWID;

CREATE TABLE metrics (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    title TEXT,
    unit TEXT,
    better TEXT
);

-- Every number of every attempt. The order of the key makes one curve one stretch of the table, so that the views below
-- need no index beside it. `value` is NULL where it was not a number.
CREATE TABLE measurements (
    run_key INTEGER NOT NULL,
    metric_key INTEGER NOT NULL,
    step INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    value REAL,
    PRIMARY KEY (run_key, metric_key, step, attempt, seq)
) WITHOUT ROWID;

-- Files that runs made; paths are relative to the run's folder.
CREATE TABLE artifacts (
    run TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (run, attempt, seq)
) WITHOUT ROWID;

CREATE TABLE checkpoints (
    run TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    step INTEGER NOT NULL,
    path TEXT NOT NULL,
    PRIMARY KEY (run, attempt, seq)
) WITHOUT ROWID;

CREATE TABLE notices (
    run TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (run, attempt, seq)
) WITHOUT ROWID;

-- A run is done when some attempt finished; otherwise it is what its last attempt is, and new when there was none.
CREATE VIEW run_states AS
SELECT runs.id AS run, runs.name, runs.stage,
    CASE
        WHEN EXISTS (SELECT 1 FROM attempts WHERE attempts.run = runs.id AND state = 'finished') THEN 'done'
        ELSE coalesce(last.state, 'new')
    END AS state,
    coalesce(last.attempt, 0) AS attempts, last.step, last.cause, last.error
FROM runs
LEFT JOIN attempts AS last
    ON last.run = runs.id AND last.attempt = (SELECT max(attempt) FROM attempts WHERE attempts.run = runs.id);

-- Each step of each metric of each run once: what the latest attempt that measured it says.
CREATE VIEW curves AS
SELECT runs.id AS run, runs.name, runs.stage, metrics.name AS metric, m.step, m.value
FROM measurements AS m
JOIN runs ON runs.key = m.run_key
JOIN metrics ON metrics.key = m.metric_key
WHERE NOT EXISTS (
    SELECT 1 FROM measurements AS later
    WHERE later.run_key = m.run_key AND later.metric_key = m.metric_key AND later.step = m.step
        AND (later.attempt, later.seq) > (m.attempt, m.seq)
);

-- The value of the highest step of each metric of each run.
CREATE VIEW final AS
SELECT runs.id AS run, runs.name, runs.stage, metrics.name AS metric, m.step, m.value
FROM runs CROSS JOIN metrics
JOIN measurements AS m
    ON m.run_key = runs.key AND m.metric_key = metrics.key
    AND (m.step, m.attempt, m.seq) = (
        SELECT step, attempt, seq FROM measurements
        WHERE run_key = runs.key AND metric_key = metrics.key
        ORDER BY step DESC, attempt DESC, seq DESC LIMIT 1
    );
