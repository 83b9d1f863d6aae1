-- Version 2: what the process of an attempt took of its machine, also where the run did not finish.
ALTER TABLE attempts ADD COLUMN wall_seconds REAL;
ALTER TABLE attempts ADD COLUMN peak_memory_bytes INTEGER;
