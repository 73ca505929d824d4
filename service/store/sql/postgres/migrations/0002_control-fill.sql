-- A control that is still meeting the events of its window: those up to (after_ms, after_id), in the order of
-- usage_event_window, are counted by the fill, later ones are not counted yet. The row goes with the last slice.
CREATE TABLE control_fill (
  control_id TEXT COLLATE "C" PRIMARY KEY REFERENCES cost_control (id),
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  after_ms BIGINT NOT NULL,
  after_id TEXT COLLATE "C" NOT NULL
);
CREATE INDEX control_fill_team ON control_fill (team_id);
