/** Comma-separated values by RFC 4180, safe to open in a spreadsheet. Pure. */

/** Text from outside that begins so would be run as a formula. */
const FORMULA = /^[=+\-@\t\r]/;
const QUOTED = /[",\r\n]/;

/**
 * One cell of text from outside. Text that a spreadsheet would take for a formula gets an apostrophe before it, which
 * spreadsheets show as text; whoever reads the file by program takes it off again.
 */
export function csvText(text: string): string {
  return csvCell(FORMULA.test(text) ? `'${text}` : text);
}

/** One cell whose text is our own: numbers, times, words of a closed list. */
export function csvCell(text: string): string {
  return QUOTED.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A record, with its line break. */
export function csvLine(cells: readonly string[]): string {
  return `${cells.join(',')}\r\n`;
}
