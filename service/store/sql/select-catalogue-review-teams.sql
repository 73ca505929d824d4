SELECT DISTINCT team_id FROM catalogue_use WHERE reviewed_version <> :version ORDER BY team_id;
