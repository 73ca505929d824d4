/** Writes the gateway into cloudflared's configuration: a new file, or a rule more in one that is there. Pure. */
import { Document, isMap, isSeq, type YAMLMap, type YAMLSeq } from 'yaml';
import { CATCH_ALL_SERVICE, isCatchAll, takesHost } from './ingress.js';
import { readTunnelFile, type TunnelFile } from './tunnel-file.js';
import { isUuid } from './tunnel-name.js';

/** What the file should say. */
export interface TunnelWish {
  readonly hostname: string;
  readonly service: string;
  /** Name or id; absent: what the file says. */
  readonly tunnel?: string | undefined;
  /** Absolute; absent: what the file says. */
  readonly credentialsFile?: string | undefined;
}

/** The new text, and one sentence for each thing that is or is not done. */
export type InitPlan =
  | {
      readonly outcome: 'planned';
      readonly text: string;
      readonly said: readonly string[];
      readonly tunnel: string;
      /** The file names credentials. */
      readonly hasCredentials: boolean;
    }
  | { readonly outcome: 'refused'; readonly reason: string };

/** The name of a tunnel that nobody named. */
export const STANDARD_TUNNEL = 'fusewire';
const HEADER = ` The tunnel to Fusewire's gateway, begun by \`fusewire tunnel init\`.
 The first rule that matches a request takes it. Only the gateway is meant to be reached from outside.`;

/** Works out what to write. `text` is the file as it is; `undefined`: there is none. Nothing that it says is dropped. */
export function planInit(text: string | undefined, wish: TunnelWish): InitPlan {
  const read = readTunnelFile(text ?? '');
  if (read.outcome === 'malformed') {
    const places = read.problems.map(({ line, message }) => `line ${line}: ${message}`);
    return { outcome: 'refused', reason: `the file cannot be read (${places.join('; ')}); mend it first` };
  }
  const { file } = read;
  const single = file.singleService;
  if (single !== undefined) {
    const reason = `line ${single.line} publishes one service for all hosts, which cloudflared takes only without rules: turn it into a rule under \`ingress\` first`;
    return { outcome: 'refused', reason };
  }
  if (hasBorrowedRules(file)) {
    const reason = 'rules under `ingress` are borrowed with an alias (*name) or a merge (<<): write them out first';
    return { outcome: 'refused', reason };
  }
  const clash = otherTunnel(file, wish.tunnel);
  if (clash !== undefined) return { outcome: 'refused', reason: clash };
  const said: string[] = [];
  const document = documentOf(file, said);
  const tunnel = writeNames(document, file, wish, said);
  const rules = rulesOf(document);
  writeRule(document, rules, file, wish, said);
  writeCatchAll(document, rules, file, said);
  const hasCredentials = document.has('credentials-file');
  return { outcome: 'planned', text: document.toString({ lineWidth: 0 }), said, tunnel, hasCredentials };
}

/** A file serves one tunnel. A name and an id may mean the same one, which nobody can tell here. */
function otherTunnel(file: TunnelFile, tunnel: string | undefined): string | undefined {
  const held = file.tunnel;
  if (tunnel === undefined || held === undefined || held.value === '' || held.value === tunnel) return undefined;
  if (isUuid(held.value) !== isUuid(tunnel)) return undefined;
  return `line ${held.line} is for the tunnel ${held.value}, not for ${tunnel}: leave --tunnel out, or take another --dir`;
}

/** A rule that stands elsewhere too cannot be changed or moved without its other places. */
function hasBorrowedRules({ document, rules }: TunnelFile): boolean {
  const held = isMap(document.contents) ? document.get('ingress', true) : undefined;
  return rules.length > 0 && !(isSeq(held) && held.items.every((item) => isMap(item)));
}

function documentOf(file: TunnelFile, said: string[]): Document {
  if (isMap(file.document.contents)) return file.document;
  const document = new Document({});
  const { commentBefore } = file.document;
  document.commentBefore = commentBefore === null || commentBefore === undefined ? HEADER : commentBefore;
  said.push('the file is new');
  return document;
}

function writeNames(document: Document, file: TunnelFile, wish: TunnelWish, said: string[]): string {
  const held = file.tunnel?.value ?? '';
  const tunnel = wish.tunnel !== undefined && (held === '' || isUuid(wish.tunnel)) ? wish.tunnel : held;
  const name = tunnel === '' ? STANDARD_TUNNEL : tunnel;
  if (name === held) said.push(`tunnel: ${name}, as it was`);
  else {
    document.set('tunnel', name);
    said.push(held === '' ? `tunnel: ${name}` : `tunnel: ${name}, which the file called ${held}`);
  }
  const heldFile = file.credentialsFile?.value ?? '';
  const wanted = wish.credentialsFile;
  if (wanted === undefined || wanted === heldFile) {
    said.push(
      heldFile === ''
        ? 'credentials-file: not known yet; `cloudflared tunnel create` makes it, then give --credentials'
        : `credentials-file: ${heldFile}, as it was`,
    );
    return name;
  }
  document.set('credentials-file', wanted);
  said.push(`credentials-file: ${wanted}${heldFile === '' ? '' : ` (it was ${heldFile})`}; the file stays where it is`);
  return name;
}

function rulesOf(document: Document): YAMLSeq {
  const held = document.get('ingress', true);
  if (isSeq(held)) return held;
  const rules = document.createNode([]) as YAMLSeq;
  document.set('ingress', rules);
  return rules;
}

function writeRule(document: Document, rules: YAMLSeq, file: TunnelFile, wish: TunnelWish, said: string[]): void {
  const { hostname, service } = wish;
  const same = file.rules.find((rule) => rule.path === '' && rule.hostname.toLowerCase() === hostname.toLowerCase());
  const before = file.rules.find((rule) => takesHost(rule, hostname));
  const others = file.rules.filter((rule) => rule !== same && !isCatchAll(rule));
  if (same !== undefined && same === before) {
    if (same.service === service) said.push(`rule ${same.number}: ${hostname} leads to ${service}, as it did`);
    else {
      (rules.items[same.number - 1] as YAMLMap).set('service', service);
      said.push(`rule ${same.number}: ${hostname} leads to ${service}; it led to ${same.service}`);
    }
  } else {
    const [moved] = same === undefined ? [] : rules.items.splice(same.number - 1, 1);
    const index = before === undefined ? rules.items.length : before.number - 1;
    if (isMap(moved)) moved.set('service', service);
    rules.items.splice(index, 0, moved ?? document.createNode({ hostname, service }));
    const isTaken = before !== undefined && !isCatchAll(before);
    const reason = isTaken ? `, before the rule for ${before.hostname}, which would take it` : '';
    said.push(`rule ${index + 1}: ${hostname} leads to ${service}${reason}`);
  }
  for (const rule of others) said.push(`${rule.hostname || 'every host'}${rule.path} leads to ${rule.service}: kept`);
}

function writeCatchAll(document: Document, rules: YAMLSeq, file: TunnelFile, said: string[]): void {
  const last = file.rules.at(-1);
  if (last !== undefined && isCatchAll(last)) {
    said.push(`whatever is left: ${last.service}, as it was`);
    return;
  }
  rules.items.push(document.createNode({ service: CATCH_ALL_SERVICE }));
  said.push(`whatever is left: ${CATCH_ALL_SERVICE}`);
}
