/** Webhooks and what was sent to them. */
import { claimWebhooks, listDeliveries, noteTestDelivery, purgeAlerts, settleAlert } from '../../ledger/deliveries.js';
import {
  createWebhook,
  deleteWebhook,
  getWebhook,
  listWebhooks,
  rotateWebhook,
  updateWebhook,
  webhookSecrets,
} from '../../ledger/webhooks.js';

/** Their statements. */
export const ALERT_STATEMENTS = [
  'claim-webhooks',
  'count-deliveries',
  'delete-webhook',
  'disable-webhook',
  'drop-alert',
  'expire-alerts',
  'give-up-alerts',
  'insert-alert',
  'insert-test-alert',
  'insert-webhook',
  'list-deliveries',
  'purge-alerts',
  'release-webhook',
  'renew-webhook-claim',
  'rotate-webhook',
  'select-alert',
  'select-due-alert',
  'select-webhook',
  'select-webhook-row',
  'select-webhooks',
  'settle-alert',
  'update-webhook',
  'webhook-fails',
  'webhook-works',
] as const;

/** Operations that change nothing. */
export const alertReads = { getWebhook, listDeliveries, listWebhooks, webhookSecrets } as const;

/** Operations that change something. */
export const alertWrites = {
  claimWebhooks,
  createWebhook,
  deleteWebhook,
  noteTestDelivery,
  purgeAlerts,
  rotateWebhook,
  settleAlert,
  updateWebhook,
} as const;
