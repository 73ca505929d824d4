SELECT nextval(CAST(:name || '_sequence' AS regclass)) AS value;
