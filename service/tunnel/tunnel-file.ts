/** cloudflared's configuration file, read with the line of everything that is looked at. */
import { type Document, isMap, isScalar, isSeq, LineCounter, parseDocument, type YAMLMap } from 'yaml';

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

function readMembers(document: Document, root: YAMLMap | undefined, lines: LineCounter): ReadTunnelFile {
  const problems: Problem[] = [];
  const member = (name: string): Placed | undefined => placedMember(root, name, lines);
  const tunnel = member('tunnel');
  const credentialsFile = member('credentials-file');
  const singleService = ['url', 'hello-world', 'unix-socket', 'bastion'].map(member).find((one) => one !== undefined);
  const rules = readRules(root?.get('ingress', true), lines, problems);
  if (problems.length > 0) return { outcome: 'malformed', problems };
  const isWarp = document.getIn(['warp-routing', 'enabled']) === true;
  const warpRouting = isWarp ? member('warp-routing') : undefined;
  const file: TunnelFile = {
    document,
    ...(tunnel === undefined ? {} : { tunnel }),
    ...(credentialsFile === undefined ? {} : { credentialsFile }),
    ...(singleService === undefined ? {} : { singleService }),
    ...(warpRouting === undefined ? {} : { warpRouting }),
    isBastion: document.getIn(['originRequest', 'bastionMode']) === true,
    rules,
  };
  return { outcome: 'read', file };
}

function placedMember(map: YAMLMap | undefined, name: string, lines: LineCounter): Placed | undefined {
  const pair = map?.items.find(({ key }) => isScalar(key) && key.value === name);
  if (pair === undefined) return undefined;
  const { key, value } = pair as { key: { range?: readonly number[] | null }; value: unknown };
  const text = isScalar(value) && value.value !== null ? String(value.value) : '';
  return { value: text, line: lines.linePos(key.range?.[0] ?? 0).line };
}

function readRules(ingress: unknown, lines: LineCounter, problems: Problem[]): readonly IngressRule[] {
  if (ingress === undefined || (isScalar(ingress) && ingress.value === null)) return [];
  const lineOf = (node: unknown): number => lines.linePos((node as { range?: number[] | null }).range?.[0] ?? 0).line;
  if (!isSeq(ingress)) {
    problems.push({ line: lineOf(ingress), message: '`ingress` must be a list of rules, each beginning with a dash' });
    return [];
  }
  return ingress.items.flatMap((item, index) => {
    if (!isMap(item)) {
      problems.push({
        line: lineOf(item),
        message: `rule ${index + 1} must have members such as hostname and service`,
      });
      return [];
    }
    const textOf = (name: string): string => placedMember(item, name, lines)?.value ?? '';
    const isBastion = textOf('service') === 'bastion' || item.getIn(['originRequest', 'bastionMode']) === true;
    const [hostname, path, service] = [textOf('hostname'), textOf('path'), textOf('service')];
    return [{ number: index + 1, line: lineOf(item), hostname, path, service, isBastion }];
  });
}
