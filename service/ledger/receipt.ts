/** The answer to an event (contract 5.2). Pure: the same result gives the same bytes. */
import type { KeptAnswer, RecordResult } from '../store/store.js';

/** The metering resource. */
export interface Receipt {
  readonly id: string;
  readonly label: string;
  readonly resourceType: 'metering';
  readonly signature: string;
  readonly created: string;
  readonly updated: string;
  readonly _links: Readonly<Record<string, never>>;
}

/** 201 with the receipt: for an event that was stored, and for one that was there already. */
export function receiptAnswer({ id, transactionId, createdAtMs }: Omit<RecordResult, 'revision'>): KeptAnswer {
  const created = new Date(createdAtMs).toISOString();
  const resourceType = 'metering';
  const receipt: Receipt = {
    id,
    label: transactionId,
    resourceType,
    signature: '',
    created,
    updated: created,
    _links: {},
  };
  return { status: 201, body: JSON.stringify(receipt) };
}
