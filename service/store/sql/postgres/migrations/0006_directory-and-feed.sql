-- What a revision changed in the feed of a team, so that any process can read anew just that. `control_id` with the
-- group '' is the rule itself, with '*' the whole control; '' with a group: the names of that subscriber; '' and '*':
-- everything. Rows go after some minutes; a reader that is behind `feed_horizon` reads the whole.
CREATE TABLE feed_change (
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  revision BIGINT NOT NULL,
  control_id TEXT COLLATE "C" NOT NULL,
  group_key TEXT COLLATE "C" NOT NULL,
  at_ms BIGINT NOT NULL,
  PRIMARY KEY (team_id, revision, control_id, group_key)
);
CREATE INDEX feed_change_age ON feed_change (at_ms);

-- The newest revision of a team of which changes were purged. Before this migration nobody wrote any down.
CREATE TABLE feed_horizon (
  team_id TEXT COLLATE "C" PRIMARY KEY REFERENCES team (id),
  revision BIGINT NOT NULL
);
INSERT INTO feed_horizon (team_id, revision) SELECT id, revision FROM team;

-- The directory: departments form trees; a person, known by an address in lower case, is a member of one.
CREATE TABLE department (
  id BIGINT PRIMARY KEY,
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  name TEXT COLLATE "C" NOT NULL,
  parent_id BIGINT REFERENCES department (id),
  source TEXT COLLATE "C" NOT NULL,
  external_ref TEXT COLLATE "C",
  created_at_ms BIGINT NOT NULL,
  updated_at_ms BIGINT NOT NULL
);
CREATE INDEX department_team ON department (team_id, id);

CREATE TABLE department_member (
  team_id TEXT COLLATE "C" NOT NULL REFERENCES team (id),
  email_key TEXT COLLATE "C" NOT NULL,
  department_id BIGINT NOT NULL REFERENCES department (id),
  PRIMARY KEY (team_id, email_key)
);
CREATE INDEX department_member_department ON department_member (department_id, email_key);

-- Moves whenever a tree or a membership of the team changes.
ALTER TABLE team ADD COLUMN directory_version BIGINT NOT NULL DEFAULT 0;

CREATE SEQUENCE department_sequence;
