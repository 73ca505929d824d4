-- How many holds expired, for metrics: counted without a look at the many that closed.
CREATE INDEX hold_expired ON hold (team_id) WHERE state = 'expired';
