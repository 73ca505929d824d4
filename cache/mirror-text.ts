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

/** A step hashes about this much: a millisecond of work. */
const STEP_BYTES = 1024 * 1024;

/**
 * The body that the mirror stands for, with the maps only if their fingerprint is that of the rules; else they belong
 * to other rules, and the rules stand alone (contract 2.9). What is corrupt is found by the parser of the feed.
 */
export function* mirrorBodyInSteps(files: MirrorFiles): Generator<void, string> {
  const rules = files.rules.toString('utf8').trim();
  yield;
  const maps = files.maps === undefined ? undefined : parseObject(files.maps);
  const fingerprint = maps?.['rules_fingerprint'];
  if (maps === undefined || typeof fingerprint !== 'string' || !rules.startsWith('[')) return rules;
  if (!(yield* isFingerprintOf(fingerprint, files.rules, rules))) return rules;
  const rest = JSON.stringify({
    departmentBudgetBlocks: maps['blocks'] ?? {},
    departmentBudgetBlockBalances: maps['balances'] ?? {},
    departmentBudgetWarnings: maps['warnings'] ?? {},
  });
  // The list is whole, because its fingerprint is right: it can stand in an envelope as it is.
  return `{"rules":${rules},${rest.slice(1)}`;
}

/** Our own files are canonical: their bytes are what was hashed. Those of another writer are brought into that form. */
function* isFingerprintOf(fingerprint: string, bytes: Buffer, list: string): Generator<void, boolean> {
  const ofBytes = createHash('sha256');
  for (let from = 0; from < bytes.length; from += STEP_BYTES) {
    ofBytes.update(bytes.subarray(from, from + STEP_BYTES));
    yield;
  }
  if (ofBytes.digest('hex') === fingerprint) return true;
  let rules: unknown;
  try {
    rules = JSON.parse(list);
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
