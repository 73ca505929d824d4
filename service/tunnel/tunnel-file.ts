/** cloudflared's configuration file, read with the line of everything that is looked at. */
import {
  type CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  Parser,
  parseDocument,
  type YAMLMap,
} from 'yaml';

/** A text of the file and where it stands. */
export interface Placed {
  readonly value: string;
  readonly line: number;
}

/** A rule that says where requests for a host go. The first rule that matches a request takes it. */
export interface IngressRule {
  /** From 1, as people count. */
  readonly number: number;
  readonly line: number;
  /** Empty: every host. */
  readonly hostname: string;
  /** A regular expression; empty: every path. */
  readonly path: string;
  /** Empty where none is said. */
  readonly service: string;
  /** cloudflared goes wherever its caller says. */
  readonly isBastion: boolean;
}

/** Something that is wrong, and where. */
export interface Problem {
  readonly line: number;
  readonly message: string;
}

/** The file, as far as it matters here. The document keeps everything else, comments included. */
export interface TunnelFile {
  readonly document: Document;
  /** Name or id. */
  readonly tunnel?: Placed;
  readonly credentialsFile?: Placed;
  /** Members that publish one service without rules, and exclude them. */
  readonly singleService?: Placed;
  /** `warp-routing` lets members of the account into the private network. */
  readonly warpRouting?: Placed;
  /** `originRequest.bastionMode` for all rules. */
  readonly isBastion: boolean;
  readonly rules: readonly IngressRule[];
}

/** What became of reading it. */
export type ReadTunnelFile =
  | { readonly outcome: 'read'; readonly file: TunnelFile }
  | { readonly outcome: 'malformed'; readonly problems: readonly Problem[] };

/** Reads the text of a file; an empty one has no rules. */
export function readTunnelFile(text: string): ReadTunnelFile {
  if (isTooDeep(text)) {
    return {
      outcome: 'malformed',
      problems: [{ line: 1, message: `the file is nested deeper than ${DEPTH_MAX} levels` }],
    };
  }
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const problems = document.errors.map(({ pos, message }) => ({ line: lines.linePos(pos[0]).line, message }));
    return { outcome: 'malformed', problems };
  }
  const root = document.contents;
  if (root !== null && !isMap(root) && !(isScalar(root) && root.value === null)) {
    return { outcome: 'malformed', problems: [{ line: 1, message: 'the file must be a list of names and values' }] };
  }
  return readMembers(document, isMap(root) ? root : undefined, lines);
}

/** A configuration has five. */
const DEPTH_MAX = 100;

/** Composing goes down with the nesting, and where the stack is all but used up V8 ends the process rather than throw. */
function isTooDeep(text: string): boolean {
  const open: { readonly token: CST.Token; readonly depth: number }[] = [];
  for (const document of new Parser().parse(text)) open.push({ token: document, depth: 0 });
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    const { token, depth } = one;
    if (depth > DEPTH_MAX) return true;
    const below = (inner: CST.Token | null | undefined) => {
      if (inner !== null && inner !== undefined) open.push({ token: inner, depth: depth + 1 });
    };
    if (token.type === 'document') below(token.value);
    if (!('items' in token)) continue;
    for (const { key, value } of token.items) {
      below(key);
      below(value);
    }
  }
  return false;
}

function readMembers(document: Document, root: YAMLMap | undefined, lines: LineCounter): ReadTunnelFile {
  const problems: Problem[] = [];
  const reader = new MemberReader(document, lines);
  const member = (name: string): Placed | undefined => reader.placed(root, name);
  const tunnel = member('tunnel');
  const credentialsFile = member('credentials-file');
  const singleService = ['url', 'hello-world', 'unix-socket', 'bastion'].map(member).find((one) => one !== undefined);
  const rules = readRules(root, reader, problems);
  if (problems.length > 0) return { outcome: 'malformed', problems };
  const warpRouting = reader.isOn(root, 'warp-routing', 'enabled') ? member('warp-routing') : undefined;
  const file: TunnelFile = {
    document,
    ...(tunnel === undefined ? {} : { tunnel }),
    ...(credentialsFile === undefined ? {} : { credentialsFile }),
    ...(singleService === undefined ? {} : { singleService }),
    ...(warpRouting === undefined ? {} : { warpRouting }),
    isBastion: reader.isOn(root, 'originRequest', 'bastionMode'),
    rules,
  };
  return { outcome: 'read', file };
}

/** What Go's parser takes for true where a yes or a no is wanted, in quotes too; YAML 1.2 has only the first. */
const ON = /^(?:true|True|TRUE|y|Y|yes|Yes|YES|on|On|ON)$/;

/** Finds members as cloudflared does: aliases stand for what they name, `<<` brings the members of another map. */
class MemberReader {
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  lineOf(node: unknown): number {
    return this.#lines.linePos((node as { range?: readonly number[] | null } | null)?.range?.[0] ?? 0).line;
  }

  /** A member and where it is; one without a text of its own is the empty text. */
  placed(map: YAMLMap | undefined, name: string): Placed | undefined {
    const pair = this.#pair(map, name);
    if (pair === undefined) return undefined;
    const value = this.resolved(pair.value);
    return {
      value: isScalar(value) && value.value !== null ? String(value.value) : '',
      line: this.lineOf(pair.key),
    };
  }

  /** What a member is; `undefined` where there is none. */
  member(map: YAMLMap | undefined, name: string): unknown {
    return this.resolved(this.#pair(map, name)?.value);
  }

  /** Whether something is switched on in one of its members. */
  isOn(map: YAMLMap | undefined, outer: string, name: string): boolean {
    const holder = this.member(map, outer);
    return isMap(holder) && ON.test(this.placed(holder, name)?.value ?? '');
  }

  resolved(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  /** Each map is looked into once: one that merges itself ends here too. */
  #pair(map: YAMLMap | undefined, name: string, seen: Set<unknown> = new Set()): Pair | undefined {
    if (seen.has(map)) return undefined;
    seen.add(map);
    const named = (wanted: string) => map?.items.find(({ key }) => isScalar(key) && key.value === wanted);
    const own = named(name);
    if (own !== undefined) return own;
    const merged = this.resolved(named('<<')?.value);
    for (const one of isSeq(merged) ? merged.items : [merged]) {
      const other = this.resolved(one);
      const found = isMap(other) ? this.#pair(other, name, seen) : undefined;
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

function readRules(root: YAMLMap | undefined, reader: MemberReader, problems: Problem[]): readonly IngressRule[] {
  const ingress = reader.member(root, 'ingress');
  if (ingress === undefined || (isScalar(ingress) && ingress.value === null)) return [];
  if (!isSeq(ingress)) {
    const line = reader.lineOf(ingress);
    problems.push({ line, message: '`ingress` must be a list of rules, each beginning with a dash' });
    return [];
  }
  return ingress.items.flatMap((item, index) => {
    const rule = reader.resolved(item);
    const line = reader.lineOf(item);
    if (!isMap(rule)) {
      problems.push({ line, message: `rule ${index + 1} must have members such as hostname and service` });
      return [];
    }
    const textOf = (name: string): string => reader.placed(rule, name)?.value ?? '';
    const isBastion = textOf('service') === 'bastion' || reader.isOn(rule, 'originRequest', 'bastionMode');
    const [hostname, path, service] = [textOf('hostname'), textOf('path'), textOf('service')];
    return [{ number: index + 1, line, hostname, path, service, isBastion }];
  });
}
