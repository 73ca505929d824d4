SELECT COALESCE(MAX(number), 0) AS number FROM customer WHERE team_id = :teamId;
