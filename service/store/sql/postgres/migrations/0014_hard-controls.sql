-- How a control is enforced, and what hard ones do (I7). `raised` is what open raises add to the limit by now, kept here
-- so that whoever reads a control has it; `raised_until_ms` is the end of the earliest of them.
ALTER TABLE cost_control ADD COLUMN enforcement TEXT COLLATE "C" NOT NULL DEFAULT 'POLLED';
ALTER TABLE cost_control ADD COLUMN on_expiry TEXT COLLATE "C" NOT NULL DEFAULT 'charge';
ALTER TABLE cost_control ADD COLUMN estimate TEXT COLLATE "C" NOT NULL DEFAULT 'worst-case';
ALTER TABLE cost_control ADD COLUMN when_exhausted TEXT COLLATE "C" NOT NULL DEFAULT 'cut';
ALTER TABLE cost_control ADD COLUMN assumed_output_tokens BIGINT NOT NULL DEFAULT 4096;
ALTER TABLE cost_control ADD COLUMN output_limit TEXT COLLATE "C" NOT NULL DEFAULT 'inject';
ALTER TABLE cost_control ADD COLUMN clamp_output BIGINT NOT NULL DEFAULT 0;
ALTER TABLE cost_control ADD COLUMN downgrade_to TEXT COLLATE "C";
ALTER TABLE cost_control ADD COLUMN throttle_ms BIGINT;
ALTER TABLE cost_control ADD COLUMN raised TEXT COLLATE "C";
ALTER TABLE cost_control ADD COLUMN raised_until_ms BIGINT;

-- More room under a limit for a while. `amount` is decimal text in the unit of the control's metric.
CREATE TABLE control_raise (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL,
  control_id TEXT COLLATE "C" NOT NULL,
  amount TEXT COLLATE "C" NOT NULL,
  until_ms BIGINT NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  by_text TEXT COLLATE "C" NOT NULL,
  created_at_ms BIGINT NOT NULL,
  ended_at_ms BIGINT,
  ended_by TEXT COLLATE "C"
);
CREATE INDEX control_raise_of ON control_raise (control_id, created_at_ms);
CREATE INDEX control_raise_due ON control_raise (until_ms, team_id) WHERE ended_at_ms IS NULL;
