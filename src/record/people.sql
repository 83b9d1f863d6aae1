-- Version 3: `runs` is for people; what the record is told of a run is a card.
ALTER TABLE runs RENAME TO cards;

-- One row a run: how far it is, and what its last attempt was.
CREATE VIEW runs AS
SELECT s.run, s.name, s.stage, s.state, s.attempts, last.device, last.host, last.started_at, last.ended_at,
    coalesce(last.wall_seconds, last.seconds) AS seconds, last.peak_memory_bytes, s.cause, s.error, cards.config
FROM run_states AS s
JOIN cards ON cards.id = s.run
LEFT JOIN attempts AS last ON last.run = s.run AND last.attempt = s.attempts;

-- The same answers as before, found by one look into the table of numbers for each run and metric: the old form read all steps.
DROP VIEW final;
CREATE VIEW final AS
SELECT run, name, stage, metric, step, value FROM (
    SELECT cards.id AS run, cards.name, cards.stage, metrics.name AS metric,
        (SELECT m.step FROM measurements AS m WHERE m.run_key = cards.key AND m.metric_key = metrics.key
            ORDER BY m.step DESC, m.attempt DESC, m.seq DESC LIMIT 1) AS step,
        (SELECT m.value FROM measurements AS m WHERE m.run_key = cards.key AND m.metric_key = metrics.key
            ORDER BY m.step DESC, m.attempt DESC, m.seq DESC LIMIT 1) AS value
    FROM cards CROSS JOIN metrics
) WHERE step IS NOT NULL;
