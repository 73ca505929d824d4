SELECT nextval('probe_sequence') AS value;
