/** What a service does without being asked: bypasses end, alerts are sent. */
import type { Log, Runtime } from 'fusewire/internal';
import { createAlertSender } from '../alerts/alert-sender.js';
import { createSecretSealer } from '../alerts/secrets.js';
import { createTargetGuard, type WebhookTargets } from '../alerts/targets.js';
import type { ServiceConfig } from '../config.js';
import type { Store } from '../store/store.js';
import { createBypassTimer } from './bypass-timer.js';
import type { RepeatedTask } from './repeated-task.js';

/** What the tasks stand on. */
export interface BackgroundParts {
  readonly store: Store;
  readonly runtime: Runtime;
  readonly log: Log;
  readonly credentialSecret: Uint8Array;
  readonly webhookTargets: WebhookTargets;
}

/** The tasks, not yet started. Every replica runs them: what they do happens once. */
export function createBackground(parts: BackgroundParts): readonly RepeatedTask[] {
  const { store, runtime, log } = parts;
  const sealer = createSecretSealer(parts.credentialSecret);
  const guard = createTargetGuard(parts.webhookTargets);
  return [createBypassTimer(store, runtime, log), createAlertSender({ store, runtime, log, sealer, guard })];
}

/** A service that is reached from this machine only may call it back; one that is reached from elsewhere may not. */
export function webhookTargetsOf({ host, webhookAllowPrivate }: ServiceConfig): WebhookTargets {
  if (webhookAllowPrivate !== undefined) return webhookAllowPrivate ? 'private' : 'public';
  return /^(127\.|::1$|localhost$)/i.test(host) ? 'loopback' : 'public';
}
