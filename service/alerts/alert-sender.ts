/** Sends what waits in the outbox of alerts: at least once, each webhook by one sender at a time. */
import type { Log, Runtime } from 'fusewire/internal';
import { createRepeatedTask, type RepeatedTask } from '../admin/repeated-task.js';
import type { DeliveryResult, DueAlert } from '../ledger/deliveries.js';
import type { Store } from '../store/store.js';
import { postWebhook } from './post-webhook.js';
import type { SecretSealer } from './secrets.js';
import { signatureHeaders } from './sign.js';
import type { TargetGuard } from './targets.js';

/** What a sender stands on. */
export interface AlertSenderParts {
  readonly store: Pick<Store, 'claimWebhooks' | 'settleAlert' | 'purgeAlerts'>;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly sealer: SecretSealer;
  readonly guard: TargetGuard;
  /** For one delivery. @defaultValue 10,000 ms */
  readonly limitMs?: number;
}

/** Between two looks into the outbox. */
const POLL_MS = 1_000;
const RETRY_MS = 5_000;
const PURGE_MS = 3_600_000;
/** Webhooks that are served at the same time. */
const WEBHOOKS_AT_ONCE = 8;
const LIMIT_MS = 10_000;
/** A claim outlasts the delivery that it is for; after a crash another sender takes over when it ends. */
const LEASE_FACTOR = 3;

/** Builds a sender. `stop` waits for the deliveries that are under way and leaves the rest to whoever comes next. */
export function createAlertSender(parts: AlertSenderParts): RepeatedTask {
  const { store, runtime, log } = parts;
  const limitMs = parts.limitMs ?? LIMIT_MS;
  const leaseMs = limitMs * LEASE_FACTOR;
  const claim = runtime.newId();
  const underWay = new Set<Promise<void>>();
  let stopped = false;
  let purgedAt = Number.NEGATIVE_INFINITY;

  /** One webhook, alert after alert, until nothing is due, one fails, or the sender stops. */
  const serve = async (first: DueAlert): Promise<void> => {
    let due: DueAlert | undefined = first;
    while (due !== undefined) {
      const { alertId, webhookId } = due;
      const result = await deliver(due);
      const settlement = { alertId, webhookId, claim, jitter: runtime.random(), result };
      due = await store.settleAlert({ ...settlement, leaseMs: stopped ? 0 : leaseMs });
      if (stopped) return;
    }
  };
  const deliver = async (due: DueAlert): Promise<DeliveryResult> => {
    const secrets = openSecrets(parts.sealer, due);
    if (secrets.length === 0) return UNREADABLE;
    const { url, body } = due;
    const headers = signatureHeaders(body, secrets, runtime.now());
    return postWebhook({ url, body, headers, limitMs }, parts.guard, runtime);
  };
  const run = async (): Promise<number> => {
    if (runtime.monotonicNow() - purgedAt >= PURGE_MS) {
      await store.purgeAlerts();
      purgedAt = runtime.monotonicNow();
    }
    const size = WEBHOOKS_AT_ONCE - underWay.size;
    const due = size <= 0 ? [] : await store.claimWebhooks({ claim, leaseMs, size });
    for (const one of due) {
      const serving = serve(one)
        .catch((error) =>
          log.error('what became of an alert could not be noted; it may be sent again', { error: String(error) }),
        )
        .finally(() => underWay.delete(serving));
      underWay.add(serving);
    }
    return POLL_MS;
  };
  const task = createRepeatedTask({ name: 'alerts are sent', run, runtime, log, retryMs: RETRY_MS });
  return {
    start: task.start,
    async stop() {
      stopped = true;
      await task.stop();
      await Promise.all(underWay);
    },
  };
}

const UNREADABLE: DeliveryResult = {
  delivered: false,
  status: null,
  error: 'its secret was sealed by a service with another secret: rotate it',
  gone: false,
};

/** Those that this service can read; the signature needs one. */
export function openSecrets(sealer: SecretSealer, due: Pick<DueAlert, 'teamId' | 'secrets'>): readonly string[] {
  return due.secrets.map((sealed) => sealer.open(due.teamId, sealed)).filter((secret) => secret !== undefined);
}
