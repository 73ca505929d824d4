import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDriver, type SqliteDriver } from '../../../service/store/sqlite/driver.js';
import { placeParameters } from '../../../service/store/sqlite/placed-parameters.js';
import { prepareStatement } from '../../../service/store/sqlite/prepare-statement.js';
import type { StatementName } from '../../../service/store/statement-names.js';
import { readStatements } from '../../../service/store/statements.js';
import { tempFolder } from '../store-support.js';

describe('parameters by place', () => {
  it('stand in the order of the text', () => {
    expect(placeParameters('SELECT :b, :a1 + :c_d')).toEqual({ text: 'SELECT ?, ? + ?', names: ['b', 'a1', 'c_d'] });
  });

  it('are not looked for in texts, quoted names and comments', () => {
    const sql = `SELECT ':a ''b :c', ":d" -- :e\n, :f`;
    expect(placeParameters(sql)).toEqual({ text: `SELECT ':a ''b :c', ":d" -- :e\n, ?`, names: ['f'] });
  });

  it('have to stay names where one occurs twice: SQLite has to see that both are the same', () => {
    expect(placeParameters('SELECT :a WHERE :a IS NULL')).toBeUndefined();
  });

  it('are those of what is run thousands of times a second', () => {
    const statements = readStatements('sqlite');
    const often: readonly StatementName[] = [
      ...(['insert-event', 'insert-price-entry', 'put-balance', 'put-hold', 'put-hold-part'] as const),
      ...(['draw-hold-part', 'load-holds', 'load-hold-parts', 'keep-answer'] as const),
    ];
    for (const name of often) expect([name, placeParameters(statements.get(name)!)]).not.toEqual([name, undefined]);
  });
});

describe('a statement of SQLite', () => {
  const folder = tempFolder();
  let driver: SqliteDriver;
  beforeAll(async () => {
    driver = await openDriver(join(folder.path, 'placed.db'));
    driver.exec('CREATE TABLE thing (name TEXT, size INTEGER) STRICT');
  });
  afterAll(() => {
    driver.close();
    folder.remove();
  });

  it.each([
    ['by place', 'SELECT :name AS name, :size AS size, :none AS none, :flag AS flag'],
    ['by name', 'SELECT :name AS name, :size AS size, :none AS none, :flag AS flag WHERE :size > 0 AND :flag = 1'],
  ])('gives rows by the names of their columns, integers as they are: %s', (_, sql) => {
    const run = prepareStatement(driver, sql);
    const rows = run({ flag: true, name: 'a', none: null, size: 9_007_199_254_740_993n });
    expect(rows).toEqual([{ name: 'a', size: 9_007_199_254_740_993n, none: null, flag: 1n }]);
  });

  it.each([
    ['by place', 'INSERT INTO thing (name, size) VALUES (:name, :size)'],
    ['by name', 'INSERT INTO thing (name, size) SELECT :name, :size WHERE :size IS NOT NULL'],
  ])('takes no fraction, and no set that lacks a parameter: %s', (_, sql) => {
    const run = prepareStatement(driver, sql);
    expect(run({ name: 'a', size: 1 })).toEqual([]);
    expect(() => run({ name: 'a', size: 0.5 })).toThrow(RangeError);
    expect(() => run({ name: 'a' })).toThrow();
    expect(() => run({ size: 1 })).toThrow();
  });
});
