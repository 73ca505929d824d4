import { describe, expect, it } from 'vitest';
import { STATEMENT_NAMES } from '../../../service/store/statement-names.js';
import { readStatements } from '../../../service/store/statements.js';

const sqlite = readStatements('sqlite');
const postgres = readStatements('postgres');

const parametersOf = (sql: string) =>
  [...new Set([...sql.matchAll(/(?<!:):([a-zA-Z]\w*)/g)].map((match) => match[1]!))].sort();
/** The columns that an INSERT names. */
const columnsOf = (sql: string) =>
  /INSERT INTO \w+\s*\(([^)]*)\)/
    .exec(sql)?.[1]
    ?.split(',')
    .map((column) => column.trim());

describe('a statement that one database says in other words', () => {
  const twins = STATEMENT_NAMES.filter((name) => sqlite.get(name) !== postgres.get(name));

  it('takes the same parameters', () => {
    expect(twins.length).toBeGreaterThan(15);
    for (const name of twins) {
      expect([name, parametersOf(postgres.get(name)!)]).toEqual([name, parametersOf(sqlite.get(name)!)]);
    }
  });

  it('writes the same columns', () => {
    const inserts = twins.filter((name) => columnsOf(sqlite.get(name)!) !== undefined);
    expect(inserts.length).toBeGreaterThan(8);
    for (const name of inserts) {
      expect([name, columnsOf(postgres.get(name)!)]).toEqual([name, columnsOf(sqlite.get(name)!)]);
    }
  });
});
