SELECT * FROM cost_control WHERE team_id = :teamId AND rule_id = :ruleId;
