-- What a declared price says beside its name: its rates as JSON text (integers as decimal text; the five columns of old
-- stay for the rows that were written with them), the tier, and when it holds. A price that was replaced holds on for
-- events of before; `replaced_at_ms` marks one that can hold at no time any more. `version` counts the team's changes.
ALTER TABLE price_override ADD COLUMN rates TEXT COLLATE "C";
ALTER TABLE price_override ADD COLUMN service_tier TEXT COLLATE "C";
ALTER TABLE price_override ADD COLUMN valid_from_ms BIGINT;
ALTER TABLE price_override ADD COLUMN valid_until_ms BIGINT;
ALTER TABLE price_override ADD COLUMN withdrawn BIGINT NOT NULL DEFAULT 0;
ALTER TABLE price_override ADD COLUMN declared_by TEXT COLLATE "C";
ALTER TABLE price_override ADD COLUMN import_id TEXT COLLATE "C";
ALTER TABLE price_override ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
UPDATE price_override SET replaced_at_ms = NULL;

-- A price list that waits for somebody to accept it.
CREATE TABLE price_import (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  name TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('draft', 'partly', 'accepted')),
  prices_version BIGINT NOT NULL,
  entries TEXT COLLATE "C" NOT NULL,
  created_by TEXT COLLATE "C",
  created_at_ms BIGINT NOT NULL,
  expires_at_ms BIGINT NOT NULL,
  accepted_at_ms BIGINT
);
CREATE INDEX price_import_team ON price_import (team_id, id);

-- Derived: the events whose latest price entry is unknown, in the order in which they are priced again.
CREATE TABLE unpriced_event (
  event_id TEXT COLLATE "C" PRIMARY KEY REFERENCES usage_event (id),
  team_id TEXT COLLATE "C" NOT NULL,
  window_time_ms BIGINT NOT NULL
);
CREATE INDEX unpriced_event_time ON unpriced_event (team_id, window_time_ms, event_id);
INSERT INTO unpriced_event (event_id, team_id, window_time_ms)
SELECT e.id, e.team_id, e.window_time_ms
FROM usage_event e
JOIN price_entry p ON p.event_id = e.id
  AND p.version = (SELECT MAX(version) FROM price_entry WHERE event_id = e.id)
WHERE p.price_state = 'unknown';

-- Kept by the database, so that whoever writes an entry cannot forget it.
CREATE FUNCTION note_unpriced_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO unpriced_event (event_id, team_id, window_time_ms)
  SELECT id, team_id, window_time_ms FROM usage_event WHERE id = NEW.event_id
  ON CONFLICT (event_id) DO NOTHING;
  RETURN NULL;
END $$;
CREATE FUNCTION drop_unpriced_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM unpriced_event WHERE event_id = NEW.event_id;
  RETURN NULL;
END $$;
CREATE TRIGGER price_entry_unknown AFTER INSERT ON price_entry
FOR EACH ROW WHEN (NEW.price_state = 'unknown') EXECUTE FUNCTION note_unpriced_event();
CREATE TRIGGER price_entry_priced AFTER INSERT ON price_entry
FOR EACH ROW WHEN (NEW.version > 1 AND NEW.price_state <> 'unknown') EXECUTE FUNCTION drop_unpriced_event();

-- A pass over the events of a range that prices them again, as far as it has come.
CREATE TABLE reprice_run (
  id TEXT COLLATE "C" PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  scope TEXT COLLATE "C" NOT NULL CHECK (scope IN ('unknown', 'all')),
  reason TEXT COLLATE "C" NOT NULL,
  asked_by TEXT COLLATE "C",
  from_ms BIGINT NOT NULL,
  until_ms BIGINT NOT NULL,
  after_ms BIGINT NOT NULL,
  after_id TEXT COLLATE "C" NOT NULL,
  examined BIGINT NOT NULL,
  repriced BIGINT NOT NULL,
  unknown BIGINT NOT NULL,
  moved_nano_usd BIGINT NOT NULL,
  created_at_ms BIGINT NOT NULL,
  finished_at_ms BIGINT
);
CREATE INDEX reprice_run_team ON reprice_run (team_id, id);
CREATE INDEX reprice_run_open ON reprice_run (team_id, created_at_ms, id) WHERE finished_at_ms IS NULL;

-- The versions of the price catalogue that this store has run with.
CREATE TABLE catalogue_version (
  version TEXT COLLATE "C" PRIMARY KEY,
  first_seen_ms BIGINT NOT NULL
);

-- Models that a team paid at catalogue prices, with these. `variants`: every price of the model, as JSON, as of
-- `version`; `held` keeps them in force against a later version until somebody confirms it.
CREATE TABLE catalogue_use (
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  provider TEXT COLLATE "C" NOT NULL,
  model TEXT COLLATE "C" NOT NULL,
  entry TEXT COLLATE "C" NOT NULL,
  version TEXT COLLATE "C" NOT NULL,
  variants TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('same', 'changed', 'held')),
  previous_version TEXT COLLATE "C",
  previous_variants TEXT COLLATE "C",
  reviewed_version TEXT COLLATE "C" NOT NULL,
  reviewed_at_ms BIGINT NOT NULL,
  PRIMARY KEY (team_id, provider, model)
);
CREATE INDEX catalogue_use_reviewed ON catalogue_use (reviewed_version, team_id);
