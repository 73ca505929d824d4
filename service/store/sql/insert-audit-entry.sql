INSERT INTO audit_entry (
  id, team_id, at_ms, actor_id, actor_hint, actor_label, action, subject, subject_id, before_text, after_text
) VALUES (
  :id, :teamId, :atMs, :actorId, :actorHint, :actorLabel, :action, :subject, :subjectId, :beforeText, :afterText
);
