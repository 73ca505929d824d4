ALTER TABLE cost_control ADD COLUMN window_duration TEXT;
ALTER TABLE cost_control ADD COLUMN time_zone TEXT NOT NULL DEFAULT 'UTC';
ALTER TABLE cost_control ADD COLUMN week_start TEXT NOT NULL DEFAULT 'MONDAY';
-- Where it is not null it stands for on_unknown_price, whose check knows two reactions only.
ALTER TABLE cost_control ADD COLUMN unknown_price_reaction TEXT;
ALTER TABLE cost_control ADD COLUMN assumed_per_million_tokens TEXT;
ALTER TABLE cost_control ADD COLUMN assumed_per_request TEXT;

-- The window that was current when the control was last turned. Nothing (0) is turned at once, whatever the time.
ALTER TABLE cost_control ADD COLUMN window_start_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE cost_control ADD COLUMN window_end_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX cost_control_window_end ON cost_control (window_end_ms, team_id) WHERE enabled = 1 AND deleted_at_ms IS NULL;
CREATE INDEX cost_control_window_start ON cost_control (window_start_ms, team_id)
  WHERE enabled = 1 AND deleted_at_ms IS NULL;

-- The balances of a ROLLING control are those of its buckets. Its verdicts stand on rows with the start -1 and no value;
-- their end is the earliest time at which a verdict could change by itself.
CREATE INDEX balance_group ON balance (control_id, group_key, window_start_ms);

-- Rules of what the control was before, as JSON: they refuse until the fill is complete, or their windows end.
ALTER TABLE control_fill ADD COLUMN held_rules TEXT;
ALTER TABLE control_fill ADD COLUMN held_until_ms INTEGER NOT NULL DEFAULT 0;
