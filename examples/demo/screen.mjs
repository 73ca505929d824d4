// What the demo prints: a live bar in a terminal, plain lines in a pipe.
const isTerminal = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
const paint = (code) => (text) => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text);

export const bold = paint(1);
export const dim = paint(2);
export const red = paint(31);
export const green = paint(32);
export const yellow = paint(33);

const BAR_WIDTH = 32;
let barIsOpen = false;

/** Ends the line that the live bar stands on. */
function closeBar() {
  if (barIsOpen) process.stdout.write('\n');
  barIsOpen = false;
}

/** A heading of a station of the demo. */
export function step(text) {
  closeBar();
  console.log(`\n${bold(text)}`);
}

export function line(text = '') {
  closeBar();
  console.log(text);
}

/** The budget: redrawn in place in a terminal, one line each time in a pipe. */
export function budget(spent, limit, note) {
  const share = Math.min(1, spent / limit);
  const filled = Math.round(share * BAR_WIDTH);
  const colour = share >= 1 ? red : share >= 0.8 ? yellow : green;
  const bar = colour('█'.repeat(filled)) + dim('░'.repeat(BAR_WIDTH - filled));
  const text = `  ${bar} $${spent.toFixed(4)} of $${limit.toFixed(2)}  ${note}`;
  if (!isTerminal) {
    console.log(text);
    return;
  }
  process.stdout.write(`\r\u001b[2K${text}`);
  barIsOpen = true;
}

/** Rows of equal length, aligned; the first is the head. */
export function table(rows) {
  closeBar();
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  rows.forEach((row, index) => {
    const text = row.map((cell, column) => String(cell).padEnd(widths[column])).join('   ');
    console.log(`  ${index === 0 ? dim(text) : text}`);
  });
}

// Whoever reads the pipe may stop early (`| head`): the demo then ends in silence, and not as if all of it had happened.
process.stdout.on('error', (error) => process.exit(error.code === 'EPIPE' ? 1 : 2));
