SELECT provider, model, entry, version, variants FROM catalogue_use WHERE team_id = :teamId AND state = 'held';
