/** From the files of a mirror to the body of a feed, so that a mirror goes through the parser of the wire (I8). */
import { createHash } from 'node:crypto';
import { canonicalJsonInParts } from './canonical-json.js';
import { type MirrorOwner, parseObject } from './mirror-owner.js';

/** The files of one mirror as they lie on the disk. */
export interface MirrorFiles {
  readonly rules: Buffer;
  /** Missing where the mirror was never finished. */
  readonly maps: string | undefined;
  readonly owner: MirrorOwner;
}

/** A step decodes or hashes about this much: well under a millisecond of work. */
const STEP_BYTES = 256 * 1024;
const OPEN_LIST = 0x5b;
const SPACE_MAX = 0x20;

/**
 * The body that the mirror stands for, in parts, with the maps only if their fingerprint is that of the rules; else they
 * belong to other rules, and the rules stand alone (contract 2.9). What is corrupt is found by the parser of the feed.
 */
export function* mirrorBodyInSteps(files: MirrorFiles): Generator<void, readonly string[]> {
  const rules: string[] = [];
  const decoder = new TextDecoder();
  for (let from = 0; from < files.rules.length; from += STEP_BYTES) {
    rules.push(decoder.decode(files.rules.subarray(from, from + STEP_BYTES), { stream: true }));
    yield;
  }
  rules.push(decoder.decode());
  const maps = files.maps === undefined ? undefined : parseObject(files.maps);
  const fingerprint = maps?.['rules_fingerprint'];
  const isList = files.rules.find((byte) => byte > SPACE_MAX) === OPEN_LIST;
  if (maps === undefined || typeof fingerprint !== 'string' || !isList) return rules;
  if (!(yield* isFingerprintOf(fingerprint, files.rules, rules))) return rules;
  const rest = JSON.stringify({
    departmentBudgetBlocks: maps['blocks'] ?? {},
    departmentBudgetBlockBalances: maps['balances'] ?? {},
    departmentBudgetWarnings: maps['warnings'] ?? {},
  });
  // The list is whole, because its fingerprint is right: it can stand in an envelope as it is.
  return ['{"rules":', ...rules, `,${rest.slice(1)}`];
}

/** Our own files are canonical: their bytes are what was hashed. Those of another writer are brought into that form. */
function* isFingerprintOf(fingerprint: string, bytes: Buffer, text: readonly string[]): Generator<void, boolean> {
  const ofBytes = createHash('sha256');
  for (let from = 0; from < bytes.length; from += STEP_BYTES) {
    ofBytes.update(bytes.subarray(from, from + STEP_BYTES));
    yield;
  }
  if (ofBytes.digest('hex') === fingerprint) return true;
  let rules: unknown;
  try {
    rules = JSON.parse(text.join(''));
  } catch {
    return false;
  }
  if (!Array.isArray(rules)) return false;
  const ofRules = createHash('sha256');
  for (const part of canonicalJsonInParts(rules)) {
    ofRules.update(part);
    yield;
  }
  return ofRules.digest('hex') === fingerprint;
}
