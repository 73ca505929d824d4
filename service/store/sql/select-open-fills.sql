SELECT control_id, team_id FROM control_fill ORDER BY team_id, control_id;
