UPDATE team SET revision = :revision WHERE id = :id;
