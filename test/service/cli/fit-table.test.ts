// Tables on narrow terminals: no line is wider than the terminal, and nothing disappears without being named.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type FitColumn, fitTable } from '../../../service/cli/fit-table.js';
import { cut, widthOf, wrap } from '../../../service/cli/text-width.js';

const COLUMNS: readonly FitColumn[] = [
  { heading: 'ID', min: 13 },
  { heading: 'NAME', min: 8 },
  { heading: 'WHEN', drop: 1 },
  { heading: 'LIMIT', align: 'right' },
  { heading: 'NOTE', drop: 2 },
  { heading: 'BECAUSE', below: true },
];
const ROW = [
  '6f9b1c9e-1d2f-4b7a-9c55-0d5d3a1f2b10',
  'Research and more',
  '2026-11-21T16:10:43.123Z',
  '$500.00',
  'made by hand',
  '$2.50 + $0.00 held >= $2.00: refused',
] as const;

describe('a table that is too wide', () => {
  it('loses the middle of ids and the seconds of times first', () => {
    const { lines, omitted } = fitTable(COLUMNS, [ROW], 90);
    expect(omitted).toEqual([]);
    expect(lines[1]).toMatch(/^6f9b1\S+…\S+f2b10 +Research and more +2026-11-21 16:10:43Z +\$500\.00 {2}made by hand$/);
    expect(lines[2]).toBe('  because: $2.50 + $0.00 held >= $2.00: refused');
    expect(lines.every((line) => widthOf(line) <= 90)).toBe(true);
  });

  it('then leaves out what is asked for least, and names it', () => {
    const { lines, omitted } = fitTable(COLUMNS, [ROW], 46);
    expect(omitted).toEqual(['WHEN', 'NOTE']);
    expect(lines.every((line) => widthOf(line) <= 46)).toBe(true);
    expect(lines[1]).toContain('$500.00');
  });

  it('has a line for each cell where not even that fits', () => {
    const { lines, omitted } = fitTable(COLUMNS, [ROW, ROW], 24);
    expect(omitted).toEqual([]);
    expect(lines.every((line) => widthOf(line) <= 24)).toBe(true);
    expect(lines.join('').replaceAll(' ', '')).toContain('6f9b1c9e-1d2f-4b7a-9c55-0d5d3a1f2b10');
  });

  it('leaves out columns that are empty without a word', () => {
    const columns: readonly FitColumn[] = [{ heading: 'NAME' }, { heading: 'GROUP' }, { heading: 'BY' }];
    expect(
      fitTable(
        columns,
        [
          ['a', '-', ''],
          ['b', '', ''],
        ],
        8,
      ),
    ).toEqual({ lines: ['NAME', 'a', 'b'], omitted: [] });
  });

  it('breaks what wraps within its column', () => {
    const columns: readonly FitColumn[] = [{ heading: 'CHECK' }, { heading: 'FOUND', wraps: true }];
    const { lines } = fitTable(columns, [['holds', 'host:1 holds 92 % of a budget and has drawn nothing']], 32);
    expect(lines).toEqual([
      'CHECK  FOUND',
      'holds  host:1 holds 92 % of a',
      '       budget and has drawn',
      '       nothing',
    ]);
  });

  it('is never wider than the terminal, whatever stands in it', () => {
    const cell = fc.oneof(
      fc.string({ maxLength: 60 }),
      fc.constantFrom('預算預算預算預算', '2026-11-21T16:10:43.123Z', '-', '🙂🙂🙂'),
    );
    const column = fc.record({
      heading: fc.constantFrom('ID', 'OWNER', 'LIMIT', 'STATE'),
      ...{ min: fc.option(fc.integer({ min: 5, max: 20 }), { nil: undefined }), wraps: fc.boolean() },
      ...{ drop: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }), below: fc.boolean() },
    });
    const table = fc
      .array(column, { minLength: 1, maxLength: 8 })
      .chain((columns) =>
        fc.tuple(
          fc.constant(columns),
          fc.array(fc.array(cell, { minLength: columns.length, maxLength: columns.length }), { maxLength: 4 }),
          fc.integer({ min: 20, max: 140 }),
        ),
      );
    fc.assert(
      fc.property(table, ([columns, rows, width]) => {
        const { lines } = fitTable(columns as readonly FitColumn[], rows, width);
        for (const line of lines) expect(widthOf(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});

describe('text of a terminal', () => {
  it('is as wide as its characters show', () => {
    expect([
      widthOf('abc'),
      widthOf('預算'),
      widthOf('🙂'),
      widthOf('e\u0301'),
      widthOf('\u001b[1mab\u001b[22m'),
    ]).toEqual([3, 4, 2, 1, 2]);
  });

  it('is cut in the middle', () => {
    expect(cut('6f9b1c9e-1d2f-4b7a', 9)).toBe('6f9b…4b7a');
    expect([cut('short', 9), cut('預算預算', 5), cut('ab', 1), cut('ab', 0)]).toEqual(['short', '預…算', '…', '']);
    expect(cut('2026-11-21T16:10:43.123Z', 23)).toBe('2026-11-21 16:10:43Z');
    expect(cut('2026-11-21T16:10:43.123Z', 18)).toBe('2026-11-21 16:10Z');
  });

  it('is broken between words, and within one that is too long', () => {
    expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
    expect(wrap('abcdefghij k', 4)).toEqual(['abcd', 'efgh', 'ij k']);
    expect(wrap('', 4)).toEqual(['']);
  });
});
