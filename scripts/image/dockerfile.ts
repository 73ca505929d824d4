/** Reads a Dockerfile: enough of its form for the one of this project, and nothing that it does not have. */

/** An instruction with its arguments as one line. */
export interface Instruction {
  readonly name: string;
  readonly text: string;
  readonly line: number;
}

/** What stands between one FROM and the next. */
export interface Stage {
  readonly name: string;
  readonly base: string;
  readonly instructions: readonly Instruction[];
}

/** A COPY or ADD taken apart. */
export interface Copy {
  /** The stage it copies from; absent: the build's own folder. */
  readonly from?: string;
  readonly sources: readonly string[];
  readonly destination: string;
}

/** Instructions in order; comments are left out, continued lines are joined. */
export function readInstructions(text: string): readonly Instruction[] {
  const found: Instruction[] = [];
  let open: { text: string; line: number } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const whole = open === undefined ? line.trim() : `${open.text} ${line.trim()}`;
    const at = open?.line ?? index + 1;
    if (whole.endsWith('\\')) open = { text: whole.slice(0, -1).trim(), line: at };
    else {
      open = undefined;
      const [, name = '', rest = ''] = /^(\S+)\s*(.*)$/.exec(whole) ?? [];
      found.push({ name: name.toUpperCase(), text: rest, line: at });
    }
  }
  return found;
}

/** Stages in order. @throws Error where something stands before the first one, or one has no name */
export function readStages(text: string): readonly Stage[] {
  const stages: { name: string; base: string; instructions: Instruction[] }[] = [];
  for (const instruction of readInstructions(text)) {
    if (instruction.name === 'FROM') {
      const [, base, name] = /^(\S+) AS (\S+)$/i.exec(instruction.text) ?? [];
      if (base === undefined || name === undefined) throw new Error(`line ${instruction.line}: a stage without a name`);
      stages.push({ name, base, instructions: [] });
      continue;
    }
    const stage = stages.at(-1);
    if (stage === undefined) throw new Error(`line ${instruction.line}: ${instruction.name} before the first FROM`);
    stage.instructions.push(instruction);
  }
  return stages;
}

/** Takes COPY apart. */
export function readCopy({ text }: Instruction): Copy {
  const words = text.split(/\s+/);
  const flags = words.filter((word) => word.startsWith('--'));
  const paths = words.filter((word) => !word.startsWith('--'));
  const from = flags.find((flag) => flag.startsWith('--from='))?.slice('--from='.length);
  const destination = paths.at(-1) ?? '';
  return { ...(from === undefined ? {} : { from }), sources: paths.slice(0, -1), destination };
}

/** The variables that ENV or LABEL sets. */
export function readPairs({ text }: Instruction): Readonly<Record<string, string>> {
  const pairs = [...text.matchAll(/([\w.]+)=(?:"([^"]*)"|(\S+))/g)];
  return Object.fromEntries(pairs.map(([, name, quoted, plain]) => [name ?? '', quoted ?? plain ?? '']));
}

/** The words of CMD, ENTRYPOINT or HEALTHCHECK in its exec form; `undefined` where it is for a shell. */
export function readExecForm({ text }: Instruction): readonly string[] | undefined {
  const list = /\[.*\]$/.exec(text)?.[0];
  if (list === undefined) return undefined;
  try {
    return JSON.parse(list) as string[];
  } catch {
    return undefined;
  }
}
