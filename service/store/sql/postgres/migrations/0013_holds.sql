-- What open holds set aside stands beside what was spent, never in it. `overrun` is the sum of what was spent above the
-- limit of a hard control, each part of it named by an enforcement event.
ALTER TABLE balance ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
ALTER TABLE balance ADD COLUMN overrun BIGINT NOT NULL DEFAULT 0;
CREATE INDEX balance_overrun ON balance (control_id) WHERE overrun > 0;

-- The hold that an event named, and by which instant and group controls count it that do not count it by its own: JSON,
-- control id to instant, or to [instant, group]; null as a rule.
ALTER TABLE usage_event ADD COLUMN hold_id TEXT COLLATE "C";
ALTER TABLE usage_event ADD COLUMN placements TEXT COLLATE "C";

-- `call` is what was asked for, JSON. Ended holds are kept for as long as events may name them.
CREATE TABLE hold (
  team_id TEXT COLLATE "C" NOT NULL,
  id TEXT COLLATE "C" NOT NULL,
  owner TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'closed', 'expired')),
  sequence BIGINT NOT NULL,
  ttl_ms BIGINT NOT NULL,
  taken_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT NOT NULL,
  ended_at_ms BIGINT,
  recalled BIGINT NOT NULL,
  call TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (team_id, id)
);
CREATE INDEX hold_expiry ON hold (expires_at_ms, team_id) WHERE state = 'open';
CREATE INDEX hold_owner ON hold (team_id, owner, taken_at_ms);
CREATE INDEX hold_ended ON hold (ended_at_ms, team_id) WHERE state <> 'open';

-- One control of a hold. What is left of an open part is `amount - drawn`, never below 0, and is part of `balance.held`.
-- `charged` is the latest charge entry. `live`: it is part of a balance, open or charged.
CREATE TABLE hold_part (
  team_id TEXT COLLATE "C" NOT NULL,
  hold_id TEXT COLLATE "C" NOT NULL,
  control_id TEXT COLLATE "C" NOT NULL,
  group_key TEXT COLLATE "C" NOT NULL,
  window_start_ms BIGINT NOT NULL,
  window_end_ms BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  drawn BIGINT NOT NULL,
  charged BIGINT NOT NULL,
  charge_version BIGINT NOT NULL,
  overrun BIGINT NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('open', 'closed', 'charged', 'released', 'withdrawn')),
  live BIGINT NOT NULL,
  PRIMARY KEY (team_id, hold_id, control_id)
);
CREATE INDEX hold_part_live ON hold_part (control_id, group_key) WHERE live = 1;

-- Append-only (I6). The entry with the highest version is what an expired part counts as, beside the events.
CREATE TABLE hold_charge (
  team_id TEXT COLLATE "C" NOT NULL,
  hold_id TEXT COLLATE "C" NOT NULL,
  control_id TEXT COLLATE "C" NOT NULL,
  version BIGINT NOT NULL,
  amount BIGINT NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  created_at_ms BIGINT NOT NULL,
  PRIMARY KEY (team_id, hold_id, control_id, version)
);
