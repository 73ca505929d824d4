-- How a control is enforced, and what hard ones do (I7). `raised` is what open raises add to the limit by now, kept here
-- so that whoever reads a control has it; `raised_until_ms` is the end of the earliest of them.
ALTER TABLE cost_control ADD COLUMN enforcement TEXT NOT NULL DEFAULT 'POLLED';
ALTER TABLE cost_control ADD COLUMN on_expiry TEXT NOT NULL DEFAULT 'charge';
ALTER TABLE cost_control ADD COLUMN estimate TEXT NOT NULL DEFAULT 'worst-case';
ALTER TABLE cost_control ADD COLUMN when_exhausted TEXT NOT NULL DEFAULT 'cut';
ALTER TABLE cost_control ADD COLUMN assumed_output_tokens INTEGER NOT NULL DEFAULT 4096;
ALTER TABLE cost_control ADD COLUMN output_limit TEXT NOT NULL DEFAULT 'inject';
ALTER TABLE cost_control ADD COLUMN clamp_output INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cost_control ADD COLUMN downgrade_to TEXT;
ALTER TABLE cost_control ADD COLUMN throttle_ms INTEGER;
ALTER TABLE cost_control ADD COLUMN raised TEXT;
ALTER TABLE cost_control ADD COLUMN raised_until_ms INTEGER;

-- More room under a limit for a while. `amount` is decimal text in the unit of the control's metric.
CREATE TABLE control_raise (
  id TEXT PRIMARY KEY,
  team_id TEXT NOT NULL,
  control_id TEXT NOT NULL,
  amount TEXT NOT NULL,
  until_ms INTEGER NOT NULL,
  reason TEXT NOT NULL,
  by_text TEXT NOT NULL,
  created_at_ms INTEGER NOT NULL,
  ended_at_ms INTEGER,
  ended_by TEXT
) STRICT;
CREATE INDEX control_raise_of ON control_raise (control_id, created_at_ms);
CREATE INDEX control_raise_due ON control_raise (until_ms, team_id) WHERE ended_at_ms IS NULL;
