/** One benchmark: rows of equal columns. */
export interface BenchResult {
  readonly name: string;
  readonly rows: readonly Readonly<Record<string, number | string>>[];
}

/** Prints a result as an aligned table. */
export function printResult(result: BenchResult): void {
  console.log(`\n${result.name}`);
  const columns = Object.keys(result.rows[0] ?? {});
  const cells = [columns, ...result.rows.map((row) => columns.map((column) => show(row[column])))];
  const widths = columns.map((_, index) => Math.max(...cells.map((row) => row[index]?.length ?? 0)));
  for (const row of cells) console.log(`  ${row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ')}`);
}

function show(value: number | string | undefined): string {
  if (typeof value !== 'number') return value ?? '';
  return Number.isInteger(value) ? String(value) : String(Number(value.toPrecision(3)));
}
