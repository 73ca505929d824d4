/** Forwards admitted calls: the one place from which anything leaves for an upstream. */
import type { Runtime } from 'fusewire/internal';
import type { GatewayLimits } from '../types.js';
import { AnswerRun, type RunDesk } from './answer-run.js';
import { CallMeter } from './call-meter.js';
import { withoutTimers } from './call-sink.js';
import { DueQueue } from './due-queue.js';
import type { ForwardEnded, ForwardExchange, WriteError } from './exchange.js';
import { UpstreamHealth } from './upstream-health.js';
import type { UpstreamPools } from './upstream-pools.js';

/** What a forwarder is made of. */
export interface ForwarderParts {
  readonly limits: GatewayLimits;
  readonly runtime: Runtime;
  readonly pools: UpstreamPools;
  readonly writeError: WriteError;
  readonly ended?: ForwardEnded | undefined;
}

/** Counts of this moment, for metrics. */
export interface ForwarderStats {
  /** Answers that are read for their usage after their callers left. */
  readonly draining: number;
  /** Callers that have bytes to read and have not read them yet. */
  readonly blocked: number;
}

/** Sends calls on and brings their answers back. */
export interface Forwarder {
  /**
   * Resolves when the caller's answer is over; by then the attempt is settled, or a drain has it. The ticket of the
   * admission ends exactly once, however the call does. Rejects only where the exchange makes no sense, after a release.
   */
  forward(exchange: ForwardExchange): Promise<void>;
  stats(): ForwarderStats;
  /** Gives up the drains, breaks what is under way, and closes the connections; everything is metered by then. */
  close(): Promise<void>;
}

/** Creates the forwarder of a gateway. It takes over the pools and closes them with itself. */
export function createForwarder(parts: ForwarderParts): Forwarder {
  const { limits, runtime, pools, writeError, ended } = parts;
  const untimed = withoutTimers(runtime);
  const desk: RunDesk = {
    blocked: new DueQueue<AnswerRun>(limits.slowReaderMs, runtime, (run) => run.tooSlow()),
    drains: new DueQueue<AnswerRun>(limits.drainMs, runtime, (run) => run.abort()),
    drainsMax: limits.drainsMax,
    health: new UpstreamHealth(runtime.log),
    writeError,
    ended,
  };

  const start = (exchange: ForwardExchange): AnswerRun => {
    const { call, admission, sink } = exchange;
    try {
      const route = pools.routeOf(call.upstream);
      const isMetered = admission !== undefined && sink !== undefined;
      const meter = isMetered ? new CallMeter(call, admission, sink, untimed) : undefined;
      const run = new AnswerRun(exchange, meter, desk);
      run.start(route);
      return run;
    } catch (error) {
      // Tickets end once: of one that has ended already nothing changes.
      admission?.hold?.release();
      admission?.ticket.release();
      throw error;
    }
  };

  return {
    async forward(exchange) {
      await start(exchange).done;
    },
    stats: () => ({ draining: desk.drains.size, blocked: desk.blocked.size }),
    async close() {
      desk.drains.flush();
      await pools.close();
      desk.blocked.flush();
    },
  };
}
