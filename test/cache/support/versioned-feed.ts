import type { MirroredFeed } from '../../../cache/disk-mirror.js';

/** A feed every part of which names its version, so that a mixture of two is seen. */
export function versionedFeed(version: number): MirroredFeed {
  const rawRules = Array.from({ length: 300 }, (_, ruleId) => ({ ruleId, name: `v${version}`, breached: false }));
  return {
    rawRules,
    departments: { blocks: new Map([[`v${version}@example.org`, version]]), balances: new Map(), warnings: new Map() },
    revision: undefined,
    afterReset: false,
  };
}
