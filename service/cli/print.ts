/** Tables for people, tab-separated lines for pipes, JSON for programs. */
import Table from 'cli-table3';
import type { CliIo } from './io.js';

/** A column: its heading and what stands in it. */
export interface Column<T> {
  readonly heading: string;
  cell(row: T): string;
  readonly align?: 'right';
}

/** Prints rows; in a pipe the headings are the first line and a tab stands between the cells. */
export function printRows<T>(io: CliIo, columns: readonly Column<T>[], rows: readonly T[], nothing: string): void {
  if (io.isTerminal && rows.length === 0) {
    io.out(io.colors.dim(nothing));
    return;
  }
  const cells = rows.map((row) => columns.map((column) => column.cell(row)));
  const headings = columns.map((column) => column.heading);
  if (!io.isTerminal) {
    for (const line of [headings, ...cells]) io.out(line.map(plain).join('\t'));
    return;
  }
  const table = new Table({
    head: headings.map((heading) => io.colors.bold(heading)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    style: { head: [], border: [], compact: true },
  });
  table.push(...cells.map((line) => line.map(visible)));
  io.out(table.toString());
}

/** Prints a value as JSON. */
export function printJson(io: CliIo, value: unknown): void {
  io.out(JSON.stringify(value, null, 2));
}

/** One line, without anything that steers a terminal: names come from outside. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach a terminal
  return text.replace(/\u001b\[(?!\d{1,2}m)[^A-Za-z]*[A-Za-z]?|[\u0000-\u001a\u001c-\u001f\u007f-\u009f]/g, ' ');
}

function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a tab or line break would break the row
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ');
}
