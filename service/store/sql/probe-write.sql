UPDATE sequence SET value = value + 1 WHERE name = 'probe';
