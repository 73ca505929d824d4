/** What is rendered of a variable. */
export interface EnvExampleRow {
  readonly name: string;
  readonly aliases?: readonly string[];
  readonly fallback?: string;
  readonly meaning: string;
}

/** Text of `.env.example` for the variables of the SDK and of the service. All are commented out: the defaults hold. */
export function renderEnvExample(sdk: readonly EnvExampleRow[], service: readonly EnvExampleRow[]): string {
  const parts = [
    '# Every environment variable that Fusewire reads, with its default. Copy to .env and uncomment what you change.',
    '# The SDK never loads a .env file by itself: start your program with `node --env-file=.env`. The service, the CLI,',
    '# the demo and the examples do load it, from the working directory.',
    '',
    '# ---- SDK ----',
    '',
    ...sdk.map(renderRow),
    '# ---- Service ----',
    '',
    ...service.map(renderRow),
  ];
  return `${parts.join('\n').trimEnd()}\n`;
}

function renderRow(row: EnvExampleRow): string {
  const aliases = row.aliases?.length ? `# Also read: ${row.aliases.join(', ')}.\n` : '';
  return `# ${row.meaning}\n${aliases}# ${row.name}=${row.fallback ?? ''}\n`;
}
