/** Puts the holds of one instance together: the escrow and its desk exist only once a hard rule was seen. */
import { hostname } from 'node:os';
import type { Capabilities } from '../cache/capabilities.js';
import type { EnforcementCache } from '../cache/enforcement-cache.js';
import type { CallDimensions, RefuseDecision } from '../enforcement/decision.js';
import { exhaustedFor } from '../enforcement/exhausted.js';
import { withModel, withOutputLimit } from './bound/change-request.js';
import type { Config } from './config.js';
import type { Credentials } from './credentials.js';
import { CallHolds, type HardRules } from './holds/call-holds.js';
import type { ReactionKind } from './holds/hold-reactions.js';
import { createHoldShelf, type HoldShelf } from './holds/hold-shelf.js';
import { createHolder } from './holds/holder.js';
import type { Holder } from './holds/holder-types.js';
import { createHttpDesk, type HttpDesk } from './holds/http-desk.js';
import { learnExpected } from './holds/learn-expected.js';
import { createTokenEstimator } from './metering/estimate-tokens.js';
import type { Runtime } from './runtime.js';
import { VERSION } from './version.js';

/** What the holds of an instance are made of. */
export interface HoldsOptions {
  readonly config: Config;
  readonly runtime: Runtime;
  readonly credentials: () => Credentials | undefined;
  readonly capabilities: Capabilities;
  readonly cache: EnforcementCache;
  onReaction(kind: ReactionKind, decision: RefuseDecision, call: CallDimensions): void;
}

/** The holds of one instance. */
export interface Holds {
  readonly calls: CallHolds;
  readonly shelf: HoldShelf;
  /** Events that the service has, and events that it never will. */
  acknowledged(eventKeys: Iterable<string>): void;
  lost(eventKeys: Iterable<string>): void;
  /** Gives back what is not needed, bounded in time. */
  close(): Promise<void>;
}

/** Wires them; nothing is sent, and no timer runs, before a hard rule concerns a call. */
export function openHolds(options: HoldsOptions): Holds {
  const { config, runtime, cache } = options;
  const made = lazily(() => makeHolder(options));
  const { holder } = made;
  const shelf = createHoldShelf(runtime);
  const calls = new CallHolds({
    runtime,
    rules: hardRules(cache, runtime, () => holder.forget()),
    holder,
    failMode: config.failMode,
    edits: { withOutputLimit, withModel },
    expected: learnExpected(createTokenEstimator()),
    onReaction: options.onReaction,
  });
  return {
    calls,
    shelf,
    acknowledged: (eventKeys) => holder.acknowledged(eventKeys),
    lost: (eventKeys) => holder.lost(eventKeys),
    async close() {
      shelf.close();
      await calls.close();
      await made.desk()?.close();
    },
  };
}

/** What the rules in force say; other rules than before make what is known of kinds of calls old. */
function hardRules(cache: EnforcementCache, runtime: Runtime, onOthers: () => void): HardRules {
  let generation: number | undefined;
  return {
    concern(call) {
      const loaded = cache.current();
      if (loaded === undefined) return false;
      if (loaded.generation !== generation) {
        if (generation !== undefined) onOthers();
        generation = loaded.generation;
      }
      return loaded.ruleSet.holdingFor(call);
    },
    exhausted(call) {
      const loaded = cache.current();
      return loaded === undefined ? undefined : exhaustedFor(loaded.ruleSet, call, runtime.now());
    },
  };
}

interface MadeHolder {
  readonly holder: Holder;
  readonly desk: HttpDesk;
}

function makeHolder({ config, runtime, credentials, capabilities, cache }: HoldsOptions): MadeHolder {
  const desk = createHttpDesk({
    runtime,
    // The service whose rules are in force.
    endpoint: new URL(config.enforcementBaseUrl),
    credentials,
    capabilities,
    userAgent: `fusewire/${VERSION}`,
    connectTimeoutMs: config.connectTimeoutMs,
    onRevision: (revision) => cache.noteRevision(revision),
  });
  const owner = `${hostname()}:${process.pid}:${runtime.newId().slice(-12)}`;
  const isFailOpen = config.failMode === 'open';
  return { holder: createHolder({ desk, runtime, log: runtime.log, owner, options: { isFailOpen } }), desk };
}

/** A holder that is made when somebody wants a hold. */
function lazily(make: () => MadeHolder): { readonly holder: Holder; desk(): HttpDesk | undefined } {
  let made: MadeHolder | undefined;
  const wanted = () => {
    made ??= make();
    return made.holder;
  };
  const holder: Holder = {
    draw: (ask) => wanted().draw(ask),
    take: (ask) => wanted().take(ask),
    acknowledged: (eventKeys) => made?.holder.acknowledged(eventKeys),
    lost: (eventKeys) => made?.holder.lost(eventKeys),
    forget: () => made?.holder.forget(),
    giveBack: async (timeoutMs) => (await made?.holder.giveBack(timeoutMs)) ?? true,
    status: () => made?.holder.status() ?? NOTHING_HELD,
    close: async () => await made?.holder.close(),
  };
  return { holder, desk: () => made?.desk };
}

const NOTHING_HELD = Object.freeze({
  holds: 0,
  callsUnderWay: 0,
  drawnLocally: 0,
  roundTrips: 0,
  refused: 0,
  unavailable: 0,
});
